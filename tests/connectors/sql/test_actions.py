"""Besides upsert: rows are inserted, updated or deleted by their key, each record with what became of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import pytest

from agent.connectors.contract import WriteTarget
from agent.connectors.sql.connector import SqlConnection
from agent.domain.app import Attribute, DataType
from agent.domain.errors import ConfigurationError
from agent.domain.packet import Row, WriteReport
from tests.connectors.sql.places import ID, Place, PostgresPlace, batch, opened, target

NAME = Attribute("name")
LINES = Attribute("lines", DataType.COLLECTION, members=(ID, Attribute("sku")))
ORDER = (ID, NAME, LINES)


def doing(action: str, table: str = "orders", /, **options: str) -> WriteTarget:
    return replace(target(table, **options), action=action)


async def send(
    connection: SqlConnection, action: str, attributes: Sequence[Attribute], rows: Iterable[Row], /, **options: str
) -> WriteReport:
    return await connection.write(doing(action, **options), batch(attributes, rows), lambda _: b"receipt")


def codes(report: WriteReport) -> dict[int, str]:
    return {index: error.code for index, error in report.failures.items()}


async def test_a_row_that_is_there_is_not_inserted_again_and_the_others_are(place: Place) -> None:
    async with opened(place) as connection:
        await send(connection, "INSERT", (ID, NAME), [(1, "Ann"), (2, "Bob")])
        report = await send(connection, "insert", (ID, NAME), [(2, "Bea"), (3, "Cem"), (3, "Cleo")])
    assert (codes(report), report.destination_ids) == ({0: "value-twice", 2: "value-twice"}, ["", "3", ""])
    assert place.rows("SELECT id, name FROM orders ORDER BY id") == [(1, "Ann"), (2, "Bob"), (3, "Cem")]


async def test_only_rows_that_are_there_are_updated_with_what_is_below_them(place: Place) -> None:
    async with opened(place) as connection:
        await send(connection, "UPSERT", ORDER, [(1, "Ann", [(1, "A")]), (2, "Bob", [(1, "B")])])
        report = await send(connection, "UPDATE", ORDER, [(2, "Bea", [(2, "C")]), (3, "Cem", [(1, "D")])])
    assert (codes(report), report.destination_ids) == ({1: "row-missing"}, ["2", ""])
    assert place.rows("SELECT id, name FROM orders ORDER BY id") == [(1, "Ann"), (2, "Bea")]
    assert place.rows("SELECT order_id, id, sku FROM orders_lines ORDER BY 1, 2") == [(1, 1, "A"), (2, 2, "C")]


async def test_an_update_leaves_required_columns_alone_that_it_does_not_bring(place: Place) -> None:
    place.run("CREATE TABLE orders (id integer PRIMARY KEY, name varchar(20), must varchar(20) NOT NULL)",
              "INSERT INTO orders VALUES (1, 'Ann', 'x')")  # fmt: skip
    async with opened(place) as connection:
        report = await send(connection, "UPDATE", (ID, NAME), [(1, "Anna")])
    assert not report.failures
    assert place.rows("SELECT id, name, must FROM orders") == [(1, "Anna", "x")]


async def test_rows_are_found_by_a_key_that_the_database_fills(postgres_place: PostgresPlace) -> None:
    place = postgres_place
    place.run("CREATE TABLE orders (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name varchar(20))",
              "INSERT INTO orders (name) VALUES ('Ann'), ('Bob'), ('Cem')")  # fmt: skip
    async with opened(place) as connection:
        assert not (await send(connection, "UPDATE", (ID, NAME), [(2, "Bea")])).failures
        assert not (await send(connection, "UPDATE", (ID,), [(2,)])).failures
        assert not (await send(connection, "DELETE", (ID, NAME), [(1, None)])).failures
        with pytest.raises(ConfigurationError) as caught:
            await send(connection, "UPSERT", (ID, NAME), [(3, "Cleo")])
    assert caught.value.code == "column-readonly"
    assert place.rows("SELECT id, name FROM orders ORDER BY id") == [(2, "Bea"), (3, "Cem")]


async def test_a_row_that_is_refused_does_not_keep_the_others_from_being_updated(place: Place) -> None:
    place.run("CREATE TABLE orders (id integer PRIMARY KEY, name varchar(20) NOT NULL)",
              *(f"INSERT INTO orders VALUES ({number}, 'old')" for number in range(6)))  # fmt: skip
    rows: list[Row] = [(number, None if number == 3 else "new") for number in range(6)]
    async with opened(place) as connection:
        report = await send(connection, "UPDATE", (ID, NAME), rows)
    assert codes(report) == {3: "value-missing"}
    assert place.rows("SELECT id FROM orders WHERE name = 'old'") == [(3,)]


async def test_rows_are_deleted_with_what_is_below_them_and_a_row_that_is_not_there_is_told(place: Place) -> None:
    async with opened(place) as connection:
        await send(connection, "UPSERT", ORDER, [(number, "x", [(1, "A")]) for number in (1, 2, 3)])
        report = await send(connection, "DELETE", ORDER, [(1, "any", None), (9, "any", None), (3, None, [])])
    assert not report.failures
    assert report.skipped == {1: "The table orders has no row 9: there is nothing to delete."}
    assert place.rows("SELECT id FROM orders") == [(2,)]
    assert place.rows("SELECT order_id FROM orders_lines") == [(2,)]


async def test_a_row_that_others_refer_to_is_not_deleted_and_says_so(place: Place) -> None:
    place.run("CREATE TABLE orders (id integer PRIMARY KEY)",
              "CREATE TABLE bills (id integer PRIMARY KEY, of integer, FOREIGN KEY (of) REFERENCES orders (id))",
              "INSERT INTO orders VALUES (1), (2)", "INSERT INTO bills VALUES (1, 1)")  # fmt: skip
    async with opened(place) as connection:
        report = await send(connection, "DELETE", (ID,), [(1,), (2,)])
    assert codes(report) == {0: "row-in-use"}
    assert place.rows("SELECT id FROM orders") == [(1,)]


@pytest.mark.parametrize("action", ["UPDATE", "DELETE"])
async def test_nothing_is_made_for_rows_that_have_to_be_there(place: Place, action: str) -> None:
    async with opened(place) as connection:
        await send(connection, "UPSERT", (ID,), [(1,)])
        with pytest.raises(ConfigurationError) as error:
            await connection.write(doing(action, "other"), batch((ID,), [(1,)]), lambda _: b"receipt")
    assert (error.value.code, "extend" in error.value.remedy) == ("table-missing", False)


async def test_rows_by_keys_of_several_columns(place: Place) -> None:
    key = (Attribute("shop", primary=True), Attribute("number", DataType.INTEGER, primary=True), NAME)
    async with opened(place) as connection:
        await send(connection, "INSERT", key, [("a", 1, "x"), ("a", 2, "x"), ("b", 1, "x")])
        await send(connection, "UPDATE", key, [("a", 2, "y")])
        await send(connection, "DELETE", key, [("a", 1, None)])
    assert place.rows("SELECT shop, number, name FROM orders ORDER BY 1, 2") == [("a", 2, "y"), ("b", 1, "x")]


async def test_a_preview_says_what_each_action_would_do(place: Place) -> None:
    rows = batch((ID, NAME), [(1, "Anna"), (2, "Bob")])
    async with opened(place) as connection:
        await send(connection, "INSERT", (ID, NAME), [(1, "Ann")])
        inserted = await connection.present(doing("INSERT"), rows)
        updated = await connection.present(doing("UPDATE"), rows)
        deleted = await connection.present(doing("DELETE"), rows)
    assert {index: error.code for index, error in inserted.failures.items()} == {0: "value-twice"}
    assert {index: error.code for index, error in updated.failures.items()} == {1: "row-missing"}
    assert updated.rows[0] == (1, "Ann")
    assert (deleted.rows, list(deleted.skipped)) == ([(1, "Anna"), None], [1])
    assert deleted.changes == ["1 row of the table orders would be deleted."]
    assert place.rows("SELECT id, name FROM orders") == [(1, "Ann")]


async def test_of_two_records_with_one_key_the_later_counts_unless_it_comes_to_nothing(place: Place) -> None:
    place.run("CREATE TABLE orders (id integer PRIMARY KEY, name varchar(20) CHECK (name <> 'bad'))")
    async with opened(place) as connection:
        report = await send(connection, "UPSERT", (ID, NAME), [(1, "a"), (1, "good"), (1, "bad"), (2, "x"), (2, "y")])
        updated = await send(connection, "UPDATE", (ID, NAME), [(9, "x"), (9, "y"), (1, "b")])
        deleted = await send(connection, "DELETE", (ID,), [(9,), (9,), (2,)])
    assert list(report.failures) == [2]
    assert (codes(updated), updated.destination_ids) == ({0: "row-missing", 1: "row-missing"}, ["", "", "1"])
    assert sorted(deleted.skipped) == [0, 1]
    assert place.rows("SELECT id, name FROM orders") == [(1, "b")]


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
@pytest.mark.parametrize("clause", ["REPLACE", "IGNORE", "ROLLBACK", "FAIL"])
async def test_a_table_with_a_conflict_clause_loses_no_row(place: Place, clause: str) -> None:
    """What the table says to do about a row that is there twice is not done: the record is refused."""
    place.run(f"CREATE TABLE orders (id integer PRIMARY KEY, name text UNIQUE ON CONFLICT {clause})",
              "INSERT INTO orders VALUES (1, 'A'), (5, 'E')")  # fmt: skip
    async with opened(place) as connection:
        report = await send(connection, "UPSERT", (ID, NAME), [(2, "A"), (3, "C")])
        updated = await send(connection, "UPDATE", (ID, NAME), [(5, "A")])
    assert (codes(report), codes(updated)) == ({0: "value-twice"}, {0: "value-twice"})
    assert place.rows("SELECT id, name FROM orders ORDER BY id") == [(1, "A"), (3, "C"), (5, "E")]


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
async def test_a_trigger_that_ends_the_transaction_holds_up_no_other_record(place: Place) -> None:
    place.run("CREATE TABLE orders (id integer PRIMARY KEY, name text)",
              "CREATE TRIGGER strict BEFORE INSERT ON orders WHEN new.name = 'bad' "
              "BEGIN SELECT RAISE(ROLLBACK, 'never'); END")  # fmt: skip
    async with opened(place) as connection:
        report = await send(connection, "UPSERT", (ID, NAME), [(1, "A"), (2, "bad"), (3, "C")])
    assert list(report.failures) == [1]
    assert place.rows("SELECT id, name FROM orders ORDER BY id") == [(1, "A"), (3, "C")]


@pytest.mark.parametrize("place", [pytest.param("mariadb", marks=pytest.mark.mariadb)], indirect=True)
async def test_a_table_of_receipts_that_keeps_them_without_their_rows_is_refused(place: Place) -> None:
    place.run("CREATE TABLE opagent_receipts (ledger_key varchar(200) PRIMARY KEY, receipt longblob NOT NULL, "
              "committed_at datetime(6)) ENGINE=MyISAM")  # fmt: skip
    async with opened(place) as connection:
        with pytest.raises(ConfigurationError) as raised:
            await send(connection, "UPSERT", (ID, NAME), [(2, "B")])
    assert raised.value.code == "table-without-transactions"


# Stored procedures


@pytest.mark.parametrize("place", [pytest.param("mariadb", marks=pytest.mark.mariadb)], indirect=True)
async def test_a_procedure_that_fails_after_it_has_given_rows_has_failed(place: Place) -> None:
    place.run("CREATE TABLE stock (sku varchar(20) PRIMARY KEY, number integer)",
              "INSERT INTO stock VALUES ('A', 5)",
              "CREATE PROCEDURE book(the_sku varchar(20), pieces int) BEGIN "
              "UPDATE stock SET number = number - pieces WHERE sku = the_sku; SELECT number FROM stock; "
              "IF pieces > 100 THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'Nobody orders so many'; END IF; "
              "END")  # fmt: skip
    async with opened(place) as connection:
        rows = batch(BOOKING, [("A", 2), ("A", 200), ("A", 1)])
        report = await connection.write(doing("CALL", "book"), rows, lambda _: b"called")
    assert codes(report) == {1: "procedure-refused"}
    assert place.rows("SELECT number FROM stock") == [(2,)]


def with_procedure(place: Place) -> None:
    place.run("CREATE TABLE stock (sku varchar(20) PRIMARY KEY, number integer)",
              "INSERT INTO stock VALUES ('A', 5), ('B', 1)",
              "ALTER TABLE stock ADD CONSTRAINT enough CHECK (number >= 0)",
              PROCEDURES[place.kind])  # fmt: skip


PROCEDURES = {
    "postgresql": "CREATE PROCEDURE book(the_sku varchar, pieces integer) LANGUAGE plpgsql AS $$ BEGIN "
    "IF pieces > 100 THEN RAISE EXCEPTION 'Nobody orders so many'; END IF; "
    "UPDATE stock SET number = number - pieces WHERE sku = the_sku; END $$",
    "mariadb": "CREATE PROCEDURE book(the_sku varchar(20), pieces int) BEGIN "
    "IF pieces > 100 THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'Nobody orders so many'; END IF; "
    "UPDATE stock SET number = number - pieces WHERE sku = the_sku; END",
}
SERVERS = pytest.mark.parametrize(
    "place",
    [pytest.param("postgresql", marks=pytest.mark.postgres), pytest.param("mariadb", marks=pytest.mark.mariadb)],
    indirect=True,
)
BOOKING = (Attribute("the_sku", primary=True), Attribute("pieces", DataType.INTEGER))


@SERVERS
async def test_a_procedure_is_called_for_each_record_and_one_that_it_refuses_is_undone_alone(place: Place) -> None:
    with_procedure(place)
    rows = batch(BOOKING, [("A", 2), ("B", 7), ("A", 200), ("A", 1), ("B", 1)])
    async with opened(place) as connection:
        report = await connection.write(doing("CALL", "book"), rows, lambda _: b"called")
        assert await connection.receipt(doing("CALL", "book")) == b"called"
    assert codes(report) == {1: "value-refused", 2: "procedure-refused"}
    assert "Nobody orders so many" in report.failures[2].message
    assert report.destination_ids == ["A", "", "", "A", "B"]
    assert place.rows("SELECT sku, number FROM stock ORDER BY sku") == [("A", 2), ("B", 0)]


@SERVERS
async def test_calls_that_cannot_be_are_refused_before_anything_is_done(place: Place) -> None:
    with_procedure(place)
    other = (*BOOKING, Attribute("colour"))
    async with opened(place) as connection:
        for table, attributes, row, code in (
            ("brook", BOOKING, ("A", 1), "procedure-missing"),
            ("book", BOOKING[:1], ("A",), "parameter-unmapped"),
            ("book", other, ("A", 1, "red"), "unknown-parameter"),
        ):
            with pytest.raises(ConfigurationError) as error:
                await connection.write(doing("CALL", table), batch(attributes, [row]), lambda _: b"")
            assert error.value.code == code
        present = await connection.present(doing("CALL", "book"), batch(BOOKING, [("A", 1)]))
    assert present.changes == ["The procedure book would be called 1 time; what it does cannot be foreseen."]
    assert place.rows("SELECT sku, number FROM stock ORDER BY sku") == [("A", 5), ("B", 1)]
