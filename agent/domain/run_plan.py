"""What a run is to do: read on from the bookmark, or one of four things that leave the bookmark where it is.

A plan is written down with its run as plain JSON, and read back strictly: a run that goes on after a crash does what it
was started for, or nothing. Which records a retry tries is too much for the plan; that is in a table of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeAlias

from agent.domain.clauses import OPERATORS, Clause, FilterPlace
from agent.domain.errors import FatalError
from agent.domain.run import Trigger

_SHOWN_CHARACTERS = 200


class PlanName(StrEnum):
    """The kinds of plans, as they are stored."""

    RETRY = "retry"
    RUNTIME_FILTER = "runtime-filter"
    REPLAY = "replay"
    RESEND = "resend"


@dataclass(frozen=True, slots=True)
class Normal:
    """Read what changed since the bookmark, and move it."""

    @property
    def text(self) -> str:
        """Nothing has to be said about it."""
        return ""


@dataclass(frozen=True, slots=True)
class Retry:
    """Read chosen records again by their ids. `records` says of each POST node how many of its records are tried."""

    records: Mapping[str, int]
    automatic: bool = False

    @property
    def text(self) -> str:
        """For people: "Retry of 12 records"."""
        count = sum(self.records.values())
        what = "Automatic retry" if self.automatic else "Retry"
        return f"{what} of {count:,} record{'' if count == 1 else 's'}"


@dataclass(frozen=True, slots=True)
class RuntimeFilter:
    """Read what these clauses select, by GET node, in the place of its action filter. Other GET nodes read nothing."""

    filters: Mapping[str, tuple[Clause, ...]]

    @property
    def text(self) -> str:
        """For people. What is sent as a header may be a secret, so its value is left out."""
        shown = " & ".join(_shown(clause) for clauses in self.filters.values() for clause in clauses)
        return f"Runtime filter: {shown[:_SHOWN_CHARACTERS]}{'…' if len(shown) > _SHOWN_CHARACTERS else ''}"


@dataclass(frozen=True, slots=True)
class Replay:
    """Read what changed from `since` until `until`, both included, aware and in UTC.

    `nodes` are the GET nodes that read; the others read nothing. With `again`, what is at the destination unchanged is
    written once more.
    """

    since: datetime
    until: datetime
    nodes: tuple[str, ...]
    again: bool = False

    @property
    def text(self) -> str:
        """For people: "Replay of 2026-01-01 00:00 to 2026-01-02 00:00 UTC"."""
        again = ", written again" if self.again else ""
        return f"Replay of {_minute(self.since)} to {_minute(self.until)} UTC{again}"


@dataclass(frozen=True, slots=True)
class Resend:
    """Send one record as a person corrected it, from its POST node on. `edit` is the number of the correction."""

    edit: int
    node: str
    source_id: str

    @property
    def text(self) -> str:
        """For people: "Corrected record 17"."""
        return f"Corrected record {self.source_id[:_SHOWN_CHARACTERS]}"


RunPlan: TypeAlias = Normal | Retry | RuntimeFilter | Replay | Resend

NORMAL: RunPlan = Normal()

_TRIGGERS: Mapping[type, Trigger] = {
    Retry: Trigger.RETRY,
    RuntimeFilter: Trigger.RUNTIME_FILTER,
    Replay: Trigger.REPLAY,
    Resend: Trigger.RESEND,
}


def trigger_of(plan: RunPlan) -> Trigger:
    """Why a run with this plan was started; a normal one by hand, unless its caller knows better."""
    return _TRIGGERS.get(type(plan), Trigger.MANUAL)


def plan_form(plan: RunPlan) -> dict[str, object] | None:
    """A plan as JSON has it; None for a normal one. `parse_run_plan` gives the plan back."""
    match plan:
        case Normal():
            return None
        case Retry(records=records, automatic=automatic):
            return {"name": PlanName.RETRY.value, "records": dict(records), "automatic": automatic}
        case RuntimeFilter(filters=filters):
            written = {node: [_clause_form(clause) for clause in clauses] for node, clauses in filters.items()}
            return {"name": PlanName.RUNTIME_FILTER.value, "filters": written}
        case Replay(since=since, until=until, nodes=nodes, again=again):
            return {
                "name": PlanName.REPLAY.value, "since": since.isoformat(), "until": until.isoformat(),
                "nodes": list(nodes), "again": again,
            }  # fmt: skip
        case Resend(edit=edit, node=node, source_id=source_id):
            return {"name": PlanName.RESEND.value, "edit": edit, "node": node, "source_id": source_id}


def parse_run_plan(form: object) -> RunPlan:
    """The plan that was written down.

    Raises:
        FatalError: code `plan-damaged`: it is not one. Going on as a normal run would write what nobody asked for.
    """
    if form is None:
        return NORMAL
    try:
        return _parsed(_mapping(form))
    except (KeyError, TypeError, ValueError) as error:
        raise FatalError(
            "What this run was to do cannot be understood.",
            code="plan-damaged",
            remedy="Start it again.",
            detail=type(error).__name__,
        ) from None


def _parsed(form: Mapping[str, object]) -> RunPlan:
    match PlanName(_text(form["name"])):
        case PlanName.RETRY:
            records = {_text(node): _whole(count) for node, count in _mapping(form["records"]).items()}
            return Retry(records, _flag(form["automatic"]))
        case PlanName.RUNTIME_FILTER:
            filters = _mapping(form["filters"]).items()
            return RuntimeFilter({_text(node): tuple(map(_clause, _list(clauses))) for node, clauses in filters})
        case PlanName.REPLAY:
            nodes = tuple(map(_text, _list(form["nodes"])))
            return Replay(_moment(form["since"]), _moment(form["until"]), nodes, _flag(form["again"]))
        case PlanName.RESEND:
            return Resend(_whole(form["edit"]), _text(form["node"]), _text(form["source_id"]))


def _clause_form(clause: Clause) -> dict[str, object]:
    return {"key": clause.key, "operator": clause.operator, "value": clause.value, "in": clause.place.value}


def _clause(form: object) -> Clause:
    members = _mapping(form)
    operator = _text(members["operator"])
    if operator not in OPERATORS:
        raise ValueError
    return Clause(_text(members["key"]), operator, _text(members["value"]), FilterPlace(_text(members["in"])))


def _mapping(value: object) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise TypeError
    return value


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise TypeError
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _moment(value: object) -> datetime:
    moment = datetime.fromisoformat(_text(value))
    if moment.tzinfo is None:
        raise ValueError
    return moment.astimezone(UTC)


def _minute(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}"


def _shown(clause: Clause) -> str:
    if clause.place is FilterPlace.HEADER:
        return f"header {clause.key}"
    return f"{clause.key} {clause.operator} {clause.value}"
