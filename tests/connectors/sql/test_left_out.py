"""Rows that a database leaves out without an error, or that somebody removes meanwhile, are not told as written."""

from __future__ import annotations

import asyncio
from contextlib import closing

import pytest

from agent.domain.app import Attribute, DataType
from tests.connectors.sql.places import (
    ID,
    MariadbPlace,
    Place,
    PostgresPlace,
    SqlitePlace,
    batch,
    opened,
    until_somebody_waits,
)
from tests.connectors.sql.test_actions import codes, doing, send

NAME, PRICE = Attribute("name"), Attribute("price", DataType.DECIMAL)
LINES = Attribute("lines", DataType.COLLECTION, members=(ID, Attribute("sku")))
ROWS = [(number, "bad" if number in (1, 4) else f"n{number}") for number in range(6)]
GOOD = [row for row in ROWS if row[1] != "bad"]


def leave_out(place: SqlitePlace | PostgresPlace, event: str, table: str, when: str) -> None:
    """Have a trigger that lets some rows vanish."""
    if place.kind == "sqlite":
        place.run(f"CREATE TRIGGER filter BEFORE {event} ON {table} WHEN {when} BEGIN SELECT RAISE(IGNORE); END")
        return
    place.run("CREATE FUNCTION filter() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$",
              f"CREATE TRIGGER filter BEFORE {event} ON {table} FOR EACH ROW WHEN ({when}) "
              "EXECUTE FUNCTION filter()")  # fmt: skip


@pytest.fixture(params=["sqlite_place", pytest.param("postgres_place", marks=pytest.mark.postgres)])
def ignoring(request: pytest.FixtureRequest) -> SqlitePlace | PostgresPlace:
    """A database in which a trigger can leave a row out."""
    place: SqlitePlace | PostgresPlace = request.getfixturevalue(request.param)
    place.run("CREATE TABLE orders (id integer PRIMARY KEY, name varchar(20))",
              "CREATE TABLE orders_lines (order_id integer, id integer, sku varchar(20), "
              "PRIMARY KEY (order_id, id))")  # fmt: skip
    return place


@pytest.mark.parametrize("action", ["UPSERT", "INSERT"])
async def test_a_new_row_that_a_trigger_leaves_out_has_failed(
    ignoring: SqlitePlace | PostgresPlace, action: str
) -> None:
    leave_out(ignoring, "INSERT", "orders", "new.name = 'bad'")
    async with opened(ignoring) as connection:
        report = await send(connection, action, (ID, NAME), ROWS)
    assert codes(report) == {1: "trigger-refused", 4: "trigger-refused"}
    assert [one for one in report.destination_ids if one] == [str(row[0]) for row in GOOD]
    assert ignoring.rows("SELECT id, name FROM orders ORDER BY id") == GOOD


@pytest.mark.parametrize("action", ["UPSERT", "UPDATE"])
async def test_a_change_that_a_trigger_leaves_out_has_failed(
    ignoring: SqlitePlace | PostgresPlace, action: str
) -> None:
    ignoring.run(*(f"INSERT INTO orders VALUES ({number}, 'old')" for number in range(6)))
    leave_out(ignoring, "UPDATE", "orders", "new.name = 'bad'")
    async with opened(ignoring) as connection:
        report = await send(connection, action, (ID, NAME), ROWS)
    assert codes(report) == {1: "trigger-refused", 4: "trigger-refused"}
    assert "without an error" in report.failures[1].message
    assert ignoring.rows("SELECT name FROM orders WHERE name IN ('old', 'bad')") == [("old",), ("old",)]


async def test_a_line_or_a_deletion_that_a_trigger_leaves_out_fails_the_record(
    ignoring: SqlitePlace | PostgresPlace,
) -> None:
    leave_out(ignoring, "INSERT", "orders_lines", "new.sku = 'bad'")
    async with opened(ignoring) as connection:
        report = await send(connection, "UPSERT", (ID, LINES), [(1, [(1, "A"), (2, "bad")]), (2, [(1, "B")])])
        assert codes(report) == {0: "trigger-refused"}
        ignoring.run(f"DROP TRIGGER filter{'' if ignoring.kind == 'sqlite' else ' ON orders_lines'}",
                     *([] if ignoring.kind == "sqlite" else ["DROP FUNCTION filter"]),
                     "INSERT INTO orders (id) VALUES (1)")  # fmt: skip
        leave_out(ignoring, "DELETE", "orders", "old.id = 1")
        deleted = await send(connection, "DELETE", (ID,), [(1,), (2,)])
    assert codes(deleted) == {0: "trigger-refused"}
    assert ignoring.rows("SELECT id FROM orders") == [(1,)]


async def test_a_row_that_is_left_out_as_it_is_no_different_is_written(ignoring: SqlitePlace | PostgresPlace) -> None:
    ignoring.run("CREATE TABLE prices (id integer PRIMARY KEY, price decimal(10, 2))",
                 "INSERT INTO prices VALUES (1, 2.5)")  # fmt: skip
    same = "new.price = old.price" if ignoring.kind == "sqlite" else "old IS NOT DISTINCT FROM new"
    leave_out(ignoring, "UPDATE", "prices", same)
    async with opened(ignoring) as connection:
        for action in ("UPSERT", "UPDATE"):
            for price in ("2.50", "3"):
                rows = batch((ID, PRICE), [(1, price)])
                report = await connection.write(doing(action, "prices"), rows, lambda _: b"")
                assert not report.failures
            ignoring.run("UPDATE prices SET price = 2.5")


@pytest.mark.postgres
async def test_rows_that_a_trigger_brings_into_a_part_of_the_table_are_written(postgres_place: PostgresPlace) -> None:
    postgres_place.run(
        "CREATE TABLE orders (id integer PRIMARY KEY, name text)", "CREATE TABLE orders_2026 () INHERITS (orders)",
        "CREATE FUNCTION part() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO orders_2026 "
        "SELECT new.*; RETURN NULL; END $$",
        "CREATE TRIGGER part BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION part()",
    )  # fmt: skip
    async with opened(postgres_place) as connection:
        report = await send(connection, "INSERT", (ID, NAME), [(1, "Ann"), (2, "Bob")])
    assert not report.failures
    assert postgres_place.rows("SELECT count(*) FROM orders") == [(2,)]


async def test_a_row_that_somebody_removes_meanwhile_is_not_updated(
    server_place: PostgresPlace | MariadbPlace,
) -> None:
    place: Place = server_place
    server_place.run("CREATE TABLE orders (id integer PRIMARY KEY, name varchar(20))",
                     "INSERT INTO orders VALUES (1, 'a'), (2, 'b')")  # fmt: skip
    async with opened(place) as connection:
        await send(connection, "UPDATE", (ID, NAME), [(2, "B")])
        with closing(server_place.server.connect(server_place.database)) as driver, driver.cursor() as other:
            other.execute("START TRANSACTION")
            other.execute("DELETE FROM orders WHERE id = 1")
            sending = asyncio.create_task(send(connection, "UPDATE", (ID, NAME), [(1, "A"), (2, "C")]))
            await asyncio.to_thread(until_somebody_waits, place, sending)
            other.execute("COMMIT")
        report = await sending
    assert codes(report) == {0: "row-missing"}
    assert place.rows("SELECT id, name FROM orders") == [(2, "C")]
