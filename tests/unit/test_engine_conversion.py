"""Conversion of values by type: what is accepted, in which form it travels, and what is refused with which words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.app import DataType
from agent.engine.expressions.moments import parse_moment
from agent.engine.mapping.conversion import JsonNumber, convert

NUMBER = JsonNumber


def one(value: Any, type_: DataType) -> Any:
    values, failures = convert([value], type_)
    assert not failures, failures
    return values[0]


def reason(value: Any, type_: DataType) -> str:
    values, failures = convert([value], type_)
    assert values == [None]
    return failures[0]


@pytest.mark.parametrize(
    ("type_", "value", "form"),
    [
        (DataType.TEXT, "a", "a"),
        (DataType.TEXT, "", ""),
        (DataType.TEXT, 5, "5"),
        (DataType.TEXT, True, "true"),
        (DataType.TEXT, NUMBER("1.50"), "1.50"),
        (DataType.TEXT, 0.1 + 0.2, "0.3"),
        (DataType.TEXT, 3.0, "3"),
        (DataType.TEXT, {"a": NUMBER("1.50")}, '{"a":1.50}'),
        (DataType.TEXT, [1, "x"], '[1,"x"]'),
        (DataType.INTEGER, 5, 5),
        (DataType.INTEGER, "5", 5),
        (DataType.INTEGER, " 5 ", 5),
        (DataType.INTEGER, "5.00", 5),
        (DataType.INTEGER, NUMBER("5.0"), 5),
        (DataType.INTEGER, 5.0, 5),
        (DataType.INTEGER, "", None),
        (DataType.INTEGER, -(2**63) + 1, -(2**63) + 1),
        (DataType.DECIMAL, "12.3400", "12.3400"),
        (DataType.DECIMAL, "-0.5", "-0.5"),
        (DataType.DECIMAL, "+1.5", "1.5"),
        (DataType.DECIMAL, ".5", "0.5"),
        (DataType.DECIMAL, "007.10", "7.10"),
        (DataType.DECIMAL, 7, "7"),
        (DataType.DECIMAL, NUMBER("1.5E3"), "1500"),
        (DataType.DECIMAL, NUMBER("1E-7"), "0.0000001"),
        (DataType.DECIMAL, 59.970000000000006, "59.97"),
        (DataType.DECIMAL, 1e21, "1000000000000000000000"),
        (DataType.DECIMAL, " ", None),
        (DataType.BOOLEAN, True, True),
        (DataType.BOOLEAN, "True", True),
        (DataType.BOOLEAN, "false", False),
        (DataType.BOOLEAN, 0, False),
        (DataType.BOOLEAN, 1.0, True),
        (DataType.BOOLEAN, "1", True),
        (DataType.DATETIME, "Wed, 10 Jan 2018 21:05:30 +0000", "2018-01-10T21:05:30Z"),
        (DataType.DATETIME, "Thu, 20 Apr 2017 11:32:00 -0400", "2017-04-20T15:32:00Z"),
        (DataType.DATETIME, "2018-08-24T14:41:00Z", "2018-08-24T14:41:00Z"),
        (DataType.DATETIME, "2018-08-24T14:41:00+00:00", "2018-08-24T14:41:00Z"),
        (DataType.DATETIME, "2018-08-24T14:41:00+02:00", "2018-08-24T12:41:00Z"),
        (DataType.DATETIME, "2018-08-24T14:41:00", "2018-08-24T14:41:00Z"),
        (DataType.DATETIME, "2018-08-24 14:41:00.250", "2018-08-24T14:41:00.25Z"),
        (DataType.DATETIME, "2018-08-24", "2018-08-24T00:00:00Z"),
        (DataType.DATETIME, 1515618330, "2018-01-10T21:05:30Z"),
        (DataType.DATETIME, NUMBER("1515618330.5"), "2018-01-10T21:05:30.5Z"),
        (DataType.DATETIME, "", None),
        (DataType.JSON, {"a": [NUMBER("1.50"), None]}, '{"a":[1.50,null]}'),
        (DataType.JSON, "x", '"x"'),
        *((type_, None, None) for type_ in DataType if type_ is not DataType.COLLECTION),
    ],
)
def test_a_value_travels_in_its_form(type_: DataType, value: Any, form: Any) -> None:
    converted = one(value, type_)
    assert converted == form
    assert type(converted) is type(form)


@pytest.mark.parametrize(
    ("type_", "value", "words"),
    [
        (DataType.INTEGER, "5.5", "“5.5” is not a whole number"),
        (DataType.INTEGER, 5.5, "“5.5” is not a whole number"),
        (DataType.INTEGER, True, "“true” is not a whole number"),
        (DataType.INTEGER, "12a", "“12a” is not a whole number"),
        (DataType.INTEGER, [1], "a list of 1 is not a whole number"),
        (DataType.INTEGER, 2**63, "does not fit into 64 bits; map it as text or decimal"),
        (DataType.INTEGER, 2.0**60, "too large to be computed exactly; map it with a plain path"),
        (DataType.INTEGER, NUMBER("1e400"), "is not a whole number"),
        (DataType.DECIMAL, "1,234.50", "“1,234.50” is not a number such as 1234.50 (without thousands separators)"),
        (DataType.DECIMAL, "1_000", "is not a number"),
        (DataType.DECIMAL, "NaN", "is not a number"),
        (DataType.DECIMAL, "1e999999999", "is not a number"),
        (DataType.DECIMAL, NUMBER("1e9999"), "is not a number"),
        (DataType.DECIMAL, "٣", "is not a number"),
        (DataType.DECIMAL, False, "is not a number"),
        (DataType.BOOLEAN, "yes", "“yes” is not true or false"),
        (DataType.BOOLEAN, 2, "is not true or false"),
        (DataType.DATETIME, "soon", "“soon” is not a date and time such as 2026-01-31T09:15:00Z"),
        (DataType.DATETIME, "2020-02-30T00:00:00Z", "is not a date and time"),
        (DataType.DATETIME, "Wed, 31 Feb 2018 21:05:30 +0000", "is not a date and time"),
        (DataType.DATETIME, "Wed, 10 Jan 2018 25:05:30 +0000", "is not a date and time"),
        (DataType.DATETIME, "20240101", "is not a date and time"),
        (DataType.DATETIME, "0001-01-01T00:00:00+10:00", "is not a date and time"),
        (DataType.DATETIME, 1515618330000, "cannot be taken: Unix time is counted in seconds"),
        (DataType.DATETIME, True, "is not a date and time"),
        (DataType.DATETIME, {"a": 1}, "an object is not a date and time"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_in_plain_words(type_: DataType, value: Any, words: str) -> None:
    assert words in reason(value, type_)


@pytest.mark.parametrize(
    ("type_", "good", "bad"),
    [
        (DataType.INTEGER, 5, "x"),
        (DataType.DECIMAL, "1.50", "1,50"),
        (DataType.DECIMAL, "1", "2,3"),
        (DataType.BOOLEAN, True, "x"),
        (DataType.DATETIME, "2018-08-24T14:41:00Z", "2018-08-24T14:41"[:14]),
        (DataType.DATETIME, "Wed, 10 Jan 2018 21:05:30 +0000", "Wed, 10 Jxn 2018 21:05:30 +0000"),
    ],
)
def test_one_bad_value_in_a_column_is_found_by_its_index(type_: DataType, good: Any, bad: Any) -> None:
    values, failures = convert([good, None, bad, good], type_)
    assert list(failures) == [2]
    assert values == [one(good, type_), None, None, one(good, type_)]


def test_a_long_or_odd_value_is_shortened_for_the_message() -> None:
    assert len(reason("x" * 5000, DataType.INTEGER)) < 80
    assert "\a" not in reason("\a\n", DataType.BOOLEAN)


_MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1))  # noqa: DTZ001 - made aware below
_OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.lists(_MOMENTS, min_size=1), _OFFSETS)
def test_quick_and_general_reading_of_dates_agree(moments: list[datetime], zone: timezone) -> None:
    expected = [moment.replace(tzinfo=UTC, microsecond=0).strftime("%Y-%m-%dT%H:%M:%SZ") for moment in moments]
    aware = [moment.replace(tzinfo=UTC, microsecond=0) for moment in moments]
    for column in (
        [format_datetime(moment) for moment in aware],
        [moment.isoformat() for moment in aware],
        [moment.isoformat().replace("+00:00", "Z") for moment in aware],
        [format_datetime(moment.astimezone(zone)) for moment in aware],
        [moment.astimezone(zone).isoformat() for moment in aware],
    ):
        assert convert(list(column), DataType.DATETIME) == (expected, {})
        assert [parse_moment(text) for text in column] == expected


@given(st.lists(st.decimals(allow_nan=False, allow_infinity=False, places=4), min_size=1))
def test_money_is_never_changed(amounts: list[Any]) -> None:
    column = [format(amount, "f") for amount in amounts]
    assert convert(column, DataType.DECIMAL)[0] == column
    assert convert([NUMBER(text) for text in column], DataType.DECIMAL)[0] == column


@given(st.lists(st.none() | st.text(max_size=8) | st.text(alphabet="0123456789.,-+eE", max_size=8)))
def test_a_column_is_converted_as_its_values_are_one_by_one(column: list[Any]) -> None:
    for type_ in (DataType.TEXT, DataType.INTEGER, DataType.DECIMAL, DataType.BOOLEAN, DataType.DATETIME):
        values, failures = convert(column, type_)
        singles = [convert([value], type_) for value in column]
        assert values == [single[0][0] for single in singles]
        assert failures == {index: single[1][0] for index, single in enumerate(singles) if single[1]}
