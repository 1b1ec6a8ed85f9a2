"""The contract's words for schedules: when processflows run by themselves."""

from __future__ import annotations

from datetime import date, datetime

from pydantic import ConfigDict, Field

from agent.api.base_models import Model, Request, ShortText
from agent.domain.schedule import DEFAULT_CAP, MissedTimes, PlanEnd, PlanKind


class SchedulePlan(Model):
    """When a processflow runs by itself. What does not belong to the `kind` or `end` chosen is ignored.

    Attributes:
        kind: By hand; every so many minutes or hours; daily; or by a cron expression.
        every: With the kinds minutes (1–59) and hours (1–23): the interval.
        at: With the kind daily: the time of day, "HH:MM".
        cron: With the kind cron: minute, hour, day of month, month, day of week.
        zone: The IANA name of the time zone; empty: that of the machine that the service runs on.
        end: When it is over.
        end_after: With the end after: how many runs.
        end_on: With the end on: the last day.
        missed: What becomes of times that passed while nothing could run.
        missed_cap: With all missed times: how many runs make up for them at most (1–100).
    """

    kind: PlanKind = PlanKind.MANUAL
    every: int | None = None
    at: ShortText = ""
    cron: ShortText = ""
    zone: ShortText = ""
    end: PlanEnd = PlanEnd.NEVER
    end_after: int | None = None
    end_on: date | None = None
    missed: MissedTimes = MissedTimes.ONCE
    missed_cap: int = DEFAULT_CAP


class ScheduleChange(SchedulePlan):
    """A plan as clients send it."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Schedule(Model):
    """The schedule of a processflow and how far it has got; all counts are since it was set.

    Attributes:
        text: The plan for people; "Manual" where there is none.
        next_times: The next five times, as they stand now.
        over: Whether there is nothing more to come: its end is reached.
        runs: How many runs it has started.
        waiting: How many missed times still get a run.
        misfires: How many times passed while the run before was busy; `misfires_in_a_row` since the last run.
        missed: How many times passed while nothing could run, and got no run.
        alert: Why nothing ran though it should have; empty when all is well.
    """

    flow: str
    plan: SchedulePlan
    text: str
    since: datetime | None = None
    changed_by: str = ""
    next_run_at: datetime | None = None
    next_times: list[datetime] = Field(default_factory=list)
    over: bool = False
    runs: int = 0
    waiting: int = 0
    misfires: int = 0
    misfires_in_a_row: int = 0
    missed: int = 0
    alert: str = ""


class SchedulePreviewRequest(Request):
    """A plan to be explained. With the processflow's name, as it would go on from its present one."""

    plan: ScheduleChange
    flow: ShortText = ""


class SchedulePreview(Model):
    """What a plan means: a text for people, and its next five times."""

    text: str
    times: list[datetime]
