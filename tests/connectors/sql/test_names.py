"""Tables and columns may be called anything: names are never taken for anything but names."""

from __future__ import annotations

import pytest

from agent.connectors.contract import SentClause
from agent.domain.app import Attribute, DataType
from agent.domain.errors import ConfigurationError
from tests.connectors.sql.places import (
    ID,
    Place,
    PostgresPlace,
    SqlitePlace,
    documents,
    opened,
    read,
    read_request,
    write,
)

HOSTILE = [
    "order",
    "select",
    'or"ders',
    "a; DROP TABLE victims --",
    "'); DROP TABLE victims; --",
    "100%",
    "%s",
    "%(name)s",
    "?",
    ":name",
    "$1",
    "a b\tc",
    "[brackets]",
    "`ticks`",
    "back\\slash",
    "{0}",
    "Größe",
    "заказы",
    "注文",
    "🛒",
    "q",
    "opagent",
]


@pytest.mark.parametrize("name", HOSTILE)
async def test_any_name_is_taken_for_a_table_and_a_column(place: Place, name: str) -> None:
    if place.kind == "mariadb" and any(ord(sign) > 0xFFFF for sign in name):
        pytest.skip("MariaDB takes no such signs in names")
    place.run("CREATE TABLE victims (id integer)")
    key = Attribute(name, DataType.INTEGER, primary=True)
    lines = Attribute(
        f"{name} lines", DataType.COLLECTION, members=(Attribute(f"{name}!", primary=True), Attribute("x"))
    )
    async with opened(place) as connection:
        await write(connection, name, (key, lines), [(1, [("a", "b")]), (2, [])])
        await write(connection, name, (key, Attribute(f"{name}2"), lines), [(1, name, [("c", name), ("d", None)])])
        packets = await read(connection, read_request(name, SentClause(f"{name}2", "=", name), options={"key": name}))
        below = await read(connection, read_request(f"{name}_{name} lines", records=1))
        assert documents(packets) == [{name: 1, f"{name}2": name}]
        assert [one["x"] for one in documents(below)] == [name, None]
        by_column = {"incremental": f"{name}2", "key": name}
        assert documents(await read(connection, read_request(name, options=by_column))) == [
            {name: 2, f"{name}2": None}, {name: 1, f"{name}2": name},
        ]  # fmt: skip
    assert place.rows("SELECT count(*) FROM victims") == [(0,)]


@pytest.mark.parametrize("name", ["", "  ", "a\0b", "a\ud800b"])
async def test_what_is_no_name_is_refused(place: Place, name: str) -> None:
    async with opened(place) as connection:
        with pytest.raises(ConfigurationError) as table:
            await write(connection, name, (ID,), [(1,)])
        with pytest.raises(ConfigurationError) as column:
            await write(connection, "orders", (ID, Attribute(name)), [(1, "a")])
        await write(connection, "orders", (ID,), [(1,)])
    assert (table.value.code, column.value.code) == ("name-invalid", "name-invalid")


async def test_names_that_the_server_would_cut_are_refused(postgres_place: PostgresPlace) -> None:
    async with opened(postgres_place) as connection:
        await write(connection, "ü" * 31, (ID, Attribute("x" * 63)), [(1, "a")])
        with pytest.raises(ConfigurationError) as caught:
            await write(connection, "ü" * 32, (ID,), [(1,)])
    assert caught.value.code == "name-too-long"


async def test_names_that_sqlite_keeps_for_itself_are_refused(sqlite_place: SqlitePlace) -> None:
    async with opened(sqlite_place) as connection:
        with pytest.raises(ConfigurationError) as caught:
            await write(connection, "sqlite_orders", (ID,), [(1,)])
    assert caught.value.code == "table-not-made"


async def test_more_columns_than_a_table_can_have_are_refused(place: Place) -> None:
    attributes = (ID, *(Attribute(f"c{number}") for number in range(2_500)))
    async with opened(place) as connection:
        with pytest.raises(ConfigurationError) as caught:
            await write(connection, "wide", attributes, [(1, *["x"] * 2_500)])
        assert caught.value.code == "table-not-made"
        # A row of MariaDB has to fit into half a page, even if each of its texts takes but a few bytes of it.
        most = 150 if place.kind == "mariadb" else 500
        await write(connection, "wide", attributes[:most], [(1, *["x"] * (most - 1))])


# Capital letters


async def test_sqlite_takes_names_for_the_same_that_differ_in_capitals(sqlite_place: SqlitePlace) -> None:
    sqlite_place.run("CREATE TABLE Orders (ID INTEGER PRIMARY KEY, Name TEXT)")
    async with opened(sqlite_place) as connection:
        await write(connection, "orders", (ID, Attribute("name")), [(1, "Ann")])
        with pytest.raises(ConfigurationError) as caught:
            await write(connection, "orders", (ID, Attribute("name"), Attribute("NAME")), [(1, "a", "b")])
        assert documents(await read(connection, read_request("ORDERS", SentClause("NAME", "=", "Ann")))) == [
            {"ID": 1, "Name": "Ann"}
        ]
    assert caught.value.code == "column-twice"
    assert sqlite_place.rows("SELECT * FROM orders") == [(1, "Ann")]


async def test_postgresql_finds_what_was_made_without_quotes(postgres_place: PostgresPlace) -> None:
    postgres_place.run("CREATE TABLE Orders (Id bigint PRIMARY KEY, CustomerName text)")
    async with opened(postgres_place) as connection:
        await write(
            connection,
            "Orders",
            (Attribute("ID", DataType.INTEGER, primary=True), Attribute("CustomerName")),
            [(1, "Ann")],
        )
        assert documents(await read(connection, read_request("ORDERS", SentClause("CUSTOMERNAME", "=", "Ann")))) == [
            {"id": 1, "customername": "Ann"}
        ]
    assert postgres_place.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1") == [
        ("opagent_receipts",), ("orders",),
    ]  # fmt: skip


async def test_postgresql_tells_names_apart_that_differ_in_capitals(postgres_place: PostgresPlace) -> None:
    async with opened(postgres_place) as connection:
        await write(connection, "orders", (ID, Attribute("Name"), Attribute("name")), [(1, "Ann", "Bob")])
    assert postgres_place.rows('SELECT "Name", name FROM orders') == [("Ann", "Bob")]
