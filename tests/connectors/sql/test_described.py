"""A person sees what there is: tables and views, their columns with types, and what can be done with them."""

from __future__ import annotations

from agent.domain.app import DataType, Schema
from tests.connectors.sql.places import ID, Place, PostgresPlace, SqlitePlace, opened, write


def shown(schema: Schema) -> list[tuple[str, DataType, bool, bool]]:
    return [(one.name, one.type, one.required, one.primary) for one in schema.attributes]


async def test_tables_and_views_are_shown_with_their_columns(place: Place) -> None:
    place.run("CREATE TABLE stock (shop varchar(9) NOT NULL, sku integer NOT NULL, name varchar(20) NOT NULL, "
              "price numeric(10,2), note varchar(9) DEFAULT 'new' NOT NULL, PRIMARY KEY (sku, shop))",
              "CREATE VIEW cheap AS SELECT sku, price FROM stock WHERE price < 10")  # fmt: skip
    async with opened(place) as connection:
        await write(connection, "orders", (ID,), [(1,)])
        cheap, orders, stock = await connection.schemas()
    assert [cheap.name, orders.name, stock.name] == ["cheap", "orders", "stock"], "the receipts are nobody's business"
    assert shown(stock) == [
        ("shop", DataType.TEXT, True, True), ("sku", DataType.INTEGER, True, True),
        ("name", DataType.TEXT, True, False), ("price", DataType.DECIMAL, False, False),
        ("note", DataType.TEXT, False, False),
    ]  # fmt: skip
    assert [action.name for action in cheap.actions] == ["GET"]
    assert {"GET", "UPSERT", "UPDATE"} <= {action.name for action in stock.actions}


async def test_looking_makes_no_file(sqlite_place: SqlitePlace) -> None:
    async with opened(sqlite_place) as connection:
        assert list(await connection.schemas()) == []
    assert not sqlite_place.path.exists()


async def test_tables_of_other_schemas_are_shown_by_the_name_that_they_are_read_by(
    postgres_place: PostgresPlace,
) -> None:
    postgres_place.run("CREATE SCHEMA sales", "CREATE TABLE sales.orders (id bigint PRIMARY KEY)")
    async with opened(postgres_place) as connection:
        assert [one.name for one in await connection.schemas()] == ["sales.orders"]
