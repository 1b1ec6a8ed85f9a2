"""Plans are read strictly, with the field at fault named, and written back as they were."""

from __future__ import annotations

from datetime import date, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.cron import parse_cron
from agent.domain.errors import ConfigurationError
from agent.domain.plan_form import parse_plan, parse_zone, plan_form
from agent.domain.schedule import Daily, Every, MissedTimes, Plan, PlanKind, Recurrence


def read(**form: object) -> Plan:
    plan = parse_plan(form, default_zone="Europe/Berlin")
    assert plan is not None
    return plan


def refused(**form: object) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as caught:
        read(**form)
    assert caught.value.remedy
    return caught.value


# -- plans ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ({"kind": "minutes", "every": 15}, "Every 15 minutes, Europe/Berlin"),
        ({"kind": "minutes", "every": 1, "zone": "UTC"}, "Every minute, UTC"),
        ({"kind": "hours", "every": 1}, "Every hour, Europe/Berlin"),
        (
            {"kind": "hours", "every": 23, "end": "after", "end_after": 1200},
            "Every 23 hours, Europe/Berlin, 1,200 times",
        ),
        ({"kind": "daily", "at": "2:30", "end": "after", "end_after": 1}, "Daily at 02:30, Europe/Berlin, once"),
        (
            {"kind": "cron", "cron": "30  6 * * MON-fri", "end": "on", "end_on": "2026-12-31"},
            "Cron 30 6 * * MON-fri, Europe/Berlin, until 2026-12-31",
        ),
    ],
)
def test_a_plan_is_told_in_words(form: dict[str, object], text: str) -> None:
    assert read(**form).text == text


def test_a_plan_by_hand_is_none() -> None:
    assert parse_plan({"kind": "manual", "every": 5}, default_zone="UTC") is None


def test_what_is_not_given_has_a_default() -> None:
    assert read(kind="daily", at="23:59") == Plan(
        Daily(time(23, 59)), "Europe/Berlin", None, None, MissedTimes.ONCE, 10
    )


def test_what_belongs_to_another_kind_is_ignored() -> None:
    plan = read(kind="hours", every=2, at="nonsense", cron="nonsense", end="never", end_after=-1, end_on="nonsense")
    assert plan == Plan(Every(2, PlanKind.HOURS), "Europe/Berlin")


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({}, "kind"),
        ({"kind": "weekly"}, "kind"),
        ({"kind": "minutes"}, "every"),
        ({"kind": "minutes", "every": 0}, "every"),
        ({"kind": "minutes", "every": 60}, "every"),
        ({"kind": "minutes", "every": True}, "every"),
        ({"kind": "minutes", "every": "15"}, "every"),
        ({"kind": "hours", "every": 24}, "every"),
        ({"kind": "daily"}, "at"),
        ({"kind": "daily", "at": "24:00"}, "at"),
        ({"kind": "daily", "at": "02:60"}, "at"),
        ({"kind": "daily", "at": "0230"}, "at"),
        ({"kind": "daily", "at": "02:30:00"}, "at"),
        ({"kind": "cron"}, "cron"),
        ({"kind": "daily", "at": "02:30", "end": "someday"}, "end"),
        ({"kind": "daily", "at": "02:30", "end": "after"}, "end_after"),
        ({"kind": "daily", "at": "02:30", "end": "after", "end_after": 0}, "end_after"),
        ({"kind": "daily", "at": "02:30", "end": "after", "end_after": 1_000_001}, "end_after"),
        ({"kind": "daily", "at": "02:30", "end": "on"}, "end_on"),
        ({"kind": "daily", "at": "02:30", "end": "on", "end_on": "2026-02-29"}, "end_on"),
        ({"kind": "daily", "at": "02:30", "end": "on", "end_on": "20260228"}, "end_on"),
        ({"kind": "daily", "at": "02:30", "missed": "some"}, "missed"),
        ({"kind": "daily", "at": "02:30", "missed_cap": 0}, "missed_cap"),
        ({"kind": "daily", "at": "02:30", "missed_cap": 101}, "missed_cap"),
    ],
)
def test_what_is_wrong_is_refused_with_its_field(form: dict[str, object], field: str) -> None:
    error = refused(**form)
    assert (error.code, error.field) == ("schedule-invalid", field)


@pytest.mark.parametrize(
    "zone",
    ["Europe", "Europe/Berlim", "europe/berlin/mitte", "../../etc/passwd", "/etc/localtime", "localtime", "Factory",
     "right/Europe/Berlin", "posix/UTC", "CET-1CEST", "UTC\0", "x" * 5_000, "Europe/Berlin;", "Ünterwelt/Ost"],
)  # fmt: skip
def test_a_zone_that_is_none_is_refused(zone: str) -> None:
    error = refused(kind="daily", at="02:30", zone=zone)
    assert (error.code, error.field) == ("zone-unknown", "zone")
    assert len(error.message) < 120


@pytest.mark.parametrize("zone", ["UTC", "Etc/GMT+5", "America/Argentina/Buenos_Aires", " Australia/Lord_Howe "])
def test_a_zone_of_the_database_is_taken(zone: str) -> None:
    assert parse_zone(zone) == zone.strip()


RECURRENCES = st.one_of(
    st.builds(Every, st.integers(1, 59), st.just(PlanKind.MINUTES)),
    st.builds(Every, st.integers(1, 23), st.just(PlanKind.HOURS)),
    st.builds(Daily, st.builds(time, st.integers(0, 23), st.integers(0, 59))),
    st.sampled_from(["*/7 * * * *", "0 4 l * *", "0,30 8-18/2 1-7 jan,jul mon"]).map(parse_cron),
)
ENDS = st.one_of(
    st.just((None, None)),
    st.tuples(st.integers(1, 1_000_000), st.none()),
    st.tuples(st.none(), st.dates(date(2026, 1, 1))),
)


@given(RECURRENCES, st.sampled_from(["UTC", "Europe/Berlin"]), ENDS, st.sampled_from(MissedTimes), st.integers(1, 100))
def test_a_plan_that_is_written_is_read_back(
    recurrence: Recurrence, zone: str, end: tuple[int | None, date | None], missed: MissedTimes, cap: int
) -> None:
    plan = Plan(recurrence, zone, *end, missed, cap)
    assert parse_plan(plan_form(plan), default_zone="Asia/Tokyo") == plan


# -- cron expressions -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "spelled_out"),
    [
        ("0,30 8 * 1 *", "0,30 8 * 1 *"),
        ("*/20 8-10 * 1 *", "0,20,40 8,9,10 * 1 *"),
        ("50/4 0 * DEC *", "50,54,58 0 * 12 *"),
        ("0 0 1-7/3 jan-mar *", "0 0 1,4,7 1,2,3 *"),
        ("0 0 l feb *", "0 0 l 2 *"),
        ("0 0 15,L 2 *", "0 0 15,l 2 *"),
        ("0 0 * 2 7", "0 0 * 2 0"),
        ("0 0 * 2 fri-sun", "0 0 * 2 0,5,6"),
        ("0 0 * 2 sun-tue", "0 0 * 2 0,1,2"),
        ("0 0 * 2 5-7", "0 0 * 2 0,5,6"),
        ("0 0 * 2 mon,wed", "0 0 * 2 1,3"),
        ("0 0 1-31 2 0-6", "0 0 * 2 *"),
        ("0 0 1-31,l 2 1-7", "0 0 * 2 *"),
        ("0 0 */1 2 */2", "0 0 * 2 0,2,4,6"),
    ],
)
def test_a_cron_expression_is_spelled_out(text: str, spelled_out: str) -> None:
    assert parse_cron(text).spelled_out == spelled_out


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "five fields, not 0"),
        ("* * * *", "five fields, not 4"),
        ("0 * * * * *", "five fields, not 6"),
        ("@daily", "five fields, not 1"),
        ("0 0 * * *" + " " * 300, "too long"),
        ("60 * * * *", "“60” in the field minute"),
        ("-1 * * * *", "field minute"),
        ("*/0 * * * *", "field minute"),
        ("*/61 * * * *", "field minute"),
        ("1-1 * * * *", "field minute"),
        ("0 24 * * *", "field hour"),
        ("0 22-2 * * *", "“22-2” in the field hour"),
        ("0 0 0 * *", "field day of month"),
        ("0 0 32 * *", "field day of month"),
        ("0 0 1w * *", "field day of month"),
        ("0 0 ? * *", "field day of month"),
        ("0 0 * 13 *", "field month"),
        ("0 0 * foo *", "field month"),
        ("0 0 * l *", "field month"),
        ("0 0 * * 8", "field day of week"),
        ("0 0 * * mon#1", "field day of week"),
        ("0 0 * * sun-sun", "field day of week"),
        ("0 0 * * l", "field day of week"),
        ("H * * * *", "field minute"),
        ("r(1-5) * * * *", "field minute"),
        ("1,,2 * * * *", "field minute"),
        ("00000000000099 * * * *", "field minute"),
        ("٣ * * * *", "field minute"),
    ],
)
def test_a_cron_expression_that_is_not_clear_is_refused_with_its_field(text: str, named: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_cron(text)
    assert named in caught.value.message
    assert (caught.value.code, caught.value.field) == ("schedule-invalid", "cron")


@given(st.text(alphabet="*0123456789,-/ lLmonfrijan#?@", max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        expression = parse_cron(text)
    except ConfigurationError:
        return
    assert parse_cron(expression.text) == expression
    assert set(expression.minutes) <= set(range(60))
    assert set(expression.weekdays) <= set(range(7))
