"""The times of plans found the slow and simple way: by going through time step by step, watching a zone's clock.

Written independently of `agent.engine.schedules.times`, from the rules of docs/schedules.md; it shares no code with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

# What plans are to have in common, and when zones change their clocks, in the years that tests use.
STEP, _BLOCK = timedelta(minutes=5), timedelta(minutes=15)


@dataclass(frozen=True)
class Step:
    """A moment in UTC, and what the clock on the wall shows then."""

    moment: datetime
    wall: datetime


@lru_cache(maxsize=1)
def steps(zone: str, start: datetime, end: datetime) -> tuple[Step, ...]:
    """From one moment until before another."""
    return tuple(_steps(ZoneInfo(zone), start, end))


def _steps(zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[Step]:
    assert start.minute % 15 == 0
    block = start
    while block < end:
        wall = block.astimezone(zone).replace(tzinfo=None)
        for later in (0 * STEP, 1 * STEP, 2 * STEP):
            yield Step(block + later, wall + later)
        block += _BLOCK


def every(going: Sequence[Step], length: timedelta) -> list[datetime]:
    """An interval that began at the first step."""
    whole = length // STEP
    return [step.moment for number, step in enumerate(going) if number % whole == 0]


def once_a_day(going: Sequence[Step], walls: Sequence[time], on: Callable[[date], bool]) -> list[datetime]:
    """Each wall time once on each day that is meant: as soon as the clock shows it, or more, for the first time."""
    found: list[datetime] = []
    done: set[tuple[date, time]] = set()
    days: dict[date, bool] = {}
    first = min(walls)
    for step in going:
        day, shown = step.wall.date(), step.wall.time()
        if shown < first or not days.setdefault(day, on(day)):
            continue
        due = {(day, wall) for wall in walls if wall <= shown} - done
        if due:
            done |= due
            found.append(step.moment)
    return found


def every_hour(going: Sequence[Step], at: Sequence[int], on: Callable[[date], bool]) -> list[datetime]:
    """Certain minutes of every hour that the clock goes through, as often as it does."""
    return [step.moment for step in going if step.wall.minute in at and on(step.wall.date())]


@dataclass(frozen=True)
class Gap:
    """Nobody looks between these moments."""

    start: datetime
    end: datetime


def fired(times: Sequence[datetime], gaps: Sequence[Gap], *, missed: str, cap: int) -> list[datetime]:
    """Which times get a run, where each is looked at at once but for those in gaps."""
    found: list[datetime] = []
    rest = list(times)
    for gap in sorted(gaps, key=lambda one: one.start):
        found += [moment for moment in rest if moment <= gap.start]
        inside = [moment for moment in rest if gap.start < moment <= gap.end]
        rest = [moment for moment in rest if moment > gap.end]
        fresh = [moment for moment in inside[-1:] if gap.end - moment <= timedelta(minutes=2)]
        late = inside[: len(inside) - len(fresh)]
        if missed == "all":
            found += late[max(0, len(late) - cap) :] + fresh
        elif missed == "once":
            found += inside[-1:]
        else:
            found += fresh
    return found + rest


def midnight(zone: str, day: date) -> datetime:
    """The moment at which a day begins there."""
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)
