"""When a processflow runs by itself: the plan, and how far it has got. Values only; reading plans is `plan_form`'s."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum

from agent.domain.cron import CronExpression

LEAST_CAP, DEFAULT_CAP, LARGEST_CAP = 1, 10, 100


class PlanKind(StrEnum):
    """How a plan says when."""

    MANUAL = "manual"
    MINUTES = "minutes"
    HOURS = "hours"
    DAILY = "daily"
    CRON = "cron"


class PlanEnd(StrEnum):
    """When a plan is over."""

    NEVER = "never"
    AFTER = "after"
    ON = "on"


class MissedTimes(StrEnum):
    """What becomes of times that passed while nothing could run: nothing, one run for all, or a run for each."""

    SKIP = "skip"
    ONCE = "once"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Every:
    """An interval, regular in real time: 1–59 minutes, or 1–23 hours."""

    number: int
    kind: PlanKind

    @property
    def length(self) -> timedelta:
        """How long it is."""
        return timedelta(hours=self.number) if self.kind is PlanKind.HOURS else timedelta(minutes=self.number)


@dataclass(frozen=True, slots=True)
class Daily:
    """Once on each day, at that time of the wall clock."""

    at: time


Recurrence = Every | Daily | CronExpression


@dataclass(frozen=True, slots=True)
class Plan:
    """When a processflow runs. `zone` is an IANA name; `end_on` is the last day on which it runs, there.

    `missed_cap` is how many runs make up for missed times at most, where each gets one.
    """

    recurrence: Recurrence
    zone: str
    end_after: int | None = None
    end_on: date | None = None
    missed: MissedTimes = MissedTimes.ONCE
    missed_cap: int = DEFAULT_CAP

    @property
    def text(self) -> str:
        """The plan for people: "Every 15 minutes, Europe/Berlin"."""
        end = ""
        if self.end_after is not None:
            end = f", {self.end_after:,} times" if self.end_after > 1 else ", once"
        elif self.end_on is not None:
            end = f", until {self.end_on.isoformat()}"
        return f"{recurrence_text(self.recurrence)}, {self.zone}{end}"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a plan has got.

    Attributes:
        looked_at: Every time up to this moment is dealt with.
        next_at: The first time that is not; None when the plan is over.
        owed: Times whose run is still to be started, oldest first.
        runs: How many runs it has started.
        misfires: How many times passed while the run before was busy; `misfires_in_a_row` since the last run.
        missed: How many times passed while nothing could run, and got no run.
        alert: Why nothing ran, for people; empty when all is well.
    """

    looked_at: datetime
    next_at: datetime | None
    owed: tuple[datetime, ...] = ()
    runs: int = 0
    misfires: int = 0
    misfires_in_a_row: int = 0
    missed: int = 0
    alert: str = ""


def recurrence_text(recurrence: Recurrence) -> str:
    """A recurrence for people: "Every 2 hours"."""
    match recurrence:
        case Every(number=1, kind=kind):
            return "Every hour" if kind is PlanKind.HOURS else "Every minute"
        case Every(number=number, kind=kind):
            return f"Every {number} {kind.value}"
        case Daily(at=at):
            return f"Daily at {at:%H:%M}"
        case CronExpression(text=text):
            return f"Cron {text}"
