"""The generic functions, as expressions call them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from agent.engine.expressions.host_functions import HOST_FUNCTIONS
from agent.engine.expressions.jsonata import Expressions


def result(expression: str, document: Any = None) -> Any:
    """What an expression gives for one record; the reason where it fails."""
    evaluated = Expressions({"a": expression}).evaluate([msgspec.json.encode(document or {})])
    return evaluated.failures[0].reason if evaluated.failures else evaluated.results[0].get("a")


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ('$formatDate("2026-07-01T10:00:00Z", "dd.MM.yyyy HH:mm", "Europe/Berlin")', "01.07.2026 12:00"),
        ('$formatDate("2026-01-01T10:00:00Z", "dd.MM.yyyy HH:mm zzz", "Europe/Berlin")', "01.01.2026 11:00 +01:00"),
        ('$formatDate("Wed, 10 Jan 2018 21:05:30 +0000", "yyyyMMdd")', "20180110"),
        ('$formatDate(0, "yyyy-MM-dd")', "1970-01-01"),
        ('$parseDate("01.07.26 10:00", "dd.MM.yy HH:mm", "Europe/Berlin")', "2026-07-01T08:00:00Z"),
        ('$parseDate("July 4, 2026 1:05 PM", "MMMM d, yyyy h:mm tt")', "2026-07-04T13:05:00Z"),
        ('$parseDate("2026-07-01 10:00 -04:00", "yyyy-MM-dd HH:mm zzz", "Europe/Berlin")', "2026-07-01T14:00:00Z"),
        ('$isDate("2026-02-28")', True),
        ('$isDate("28.02.2026", "dd.MM.yyyy")', True),
        ('$isDate("31.02.2026", "dd.MM.yyyy")', False),
        ('$isDate("soon")', False),
        ("$isDate(missing)", False),
        ('$dateDifference("2026-01-01T00:00:00Z", "2026-01-02T23:59:59Z", "days")', 1),
        ('$dateDifference("2026-03-01", "2026-01-31", "days")', -29),
        ('$dateDifference("2026-01-31", "2026-02-28", "months")', 1),
        ('$dateDifference("2024-02-29", "2026-02-27", "years")', 1),
        ('$addToDate("2026-01-31", 1, "months")', "2026-02-28T00:00:00Z"),
        ('$addToDate("2026-01-31T09:00:00Z", "-90", "minutes")', "2026-01-31T07:30:00Z"),
        ('$datePart("2026-07-01T23:30:00Z", "day", "Europe/Berlin")', 2),
        ('$datePart("2026-07-05", "weekday")', 7),
        ('$datePart("2027-01-01", "week")', 53),
        ("$dateFromParts(2026, 2, 28)", "2026-02-28"),
        ('$timeFromParts("9", 5)', "09:05:00"),
        ('$toZone("2026-07-01T10:00:00Z", "America/New_York")', "2026-07-01T06:00:00-04:00"),
        ('$formatCulture(1234567.5, "de-DE")', "1.234.567,5"),
        ('$formatCulture("1234567.565", "en-IN", 2)', "12,34,567.57"),
        ('$formatCulture(-0.5, "en-US", 0)', "-1"),
        ('$parseNumber("1.234,56", "de-DE")', 1234.56),
        ('$parseNumber("1,234", "en-US")', 1234),
        ('$titleCase("JOHN o\'neil-smith of YORK")', "John O'neil-Smith Of York"),
        ('$cdata("a]]>b")', "<![CDATA[a]]]]><![CDATA[>b]]>"),
        ('$valueOrDefault(missing, "none")', "none"),
        ('$valueOrDefault("  ", "none")', "none"),
        ('$valueOrDefault([], "none")', "none"),
        ('$valueOrDefault(0, "none")', 0),
        ('$valueOrDefault(false, "none")', False),
    ],
)
def test_a_generic_function_gives_what_its_name_says(expression: str, expected: object) -> None:
    assert result(expression) == expected


@pytest.mark.parametrize(
    "call",
    [
        '$formatDate(a, "yyyy")', '$parseDate(a, "yyyy")', '$toZone(a, "UTC")', '$dateDifference(a, "2026", "days")',
        '$addToDate(a, 1, "days")', '$datePart(a, "day")', "$dateFromParts(a, 1, 1)", "$timeFromParts(a, 1)",
        '$formatCulture(a, "de-DE")', '$parseNumber(a, "de-DE")', "$titleCase(a)", "$cdata(a)",
    ],
)  # fmt: skip
@pytest.mark.parametrize("document", [{}, {"a": None}])
def test_what_is_missing_gives_nothing(call: str, document: Any) -> None:
    assert result(call, document) is None


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("$formatDate()", "$formatDate takes (date, format [, zone])"),
        ('$formatDate("soon", "yyyy")', "“soon” is not a date"),
        ('$formatDate(1e300, "yyyy")', "a date must be a text, or Unix milliseconds"),
        ('$formatDate("2026-01-01", "yyyy", "Europe/Berlun")', "there is no time zone “Europe/Berlun”; write one like"),
        ('$formatDate("2026-01-01", "yyyy", "../../etc/passwd")', "there is no time zone"),
        ('$formatDate("2026-01-01", "QQ")', "“Q” has no meaning in a date format"),
        ('$parseDate("31.02.2026", "dd.MM.yyyy")', "“31.02.2026” is not a date that exists"),
        ('$parseDate("2026", "dd.MM.yyyy")', "“2026” is not a date of the form dd.MM.yyyy"),
        ('$parseDate("1 1", "d d")', "“d” stands for what the date format has already"),
        ('$addToDate("2026-01-01", 1, "moons")', "the unit must be one of milliseconds, seconds,"),
        ('$addToDate("9999-12-31", 1000, "years")', "the date is out of range"),
        ('$addToDate("9999-12-31", 1000000000, "weeks")', "the date is out of range"),
        ("$dateFromParts(2026, 2, 29)", "the day must be a whole number from 1 to 28"),
        ('$formatCulture(1, "xx-YY")', "there is no culture “xx-YY”; write one like de-DE"),
        ('$formatCulture("many", "de-DE")', "“many” is not a number"),
        ('$formatCulture("1e1000000000", "de-DE")', "“1e1000000000” is not a number of a usual size"),
        ('$parseNumber("1,2,3", "de-DE")', "“1,2,3” is not a number as de-DE writes it"),
        ("$titleCase(5)", "its argument must be a text"),
        ('$uniqueId("order", missing)', "a value of a unique id is missing"),
        ('$lookupValue("country", "DE")', "there is no lookup “country”"),
    ],
)
def test_a_generic_function_says_what_is_wrong_with_its_arguments(expression: str, reason: str) -> None:
    assert result(expression).startswith(reason)


def test_local_time_follows_the_daylight_saving_of_its_zone() -> None:
    noon = '$addToDate("{}T11:00:00Z", 1, "days", "Europe/Berlin")'
    assert result(noon.format("2026-03-28")) == "2026-03-29T10:00:00Z"
    assert result(noon.format("2026-10-24")) == "2026-10-25T12:00:00Z"
    assert result('$parseDate("2026-10-25 02:30", "yyyy-MM-dd HH:mm", "Europe/Berlin")') == "2026-10-25T00:30:00Z"
    assert result('$parseDate("2026-03-29 02:30", "yyyy-MM-dd HH:mm", "Europe/Berlin")') == "2026-03-29T01:30:00Z"


def test_the_present_is_that_of_the_zone() -> None:
    found = result('$localDateTime("Asia/Kolkata")')
    assert found.endswith("+05:30")
    assert result(f'$abs($dateDifference("{found}", $now(), "seconds")) < 60') is True
    assert result('$localDateTime("Asia/Kolkata", "yyyy")') in {found[:4], str(int(found[:4]) + 1)}


def test_a_unique_id_is_the_same_for_the_same_values_and_different_for_others() -> None:
    once = result('$uniqueId("invoice", id)', {"id": 5})
    assert result('$uniqueId("invoice", id)', {"id": 5}) == once
    assert len(once) == 36
    assert len({once, *(result('$uniqueId("invoice", id)', {"id": number}) for number in range(50))}) == 50
    assert result('$uniqueId("packing slip", id)', {"id": 5}) != once
    short = result("$shortUniqueId(id)", {"id": 5})
    assert short == result("$shortUniqueId(id)", {"id": 5})
    assert len(short) == 12


def test_a_generic_function_can_be_handed_to_another_one() -> None:
    assert result("$map(names, $titleCase)", {"names": ["ada", "grace"]}) == ["Ada", "Grace"]
    assert result('day ~> $formatDate("yyyy")', {"day": "2026-01-01"}) == "2026"


def test_a_regular_expression_takes_no_longer_for_a_text_that_would_let_others_run_away() -> None:
    assert result("$contains(text, /^(a+)+$/)", {"text": "a" * 100_000 + "b"}) is False


def test_no_generic_function_stands_in_the_way_of_one_of_jsonata() -> None:
    for name in HOST_FUNCTIONS:
        assert result(f"$exists(${name})") is True
