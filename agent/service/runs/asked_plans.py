"""From what was asked for to the plan of a run: the same for who starts the run and for who previews it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from agent.api.rerun_models import FilterClause, ReplayWindow
from agent.connectors.contract import Connector
from agent.domain.clauses import OPERATORS, Clause, FilterPlace
from agent.domain.errors import ConfigurationError, NotFoundError
from agent.domain.meant import meant
from agent.domain.processflow import EventSource, GetNode, Processflow
from agent.domain.run_plan import Replay, RuntimeFilter
from agent.engine.checking.filters import Filtered, filter_faults
from agent.engine.filters.plans import check_replay

_MOST_SHOWN = 12


def runtime_filter(
    flow: Processflow, given: Sequence[FilterClause], *, node: str, connectors: Mapping[str, Connector]
) -> RuntimeFilter:
    """A filter for one run. `connectors` name the apps.

    Raises:
        NotFoundError: code `node-unknown`.
        ConfigurationError: code `node-needed`, `runtime-filter-empty`, or what is wrong with a clause.
    """
    get = chosen_get(flow, node)
    clauses = tuple(clause_of(clause, number) for number, clause in enumerate(given))
    _check(flow, get, clauses, connectors)
    return RuntimeFilter({get.id: clauses})


def replay(flow: Processflow, window: ReplayWindow) -> Replay:
    """A window of time that is read again.

    Raises:
        NotFoundError: code `node-unknown`.
        ConfigurationError: code `replay-window` or `replay-unsupported`.
    """
    since, until = _whole_second(window.since), _whole_second(window.until)
    if since > until:
        raise ConfigurationError(
            "The window ends before it begins.",
            code="replay-window",
            remedy="Give the earlier moment first.",
            field="until",
        )
    gets = {stage.source.id: stage.source for stage in flow.all_stages}
    for node in window.nodes:
        if node not in gets:
            raise unknown_node(node, gets)
    nodes = tuple(dict.fromkeys(window.nodes)) or tuple(gets)
    for node in nodes:
        check_replay(gets[node])
    return Replay(since, until, nodes, window.again)


def _check(flow: Processflow, get: GetNode, clauses: Sequence[Clause], connectors: Mapping[str, Connector]) -> None:
    offered = get.offered
    shaping = offered.shaping if offered is not None else frozenset()
    if not any(clause.place is not FilterPlace.HEADER and clause.key not in shaping for clause in clauses):
        raise _empty_filter()
    connector = connectors.get(flow.credentials.get(get.credential, ""))
    app = connector.app.name if connector is not None else get.credential
    filtered = Filtered(app, get.schema, offered) if offered is not None else None
    for fault in filter_faults(clauses, filtered, flow.variables):
        raise ConfigurationError(
            fault.message, code=fault.code, remedy=fault.suggestion, field=f"filter.{fault.path[0]}"
        )


def chosen_get(flow: Processflow, node: str) -> GetNode:
    """The GET node of that name; the only one where none is named.

    Raises:
        NotFoundError: code `node-unknown`.
        ConfigurationError: code `node-needed`, or `no-get` where events alone are read.
    """
    sources = [stage.source for stage in flow.all_stages]
    gets = {source.id: source for source in sources if not isinstance(source, EventSource)}
    if not gets:
        raise ConfigurationError(
            f"{flow.name} has no GET node, and received events cannot be filtered.",
            code="no-get",
            remedy="Execute it without a filter, or replay a window of time.",
            field="node",
        )
    if node:
        if node not in gets:
            raise unknown_node(node, gets)
        return gets[node]
    if len(gets) != 1:
        raise ConfigurationError(
            f"{flow.name} has several GET nodes.",
            code="node-needed",
            remedy=f"Say which one the filter is for: {_listed(gets)}.",
            field="node",
        )
    return next(iter(gets.values()))


def clause_of(clause: FilterClause, number: int) -> Clause:
    """A clause that was given as the one of that number.

    Raises:
        ConfigurationError: code `runtime-filter-empty` or `unknown-operator`.
    """
    key, value = clause.key.strip(), clause.value.strip()
    if not key or not value:
        raise _empty_filter()
    if clause.operator not in OPERATORS:
        raise ConfigurationError(
            f"There is no operator “{clause.operator[:20]}”.",
            code="unknown-operator",
            remedy=f"Known are {', '.join(OPERATORS)}.",
            field=f"filter.{number}.operator",
        )
    return Clause(key, clause.operator, value, clause.place)


def _empty_filter() -> ConfigurationError:
    return ConfigurationError(
        "The runtime filter is empty: it would fetch everything.",
        code="runtime-filter-empty",
        remedy="Give at least one clause with a key and a value that selects records.",
        field="filter",
    )


def unknown_node(node: str, known: Mapping[str, object]) -> NotFoundError:
    """There is no node of that name among those that could be meant."""
    return NotFoundError(
        f"There is no such node “{node[:60]}” here.",
        code="node-unknown",
        remedy=meant(node, known, otherwise="The processflow has none of this kind."),
        field="node",
    )


def _listed(names: Mapping[str, object]) -> str:
    shown = list(names)[:_MOST_SHOWN]
    return ", ".join([*shown, *(["…"] if len(names) > _MOST_SHOWN else [])])


def _whole_second(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC).replace(microsecond=0)
    except OverflowError:
        raise ConfigurationError(
            "There is no such moment.", code="replay-window", remedy="Give years from 1 to 9999.", field="since"
        ) from None
