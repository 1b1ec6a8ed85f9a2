"""Tables, views and queries are read to the last row, however they change meanwhile."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from agent.domain.errors import ConfigurationError, FatalError
from agent.domain.packet import Packet
from tests.connectors.sql.places import Place, PostgresPlace, SqlitePlace, documents, ids, opened, read, read_request


def stocked(place: Place, count: int) -> None:
    """A table of stock levels."""
    sku = "'S' || substr(CAST(1000 + n AS varchar(4)), 2)"
    place.run(
        "CREATE TABLE stock (sku varchar(20) PRIMARY KEY, level integer NOT NULL)",
        f"INSERT INTO stock {numbers(count, sku, 'n')}",
    )


def numbers(count: int, *expressions: str) -> str:
    """A SELECT of expressions over n from 0 on."""
    return (
        f"WITH RECURSIVE many (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM many WHERE n + 1 < {count}) "
        f"SELECT {', '.join(expressions)} FROM many"
    )


async def test_a_table_is_read_in_packets_that_end_with_a_bookmark(place: Place) -> None:
    stocked(place, 250)
    async with opened(place) as connection:
        packets = await read(connection, read_request("stock"))
    assert [len(packet) for packet in packets] == [100, 100, 50]
    assert [packet.bookmark is not None for packet in packets] == [False, False, True]
    assert ids(packets) == [f"S{number:03}" for number in range(250)]
    assert documents(packets)[7] == {"sku": "S007", "level": 7}


@pytest.mark.parametrize("count", [0, 1, 100, 200])
async def test_a_read_always_ends_with_a_packet_that_carries_the_bookmark(place: Place, count: int) -> None:
    place.run("CREATE TABLE stock (sku integer PRIMARY KEY)")
    if count:
        place.run(f"INSERT INTO stock {numbers(count, 'n')}")
    async with opened(place) as connection:
        packets = await read(connection, read_request("stock"))
    assert [packet.bookmark is not None for packet in packets] == [False] * (len(packets) - 1) + [True]
    bookmark = packets[-1].bookmark
    assert bookmark is not None
    assert bookmark.moment is not None
    assert sum(map(len, packets)) == count


async def test_a_read_goes_on_from_any_position(place: Place) -> None:
    stocked(place, 25)
    async with opened(place) as connection:
        packets = await read(connection, read_request("stock", records=10))
        for number, packet in enumerate(packets, 1):
            position = msgspec.json.decode(msgspec.json.encode(packet.position))
            rest = await read(connection, read_request("stock", records=7, position=position))
            assert ids(rest) == ids(packets)[10 * number :]
            assert rest[-1].bookmark == packets[-1].bookmark


async def test_rows_that_come_change_and_go_meanwhile_let_no_other_be_skipped(place: Place) -> None:
    stocked(place, 100)
    async with opened(place) as connection:
        packets: list[Packet] = []
        async for packet in connection.read(read_request("stock", records=10)):
            packets.append(packet)
            last = packet.source_ids[-1]
            place.run(f"DELETE FROM stock WHERE sku <= '{last}'", f"INSERT INTO stock VALUES ('{last[:4]}x', 1)",
                      f"UPDATE stock SET level = level + 1 WHERE sku > '{last}'")  # fmt: skip
    assert {f"S{number:03}" for number in range(100)} <= set(ids(packets))


async def test_keys_of_several_columns_are_read_in_order(place: Place) -> None:
    place.run("CREATE TABLE prices (shop varchar(9), sku integer, price varchar(9), PRIMARY KEY (shop, sku))",
              "INSERT INTO prices " + numbers(20, "'a' || (n % 4)", "n", "'1'"))  # fmt: skip
    async with opened(place) as connection:
        packets = await read(connection, read_request("prices", records=3))
    assert ids(packets) == sorted((f"a{n % 4}/{n}" for n in range(20)), key=lambda one: (one[:2], int(one[3:])))


async def test_a_table_without_a_key_is_read_by_the_one_that_is_named(place: Place) -> None:
    place.run("CREATE TABLE stock (sku varchar(9), shop varchar(9), level integer)",
              "INSERT INTO stock " + numbers(30, "'S' || (n % 15)", "'b' || (n % 2)", "n"))  # fmt: skip
    async with opened(place) as connection:
        with pytest.raises(ConfigurationError) as missing:
            await read(connection, read_request("stock"))
        with pytest.raises(ConfigurationError) as twice:
            await read(connection, read_request("stock", options={"key": "sku"}, records=29))
        with pytest.raises(ConfigurationError) as across:
            await read(connection, read_request("stock", options={"key": "sku"}, records=1))
        packets = await read(connection, read_request("stock", options={"key": "sku, shop"}, records=7))
        place.run("UPDATE stock SET shop = NULL WHERE level = 17")
        with pytest.raises(ConfigurationError) as empty:
            await read(connection, read_request("stock", options={"key": "sku, shop"}))
    assert len(set(ids(packets))) == 30
    assert [one.value.code for one in (missing, twice, across, empty)] == [
        "missing-key", "key-not-unique", "key-not-unique", "key-empty",
    ]  # fmt: skip
    assert {one.value.field for one in (missing, twice, across, empty)} == {"key"}


async def test_views_are_read_like_tables(place: Place) -> None:
    stocked(place, 5)
    place.run("CREATE VIEW low AS SELECT sku, level FROM stock WHERE level < 3")
    async with opened(place) as connection:
        packets = await read(connection, read_request("low", options={"key": "sku"}, records=2))
    assert ids(packets) == ["S000", "S001", "S002"]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT sku, level * 2 AS twice FROM stock WHERE sku LIKE 'S%'",
        "SELECT sku, level * 2 AS twice FROM stock WHERE sku <> '?' AND sku <> ':x' ;  ",
        "SELECT sku, level * 2 AS twice FROM stock -- all of them",
        "WITH s AS (SELECT * FROM stock) SELECT sku, level * 2 AS twice FROM s ORDER BY level DESC",
    ],
)
async def test_a_query_is_read_like_a_table(place: Place, query: str) -> None:
    stocked(place, 5)
    async with opened(place) as connection:
        packets = await read(connection, read_request("stock", options={"query": query, "key": "sku"}, records=2))
    assert documents(packets) == [{"sku": f"S{number:03}", "twice": number * 2} for number in range(5)]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("SELECT nonsense FROM stock", "query-refused"),
        ("SELECT * FROM nowhere", "query-refused"),
        ("DELETE FROM stock", "query-refused"),
        ("SELECT * FROM stock; DELETE FROM stock", "query-refused"),
        ("SELECT * FROM stock) AS q; DELETE FROM stock; SELECT * FROM (SELECT * FROM stock", "query-refused"),
        ('SELECT sku, level AS "a", level AS "a" FROM stock', "column-twice"),
        ("SELECT level FROM stock", "unknown-column"),
    ],
)
async def test_a_query_that_is_wrong_or_writes_is_refused(place: Place, query: str, code: str) -> None:
    stocked(place, 5)
    if code == "column-twice" and place.kind == "sqlite":
        code = "missing"  # SQLite gives the second one another name
    async with opened(place) as connection:
        request = read_request("stock", options={"query": query, "key": "sku"})
        if code == "missing":
            await read(connection, request)
        else:
            with pytest.raises(ConfigurationError) as caught:
                await read(connection, request)
            assert (caught.value.code, caught.value.field) == (code, "key" if code == "unknown-column" else "query")
        assert len(documents(await read(connection, read_request("stock")))) == 5


async def test_a_function_that_writes_cannot_write(postgres_place: PostgresPlace) -> None:
    postgres_place.run(
        "CREATE TABLE stock (sku text PRIMARY KEY)", "INSERT INTO stock VALUES ('a')",
        "CREATE FUNCTION wipe() RETURNS text LANGUAGE sql AS $$ DELETE FROM stock RETURNING sku $$",
    )  # fmt: skip
    async with opened(postgres_place) as connection:
        with pytest.raises(ConfigurationError) as caught:
            await read(connection, read_request("stock", options={"query": "SELECT wipe() AS sku", "key": "sku"}))
        assert caught.value.code == "not-permitted"
        assert ids(await read(connection, read_request("stock"))) == ["a"]


async def test_a_query_that_fails_on_a_row_is_for_a_person(postgres_place: PostgresPlace) -> None:
    stocked(postgres_place, 3)
    async with opened(postgres_place) as connection:
        query = {"query": "SELECT sku, 1 / level AS part FROM stock", "key": "sku"}
        with pytest.raises(ConfigurationError) as caught:
            await read(connection, read_request("stock", options=query))
        assert caught.value.code == "query-failed"
        assert len(ids(await read(connection, read_request("stock")))) == 3


async def test_what_is_not_there_is_named(place: Place) -> None:
    stocked(place, 1)
    async with opened(place) as connection:
        with pytest.raises(ConfigurationError) as table:
            await read(connection, read_request("stick"))
        with pytest.raises(ConfigurationError) as key:
            await read(connection, read_request("stock", options={"key": "skuu"}))
        with pytest.raises(ConfigurationError) as column:
            await read(connection, read_request("stock", options={"incremental": "changed"}))
    assert (table.value.code, table.value.field) == ("table-missing", "stick")
    assert (key.value.code, key.value.field, key.value.remedy) == ("unknown-column", "key", "Did you mean sku?")
    assert (column.value.code, column.value.field) == ("unknown-column", "incremental")


async def test_a_file_that_is_not_there_is_not_made_by_reading(sqlite_place: SqlitePlace) -> None:
    async with opened(sqlite_place) as connection:
        with pytest.raises(ConfigurationError) as caught:
            await read(connection, read_request("stock"))
    assert (caught.value.code, caught.value.field) == ("file-missing", "database")
    assert not sqlite_place.path.exists()


@pytest.mark.parametrize(
    "position",
    [{}, {"part": "rows"}, {"part": "rows", "after": ["a", "b"], "began": "2026-01-01T00:00:00+00:00"},
     {"part": "rows", "after": ["S001"], "began": "yesterday"}],
)  # fmt: skip
async def test_a_damaged_position_stops_the_run(place: Place, position: dict[str, Any]) -> None:
    stocked(place, 3)
    async with opened(place) as connection:
        with pytest.raises(FatalError) as caught:
            await read(connection, read_request("stock", position=position))
    assert caught.value.code == "position-damaged"


# What a document holds


def exactly(packets: list[Packet]) -> list[dict[str, Any]]:
    """The documents, fractions as they are written."""
    return [json.loads(document, parse_float=str) for packet in packets for document in packet.documents]


async def test_documents_of_sqlite_hold_what_the_rows_hold(sqlite_place: SqlitePlace) -> None:
    sqlite_place.run(
        "CREATE TABLE things (id INTEGER PRIMARY KEY, price DECIMAL_TEXT, data JSON_TEXT, ok BOOLEAN, ratio REAL, "
        'bytes BLOB, moment DATETIME, anything, "quo""te" TEXT)',
        "INSERT INTO things VALUES (1, '12.3400', '{\"a\": [1, 2.50]}', 1, 0.1, x'00ff', '2026-01-31T09:15:00Z', NULL, "
        "'\"é\"')",
        "INSERT INTO things VALUES (2, 'dear', '{not json', 7, 9e999, NULL, NULL, 3, NULL)",
        "INSERT INTO things VALUES (9007199254740993, NULL, NULL, 0, 1.0, NULL, NULL, 'x', NULL)",
    )
    async with opened(sqlite_place) as connection:
        packets = await read(connection, read_request("things"))
    empty = dict.fromkeys(("price", "data", "bytes", "moment", "anything", 'quo"te'))
    assert exactly(packets) == [
        empty | {"id": 1, "price": "12.3400", "data": {"a": [1, "2.50"]}, "ok": True, "ratio": "0.1",
                 "bytes": "\\x00ff", "moment": "2026-01-31T09:15:00Z", 'quo"te': '"é"'},
        empty | {"id": 2, "price": "dear", "data": "{not json", "ok": 7, "ratio": "Infinity", "anything": 3},
        empty | {"id": 9007199254740993, "ok": False, "ratio": "1.0", "anything": "x"},
    ]  # fmt: skip


async def test_text_of_sqlite_that_is_not_utf8_is_read_as_well_as_can_be(sqlite_place: SqlitePlace) -> None:
    sqlite_place.run("CREATE TABLE things (id INTEGER PRIMARY KEY, x TEXT)",
                     "INSERT INTO things VALUES (1, CAST(x'4dfc6c6c6572' AS TEXT)), (2, 'Müller')")  # fmt: skip
    async with opened(sqlite_place) as connection:
        packets = await read(connection, read_request("things"))
    assert documents(packets) == [{"id": 1, "x": "M\ufffdller"}, {"id": 2, "x": "Müller"}]


async def test_documents_of_postgresql_hold_what_the_rows_hold(postgres_place: PostgresPlace) -> None:
    postgres_place.run(
        "CREATE TYPE mood AS ENUM ('good', 'bad')",
        "CREATE TABLE things (id bigint PRIMARY KEY, price numeric(12,4), data json, ok boolean, ratio float8, "
        "bytes bytea, moment timestamptz, local timestamp, day date, tags text[], mood mood, span int4range)",
        "INSERT INTO things VALUES (1, 12.34, '{\"a\": [1, 2.50]}', true, 0.1, '\\x00ff', '2026-01-31 10:15:00.5+01', "
        "'2026-01-31 09:15', '2026-01-31', '{a,b}', 'good', '[1,3)')",
        "INSERT INTO things VALUES (9007199254740993, 'NaN', NULL, false, 'Infinity')",
    )
    async with opened(postgres_place) as connection:
        packets = await read(connection, read_request("things"))
    empty = dict.fromkeys(("data", "bytes", "moment", "local", "day", "tags", "mood", "span"))
    assert exactly(packets) == [
        {"id": 1, "price": "12.3400", "data": {"a": [1, "2.50"]}, "ok": True, "ratio": "0.1", "bytes": "\\x00ff",
         "moment": "2026-01-31T09:15:00.5+00:00", "local": "2026-01-31T09:15:00", "day": "2026-01-31",
         "tags": ["a", "b"], "mood": "good", "span": "[1,3)"},
        empty | {"id": 9007199254740993, "price": "NaN", "ok": False, "ratio": "Infinity"},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("type_", "values"),
    [("blob", ["x'00'", "x'00ff'", "x'ff'"]), ("real", ["0.1", "1e300", "-5"]), ("", ["1", "'a'", "x'00'"])],
)
async def test_keys_of_sqlite_may_be_of_any_kind(sqlite_place: SqlitePlace, type_: str, values: list[str]) -> None:
    sqlite_place.run(f"CREATE TABLE things (k {type_} PRIMARY KEY)",
                     *[f"INSERT INTO things VALUES ({value})" for value in values])  # fmt: skip
    async with opened(sqlite_place) as connection:
        packets = await read(connection, read_request("things", records=1))
        position = msgspec.json.decode(msgspec.json.encode(packets[0].position))
        rest = await read(connection, read_request("things", records=1, position=position))
    assert len(ids(packets)) == len(values)
    assert ids(rest) == ids(packets)[1:]


@pytest.mark.parametrize(
    ("type_", "values"),
    [
        ("uuid", "('00000000-0000-0000-0000-000000000002'), ('00000000-0000-0000-0000-000000000001')"),
        (
            "timestamptz",
            "('2026-01-31 09:15:00.123456'), ('2026-01-31 09:15:00.123457'), ('infinity'), ('0044-03-15 BC')",
        ),
        ("numeric", "(1.10), (1.1000000000000000000001), (-5), (123456789012345678901234567890)"),
        ("double precision", "(0.1), (0.30000000000000004), (1e300)"),
        ("date", "('2026-01-31'), ('2025-01-31')"),
        ("bytea", "('\\x00'), ('\\xff'), ('\\x00ff')"),
        ("boolean", "(false), (true)"),
        ("char(5)", "('a'), ('ab '), ('b')"),
        ("inet", "('10.0.0.1'), ('9.0.0.1')"),
    ],
)
async def test_keys_of_postgresql_may_be_of_any_kind(postgres_place: PostgresPlace, type_: str, values: str) -> None:
    postgres_place.run(f"CREATE TABLE things (k {type_} PRIMARY KEY)", f"INSERT INTO things VALUES {values}")
    async with opened(postgres_place) as connection:
        packets = await read(connection, read_request("things", records=1))
        rest = await read(connection, read_request("things", records=1, position=packets[0].position))
    assert len(set(ids(packets))) == postgres_place.rows("SELECT count(*) FROM things")[0][0]
    assert ids(rest) == ids(packets)[1:]


@pytest.mark.parametrize("options", [{}, {"key": "n", "incremental": "sku"}])
@pytest.mark.parametrize("records", [1, 100])
async def test_a_key_that_is_no_text_is_refused_and_loses_no_row(
    sqlite_place: SqlitePlace, options: dict[str, str], records: int
) -> None:
    # Read as U+FFFD they would come before others than they do: rows would be left out, or be read again for ever.
    keys = [b"a", b"M\x80", b"M\xe9", b"M\xfcller", "Zoë".encode()]
    sqlite_place.run("CREATE TABLE stock (sku TEXT PRIMARY KEY, n INTEGER)",
                     *(f"INSERT INTO stock VALUES (CAST(x'{key.hex()}' AS TEXT), {number})"
                       for number, key in enumerate(keys)))  # fmt: skip
    async with opened(sqlite_place) as connection:
        with pytest.raises(ConfigurationError) as caught:
            await read(connection, read_request("stock", options=options, records=records))
        by_number = await read(connection, read_request("stock", options={"key": "n"}, records=records))
    assert (caught.value.code, "sku" in caught.value.message) == ("key-not-text", True)
    assert [document["sku"] for document in documents(by_number)] == ["a", "M\ufffd", "M\ufffd", "M\ufffdller", "Zoë"]
