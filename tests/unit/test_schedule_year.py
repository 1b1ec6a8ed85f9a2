"""A simulated year: what was fired is what a simple oracle says, over changes of the clock, sleep and restarts."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache, partial

import pytest

from agent.domain.plan_form import parse_plan
from agent.domain.schedule import MissedTimes, Plan
from agent.engine.schedules.look import World, begin, look
from agent.engine.schedules.times import anchor_of
from tests.helpers import schedule_oracle
from tests.helpers.schedule_oracle import Gap, Step

# An hour in the north, the same a few weeks apart, and half an hour in the south.
ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe")
FIRST, LAST = date(2026, 1, 1), date(2027, 1, 1)
CAP = 5


@dataclass(frozen=True, eq=False)
class Case:
    """A plan as a form has it, and the oracle for it."""

    name: str
    form: dict[str, object]
    oracle: Callable[[Sequence[Step]], list[datetime]]


def interval(length: timedelta) -> Callable[[Sequence[Step]], list[datetime]]:
    return partial(schedule_oracle.every, length=length)


def once_a_day(*walls: time, on: Callable[[date], bool] = lambda _: True) -> Callable[[Sequence[Step]], list[datetime]]:
    return partial(schedule_oracle.once_a_day, walls=walls, on=on)


def every_hour(*at: int, on: Callable[[date], bool] = lambda _: True) -> Callable[[Sequence[Step]], list[datetime]]:
    return partial(schedule_oracle.every_hour, at=at, on=on)


def is_sunday(day: date) -> bool:
    return day.weekday() == 6


def is_working_day_or_last_of_month(day: date) -> bool:
    return day.weekday() < 5 or (day + timedelta(days=1)).day == 1


HALF_HOURS = [time(hour, minute) for hour in (1, 2, 3) for minute in (0, 30)]
EACH_HOUR = Case("cron in every hour", {"kind": "cron", "cron": "20 * * * *"}, every_hour(20))
CASES = (
    Case("daily in the hour that is changed", {"kind": "daily", "at": "02:30"}, once_a_day(time(2, 30))),
    Case("daily in lord howe's half hour", {"kind": "daily", "at": "01:45"}, once_a_day(time(1, 45))),
    Case("daily in its other half hour", {"kind": "daily", "at": "02:15"}, once_a_day(time(2, 15))),
    Case("every 6 hours", {"kind": "hours", "every": 6}, interval(timedelta(hours=6))),
    Case("every 45 minutes", {"kind": "minutes", "every": 45}, interval(timedelta(minutes=45))),
    Case("cron in chosen hours", {"kind": "cron", "cron": "*/30 1-3 * * *"}, once_a_day(*HALF_HOURS)),
    EACH_HOUR,
    Case("cron on days of change", {"kind": "cron", "cron": "5,50 * * * sun"}, every_hour(5, 50, on=is_sunday)),
    Case(
        "cron on some days",
        {"kind": "cron", "cron": "15 2 l * mon-fri"},
        once_a_day(time(2, 15), on=is_working_day_or_last_of_month),
    ),
)


def gaps_of(seed: int, start: datetime, end: datetime) -> list[Gap]:
    """Naps of minutes, nights and weeks, and one over each of the places where the clocks may change."""
    dice = random.Random(seed)
    found: list[Gap] = []
    moment = start
    while True:
        moment += timedelta(seconds=dice.uniform(6 * 3600, 12 * 86400))
        # At half a minute: a time has been looked at before, as looks come 15 seconds after it at most.
        moment = moment.replace(second=30, microsecond=0)
        length = dice.choice([60.0, 100.0, 130.0, 600.0, 5_000.0, 30_000.0, 90_000.0, 700_000.0])
        if moment + timedelta(seconds=length) >= end - timedelta(days=1):
            return found
        found.append(Gap(moment, moment + timedelta(seconds=length)))
        moment += timedelta(seconds=length)


def simulated(plan: Plan, gaps: Sequence[Gap], start: datetime, end: datetime, dice: random.Random) -> list[datetime]:
    """Look at every time soon after it has come and now and then in between, never in gaps; nothing is ever busy."""
    anchor = anchor_of(plan, start)
    progress = begin(plan, anchor, start - timedelta(microseconds=1))
    found: list[datetime] = []
    now = start
    waiting = sorted(gaps, key=lambda gap: gap.start)
    while True:
        decision = look(plan, anchor, progress, World(now=now, deployed=True, hindrance="", busy=None))
        progress = decision.progress
        if decision.fire is not None:
            assert decision.fire <= now
            found.append(decision.fire)
        if progress.owed:
            following = now + timedelta(seconds=0.01)  # what is owed is started one after the other
        else:
            assert progress.next_at is not None
            following = progress.next_at + timedelta(seconds=dice.uniform(0, 15))
            if dice.random() < 0.2:
                following = now + (following - now) * dice.random()
        if waiting and following > waiting[0].start:
            following = waiting.pop(0).end
        if following >= end and progress.next_at is not None and progress.next_at >= end:
            return found
        now = following


START = {zone: schedule_oracle.midnight(zone, FIRST) for zone in ZONES}
END = {zone: schedule_oracle.midnight(zone, LAST) for zone in ZONES}


@lru_cache(maxsize=len(CASES))
def oracle(zone: str, case: Case) -> list[datetime]:
    return case.oracle(schedule_oracle.steps(zone, START[zone], END[zone]))


@pytest.fixture(scope="module", params=ZONES)
def zone(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_year_without_gaps_has_every_time_once(case: Case, zone: str) -> None:
    plan = parse_plan(case.form, default_zone=zone)
    assert plan is not None
    found = simulated(plan, [], START[zone], END[zone], random.Random(1))
    assert len(found) > 50
    assert found == oracle(zone, case)


@pytest.mark.parametrize("missed", MissedTimes)
@pytest.mark.parametrize("case", [case for case in CASES if case is not EACH_HOUR], ids=lambda case: case.name)
def test_a_year_with_sleep_follows_the_policy(case: Case, missed: MissedTimes, zone: str) -> None:
    plan = parse_plan({**case.form, "missed": missed.value, "missed_cap": CAP}, default_zone=zone)
    assert plan is not None
    gaps = gaps_of(len(case.name) + len(zone), START[zone], END[zone])
    assert len(gaps) > 20
    found = simulated(plan, gaps, START[zone], END[zone], random.Random(2))
    assert found == schedule_oracle.fired(oracle(zone, case), gaps, missed=missed, cap=CAP)
