"""One look at a schedule: what follows from the time, the plan and how far it had got. Pure; the service acts on it.

A time is *on time* when it is looked at within two minutes. Others were *missed*: the machine slept, the service was
off, the environment was not enabled or the clock was put forward. What becomes of them is the plan's choice. A time
that comes while the run before is busy is a *misfire* and gets no run. Each time is dealt with once. Where the clock is
put back by up to three hours, times that come again are left out; by more, it was wrong before, and is believed now.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from agent.domain.schedule import MissedTimes, Plan, Progress
from agent.engine.schedules.times import count_times, latest_times, next_time

ON_TIME = timedelta(minutes=2)
CLOCK_STEP = timedelta(hours=3)
MISFIRES_UNTIL_ALERT = 6
_MOST_COUNTED = 1_000


@dataclass(frozen=True, slots=True)
class Busy:
    """A run of the processflow that has not ended."""

    run: str
    since: datetime


@dataclass(frozen=True, slots=True)
class World:
    """What is the case at a look. `hindrance` says why nothing can run; empty when the environment is running."""

    now: datetime
    deployed: bool
    hindrance: str
    busy: Busy | None


@dataclass(frozen=True, slots=True)
class Remark:
    """Something for the log."""

    level: Literal["info", "warning"]
    message: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be written down, together; `fire` is the time whose run is to be started with it, if there is one."""

    progress: Progress
    fire: datetime | None = None
    remarks: tuple[Remark, ...] = ()


def begin(plan: Plan, anchor: datetime, now: datetime) -> Progress:
    """The progress of a plan that is set now: what was before does not count."""
    return Progress(looked_at=now, next_at=next_time(plan, anchor, now))


def look(plan: Plan, anchor: datetime, progress: Progress, world: World) -> Decision:
    """Decide what is to be done now."""
    return _Look(plan, anchor, progress, world).decide()


def upcoming(plan: Plan, anchor: datetime, progress: Progress, now: datetime, *, most: int) -> list[datetime]:
    """The next times, as they stand now."""
    if progress.next_at is None:
        return []
    if plan.end_after is not None:
        most = min(most, plan.end_after - progress.runs - len(progress.owed))
    found: list[datetime] = []
    moment = max(now, progress.looked_at)
    while len(found) < most and (following := next_time(plan, anchor, moment)) is not None:
        found.append(following)
        moment = following
    return found


@dataclass
class _Look:
    plan: Plan
    anchor: datetime
    progress: Progress
    world: World
    remarks: list[Remark] = field(default_factory=list)

    def decide(self) -> Decision:
        self._follow_the_clock()
        if not self.world.deployed:
            return self._leave_out()
        if self.world.hindrance:
            return self._wait()
        if self._is_due:
            self._deal_with_due_times()
        return self._start()

    @property
    def _is_due(self) -> bool:
        return self.progress.next_at is not None and self.progress.next_at <= self.world.now

    def _follow_the_clock(self) -> None:
        """Believe a clock that was put back by much."""
        if self.progress.looked_at - self.world.now <= CLOCK_STEP:
            return
        was = self.progress.looked_at
        self._change(looked_at=self.world.now, owed=())
        self._go_on()
        if self.progress.next_at is not None:
            self._remark(
                "warning",
                f"The clock was put back from {self._show(was)} to {self._show(self.world.now)}. The next time is "
                f"{self._show(self.progress.next_at)}.",
            )

    def _leave_out(self) -> Decision:
        """It is not deployed: its times pass, and nobody misses them."""
        if self._is_due:
            self._go_on()
        if self.progress.owed or self.progress.alert or self.progress.misfires_in_a_row:
            self._change(owed=(), alert="", misfires_in_a_row=0)
        return self._decision()

    def _wait(self) -> Decision:
        """Nothing can run. What is due stays so; somebody should know when it is late."""
        due = self.progress.next_at
        if due is not None and self.world.now - due > ON_TIME:
            self._alert(f"It should have run at {self._show(due)} and did not: {self.world.hindrance}.")
        return self._decision()

    def _deal_with_due_times(self) -> None:
        """Sort the times that have come: some are run, some left out, and one may come while a run is busy."""
        assert self.progress.next_at is not None
        first, now = self.progress.next_at, self.world.now
        # The first, and of the others as many of the last as matter below.
        latest = [first, *latest_times(self.plan, self.anchor, after=first, until=now, most=self._cap + 2)]
        on_time = [moment for moment in latest[-1:] if now - moment <= ON_TIME]
        missed = latest[: len(latest) - len(on_time)]
        if on_time and self.world.busy is not None:
            self._misfire(on_time.pop(), self.world.busy)
        if missed:
            count = 1 + count_times(self.plan, self.anchor, after=first, until=missed[-1], most=_MOST_COUNTED - 1)
            caught_up = missed[-self._cap :] if self._cap else []
            if on_time and self.plan.missed is MissedTimes.ONCE:
                caught_up = []  # the run on time is the one for all of them
            self._explain_missed(first, missed[-1], count, runs=len(caught_up), on_time=bool(on_time))
            self._change(missed=self.progress.missed + count - len(caught_up))
            missed = caught_up
        self._owe([*missed, *on_time])
        self._go_on()

    @property
    def _cap(self) -> int:
        """How many missed times get a run at most."""
        return {MissedTimes.SKIP: 0, MissedTimes.ONCE: 1, MissedTimes.ALL: self.plan.missed_cap}[self.plan.missed]

    def _owe(self, moments: list[datetime]) -> None:
        owed = [*self.progress.owed, *moments]
        most = self._cap + 1 if self.plan.missed is MissedTimes.ALL else 1
        left_out = max(0, len(owed) - most)
        owed = owed[left_out:]
        if self.plan.end_after is not None:
            owed = owed[: max(0, self.plan.end_after - self.progress.runs)]
        self._change(owed=tuple(owed), missed=self.progress.missed + left_out)

    def _go_on(self) -> None:
        """All times until now are dealt with."""
        over = self.plan.end_after is not None and self.progress.runs + len(self.progress.owed) >= self.plan.end_after
        following = None if over else next_time(self.plan, self.anchor, self.world.now)
        self._change(looked_at=self.world.now, next_at=following)

    def _start(self) -> Decision:
        """Start the oldest run that is owed, when nothing else of this processflow runs."""
        if not self.progress.owed or self.world.busy is not None:
            return self._decision()
        moment, *others = self.progress.owed
        self._remark("info", f"Started by its schedule for {self._show(moment)}.")
        if self.progress.alert:
            self._remark("info", "It runs as planned again.")
        self._change(owed=tuple(others), runs=self.progress.runs + 1, misfires_in_a_row=0, alert="")
        return self._decision(fire=moment)

    def _misfire(self, moment: datetime, busy: Busy) -> None:
        row = self.progress.misfires_in_a_row + 1
        self._change(misfires=self.progress.misfires + 1, misfires_in_a_row=row)
        why = f"run {busy.run} is busy since {self._show(busy.since)}"
        if row < MISFIRES_UNTIL_ALERT:
            self._remark("info", f"Misfire: it did not start at {self._show(moment)}, as {why}.")
        else:
            # From here on they are counted only: a run that hangs over a weekend must not fill the log.
            self._alert(f"It did not start {row} times in a row, the last time at {self._show(moment)}: {why}.")

    def _explain_missed(self, first: datetime, last: datetime, count: int, *, runs: int, on_time: bool) -> None:
        times = f"its time {self._show(first)}"
        if count > 1:
            number = f"{count:,} times or more" if count == _MOST_COUNTED else f"{count:,} times"
            times = f"{number} from {self._show(first)} to {self._show(last)}"
        what = f"It missed {times}, as the agent was off, asleep, not enabled or refused by an app"
        if self.plan.missed is MissedTimes.SKIP:
            self._alert(f"{what}; its schedule leaves missed times out.")
        elif self.plan.missed is MissedTimes.ONCE:
            self._remark("warning", f"{what}; {'the run that is due' if on_time else 'one run'} makes up for it.")
        else:
            made_up = "one run makes up for it" if runs == 1 else f"{runs:,} runs make up for it, one after the other"
            self._remark("warning", f"{what}; {made_up}.")

    def _alert(self, message: str) -> None:
        """Warn once; the alert stays until it runs again."""
        if not self.progress.alert:
            self._change(alert=message)
            self._remark("warning", message)

    def _show(self, moment: datetime) -> str:
        return f"{moment.astimezone(ZoneInfo(self.plan.zone)):%Y-%m-%d %H:%M}"

    def _remark(self, level: Literal["info", "warning"], message: str) -> None:
        self.remarks.append(Remark(level, message))

    def _change(self, **changes: object) -> None:
        self.progress = replace(self.progress, **changes)  # type: ignore[arg-type]  # each field with a value of its own

    def _decision(self, fire: datetime | None = None) -> Decision:
        return Decision(self.progress, fire, tuple(self.remarks))
