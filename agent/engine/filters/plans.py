"""What a run's plan means for the stages of its processflow, and what a GET node asks its app for under each plan.

Only a normal run reads from the bookmark, moves it, and repeats a GET that loops. All others read once what they are
told to, in the stages that have to do with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from agent.connectors.contract import ReadRequest
from agent.domain.app import Action
from agent.domain.clauses import Clause, FilterPart, FilterPlace, all_clauses
from agent.domain.errors import ConfigurationError
from agent.domain.packet import Bookmark, Position
from agent.domain.processflow import GetNode, Processflow, Stage
from agent.domain.run_plan import Normal, Replay, Resend, Retry, RunPlan, RuntimeFilter
from agent.engine.filters.functions import UPPER_LIMIT
from agent.engine.filters.placeholders import functions_in
from agent.engine.filters.rendering import Rendered, joined, render
from agent.engine.walking.variable_values import FilterTexts

_LOWER = (">", ">=")
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of the source, and the same as a line for the log, without secrets."""

    request: ReadRequest
    text: str


def stages_of(plan: RunPlan, flow: Processflow) -> Sequence[Stage]:
    """The stages to go through. Outside a normal run, one inside a Halt also runs where nothing comes to the Halt."""
    return flow.stages if isinstance(plan, Normal) else flow.all_stages


def takes_part(plan: RunPlan, stage: Stage) -> bool:
    """Whether a stage has anything to do in a run with this plan."""
    match plan:
        case Normal():
            return True
        case Retry(records=records):
            return any(post.id in records for post in stage.posts)
        case RuntimeFilter(filters=filters):
            return stage.source.id in filters
        case Replay(nodes=nodes):
            return stage.source.id in nodes
        case Resend(node=node):
            return any(post.id == node for post in stage.posts)


def planned(plan: RunPlan, stage: Stage) -> Stage:
    """The stage as it runs under this plan: a loop would read the same again."""
    if isinstance(plan, Normal) or stage.source.loop is None:
        return stage
    return replace(stage, source=replace(stage.source, loop=None))


def writes_again(plan: RunPlan) -> bool:
    """Whether what is at the destination unchanged is written once more."""
    return isinstance(plan, Resend) or (isinstance(plan, Replay) and plan.again)


def ask(
    get: GetNode,
    plan: RunPlan,
    variables: FilterTexts,
    *,
    bookmark: Bookmark | None,
    position: Position | None,
    packet_records: int,
) -> Asked:
    """What a GET node asks for. Of a retry it is what all its requests have in common.

    Raises:
        ConfigurationError: code `filter-function`, `unknown-variable`, or `replay-unsupported`.
    """
    window = None
    match plan:
        case RuntimeFilter(filters=filters):
            parts: tuple[FilterPart, ...] = (*filters[get.id], *_kept(get, filters[get.id]))
            rendered = joined(
                _rendered(parts, get, variables, bookmark), _parameters(get, variables, but=filters[get.id])
            )
        case Replay(since=since, until=until):
            parts = (*get.filters, *_upper_bounds(get))
            rendered = render(parts, moment=None, start_from=since, until=until, variables=variables.texts,
                              secret_variables=variables.secret)  # fmt: skip
            window = (since, until) if _windowed(get) else None
        case Retry() | Resend():
            rendered = joined(_rendered(_kept(get, ()), get, variables, bookmark), _parameters(get, variables))
        case Normal():
            rendered = _rendered(get.filters, get, variables, bookmark)
    request = ReadRequest(
        schema=get.schema, action=get.action, clauses=rendered.clauses, options=get.options,
        bookmark=bookmark if isinstance(plan, Normal) else None, position=position, packet_records=packet_records,
        window=window,
    )  # fmt: skip
    return Asked(request, rendered.text)


def filters_of(get: GetNode, plan: RunPlan) -> tuple[FilterPart, ...]:
    """All filters that a GET node may ask with under this plan."""
    given = plan.filters.get(get.id, ()) if isinstance(plan, RuntimeFilter) else ()
    return (*get.filters, *get.retry_filters, *given)


def check_replay(get: GetNode) -> None:
    """Find out whether a GET node can read a window of time.

    Raises:
        ConfigurationError: code `replay-unsupported`, with what to add.
    """
    _upper_bounds(get)


def reads_by_id(get: GetNode) -> bool:
    """Whether a GET node can read chosen records again."""
    return bool(get.retry_filters) or (get.offered is not None and get.offered.by_id)


def check_by_id(get: GetNode) -> None:
    """Find out whether a GET node can read chosen records again.

    Raises:
        ConfigurationError: code `retry-filter-missing`, with what to add.
    """
    if reads_by_id(get):
        return
    raise ConfigurationError(
        f"{get.id} cannot fetch single records again: its app does not offer it, and it has no retry filter.",
        code="retry-filter-missing",
        remedy=f"Add to {get.id} a filter that selects one record by its id, such as retry_filter: [{{key: id, value: "
        f'"{{$}}"}}], and deploy again.',
        field=get.id,
    )


def _rendered(parts: Sequence[FilterPart], get: GetNode, variables: FilterTexts, bookmark: Bookmark | None) -> Rendered:
    moment = bookmark.moment if bookmark is not None else None
    return render(
        parts, moment=moment, start_from=get.start_from, variables=variables.texts, secret_variables=variables.secret
    )


def _kept(get: GetNode, given: Iterable[Clause]) -> tuple[Clause, ...]:
    """What the action filter says about the request and about what comes with a record, unless that is given anew."""
    named = {clause.key for clause in given}
    shaping = get.offered.shaping if get.offered is not None else frozenset()
    return tuple(
        clause
        for clause in get.filters
        if isinstance(clause, Clause)
        and (clause.place is FilterPlace.HEADER or clause.key in shaping)
        and clause.key not in named
    )


def _parameters(get: GetNode, variables: FilterTexts, *, but: Iterable[Clause] = ()) -> Rendered:
    """The clauses without which the action can ask for nothing, unless they are given anew. Where they name a moment,
    it is the earliest: what is asked for may have been changed at any time."""
    named = {clause.key for clause in but}
    prefix = get.offered.parameter_prefix if get.offered is not None else ""
    parts = [
        clause
        for clause in get.filters
        if isinstance(clause, Clause) and prefix and clause.key.startswith(prefix) and clause.key not in named
    ]
    return render(
        parts, moment=None, start_from=_EARLIEST, variables=variables.texts, secret_variables=variables.secret
    )


def _windowed(get: GetNode) -> bool:
    return get.offered is not None and bool(get.options.get(get.offered.windowed_by, "").strip())


def _upper_bounds(get: GetNode) -> tuple[Clause, ...]:
    """The clauses that leave out what changed after a window, where the action filter has none of its own.

    There is one for each that leaves out what changed before, so that both ends are of the same kind.
    """
    written = list(all_clauses(get.filters))
    if any(UPPER_LIMIT in functions_in(clause.value) for clause in written):
        return ()
    bounds = [
        bound
        for clause in get.filters
        if isinstance(clause, Clause) and any(functions_in(clause.value))
        if (bound := _upper_bound(clause, get.offered)) is not None
    ]
    given = {clause.key for clause in written} if get.offered is None or not get.offered.any_filter else frozenset()
    if twice := next((bound.key for bound in bounds if bound.key in given), None):
        raise _no_window(
            get, f"its action filter sets {twice} itself", f"Let {twice} be ~{{{UPPER_LIMIT}}}~, or take it out,"
        )  # fmt: skip
    if not bounds and not _windowed(get):
        raise _no_window(
            get, "nothing in it says when a record was changed",
            "Let its action filter read what changed since ~{CreatedDate}~",
        )  # fmt: skip
    return tuple(bounds)


def _upper_bound(clause: Clause, offered: Action | None) -> Clause | None:
    value = f"~{{{UPPER_LIMIT}}}~"
    if offered is None or clause.place is not FilterPlace.QUERY:
        return None
    if clause.key in offered.upper_bounds:
        return Clause(offered.upper_bounds[clause.key], clause.operator, value)
    if offered.any_filter and clause.operator in _LOWER:
        return Clause(clause.key, "<=", value)
    return None


def _no_window(get: GetNode, reason: str, remedy: str) -> ConfigurationError:
    return ConfigurationError(
        f"{get.id} cannot read a window of time: {reason}.",
        code="replay-unsupported",
        remedy=f"{remedy} and deploy again, or choose other GET nodes.",
        field=get.id,
    )
