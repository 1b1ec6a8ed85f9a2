"""Rows are found again by the ids they were read with, whatever their keys hold; and by the window they changed in."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import msgspec
import pytest

from agent.domain.errors import ConfigurationError
from tests.connectors.sql.places import Place, SqlitePlace, documents, ids, opened, read, read_request


async def again(place: Place, table: str, chosen: list[str], **options: str) -> list[str]:
    """The ids of what is found by these ids."""
    async with opened(place) as connection:
        return ids(await read(connection, replace(read_request(table, options=options), ids=chosen)))


async def every(place: Place, table: str, **options: str) -> list[str]:
    async with opened(place) as connection:
        return ids(await read(connection, read_request(table, options=options)))


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("integer", ["7", "-3", "0", "12"]),
        ("bigint", ["9007199254740993", "-9223372036854775808"]),
        ("varchar(40)", ["'7'", "'a,b'", "'O''Hara'", "'x/y\\z'", "''", "'Zoë'"]),
        ("numeric(10,2)", ["1.50", "7", "-0.25"]),
        ("date", ["'2026-01-31'", "'2024-02-29'"]),
        ("timestamp", ["'2026-01-31 09:15:00'", "'2026-01-31 09:15:00.123456'"]),
    ],
)
async def test_rows_are_found_by_the_ids_that_they_were_read_with(place: Place, column: str, values: list[str]) -> None:
    rows = ", ".join(f"({value}, 1)" for value in values)
    place.run(f"CREATE TABLE things (k {column} PRIMARY KEY, n integer)", f"INSERT INTO things VALUES {rows}")
    known = await every(place, "things")
    assert len(known) == len(values)
    assert sorted(await again(place, "things", known)) == sorted(known)
    assert await again(place, "things", known[1:2]) == known[1:2]


async def test_rows_with_a_key_of_several_columns_are_found(place: Place) -> None:
    place.run(
        "CREATE TABLE pieces (code varchar(9), line integer, n integer, PRIMARY KEY (code, line))",
        "INSERT INTO pieces VALUES ('a', 1, 1), ('a', 2, 1), ('a/1', 1, 1), ('b\\', 1, 1), ('', 3, 1)",
    )
    known = await every(place, "pieces")
    assert sorted(known) == ["/3", "a/1", "a/2", "a\\/1/1", "b\\\\/1"]
    assert sorted(await again(place, "pieces", known)) == sorted(known)
    assert await again(place, "pieces", ["a/2", "a", "a/x", "a/2/3", "c/1"]) == ["a/2"]


async def test_an_id_that_no_row_can_have_finds_nothing(place: Place) -> None:
    place.run("CREATE TABLE things (k integer PRIMARY KEY)", "INSERT INTO things VALUES (1), (2)")
    assert await again(place, "things", ["2", "x", "1.5", "99999999999", "9" * 40, ""]) == ["2"]
    assert await again(place, "things", ["x"]) == []


async def test_rows_of_an_incremental_read_are_found_whatever_their_time(place: Place) -> None:
    place.run(
        "CREATE TABLE things (k integer PRIMARY KEY, at timestamp)",
        "INSERT INTO things VALUES (1, '2026-01-01 00:00:00'), (2, NULL), (3, '2026-03-01 00:00:00')",
    )
    assert sorted(await again(place, "things", ["1", "2"], incremental="at")) == ["1", "2"]


async def test_rows_of_a_query_are_found(place: Place) -> None:
    place.run("CREATE TABLE things (k integer PRIMARY KEY, n integer)", "INSERT INTO things VALUES (1, 5), (2, 6)")
    found = await again(place, "things", ["2", "1"], query="SELECT k, n FROM things WHERE n > 5", key="k")
    assert found == ["2"]


BYTES = {
    "sqlite": ("BLOB", "x'{}'"),
    "postgresql": ("bytea", "'\\x{}'"),
    "mariadb": ("varbinary(9)", "x'{}'"),
}


async def test_rows_are_found_by_bytes(place: Place) -> None:
    kind, mark = BYTES[place.kind]
    values = ["00ff", "", "616263", "27", "5c25"]
    rows = ", ".join(f"({mark.format(value)}, 1)" for value in values)
    place.run(f"CREATE TABLE things (k {kind} PRIMARY KEY, n integer)", f"INSERT INTO things VALUES {rows}",
              f"CREATE TABLE pieces (k {kind}, line integer, n integer, PRIMARY KEY (k, line))",
              f"INSERT INTO pieces VALUES ({mark.format('00ff')}, 1, 1), ({mark.format('2f')}, 1, 1)")  # fmt: skip
    known = await every(place, "things")
    assert sorted(known) == sorted(f"\\x{value}" for value in values)
    assert sorted(await again(place, "things", known)) == sorted(known)
    assert await again(place, "things", ["\\x616263", "abc", "\\xzz", "\\x1"]) == ["\\x616263"]
    pieces = await every(place, "pieces")
    assert sorted(await again(place, "pieces", pieces)) == sorted(pieces) == ["\\\\x00ff/1", "\\\\x2f/1"]


@pytest.mark.parametrize("column", ["REAL", "", "NUMERIC", "BLOB", "TEXT"])
async def test_rows_of_sqlite_are_found_whatever_type_their_keys_have(sqlite_place: SqlitePlace, column: str) -> None:
    values = ["1e20", "0.1 + 0.2", "1.5", "-7", "9007199254740993", "'x'", "'2.50'", "x'0001'", "1e-9", "9e999"]
    sqlite_place.run(f"CREATE TABLE things (k {column} PRIMARY KEY, n integer)",
                     *(f"INSERT INTO things VALUES ({value}, 1)" for value in values))  # fmt: skip
    known = await every(sqlite_place, "things")
    assert len(known) == len(values)
    for one in known:
        assert await again(sqlite_place, "things", [one]) == [one]
    async with opened(sqlite_place) as connection:
        for number, packet in enumerate(await read(connection, read_request("things", records=1)), 1):
            position = msgspec.json.decode(msgspec.json.encode(packet.position))
            assert ids(await read(connection, read_request("things", position=position))) == known[number:]


# -- windows -----------------------------------------------------------------------------------------------------------

WINDOW = (datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 1, 3, 12, tzinfo=UTC))


async def test_what_changed_in_a_window_is_read_both_ends_included(place: Place) -> None:
    moments = ["2026-01-01 23:59:59", "2026-01-02 00:00:00", "2026-01-03 12:00:00", "2026-01-03 12:00:01"]
    rows = ", ".join(f"({number}, '{moment}')" for number, moment in enumerate(moments))
    place.run(
        "CREATE TABLE things (k integer PRIMARY KEY, at timestamp)",
        f"INSERT INTO things VALUES {rows}, (9, NULL)",
    )
    request = replace(read_request("things", options={"incremental": "at"}), window=WINDOW)
    async with opened(place) as connection:
        packets = await read(connection, request)
    assert [document["k"] for document in documents(packets)] == [1, 2]


async def test_a_column_that_counts_changes_tells_no_window(place: Place) -> None:
    place.run("CREATE TABLE things (k integer PRIMARY KEY, version integer)", "INSERT INTO things VALUES (1, 1)")
    request = replace(read_request("things", options={"incremental": "version"}), window=WINDOW)
    async with opened(place) as connection:
        with pytest.raises(ConfigurationError) as caught:
            await read(connection, request)
    assert caught.value.code == "replay-unsupported"
    assert caught.value.remedy
