"""What a preview is told of a database: what is there, in the values of a packet, and nothing is touched."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

import pytest

from agent.connectors.contract import Present, WriteTarget
from agent.connectors.sql.connector import SqlConnection
from agent.domain.app import Attribute, DataType
from agent.domain.errors import ConfigurationError
from agent.domain.packet import Row
from tests.connectors.sql.places import ID, Place, PostgresPlace, SqlitePlace, batch, opened, target, write

NAME = Attribute("name")
TOTAL = Attribute("total", DataType.DECIMAL)
TAXES = Attribute(
    "taxes",
    DataType.COLLECTION,
    members=(Attribute("code", primary=True), Attribute("amount", DataType.DECIMAL)),
)
LINES = Attribute(
    "lines",
    DataType.COLLECTION,
    members=(Attribute("id", DataType.INTEGER, primary=True), Attribute("sku"), TAXES),
)
NOTES = Attribute("notes", DataType.COLLECTION, members=(Attribute("text"),))
ORDER = (ID, NAME, TOTAL, LINES, NOTES)


async def present(
    connection: SqlConnection, table: str, attributes: Sequence[Attribute], rows: Iterable[Row], /, **options: str
) -> Present:
    """What the database holds of rows."""
    return await connection.present(target(table, **options), batch(attributes, rows))


def order(number: int, *, name: str = "Ann", total: str = "10.0") -> Row:
    lines: list[Row] = [(1, "A", [("eco", "0.1"), ("vat", "1.95")]), (2, "B", [])]
    return (number, name, total, lines, [("first",), ("second",)])


async def test_what_was_written_comes_back_as_it_was_given_with_all_that_is_below(place: Place) -> None:
    rows = [order(1), order(2)]
    async with opened(place) as connection:
        await write(connection, "orders", ORDER, rows)
        found = await present(connection, "orders", ORDER, [order(2, total="10.00"), order(3), order(1)])
    assert found.rows == [order(2, total="10.00"), None, order(1)]
    assert found.destination_ids == ["2", "3", "1"]
    assert (found.failures, found.skipped, found.changes) == ({}, {}, [])


async def test_what_differs_comes_as_the_database_holds_it(place: Place) -> None:
    attributes = (
        ID,
        NAME,
        TOTAL,
        Attribute("paid", DataType.BOOLEAN),
        Attribute("at", DataType.DATETIME),
        Attribute("raw", DataType.JSON),
    )
    async with opened(place) as connection:
        await write(
            connection, "orders", attributes, [(1, "Ann", "10.55", True, "2026-01-31T09:15:00Z", '{"a": 1}'),
                                               (2, None, None, None, None, None)],
        )  # fmt: skip
        given = (7, "Bob", "11", False, "2026-02-01T00:00:00.5Z", '{"a": 2}')
        found = await present(connection, "orders", attributes, [(1, *given[1:]), (2, *given[1:])])
    first = found.rows[0]
    assert first is not None
    assert first[:5] == (1, "Ann", "10.55", True, "2026-01-31T09:15:00Z")
    assert str(first[5]).replace(" ", "") == '{"a":1}'
    assert found.rows[1] == (2, None, None, None, None, None)


async def test_child_records_that_changed_came_or_went_are_told_apart(place: Place) -> None:
    async with opened(place) as connection:
        await write(connection, "orders", ORDER, [order(1)])
        lines: list[Row] = [(2, "B2", [("vat", "3")]), (3, "C", [])]
        found = await present(connection, "orders", ORDER, [(1, "Ann", "10.0", lines, [("first",), ("changed",)])])
    row = found.rows[0]
    assert row is not None
    assert row[3] == [(2, "B", []), (1, "A", [("eco", "0.1"), ("vat", "1.95")])]
    assert row[4] == [("first",), ("second",)]


async def test_a_record_that_comes_twice_meets_itself(place: Place) -> None:
    async with opened(place) as connection:
        await write(connection, "orders", (ID, NAME), [(1, "Ann")])
        found = await present(connection, "orders", (ID, NAME), [(1, "Bea"), (1, "Cem"), (2, "Dan"), (2, "Dan")])
    assert found.rows == [(1, "Ann"), (1, "Bea"), None, (2, "Dan")]


async def test_keys_of_several_columns_find_their_rows(place: Place) -> None:
    key = (Attribute("shop", primary=True), Attribute("number", DataType.INTEGER, primary=True), NAME)
    rows: list[Row] = [(shop, number, f"{shop}{number}") for shop in ("a", "b/c") for number in range(700)]
    async with opened(place) as connection:
        await write(connection, "orders", key, rows)
        found = await present(connection, "orders", key, [*rows, ("c", 1, "c1")])
    assert found.rows == [*rows, None]
    assert found.destination_ids[-2:] == ["b\\/c/699", "c/1"]


async def test_tables_and_columns_that_would_be_made_are_told_and_not_made(place: Place) -> None:
    place.run("CREATE TABLE customers (id bigint PRIMARY KEY)", "INSERT INTO customers VALUES (1)")
    async with opened(place) as connection:
        orders = await present(connection, "orders", ORDER, [order(1)])
        customers = await present(connection, "customers", (ID, NAME, TOTAL), [(1, "Ann", "1"), (2, "Bob", "2")])
        again = await present(connection, "orders", ORDER, [order(1)])
    assert orders.rows == again.rows == [None]
    assert list(orders.changes) == [
        f"The table {table} would be made."
        for table in ("orders", "orders_lines", "orders_lines_taxes", "orders_notes")
    ]
    assert customers.rows == [(1, None, None), None]
    assert list(customers.changes) == ["The table customers would get the columns name, total."]
    assert place.rows("SELECT * FROM customers") == [(1,)]


async def test_where_tables_are_kept_as_they_are_a_missing_one_is_refused_as_when_writing(place: Place) -> None:
    place.run("CREATE TABLE customers (id bigint PRIMARY KEY)")
    async with opened(place) as connection:
        with pytest.raises(ConfigurationError) as missing:
            await present(connection, "orders", ORDER, [order(1)], table="keep")
        with pytest.raises(ConfigurationError) as narrow:
            await present(connection, "customers", (ID, NAME), [(1, "Ann")], table="keep")
    assert (missing.value.code, narrow.value.code) == ("table-missing", "column-missing")


async def test_a_value_that_the_table_demands_and_the_record_lacks_is_foreseen(place: Place) -> None:
    place.run("CREATE TABLE orders (id bigint PRIMARY KEY, name varchar(20) NOT NULL)")
    async with opened(place) as connection:
        found = await present(connection, "orders", (ID, NAME), [(1, "Ann"), (2, None)])
        written = await write(connection, "orders", (ID, NAME), [(1, "Ann"), (2, None)])
    assert {index: error.message for index, error in found.failures.items()} == {
        index: error.message for index, error in written.failures.items()
    }
    assert found.destination_ids == ["1", ""]


async def test_a_file_that_is_not_there_is_not_made(sqlite_place: SqlitePlace) -> None:
    async with opened(sqlite_place) as connection:
        found = await present(connection, "orders", (ID, NAME), [(1, "Ann"), (1, "Bob")])
    assert found.rows == [None, (1, "Ann")]
    assert list(found.changes) == [
        f"The database file {sqlite_place.path} would be made.",
        "The table orders would be made.",
    ]
    assert not sqlite_place.path.exists()
    with pytest.raises(ConfigurationError) as kept:
        async with opened(sqlite_place) as connection:
            await present(connection, "orders", (ID, NAME), [(1, "Ann")], table="keep")
    assert kept.value.code == "table-missing"


async def test_what_the_server_would_round_or_write_in_its_own_way_is_no_change(postgres_place: PostgresPlace) -> None:
    postgres_place.run(
        "CREATE TABLE orders (id bigint PRIMARY KEY, price numeric(10,2), code char(5), guid uuid, at timestamp(0), "
        "day date, rate real, note varchar(3))"
    )
    attributes = (
        ID, Attribute("price", DataType.DECIMAL), Attribute("code"), Attribute("guid"),
        Attribute("at", DataType.DATETIME), Attribute("day"), Attribute("rate", DataType.DECIMAL), Attribute("note"),
    )  # fmt: skip
    guid = "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"
    row: Row = (1, "10.005", "AB", guid, "2026-01-31T09:15:00.4Z", "2026-01-31", "0.1", "abc")
    changed: Row = (1, "10.02", "AC", "no-guid", "2026-01-31T09:16:00Z", "31 Feb", "0.2", "abcd")
    async with opened(postgres_place) as connection:
        await write(connection, "orders", attributes, [row])
        found = await present(connection, "orders", attributes, [row])
        other = await present(connection, "orders", attributes, [changed])
    assert found.rows == [row]
    assert other.rows == [(1, "10.01", "AB", guid.lower(), "2026-01-31T09:15:00Z", "2026-01-31", "0.1", "abc")]


async def test_a_key_that_the_column_cannot_hold_fails_alone(postgres_place: PostgresPlace) -> None:
    postgres_place.run("CREATE TABLE orders (guid uuid PRIMARY KEY, name text)")
    attributes = (Attribute("guid", primary=True), NAME)
    fine = [(f"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a{number}", "Ann") for number in (11, 12)]
    async with opened(postgres_place) as connection:
        await write(connection, "orders", attributes, [fine[0]])
        found = await present(connection, "orders", attributes, [fine[0], ("none", "Bob"), fine[1]])
    assert found.rows == [fine[0], None, None]
    assert list(found.failures) == [1]
    assert "uuid" in found.failures[1].message


async def test_nobody_has_to_wait_for_a_preview(place: Place) -> None:
    async with opened(place) as writing, opened(place) as looking:
        await write(writing, "orders", (ID, NAME), [(1, "Ann")])
        found, _ = await asyncio.gather(
            present(looking, "orders", (ID, NAME), [(number, "Ann") for number in range(2_000)]),
            write(writing, "orders", (ID, NAME), [(number, "Bob") for number in range(2_000)]),
        )
    assert len(found.rows) == 2_000
    assert place.rows("SELECT count(*) FROM orders WHERE name = 'Bob'") == [(2_000,)]


async def test_another_action_is_refused(place: Place) -> None:
    async with opened(place) as connection:
        with pytest.raises(ConfigurationError) as refused:
            await connection.present(WriteTarget("orders", "MERGE", {}, "key"), batch((ID,), [(1,)]))
    assert refused.value.code == "unknown-action"
