"""Runs that do something else than read on: what was asked for is looked at, then the run is started with its plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from agent.api import models
from agent.api.rerun_models import Execution, FilterClause, ReplayWindow, Resync
from agent.connectors.contract import Connector
from agent.domain.clauses import OPERATORS, Clause, FilterPlace
from agent.domain.errors import ConfigurationError, NotFoundError
from agent.domain.processflow import GetNode, Processflow, Stage
from agent.domain.run_plan import Replay, Retry, RuntimeFilter
from agent.engine.check_filters import Filtered, filter_faults
from agent.engine.plans import check_by_id, check_replay
from agent.service.compiled import CompiledFlows
from agent.service.runs import Runs
from agent.store.deployments import DeploymentStore
from agent.store.plan_records import Choice

_MOST_SHOWN = 12


class Reruns:
    """Starts such runs.

    Args:
        runs: Writes a run down and hands it to the worker.
        deployments: What is deployed.
        compiled: The processflows.
        connectors: Names the apps.
    """

    def __init__(
        self,
        *,
        runs: Runs,
        deployments: DeploymentStore,
        compiled: CompiledFlows,
        connectors: Mapping[str, Connector],
    ) -> None:
        self._runs, self._deployments, self._compiled, self._connectors = runs, deployments, compiled, connectors

    def resync(self, name: str, which: Resync, *, by: str) -> models.Run:
        """Try records again.

        Raises:
            NotFoundError: code `flow-not-found` or `node-unknown`.
            ConfigurationError: code `resync-empty`, `record-unknown`, `nothing-to-retry` or `retry-filter-missing`.
            ConflictError: as `Runs.start`.
        """
        if not which.ids and which.state is None:
            raise ConfigurationError(
                "Say which records are to be tried again.",
                code="resync-empty",
                remedy="Choose records by their ids, or all in a state, such as Failed.",
                field="ids",
            )
        stages = self._stages_of_posts(self._flow(name), which.node)
        able, refusal = _able_to_read_by_id(stages)
        if not able and refusal is not None:
            raise refusal
        choice = Choice(
            flow=name,
            nodes=[which.node] if which.node else [post.id for stage in able for post in stage.posts],
            ids=list(dict.fromkeys(which.ids)),
            states=[which.state] if which.state is not None else [],
            search=which.search.strip(),
        )
        try:
            return self._runs.start(name, Retry({}), by=by, choice=choice)
        except ConfigurationError as error:
            # Those that would fit may all be where nothing can be read by id.
            if refusal is not None and error.code in {"nothing-to-retry", "record-unknown"}:
                raise refusal from error
            raise

    def execute(self, name: str, execution: Execution | None, *, by: str) -> models.Run:
        """Run now, with a runtime filter where one is given.

        Raises:
            NotFoundError: code `flow-not-found` or `node-unknown`.
            ConfigurationError: code `node-needed`, `runtime-filter-empty`, or what is wrong with a clause.
            ConflictError: as `Runs.start`.
        """
        if execution is None or execution.filter is None:
            return self._runs.start(name, by=by)
        flow = self._flow(name)
        get = _chosen_get(flow, execution.node)
        clauses = tuple(_clause(clause, number) for number, clause in enumerate(execution.filter))
        self._check(flow, get, clauses)
        return self._runs.start(name, RuntimeFilter({get.id: clauses}), by=by)

    def replay(self, name: str, window: ReplayWindow, *, by: str) -> models.Run:
        """Read once more what changed in a window of time.

        Raises:
            NotFoundError: code `flow-not-found` or `node-unknown`.
            ConfigurationError: code `replay-window` or `replay-unsupported`.
            ConflictError: as `Runs.start`.
        """
        since, until = _whole_second(window.since), _whole_second(window.until)
        if since > until:
            raise ConfigurationError(
                "The window ends before it begins.",
                code="replay-window",
                remedy="Give the earlier moment first.",
                field="until",
            )
        gets = {stage.source.id: stage.source for stage in self._flow(name).all_stages}
        for node in window.nodes:
            if node not in gets:
                raise _unknown_node(node, gets)
        nodes = tuple(dict.fromkeys(window.nodes)) or tuple(gets)
        for node in nodes:
            check_replay(gets[node])
        return self._runs.start(name, Replay(since, until, nodes, window.again), by=by)

    def _flow(self, name: str) -> Processflow:
        return self._compiled.get(self._deployments.get(name))

    def _stages_of_posts(self, flow: Processflow, node: str) -> list[Stage]:
        posts = {post.id: stage for stage in flow.all_stages for post in stage.posts}
        if not node:
            return [stage for stage in flow.all_stages if stage.posts]
        if node not in posts:
            raise _unknown_node(node, posts)
        return [posts[node]]

    def _check(self, flow: Processflow, get: GetNode, clauses: Sequence[Clause]) -> None:
        offered = get.offered
        shaping = offered.shaping if offered is not None else frozenset()
        if not any(clause.place is not FilterPlace.HEADER and clause.key not in shaping for clause in clauses):
            raise _empty_filter()
        connector = self._connectors.get(flow.credentials.get(get.credential, ""))
        app = connector.app.name if connector is not None else get.credential
        filtered = Filtered(app, get.schema, offered) if offered is not None else None
        for fault in filter_faults(clauses, filtered, flow.variables):
            raise ConfigurationError(
                fault.message, code=fault.code, remedy=fault.suggestion, field=f"filter.{fault.path[0]}"
            )


def _able_to_read_by_id(stages: Sequence[Stage]) -> tuple[list[Stage], ConfigurationError | None]:
    """The stages whose sources can read chosen records again, and why another one cannot."""
    able: list[Stage] = []
    refusal: ConfigurationError | None = None
    for stage in stages:
        try:
            check_by_id(stage.source)
        except ConfigurationError as error:
            refusal = refusal or error
        else:
            able.append(stage)
    return able, refusal


def _chosen_get(flow: Processflow, node: str) -> GetNode:
    gets = {stage.source.id: stage.source for stage in flow.all_stages}
    if node:
        if node not in gets:
            raise _unknown_node(node, gets)
        return gets[node]
    if len(gets) != 1:
        raise ConfigurationError(
            f"{flow.name} has several GET nodes.",
            code="node-needed",
            remedy=f"Say which one the filter is for: {_listed(gets)}.",
            field="node",
        )
    return next(iter(gets.values()))


def _clause(clause: FilterClause, number: int) -> Clause:
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


def _unknown_node(node: str, known: Mapping[str, object]) -> NotFoundError:
    return NotFoundError(
        f"There is no such node “{node[:60]}” here.",
        code="node-unknown",
        remedy=f"Known are {_listed(known)}." if known else "The processflow has none of this kind.",
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
