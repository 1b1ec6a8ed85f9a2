"""Batches arrive whole, in tables of the right shape, and once."""

from __future__ import annotations

from decimal import Decimal

from agent.domain.app import Attribute, DataType
from agent.domain.packet import Row
from tests.connectors.sql.places import ID, Place, opened, write

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


async def test_a_table_is_widened_when_an_attribute_comes(place: Place) -> None:
    async with opened(place) as connection:
        await write(connection, "orders", (ID, NAME), [(1, "Ann")])
        await write(connection, "orders", (ID, NAME, TOTAL), [(2, "Bob", "10.50")])
    rows = place.rows("SELECT id, name, total FROM orders ORDER BY id")
    assert [(one[0], one[1], None if one[2] is None else Decimal(one[2])) for one in rows] == [
        (1, "Ann", None), (2, "Bob", Decimal("10.50")),
    ]  # fmt: skip


async def test_collections_go_into_a_table_of_their_own(place: Place) -> None:
    async with opened(place) as connection:
        await write(connection, "orders", ORDER, [order(1, (11, "A", "1.0"), (12, "B", "2.50")), order(2)])
    assert place.rows("SELECT order_id, id, sku FROM orders_lines ORDER BY id") == [(1, 11, "A"), (1, 12, "B")]


async def test_a_line_that_disappeared_is_removed(place: Place) -> None:
    async with opened(place) as connection:
        await write(connection, "orders", ORDER, [order(1, (11, "A", "1"), (12, "B", "2")), order(2, (21, "C", "3"))])
        await write(connection, "orders", ORDER, [order(1, (12, "B2", "2"))])
    assert place.rows("SELECT order_id, id, sku FROM orders_lines ORDER BY id") == [(1, 12, "B2"), (2, 21, "C")]


async def test_a_record_that_does_not_fit_fails_alone(place: Place) -> None:
    place.run("CREATE TABLE people (id bigint PRIMARY KEY, email varchar(20) NOT NULL)")
    async with opened(place) as connection:
        report = await write(
            connection,
            "people",
            (ID, Attribute("email")),
            [(number, None if number % 7 == 3 else "a@b") for number in range(50)],
        )
    wrong = [number for number in range(50) if number % 7 == 3]
    assert sorted(report.failures) == wrong
    error = report.failures[3]
    assert (error.code, error.field) == ("value-missing", "email")
    assert "email" in error.message
    assert [report.destination_ids[number] for number in (2, 3)] == ["2", ""]
    assert place.rows("SELECT count(*) FROM people") == [(50 - len(wrong),)]


async def test_the_receipt_commits_with_the_rows(place: Place) -> None:
    from tests.connectors.sql.places import batch, target

    async with opened(place) as connection:
        assert await connection.receipt(target("orders")) is None
        await connection.write(target("orders"), batch((ID,), [(1,)]), lambda report: repr(report).encode())
        receipt = await connection.receipt(target("orders"))
    assert receipt is not None
    assert b"destination_ids=['1']" in receipt
