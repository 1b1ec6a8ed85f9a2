"""The times of a plan: pure functions of plan, anchor and moment. All moments are aware and in UTC.

- Intervals are regular in real time, counted from the *anchor*: the midnight before the plan was set, so that "every 15
  minutes" comes at the quarters of the hour.
- A daily time comes once on each day: where the clock jumps over it, at the jump; where it comes twice, the first time.
- So does a cron expression with chosen hours. One with times in every hour goes on in every real hour instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from agent.domain.cron import CronExpression
from agent.domain.schedule import Daily, Every, Plan
from agent.engine.schedules.cron_calendar import next_wall_time
from agent.engine.schedules.wall_clock import first_moment, moments, next_change, wall_time

_DAY = timedelta(days=1)
_INSTANT = timedelta(microseconds=1)
_FIRST_WINDOW = timedelta(minutes=4)


def anchor_of(plan: Plan, now: datetime) -> datetime:
    """Where the intervals of a plan that is set now are counted from."""
    zone = ZoneInfo(plan.zone)
    return first_moment(zone, datetime.combine(wall_time(zone, now).date(), time()))


def next_time(plan: Plan, anchor: datetime, after: datetime) -> datetime | None:
    """The first time after a moment; None where the plan's last day is over before, or it has no such time."""
    zone = ZoneInfo(plan.zone)
    match plan.recurrence:
        case Every(length=length):
            found: datetime | None = anchor + ((after - anchor) // length + 1) * length
        case Daily(at=at):
            found = _daily(zone, at, after)
        case CronExpression(every_hour=True) as cron:
            found = _every_hour(zone, cron, after)
        case CronExpression() as cron:
            found = _chosen_hours(zone, cron, after)
    if found is not None and plan.end_on is not None and _day(zone, found) > plan.end_on:
        return None
    return found


def times(plan: Plan, anchor: datetime, *, after: datetime, until: datetime) -> Iterator[datetime]:
    """Every time after a moment until another, in order."""
    found = next_time(plan, anchor, after)
    while found is not None and found <= until:
        yield found
        found = next_time(plan, anchor, found)


def latest_times(plan: Plan, anchor: datetime, *, after: datetime, until: datetime, most: int) -> list[datetime]:
    """The last times between two moments, in order, without going through years of them."""
    window = min(_FIRST_WINDOW, until - after)
    while True:
        found = list(times(plan, anchor, after=until - window, until=until))
        if len(found) >= most or until - window <= after:
            return found[-most:]
        window = min(2 * window, until - after)


def count_times(plan: Plan, anchor: datetime, *, after: datetime, until: datetime, most: int) -> int:
    """How many times there are between two moments; `most` where there are as many or more."""
    return sum(1 for _, _ in zip(range(most), times(plan, anchor, after=after, until=until), strict=False))


def _daily(zone: ZoneInfo, at: time, after: datetime) -> datetime:
    day = wall_time(zone, after).date()
    while (found := first_moment(zone, datetime.combine(day, at))) <= after:
        day += _DAY
    return found


def _chosen_hours(zone: ZoneInfo, cron: CronExpression, after: datetime) -> datetime | None:
    wall: datetime | None = wall_time(zone, after)
    while wall is not None and (wall := next_wall_time(cron, wall)) is not None:
        if (found := first_moment(zone, wall)) > after:
            return found
    return None


def _every_hour(zone: ZoneInfo, cron: CronExpression, after: datetime) -> datetime | None:
    change = next_change(zone, after, after + _DAY)
    wall = next_wall_time(cron, wall_time(zone, after))
    if change is not None and wall is not None:
        before = [moment for moment in moments(zone, wall) if after < moment < change]
        if before:
            return before[0]
        # Nothing more before the clock is changed: go on with what it shows from then.
        after = change - _INSTANT
        wall = next_wall_time(cron, wall_time(zone, change) - _INSTANT)
    while wall is not None:
        found = [moment for moment in moments(zone, wall) if moment > after]
        if found:
            return found[0]
        wall = next_wall_time(cron, wall)
    return None


def _day(zone: ZoneInfo, moment: datetime) -> date:
    return wall_time(zone, moment).date()
