"""With an incremental column only changes are read, and none is missed: ties, gaps, late commits, odd moments."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from agent.domain.errors import ConfigurationError
from agent.domain.packet import BY_HAND, Bookmark
from tests.connectors.sql.places import (
    Place,
    PostgresPlace,
    SqlitePlace,
    ids,
    opened,
    read,
    read_request,
)
from tests.connectors.sql.test_reading import numbers

BY_REVISION = {"incremental": "revision", "overlap": "0"}
BY_TIME = {"incremental": "changed"}


def revised(place: Place, count: int, per_revision: int) -> None:
    """Rows of which several share a revision."""
    place.run("CREATE TABLE stock (sku integer PRIMARY KEY, revision integer)",
              "INSERT INTO stock " + numbers(count, "n", f"(n - n % {per_revision}) / {per_revision}"))  # fmt: skip


def timed(place: Place, *moments: str) -> None:
    """Rows with these moments, numbered from 1."""
    kind = "timestamptz" if place.kind == "postgresql" else "DATETIME"
    rows = [f"INSERT INTO stock VALUES ({number}, '{moment}')" for number, moment in enumerate(moments, 1)]
    place.run(f"CREATE TABLE stock (sku integer PRIMARY KEY, changed {kind})", *rows)


async def changes(
    place: Place, options: dict[str, str], bookmark: Bookmark | None = None
) -> tuple[list[str], Bookmark]:
    """The ids of what is read, and the bookmark."""
    async with opened(place) as connection:
        packets = await read(connection, read_request("stock", options=options, bookmark=bookmark, records=3))
    assert packets[-1].bookmark is not None
    return ids(packets), packets[-1].bookmark


async def test_rows_that_share_a_value_are_all_read(place: Place) -> None:
    revised(place, 50, 10)
    found, bookmark = await changes(place, BY_REVISION)
    assert found == [str(number) for number in range(50)]
    place.run("INSERT INTO stock VALUES (-1, 4)")
    found, _ = await changes(place, BY_REVISION, bookmark)
    assert found == ["-1", *[str(number) for number in range(40, 50)]]


async def test_a_change_is_read_and_the_rest_is_not(place: Place) -> None:
    revised(place, 50, 1)
    _, bookmark = await changes(place, BY_REVISION)
    place.run("UPDATE stock SET revision = 60 WHERE sku = 7", "INSERT INTO stock VALUES (99, 61)")
    found, bookmark = await changes(place, BY_REVISION, bookmark)
    assert found == ["49", "7", "99"]
    found, _ = await changes(place, BY_REVISION, bookmark)
    assert found == ["99"]


async def test_rows_without_a_value_are_read_each_time_before_the_others(place: Place) -> None:
    revised(place, 7, 1)
    place.run(*[f"INSERT INTO stock VALUES ({number}, NULL)" for number in range(100, 107)])
    found, bookmark = await changes(place, BY_REVISION)
    assert found == [*[str(number) for number in range(100, 107)], *[str(number) for number in range(7)]]
    found, _ = await changes(place, BY_REVISION, bookmark)
    assert found == [*[str(number) for number in range(100, 107)], "6"]


async def test_an_interrupted_read_goes_on_in_either_part(place: Place) -> None:
    revised(place, 7, 2)
    place.run(*[f"INSERT INTO stock VALUES ({number}, NULL)" for number in range(100, 107)])
    async with opened(place) as connection:
        packets = await read(connection, read_request("stock", options=BY_REVISION, records=3))
        for number, packet in enumerate(packets, 1):
            request = read_request("stock", options=BY_REVISION, records=2, position=packet.position)
            rest = await read(connection, request)
            assert ids(rest) == [one for later in packets[number:] for one in later.source_ids]
            assert rest[-1].bookmark == packets[-1].bookmark


async def test_a_row_that_moves_on_while_it_is_read_is_not_missed(place: Place) -> None:
    revised(place, 30, 1)
    found: list[str] = []
    async with opened(place) as connection:
        async for packet in connection.read(read_request("stock", options=BY_REVISION, records=5)):
            found += packet.source_ids
            if len(found) == 5:
                place.run("UPDATE stock SET revision = 100 + sku WHERE sku IN (0, 17, 29)")
    assert set(found) == {str(number) for number in range(30)}


async def test_the_bookmark_stays_when_nothing_is_there(place: Place) -> None:
    revised(place, 3, 1)
    _, bookmark = await changes(place, BY_REVISION)
    place.run("DELETE FROM stock")
    assert await changes(place, BY_REVISION, bookmark) == ([], bookmark)


async def test_an_empty_table_is_read_from_the_beginning_next_time(place: Place) -> None:
    place.run("CREATE TABLE stock (sku integer PRIMARY KEY, revision integer)")
    _, bookmark = await changes(place, BY_REVISION)
    place.run("INSERT INTO stock VALUES (1, -5)")
    found, _ = await changes(place, BY_REVISION, bookmark)
    assert found == ["1"]


async def test_a_bookmark_of_another_column_or_table_is_not_used(place: Place) -> None:
    revised(place, 5, 1)
    _, bookmark = await changes(place, BY_REVISION)
    found, _ = await changes(place, {"incremental": "sku"}, bookmark)
    assert len(found) == 5
    place.run("CREATE TABLE other (sku integer PRIMARY KEY, revision integer)", "INSERT INTO other VALUES (1, 1)")
    async with opened(place) as connection:
        packets = await read(connection, read_request("other", options=BY_REVISION, bookmark=bookmark))
    assert ids(packets) == ["1"]


async def test_numbers_may_overlap(place: Place) -> None:
    revised(place, 50, 1)
    _, bookmark = await changes(place, {"incremental": "revision", "overlap": "5"})
    found, _ = await changes(place, {"incremental": "revision", "overlap": "5"}, bookmark)
    assert found == [str(number) for number in range(44, 50)]


async def test_a_count_that_is_none_is_refused(place: Place) -> None:
    revised(place, 1, 1)
    with pytest.raises(ConfigurationError) as caught:
        await changes(place, {"incremental": "revision", "overlap": "a day"})
    assert (caught.value.code, caught.value.field) == ("option-format", "overlap")


# Moments


async def test_moments_overlap_by_a_minute(place: Place) -> None:
    timed(place, "2026-01-31T09:00:00Z", "2026-01-31T09:14:00Z", "2026-01-31T09:15:00Z", "2026-01-31T09:14:00.5Z")
    _, bookmark = await changes(place, BY_TIME)
    assert bookmark.moment == datetime(2026, 1, 31, 9, 14, tzinfo=UTC)
    found, _ = await changes(place, BY_TIME, bookmark)
    assert set(found) == {"2", "3", "4"}
    place.run("UPDATE stock SET changed = '2026-01-31T09:15:01Z' WHERE sku = 1")
    found, bookmark = await changes(place, BY_TIME, bookmark)
    assert set(found) == {"1", "2", "3", "4"}
    assert bookmark.moment == datetime(2026, 1, 31, 9, 14, 1, tzinfo=UTC)


async def test_a_fraction_of_a_second_is_not_lost_beside_a_whole_one(place: Place) -> None:
    timed(place, "2026-01-31T09:15:00Z")
    _, bookmark = await changes(place, {"incremental": "changed", "overlap": "0"})
    place.run("INSERT INTO stock VALUES (2, '2026-01-31T09:15:00.25Z')")
    found, _ = await changes(place, {"incremental": "changed", "overlap": "0"}, bookmark)
    assert "2" in found


async def test_a_moment_in_the_future_does_not_hide_what_comes_before_it(place: Place) -> None:
    timed(place, "2026-01-31T09:15:00Z", "9999-12-31T23:59:59Z")
    before = datetime.now(UTC)
    _, bookmark = await changes(place, BY_TIME)
    assert bookmark.moment is not None
    assert before - timedelta(seconds=65) < bookmark.moment <= datetime.now(UTC)
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    place.run(f"INSERT INTO stock VALUES (3, '{now}')")
    found, _ = await changes(place, BY_TIME, bookmark)
    assert set(found) == {"2", "3"}


@pytest.mark.parametrize(
    ("type_", "values"),
    [
        ("timestamp", ["2026-01-31 09:15:00", "2026-01-31 09:16:00", "infinity"]),
        ("date", ["2026-01-31", "2026-02-01"]),
        ("numeric", ["1.5", "2.75"]),
        ("text", ["a", "b"]),
        ("double precision", ["0.1", "0.30000000000000004"]),
    ],
)
async def test_columns_of_other_types_can_be_followed(
    postgres_place: PostgresPlace, type_: str, values: list[str]
) -> None:
    postgres_place.run(f"CREATE TABLE stock (sku integer PRIMARY KEY, changed {type_})",
                       *[f"INSERT INTO stock VALUES ({n}, '{value}')" for n, value in enumerate(values)])  # fmt: skip
    found, bookmark = await changes(postgres_place, {"incremental": "changed", "overlap": "0"})
    assert len(found) == len(values)
    found, _ = await changes(postgres_place, {"incremental": "changed", "overlap": "0"}, bookmark)
    assert found[-1] == str(len(values) - 1)


@pytest.mark.parametrize(
    ("first", "second", "third"),
    [
        ("2026-01-31 09:15:00", "2026-01-31 09:15:00", "2026-01-31 09:17:00"),
        ("2026-01-31T09:15:00.000Z", "2026-01-31T09:15:00.001Z", "2026-01-31T09:17:00.000Z"),
        ("2026-01-31T09:15:00+02:00", "2026-01-31T09:15:00+02:00", "2026-01-31T09:17:00+02:00"),
        ("1769850900", "1769850900", "1769851020"),
        ("version 1", "version 1", "version 2"),
    ],
)
async def test_moments_may_be_written_in_several_ways_in_sqlite(
    sqlite_place: SqlitePlace, first: str, second: str, third: str
) -> None:
    before = "1" if first.isdigit() else "version 0" if first.startswith("version") else "0000"
    timed(sqlite_place, before, first)
    _, bookmark = await changes(sqlite_place, BY_TIME)
    sqlite_place.run(f"INSERT INTO stock VALUES (3, '{second}')", f"INSERT INTO stock VALUES (4, '{third}')")
    found, _ = await changes(sqlite_place, BY_TIME, bookmark)
    assert found == ["2", "3", "4"]


async def test_a_table_that_is_read_whole_gives_the_moment_at_which_it_was_read(place: Place) -> None:
    timed(place, "2026-01-31T09:15:00Z")
    before = datetime.now(UTC)
    _, bookmark = await changes(place, {})
    assert bookmark.moment is not None
    assert before - timedelta(seconds=65) < bookmark.moment < datetime.now(UTC) - timedelta(seconds=55)


async def test_a_bookmark_that_a_person_set_is_read_from_its_moment_on(place: Place) -> None:
    timed(place, "2026-01-01 10:00:00", "2026-01-02 10:00:00", "2026-01-03 10:00:00")
    by_hand = Bookmark(datetime(2026, 1, 2, 10, tzinfo=UTC), {BY_HAND: True})
    found, bookmark = await changes(place, BY_TIME, by_hand)
    assert found == ["2", "3"]
    assert BY_HAND not in bookmark.detail
    place.run("INSERT INTO stock VALUES (9, '2026-02-03 10:00:00')")
    assert "9" in (await changes(place, BY_TIME, bookmark))[0]
    assert "1" not in (await changes(place, BY_TIME, bookmark))[0]


async def test_a_moment_says_nothing_where_a_number_tells_what_changed(place: Place) -> None:
    revised(place, 3, 1)
    with pytest.raises(ConfigurationError) as caught:
        await changes(place, BY_REVISION, Bookmark(datetime(2026, 1, 2, tzinfo=UTC), {BY_HAND: True}))
    assert caught.value.code == "bookmark-unsupported"
    assert "Clear the bookmark" in caught.value.remedy


ONLY_SQLITE = pytest.mark.parametrize("place", ["sqlite"], indirect=True)


@ONLY_SQLITE
async def test_a_bookmark_set_by_hand_takes_every_way_to_write_its_second_and_its_day(place: Place) -> None:
    seconds = ("2026-01-01T09:14:59Z", "2026-01-01T09:15:00Z", "2026-01-01T09:15:00.500Z", "2026-01-01T09:15:01Z")
    timed(place, *seconds)
    by_hand = Bookmark(datetime(2026, 1, 1, 9, 15, tzinfo=UTC), {BY_HAND: True})
    assert sorted((await changes(place, BY_TIME, by_hand))[0]) == ["2", "3", "4"]
    place.run("DELETE FROM stock", "INSERT INTO stock VALUES (1, '2025-12-31'), (2, '2026-01-01'), (3, '2026-01-02')")
    assert sorted((await changes(place, BY_TIME, by_hand))[0]) == ["2", "3"]


@ONLY_SQLITE
async def test_exact_numbers_that_are_kept_as_texts_are_not_read_by(place: Place) -> None:
    place.run("CREATE TABLE stock (sku integer PRIMARY KEY, version DECIMAL_TEXT)",
              "INSERT INTO stock VALUES (1, '8'), (2, '9')")  # fmt: skip
    with pytest.raises(ConfigurationError) as raised:
        await changes(place, {"incremental": "version"})
    assert raised.value.code == "incremental-unfit"


@ONLY_SQLITE
async def test_keys_that_the_column_takes_for_the_same_are_all_read(place: Place) -> None:
    place.run("CREATE TABLE stock (sku text COLLATE NOCASE, n integer)",
              "INSERT INTO stock VALUES ('0', 0), ('A', 1), ('a', 2), ('z', 3)")  # fmt: skip
    async with opened(place) as connection:
        packets = await read(connection, read_request("stock", options={"key": "sku"}, records=1))
    assert sorted(ids(packets)) == ["0", "A", "a", "z"]


@ONLY_SQLITE
async def test_a_moment_is_not_compared_with_versions(place: Place) -> None:
    place.run("CREATE TABLE stock (sku integer PRIMARY KEY, version)", "INSERT INTO stock VALUES (1, 5), (2, 6)")
    by_hand = Bookmark(datetime(2026, 1, 1, tzinfo=UTC), {BY_HAND: True})
    options = {"query": "SELECT sku, version FROM stock", "key": "sku", "incremental": "version"}
    with pytest.raises(ConfigurationError):
        await changes(place, options, by_hand)
