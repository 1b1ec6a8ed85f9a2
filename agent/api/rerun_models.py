"""The contract's words for runs that do something else than read on, and for trying again by itself."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, ConfigDict, Field, StringConstraints

from agent.api.base_models import Model, Request, ShortText
from agent.domain.clauses import FilterPlace
from agent.domain.packet import SyncState
from agent.domain.retry_policy import DEFAULT_BATCH, DEFAULT_LAPSE_MINUTES, DEFAULT_RETRIES
from agent.domain.schedule import PlanKind

MOST_IDS = 10_000
"""How many records can be named one by one. For more there is the choice by state."""

RecordId = Annotated[str, StringConstraints(min_length=1, max_length=1_000, pattern=r"^[^\x00]*$")]
NodeId = Annotated[str, StringConstraints(max_length=100)]
Text = Annotated[str, StringConstraints(max_length=1_000, pattern=r"^[^\x00]*$")]


class FilterClause(Request):
    """One clause of a runtime filter."""

    key: Text
    operator: ShortText = "="
    value: Text = ""
    place: FilterPlace = FilterPlace.QUERY


class Execution(Request):
    """How a run is to be started. Nothing in it: it reads on from the bookmark.

    Attributes:
        filter: Clauses that all have to hold, in the place of the action filter, for this run alone.
        node: The GET node that they are for; it may be left out where there is one.
        template: The name of a filter template of that GET's action, whose clauses have to hold as well.
    """

    filter: Annotated[list[FilterClause], Field(max_length=200)] | None = None
    node: NodeId = ""
    template: Annotated[str, StringConstraints(max_length=100, pattern=r"^[^\x00]*$")] = ""


class Resync(Request):
    """Which records are to be tried again: those with these ids, or all in this state.

    Attributes:
        node: Only what Sync Info knows of this POST node; empty: of all.
        ids: Source ids.
        state: Without ids, it has to be given.
        search: Only those that a text is found in: in the ids or in the message.
    """

    node: NodeId = ""
    ids: list[RecordId] = Field(default=[], max_length=MOST_IDS)
    state: SyncState | None = None
    search: Text = ""


class ReplayWindow(Request):
    """A window of time whose records are to be read again.

    Attributes:
        since: The first moment that belongs to it.
        until: The last one.
        nodes: Only these GET nodes; empty: all.
        again: Whether what is at the destination unchanged is written once more.
    """

    since: AwareDatetime
    until: AwareDatetime
    nodes: list[NodeId] = Field(default=[], max_length=500)
    again: bool = False


class RetryPlan(Model):
    """How a processflow tries failed records again by itself. What does not belong to the `kind` is ignored.

    Attributes:
        kind: By hand, every so many hours, or daily.
        every: With the kind hours: the interval, 1–23.
        at: With the kind daily: the time of day, "HH:MM".
        zone: The IANA name of the time zone; empty: that of the machine that the service runs on.
        lapse_minutes: How long after its first try a record is left alone; after each further one, twice as long.
        batch: How many records one run tries at most.
        retries: How often a record is tried again after its first try.
    """

    kind: PlanKind = PlanKind.MANUAL
    every: int | None = None
    at: ShortText = ""
    zone: ShortText = ""
    lapse_minutes: int = DEFAULT_LAPSE_MINUTES
    batch: int = DEFAULT_BATCH
    retries: int = DEFAULT_RETRIES


class RetryPlanChange(RetryPlan):
    """A plan as clients send it."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class RetrySchedule(Model):
    """How a processflow tries again, and how far it has got since that was set.

    Attributes:
        text: The plan for people; "By hand" where there is none.
        next_at: The next time.
        due: Whether a time has come whose retry waits for something, such as a run that is busy.
        runs: How many runs it has started.
        alert: Why nothing is tried again though it should be; empty when all is well.
    """

    flow: str
    plan: RetryPlan
    text: str
    since: datetime | None = None
    changed_by: str = ""
    next_at: datetime | None = None
    due: bool = False
    runs: int = 0
    alert: str = ""
