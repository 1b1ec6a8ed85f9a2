"""Odd values in an incremental column, and columns of days, hide no change."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from agent.connectors.contract import SentClause
from agent.connectors.sql import moments
from agent.connectors.sql.tables import Column, Family
from agent.domain.packet import BY_HAND, Bookmark
from tests.connectors.sql.places import Place, SqlitePlace, ids, opened, read, read_request
from tests.connectors.sql.test_reading_changes import BY_TIME, changes

NOW, TODAY = "%Y-%m-%d %H:%M", "%Y-%m-%d"
ODD = {
    "a text": ("varchar(40)", "2026-01-01T00:00:00", "2026-01-02T00:00:00", "n/a"),
    "a day that is far ahead": ("varchar(40)", "2026-01-01", TODAY, "9999-12-31"),
    "a day far ahead of days": ("date", "2026-01-01", TODAY, "9999-12-31"),
    "a minute far ahead": ("varchar(40)", "2026-01-01 10:00", NOW, "9999-01-01 10:00"),
}
"""The type of a column, a value, a later one (as the present time is written), and an odd one."""


@pytest.mark.parametrize("odd", ODD)
async def test_an_odd_value_hides_no_later_change(place: Place, odd: str) -> None:
    kind, value, later, odd_one = ODD[odd]
    place.run(f"CREATE TABLE stock (sku integer PRIMARY KEY, changed {kind})",
              f"INSERT INTO stock VALUES (1, '{value}'), (2, '{odd_one}')")  # fmt: skip
    _, bookmark = await changes(place, BY_TIME)
    for number in (77, 78):
        place.run(f"INSERT INTO stock VALUES ({number}, '{datetime.now(UTC):{later}}')")
        found, bookmark = await changes(place, BY_TIME, bookmark)
        assert str(number) in found


@pytest.mark.parametrize("values", [(10, 20, "n/a"), ("n/a", 10, 20), (10, 20, 30.5, "2026-01-01T00:00:00Z")])
async def test_a_text_among_numbers_hides_no_later_number(
    sqlite_place: SqlitePlace, values: tuple[object, ...]
) -> None:
    rows = [f"INSERT INTO stock VALUES ({number}, {value!r})" for number, value in enumerate(values, 1)]
    sqlite_place.run("CREATE TABLE stock (sku integer PRIMARY KEY, changed)", *rows)
    _, bookmark = await changes(sqlite_place, BY_TIME)
    sqlite_place.run("INSERT INTO stock VALUES (77, 40)")
    found, _ = await changes(sqlite_place, BY_TIME, bookmark)
    assert "77" in found
    assert "1" not in found or values[0] == "n/a"


async def test_texts_that_are_no_moments_are_read_by_as_they_are(place: Place) -> None:
    place.run("CREATE TABLE stock (sku integer PRIMARY KEY, changed varchar(40))",
              *(f"INSERT INTO stock VALUES ({number}, 'r{number:04}')" for number in range(1, 6)))  # fmt: skip
    _, bookmark = await changes(place, BY_TIME)
    place.run("INSERT INTO stock VALUES (77, 'r0006')")
    found, _ = await changes(place, BY_TIME, bookmark)
    assert found == ["5", "77"]


async def test_a_read_that_goes_on_still_knows_what_it_has_seen(sqlite_place: SqlitePlace) -> None:
    sqlite_place.run("CREATE TABLE stock (sku integer PRIMARY KEY, changed text)",
                     "INSERT INTO stock VALUES (1, '2026-01-01T00:00:00'), (2, 'n/a'), (3, 'n/a')")  # fmt: skip
    async with opened(sqlite_place) as connection:
        packets = await read(connection, read_request("stock", options=BY_TIME, records=1))
        again = read_request("stock", options=BY_TIME, records=1, position=packets[0].position)
        rest = await read(connection, again)
    assert rest[-1].bookmark == packets[-1].bookmark


async def test_a_filter_is_written_as_most_values_are(sqlite_place: SqlitePlace) -> None:
    sqlite_place.run("CREATE TABLE stock (sku integer PRIMARY KEY, changed text)",
                     "INSERT INTO stock VALUES (1, 'n/a'), (2, '2026-01-01 10:00:00'), "
                     "(3, '2026-01-01 08:00:00')")  # fmt: skip
    clause = SentClause("changed", ">=", "2026-01-01T09:00:00Z")
    async with opened(sqlite_place) as connection:
        assert ids(await read(connection, read_request("stock", clause))) == ["1", "2"]


# Days


@pytest.mark.parametrize("operator", [">=", ">"])
async def test_what_is_dated_today_is_later_than_a_moment_of_today(place: Place, operator: str) -> None:
    place.run("CREATE TABLE stock (sku integer PRIMARY KEY, changed date)",
              "INSERT INTO stock VALUES (1, '2026-01-02'), (2, '2026-01-05'), (3, '2026-01-06')")  # fmt: skip
    clause = SentClause("changed", operator, "2026-01-05T14:30:00Z")
    moment = datetime(2026, 1, 5, 14, 30, tzinfo=UTC)
    async with opened(place) as connection:
        assert ids(await read(connection, read_request("stock", clause))) == ["2", "3"]
        by_hand = read_request("stock", options=BY_TIME, bookmark=Bookmark(moment=moment, detail={BY_HAND: True}))
        assert ids(await read(connection, by_hand)) == ["2", "3"]
        day = SentClause("changed", operator, "2026-01-05")
        assert ids(await read(connection, read_request("stock", day))) == (["2", "3"] if operator == ">=" else ["3"])
        before = SentClause("changed", operator.replace(">", "<"), "2026-01-05T14:30:00Z")
        assert ids(await read(connection, read_request("stock", before))) == ["1", "2"]


async def test_what_is_dated_today_is_read_although_today_was_read(place: Place) -> None:
    today, yesterday = (datetime.now(UTC).date() - timedelta(days) for days in (0, 1))
    place.run("CREATE TABLE stock (sku integer PRIMARY KEY, changed date)",
              f"INSERT INTO stock VALUES (1, '{yesterday}'), (2, '{today}')")  # fmt: skip
    _, bookmark = await changes(place, BY_TIME)
    place.run(f"INSERT INTO stock VALUES (3, '{yesterday}'), (4, '{today}')")
    found, _ = await changes(place, BY_TIME, bookmark)
    assert {"3", "4"} <= set(found)


def test_the_days_of_a_moment_are_those_of_this_computer_too() -> None:
    moment, days = datetime(2026, 1, 5, 2, tzinfo=UTC), Column("d", "date", Family.DATE)
    bound, _ = moments.earlier(days, "9999-12-31", overlap=0, usual=0, now=moment)
    assert bound == moments.first_day(moment).isoformat()
    assert moments.first_day(moment) == min(moment.date(), moment.astimezone().date())
    assert moments.first_day(datetime.min.replace(tzinfo=UTC)) == date.min
