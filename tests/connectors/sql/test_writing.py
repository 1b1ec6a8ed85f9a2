"""Batches arrive whole, in tables of the right shape, and once."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from agent.domain.app import Attribute, DataType
from agent.domain.errors import ConfigurationError
from agent.domain.packet import Row
from tests.connectors.sql.places import ID, Place, PostgresPlace, batch, opened, target, write

NAME = Attribute("name")
TOTAL = Attribute("total", DataType.DECIMAL)
LINES = Attribute(
    "lines",
    DataType.COLLECTION,
    members=(Attribute("id", DataType.INTEGER, primary=True), Attribute("sku"), Attribute("price", DataType.DECIMAL)),
)
ORDER = (ID, NAME, TOTAL, LINES)


def order(number: int, *lines: Row, name: str = "Ann") -> Row:
    return (number, name, "12.3400", list(lines))


async def test_rows_are_inserted_and_updated_by_their_key(place: Place) -> None:
    async with opened(place) as connection:
        first = await write(connection, "orders", (ID, NAME), [(1, "Ann"), (2, "Bob")])
        second = await write(connection, "orders", (ID, NAME), [(2, "Bea"), (3, "Cem")])
    assert (first.destination_ids, second.destination_ids) == (["1", "2"], ["2", "3"])
    assert place.rows("SELECT id, name FROM orders ORDER BY id") == [(1, "Ann"), (2, "Bea"), (3, "Cem")]


async def test_columns_that_are_not_mapped_keep_what_they_hold(place: Place) -> None:
    place.run("CREATE TABLE orders (id bigint PRIMARY KEY, name varchar(20), note varchar(20) DEFAULT 'new' NOT NULL)",
              "INSERT INTO orders VALUES (1, 'Ann', 'call her')")  # fmt: skip
    async with opened(place) as connection:
        await write(connection, "orders", (ID, NAME), [(1, "Anna"), (2, "Bob")])
    assert place.rows("SELECT id, name, note FROM orders ORDER BY id") == [(1, "Anna", "call her"), (2, "Bob", "new")]


async def test_money_is_kept_to_the_last_digit(place: Place) -> None:
    amounts = ["12.3400", "0.1", "0.2", "-0.00000000000000000001", "123456789012345678901234567890.123456789"]
    async with opened(place) as connection:
        await write(connection, "orders", (ID, TOTAL), list(enumerate(amounts)))
    kept = [amount for (amount,) in place.rows("SELECT total FROM orders ORDER BY id")]
    assert [Decimal(amount) for amount in kept] == [Decimal(amount) for amount in amounts]
    assert sum(map(Decimal, kept[1:3])) == Decimal("0.3")


async def test_every_type_gets_a_column_of_its_own(postgres_place: PostgresPlace) -> None:
    attributes = (ID, *(Attribute(kind.value, kind) for kind in DataType if kind is not DataType.COLLECTION))
    async with opened(postgres_place) as connection:
        values = ("a", 2**63 - 1, "1.50", True, "2026-01-31T09:15:00.25Z", '{"b": [1, 2.50]}')
        await write(connection, "kinds", attributes, [(1, *values), (2, *[None] * len(values))])
    types = postgres_place.rows(
        "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'kinds' "
        "ORDER BY ordinal_position"
    )
    assert types == [
        ("id", "bigint"), ("text", "text"), ("integer", "bigint"), ("decimal", "numeric"), ("boolean", "boolean"),
        ("datetime", "timestamp with time zone"), ("json", "jsonb"),
    ]  # fmt: skip
    kept = postgres_place.rows(
        "SELECT text, integer, decimal::text, boolean, datetime::text, json::text FROM kinds ORDER BY id"
    )
    assert kept[0] == ("a", 2**63 - 1, "1.50", True, "2026-01-31 09:15:00.25+00", '{"b": [1, 2.50]}')
    assert kept[1] == (None,) * 6


async def test_a_table_is_widened_when_an_attribute_comes(place: Place) -> None:
    async with opened(place) as connection:
        await write(connection, "orders", (ID, NAME), [(1, "Ann")])
        await write(connection, "orders", (ID, NAME, TOTAL), [(2, "Bob", "10.50")])
    rows = place.rows("SELECT id, name, total FROM orders ORDER BY id")
    assert [(one[0], one[1], None if one[2] is None else Decimal(one[2])) for one in rows] == [
        (1, "Ann", None), (2, "Bob", Decimal("10.50")),
    ]  # fmt: skip


async def test_a_table_that_somebody_dropped_meanwhile_is_made_again(place: Place) -> None:
    async with opened(place) as connection:
        await write(connection, "orders", ORDER, [order(1, (11, "A", "1"))])
        place.run("DROP TABLE orders_lines", "DROP TABLE opagent_receipts", "DROP TABLE orders")
        await write(connection, "orders", ORDER, [order(2, (21, "B", "1"))])
    assert place.rows("SELECT id FROM orders") == [(2,)]
    assert place.rows("SELECT order_id FROM orders_lines") == [(2,)]


async def test_two_agents_make_the_same_tables_at_the_same_time(place: Place) -> None:
    async with opened(place) as one, opened(place) as other:
        await asyncio.gather(
            write(one, "orders", ORDER, [order(number, (1, "A", "1")) for number in range(300)]),
            write(other, "orders", ORDER, [order(number, (1, "A", "1")) for number in range(300, 600)]),
        )
    assert place.rows("SELECT count(*) FROM orders") == [(600,)]
    assert place.rows("SELECT count(*) FROM orders_lines") == [(600,)]


# Collections


async def test_collections_go_into_a_table_of_their_own(place: Place) -> None:
    async with opened(place) as connection:
        await write(connection, "orders", ORDER, [order(1, (11, "A", "1.0"), (12, "B", "2.50")), order(2)])
    assert place.rows("SELECT order_id, id, sku FROM orders_lines ORDER BY id") == [(1, 11, "A"), (1, 12, "B")]


async def test_a_line_that_disappeared_is_removed(place: Place) -> None:
    async with opened(place) as connection:
        await write(connection, "orders", ORDER, [order(1, (11, "A", "1"), (12, "B", "2")), order(2, (21, "C", "3"))])
        await write(connection, "orders", ORDER, [order(1, (12, "B2", "2"))])
    assert place.rows("SELECT order_id, id, sku FROM orders_lines ORDER BY id") == [(1, 12, "B2"), (2, 21, "C")]


@pytest.mark.parametrize("nothing", [[], None])
async def test_a_record_without_lines_any_more_loses_them(place: Place, nothing: list[Row] | None) -> None:
    async with opened(place) as connection:
        await write(connection, "orders", ORDER, [order(1, (11, "A", "1")), order(2, (21, "C", "3"))])
        await write(connection, "orders", ORDER, [(1, "Ann", "1", nothing)])
    assert place.rows("SELECT order_id, id FROM orders_lines") == [(2, 21)]


async def test_lines_without_a_key_are_numbered(place: Place) -> None:
    notes = Attribute("notes", DataType.COLLECTION, members=(Attribute("text"),))
    async with opened(place) as connection:
        await write(connection, "orders", (ID, notes), [(1, [("a",), ("a",), ("b",)]), (2, [("c",)])])
        await write(connection, "orders", (ID, notes), [(1, [("b",)])])
    assert place.rows("SELECT order_id, position, text FROM orders_notes ORDER BY 1, 2") == [(1, 1, "b"), (2, 1, "c")]


async def test_collections_of_collections_follow_their_record(place: Place) -> None:
    taxes = Attribute("taxes", DataType.COLLECTION, members=(Attribute("name", primary=True),))
    lines = Attribute("lines", DataType.COLLECTION, members=(Attribute("id", DataType.INTEGER, primary=True), taxes))
    async with opened(place) as connection:
        await write(
            connection, "orders", (ID, lines), [(1, [(7, [("VAT",), ("Eco",)]), (8, [])]), (2, [(7, [("VAT",)])])]
        )
        await write(connection, "orders", (ID, lines), [(1, [(7, [("Eco",)])])])
    assert place.rows("SELECT order_id, line_id, name FROM orders_lines_taxes ORDER BY 1, 2, 3") == [
        (1, 7, "Eco"), (2, 7, "VAT"),
    ]  # fmt: skip
    assert place.rows("SELECT order_id, id FROM orders_lines ORDER BY 1") == [(1, 7), (2, 7)]


async def test_keys_of_several_columns_lead_to_the_lines_and_are_told_apart(place: Place) -> None:
    attributes = (Attribute("shop", primary=True), Attribute("number", primary=True), LINES)
    rows: list[Row] = [("a/b", "c", [(1, "A", "1")]), ("a", "b/c", [(1, "B", "1")])]
    async with opened(place) as connection:
        report = await write(connection, "orders", attributes, rows)
        await write(connection, "orders", attributes, [("a", "b/c", [(2, "C", "1")])])
    assert report.destination_ids == ["a\\/b/c", "a/b\\/c"]
    found = place.rows("SELECT order_shop, order_number, id FROM orders_lines")
    assert sorted(found) == [("a", "b/c", 2), ("a/b", "c", 1)]


async def test_tables_of_collections_can_be_named(place: Place) -> None:
    async with opened(place) as connection:
        await write(connection, "orders", ORDER, [order(1, (11, "A", "1"))], child_tables="lines = order_items")
    assert place.rows("SELECT order_id, id FROM order_items") == [(1, 11)]


@pytest.mark.parametrize(
    ("option", "code"),
    [("lines", "option-format"), ("line = x", "unknown-collection"), ("lines = orders", "table-twice")],
)
async def test_wrong_names_for_tables_of_collections_are_refused(place: Place, option: str, code: str) -> None:
    async with opened(place) as connection:
        with pytest.raises(ConfigurationError) as caught:
            await write(connection, "orders", ORDER, [order(1)], child_tables=option)
        assert caught.value.code == code
        await write(connection, "orders", ORDER, [order(1)])


# The same record twice


async def test_of_a_record_that_comes_twice_in_a_batch_the_later_one_counts(place: Place) -> None:
    async with opened(place) as connection:
        report = await write(
            connection, "orders", ORDER,
            [order(1, (11, "A", "1"), name="old"), order(2), order(1, (11, "B", "1"), (12, "C", "1"), name="new")],
        )  # fmt: skip
    assert report.destination_ids == ["1", "2", "1"]
    assert not report.failures
    assert place.rows("SELECT name FROM orders WHERE id = 1") == [("new",)]
    assert place.rows("SELECT id, sku FROM orders_lines ORDER BY id") == [(11, "B"), (12, "C")]


async def test_keys_that_only_the_database_takes_for_the_same_are_written_one_after_the_other(place: Place) -> None:
    if place.kind == "sqlite":
        place.run("CREATE TABLE stock (sku TEXT PRIMARY KEY COLLATE NOCASE, level INTEGER)")
    elif place.kind == "mariadb":
        place.run("CREATE TABLE stock (sku varchar(20) COLLATE utf8mb4_general_ci PRIMARY KEY, level integer)")
    else:
        place.run(
            "CREATE COLLATION nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
            "CREATE TABLE stock (sku text COLLATE nocase PRIMARY KEY, level integer)",
        )
    attributes = (Attribute("sku", primary=True), Attribute("level", DataType.INTEGER))
    async with opened(place) as connection:
        report = await write(connection, "stock", attributes, [("abc", 1), ("x", 1), ("ABC", 2)])
    assert not report.failures
    assert place.rows("SELECT level FROM stock ORDER BY level") == [(1,), (2,)]


# Tables made by hand


async def test_a_hand_made_table_is_taken_as_it_is(place: Place) -> None:
    place.run("CREATE TABLE people (person_number integer PRIMARY KEY, code varchar(10) NOT NULL UNIQUE, age smallint)")
    attributes = (Attribute("code", primary=True), Attribute("age", DataType.INTEGER))
    if place.kind == "postgresql":
        place.run("ALTER TABLE people ALTER person_number ADD GENERATED BY DEFAULT AS IDENTITY")
    if place.kind == "mariadb":
        place.run("ALTER TABLE people MODIFY person_number integer AUTO_INCREMENT")
    async with opened(place) as connection:
        await write(connection, "people", attributes, [("a", 1), ("b", 2)])
        await write(connection, "people", attributes, [("a", 9)])
    assert place.rows("SELECT code, age FROM people ORDER BY code") == [("a", 9), ("b", 2)]


@pytest.mark.parametrize(
    ("table", "attributes", "code", "field"),
    [
        ("id bigint PRIMARY KEY, born date NOT NULL", (ID,), "column-unmapped", "born"),
        ("id bigint, name varchar(9)", (ID, NAME), "key-not-unique", "id"),
        ("id bigint PRIMARY KEY, total integer", (ID, TOTAL), "column-type", "total"),
        ("id bigint PRIMARY KEY, twice bigint GENERATED ALWAYS AS (id * 2) STORED",
         (ID, Attribute("twice", DataType.INTEGER)), "column-readonly", "twice"),
    ],
)  # fmt: skip
async def test_a_table_that_would_lose_something_is_refused_before_anything_is_written(
    place: Place, table: str, attributes: tuple[Attribute, ...], code: str, field: str
) -> None:
    place.run(f"CREATE TABLE people ({table})")
    async with opened(place) as connection:
        with pytest.raises(ConfigurationError) as caught:
            await write(connection, "people", attributes, [tuple([1] + ["1"] * (len(attributes) - 1))])
        assert (caught.value.code, caught.value.field) == (code, field)
        assert caught.value.remedy
        place.run("DROP TABLE people")
        await write(connection, "people", attributes, [tuple([1] + [None] * (len(attributes) - 1))])


async def test_a_column_of_times_takes_no_dates_and_the_other_way_round(postgres_place: PostgresPlace) -> None:
    postgres_place.run("CREATE TABLE people (id bigint PRIMARY KEY, born date)")
    async with opened(postgres_place) as connection:
        born = Attribute("born", DataType.DATETIME)
        with pytest.raises(ConfigurationError) as caught:
            await write(connection, "people", (ID, born), [(1, "2026-01-31T09:15:00Z")])
        assert (caught.value.code, caught.value.field) == ("column-type", "born")
        assert "type to text" in caught.value.remedy
        await write(connection, "people", (ID, Attribute("born")), [(1, "2026-01-31")])
    assert str(postgres_place.rows("SELECT born FROM people")[0][0]) == "2026-01-31"


async def test_a_view_is_not_written_into(place: Place) -> None:
    place.run("CREATE VIEW people AS SELECT 1 AS id")
    async with opened(place) as connection:
        with pytest.raises(ConfigurationError) as caught:
            await write(connection, "people", (ID,), [(1,)])
    assert caught.value.code == "table-is-view"


async def test_with_keep_nothing_is_made(place: Place) -> None:
    async with opened(place) as connection:
        with pytest.raises(ConfigurationError) as missing:
            await write(connection, "orders", (ID,), [(1,)], table="keep")
        await write(connection, "orders", (ID,), [(1,)])
        with pytest.raises(ConfigurationError) as narrow:
            await write(connection, "orders", (ID, NAME), [(1, "a")], table="keep")
        with pytest.raises(ConfigurationError) as wrong:
            await write(connection, "orders", (ID, NAME), [(1, "a")], table="yes")
    assert [one.value.code for one in (missing, narrow, wrong)] == ["table-missing", "column-missing", "option-format"]


async def test_records_that_cannot_be_told_apart_are_refused(place: Place) -> None:
    async with opened(place) as connection:
        with pytest.raises(ConfigurationError) as caught:
            await write(connection, "orders", (NAME,), [("a",)])
    assert caught.value.code == "missing-key-attribute"


async def test_the_agents_own_table_is_not_written_into(place: Place) -> None:
    async with opened(place) as connection:
        with pytest.raises(ConfigurationError) as caught:
            await write(connection, "OpAgent_Receipts", (ID,), [(1,)])
    assert caught.value.code == "table-reserved"


async def test_a_line_with_a_column_called_like_that_of_its_parent_is_refused(place: Place) -> None:
    lines = Attribute("lines", DataType.COLLECTION, members=(Attribute("order_id", primary=True),))
    async with opened(place) as connection:
        with pytest.raises(ConfigurationError) as caught:
            await write(connection, "orders", (ID, lines), [(1, [])])
    assert caught.value.code == "column-twice"


async def test_a_schema_can_be_named_before_the_table(postgres_place: PostgresPlace) -> None:
    postgres_place.run("CREATE SCHEMA sales")
    async with opened(postgres_place) as connection:
        await write(connection, "sales.orders", ORDER, [order(1, (11, "A", "1"))])
        with pytest.raises(ConfigurationError) as caught:
            await write(connection, "sells.orders", ORDER, [order(1)])
    assert postgres_place.rows("SELECT order_id, id FROM sales.orders_lines") == [(1, 11)]
    assert caught.value.code == "table-not-made"


async def test_rules_that_are_checked_late_are_checked_for_each_record(postgres_place: PostgresPlace) -> None:
    postgres_place.run(
        "CREATE TABLE customers (id bigint PRIMARY KEY)", "INSERT INTO customers VALUES (1)",
        "CREATE TABLE orders (id bigint PRIMARY KEY, "
        "customer bigint REFERENCES customers DEFERRABLE INITIALLY DEFERRED)",
    )  # fmt: skip
    async with opened(postgres_place) as connection:
        report = await write(
            connection, "orders", (ID, Attribute("customer", DataType.INTEGER)), [(1, 1), (2, 99), (3, 1)]
        )
    assert [report.failures[index].code for index in report.failures] == ["reference-missing"]
    assert postgres_place.rows("SELECT id FROM orders ORDER BY id") == [(1,), (3,)]


# Receipts


async def test_the_receipt_commits_with_the_rows(place: Place) -> None:
    async with opened(place) as connection:
        assert await connection.receipt(target("orders")) is None
        await connection.write(target("orders"), batch((ID,), [(1,)]), lambda report: repr(report).encode())
        receipt = await connection.receipt(target("orders"))
    assert receipt is not None
    assert b"destination_ids=['1']" in receipt


async def test_asking_for_a_receipt_makes_nothing(place: Place) -> None:
    async with opened(place) as connection:
        assert await connection.receipt(target("orders")) is None
    if place.kind == "sqlite":
        assert not place.path.exists()  # type: ignore[union-attr]  # a file, as its kind says
    else:
        schema = "public" if place.kind == "postgresql" else "shop"
        found = place.rows(f"SELECT count(*) FROM information_schema.tables WHERE table_schema = '{schema}'")
        assert found == [(0,)]


async def test_rows_without_a_receipt_do_not_stay(place: Place) -> None:
    def broken(_: object) -> bytes:
        raise ConfigurationError("No receipt.", code="test")

    async with opened(place) as connection:
        await write(connection, "orders", (ID,), [(1,)])
        with pytest.raises(ConfigurationError, match="No receipt"):
            await connection.write(target("orders"), batch(ORDER, [order(2, (1, "A", "1"))]), broken)
        assert await connection.receipt(target("orders")) == b"receipt"
        assert place.rows("SELECT id FROM orders") == [(1,)]
        await write(connection, "orders", ORDER, [order(2, (1, "A", "1"))])
    assert place.rows("SELECT id FROM orders ORDER BY id") == [(1,), (2,)]
