"""The times of plans: right on the two days of the year when clocks are changed, and on all others."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.domain.plan_form import parse_plan
from agent.domain.schedule import Plan
from agent.engine.schedules.times import anchor_of, count_times, latest_times, next_time, times
from agent.engine.schedules.wall_clock import first_moment, moments, next_change, wall_time


def plan_of(zone: str = "Europe/Berlin", **form: object) -> Plan:
    plan = parse_plan({"zone": zone, **form}, default_zone="UTC")
    assert plan is not None
    return plan


def following(plan: Plan, start: str, count: int) -> list[str]:
    """The next times after a local one, as the zone's clock shows them."""
    zone = ZoneInfo(plan.zone)
    moment = datetime.fromisoformat(start).astimezone(UTC)
    anchor = anchor_of(plan, moment)
    found = []
    for _ in range(count):
        following = next_time(plan, anchor, moment)
        assert following is not None
        assert following > moment
        moment = following
        found.append(f"{moment.astimezone(zone):%d %H:%M%z}")
    return found


# -- daily and chosen hours -------------------------------------------------------------------------------------------


def test_a_daily_time_that_the_clock_jumps_over_comes_at_the_jump() -> None:
    plan = plan_of(kind="daily", at="02:30")
    assert following(plan, "2026-03-27T12:00+01:00", 3) == ["28 02:30+0100", "29 03:00+0200", "30 02:30+0200"]


def test_a_daily_time_that_comes_twice_counts_the_first_time() -> None:
    plan = plan_of(kind="daily", at="02:30")
    assert following(plan, "2026-10-24T12:00+02:00", 2) == ["25 02:30+0200", "26 02:30+0100"]
    assert following(plan, "2026-10-25T02:10+01:00", 1) == ["26 02:30+0100"]


def test_half_an_hour_is_a_change_too() -> None:
    plan = plan_of("Australia/Lord_Howe", kind="daily", at="02:15")
    assert following(plan, "2026-10-03T12:00+10:30", 2) == ["04 02:30+1100", "05 02:15+1100"]
    plan = plan_of("Australia/Lord_Howe", kind="daily", at="01:45")
    assert following(plan, "2026-04-04T12:00+11:00", 2) == ["05 01:45+1100", "06 01:45+1030"]


def test_a_day_that_begins_with_the_change_has_its_midnight() -> None:
    plan = plan_of("Africa/Cairo", kind="daily", at="00:00")
    assert following(plan, "2026-04-23T12:00+02:00", 2) == ["24 01:00+0300", "25 00:00+0300"]


def test_times_in_the_lost_hour_come_once_together() -> None:
    plan = plan_of(kind="cron", cron="0,20,40 1-3 * * *")
    assert following(plan, "2026-03-29T01:30+01:00", 4) == [
        "29 01:40+0100", "29 03:00+0200", "29 03:20+0200", "29 03:40+0200",
    ]  # fmt: skip


def test_times_in_the_doubled_hour_come_once_each() -> None:
    plan = plan_of(kind="cron", cron="0,30 2,3 * * *")
    assert following(plan, "2026-10-25T01:00+02:00", 4) == [
        "25 02:00+0200", "25 02:30+0200", "25 03:00+0100", "25 03:30+0100",
    ]  # fmt: skip


# -- intervals and every hour -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("day", ["2026-03-29T00:00+01:00", "2026-10-25T00:00+02:00"])
@pytest.mark.parametrize(
    ("kind", "every"), [("minutes", 1), ("minutes", 15), ("minutes", 59), ("hours", 1), ("hours", 23)]
)
def test_an_interval_is_regular_in_real_time(kind: str, every: int, day: str) -> None:
    plan = plan_of(kind=kind, every=every)
    start = datetime.fromisoformat(day).astimezone(UTC)
    found = list(times(plan, anchor_of(plan, start), after=start, until=start + timedelta(days=2)))
    length = timedelta(minutes=every) if kind == "minutes" else timedelta(hours=every)
    assert found[0] == start + length
    assert {later - earlier for earlier, later in pairwise(found)} == {length}


def test_an_interval_counts_from_midnight_so_that_its_times_are_round() -> None:
    assert following(plan_of(kind="minutes", every=15), "2026-06-01T09:07:31+02:00", 2) == [
        "01 09:15+0200",
        "01 09:30+0200",
    ]
    assert following(plan_of(kind="hours", every=6), "2026-06-01T09:07:31+02:00", 2) == [
        "01 12:00+0200",
        "01 18:00+0200",
    ]


def test_an_interval_knows_times_before_its_anchor_too() -> None:
    plan = plan_of(kind="minutes", every=7)
    anchor = datetime(2026, 6, 1, tzinfo=UTC)
    assert next_time(plan, anchor, anchor - timedelta(minutes=8)) == anchor - timedelta(minutes=7)
    assert next_time(plan, anchor, anchor - timedelta(minutes=7)) == anchor


def test_cron_in_every_hour_goes_on_in_every_real_hour() -> None:
    plan = plan_of(kind="cron", cron="*/30 * * * *")
    assert following(plan, "2026-10-25T01:40+02:00", 5) == [
        "25 02:00+0200", "25 02:30+0200", "25 02:00+0100", "25 02:30+0100", "25 03:00+0100",
    ]  # fmt: skip
    assert following(plan, "2026-03-29T01:00+01:00", 3) == ["29 01:30+0100", "29 03:00+0200", "29 03:30+0200"]


# -- ends, and expressions that seldom or never come ------------------------------------------------------------------


def test_the_last_day_is_that_of_the_zone_and_belongs_to_the_plan() -> None:
    plan = plan_of("Pacific/Auckland", kind="daily", at="08:00", end="on", end_on="2026-06-02")
    now = datetime(2026, 5, 31, 12, 0, tzinfo=UTC)  # 1 June, midnight, there
    found = list(times(plan, anchor_of(plan, now), after=now, until=now + timedelta(days=9)))
    assert [f"{moment.astimezone(ZoneInfo(plan.zone)):%d %H:%M}" for moment in found] == ["01 08:00", "02 08:00"]


def test_the_29th_of_february_is_waited_for_over_a_turn_of_the_century() -> None:
    plan = plan_of(kind="cron", cron="0 0 29 2 *")
    assert next_time(plan, datetime(2096, 1, 1, tzinfo=UTC), datetime(2096, 3, 1, tzinfo=UTC)) is not None


def test_a_day_that_never_comes_has_no_time() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert next_time(plan_of(kind="cron", cron="0 0 30 2 *"), now, now) is None
    assert next_time(plan_of(kind="cron", cron="* * 31 4,6,9,11 *"), now, now) is None


def test_years_are_neither_counted_nor_gone_through() -> None:
    plan = plan_of(kind="cron", cron="* * * * *")
    until = datetime(9_000, 1, 1, tzinfo=UTC)
    after = datetime(2026, 1, 1, tzinfo=UTC)
    assert count_times(plan, after, after=after, until=until, most=1_000) == 1_000
    latest = latest_times(plan, after, after=after, until=until, most=3)
    assert latest == [until - timedelta(minutes=2), until - timedelta(minutes=1), until]


# -- in general -------------------------------------------------------------------------------------------------------

ZONES = st.sampled_from(
    ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Auckland", "Africa/Cairo",
     "Asia/Kathmandu", "America/St_Johns", "Antarctica/Troll", "Pacific/Chatham"]
)  # fmt: skip
FORMS = st.one_of(
    st.fixed_dictionaries({"kind": st.just("minutes"), "every": st.integers(1, 59)}),
    st.fixed_dictionaries({"kind": st.just("hours"), "every": st.integers(1, 23)}),
    st.fixed_dictionaries(
        {"kind": st.just("daily"), "at": st.builds("{:02}:{:02}".format, st.integers(0, 23), st.integers(0, 59))}
    ),
    st.fixed_dictionaries(
        {
            "kind": st.just("cron"),
            "cron": st.builds(
                "{} {} {} * {}".format,
                st.sampled_from(["*", "*/17", "5", "0,30,59"]),
                st.sampled_from(["*", "*/5", "2", "1-3", "0,23"]),
                st.sampled_from(["*", "1,15", "l", "*/2"]),
                st.sampled_from(["*", "sun", "mon-fri"]),
            ),
        }
    ),
)
# Mostly near the changes of the clock.
CHANGES = [
    "2026-03-08",
    "2026-03-29",
    "2026-04-05",
    "2026-04-24",
    "2026-09-27",
    "2026-10-04",
    "2026-10-25",
    "2026-11-01",
]
MOMENTS = st.builds(
    lambda day, seconds: datetime.fromisoformat(f"{day}T00:00Z") + timedelta(seconds=seconds),
    st.sampled_from([*CHANGES, "2024-12-31", "2028-02-29"]),
    st.integers(-2 * 86_400, 2 * 86_400),
)


@settings(deadline=None)
@given(FORMS, ZONES, MOMENTS)
def test_times_go_forward_and_depend_on_nothing_but_the_moment(
    form: dict[str, object], zone: str, now: datetime
) -> None:
    plan = plan_of(zone, **form)
    anchor = anchor_of(plan, now)
    assert anchor <= now
    until = now + timedelta(days=1)
    found = list(times(plan, anchor, after=now, until=until))
    assert found == sorted(set(found))
    assert all(now < moment <= until for moment in found)
    # From any moment in between, the next one is the same.
    for earlier, later in list(pairwise([now, *found]))[:100]:
        assert next_time(plan, anchor, earlier + (later - earlier) * 0.9) == later
        assert next_time(plan, anchor, later - timedelta(microseconds=1)) == later
    for most in (1, 4):
        assert latest_times(plan, anchor, after=now, until=until, most=most) == found[-most:]
        assert count_times(plan, anchor, after=now, until=until, most=most) == min(most, len(found))


@settings(deadline=None, max_examples=500)
@given(ZONES, MOMENTS)
def test_wall_times_are_found_where_the_clock_shows_them(zone: str, moment: datetime) -> None:
    there, wall = ZoneInfo(zone), moment.replace(tzinfo=None)
    shown = moments(there, wall)
    assert all(wall_time(there, one) == wall for one in shown)
    first = first_moment(there, wall)
    assert not shown or first == shown[0]
    # It has come then, and had not before.
    assert wall_time(there, first) >= wall
    assert wall_time(there, first - timedelta(microseconds=1)) < wall


@pytest.mark.parametrize(
    ("zone", "day", "change"),
    [
        ("Europe/Berlin", "2026-03-29", "2026-03-29T01:00Z"),
        ("Europe/Berlin", "2026-10-25", "2026-10-25T01:00Z"),
        ("America/New_York", "2026-11-01", "2026-11-01T06:00Z"),
        ("Australia/Lord_Howe", "2026-04-05", "2026-04-04T15:00Z"),
    ],
)
def test_the_change_of_the_clock_is_found_to_the_second(zone: str, day: str, change: str) -> None:
    there = ZoneInfo(zone)
    after = datetime.fromisoformat(f"{day}T00:00:00.5").replace(tzinfo=there).astimezone(UTC)
    found = next_change(there, after, after + timedelta(days=1))
    assert found == datetime.fromisoformat(change)
    assert next_change(there, found, found + timedelta(days=1)) is None
