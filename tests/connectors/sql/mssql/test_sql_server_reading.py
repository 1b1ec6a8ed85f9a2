"""What is sent to SQL Server to read, over the real driver and its protocol, and what comes of the answers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from agent.connectors.contract import ReadRequest, SentClause
from agent.connectors.sql.connector import SqlConnection
from agent.domain.app import Attribute, DataType
from agent.domain.errors import ConfigurationError
from agent.domain.packet import Bookmark, Packet
from tests.connectors.sql.mssql.tables import (
    BEGIN,
    Table,
    Tables,
    column,
    connected,
    told,
    usual_tables,
)
from tests.connectors.sql.places import ID, batch, documents, ids, read, read_request, target
from tests.helpers.sql_server_stand_in import NOT_SUPPORTED, Answer, Sent, StandIn, running

NAME = Attribute("name", DataType.TEXT)


@pytest.fixture
def tables() -> Tables:
    """A table of orders with their lines, and the table of receipts."""
    return usual_tables()


@pytest.fixture
def server(tables: Tables) -> Iterator[StandIn]:
    """A server with these tables."""
    with running(StandIn(tables, encryption=NOT_SUPPORTED)) as server:
        yield server


@pytest.fixture
def connection(server: StandIn) -> SqlConnection:
    """A connection to it."""
    return connected(server)


async def test_pages_begin_behind_the_last_row_of_the_page_before(
    connection: SqlConnection, server: StandIn, tables: Tables
) -> None:
    def page(sent: Sent) -> Answer:
        after = int(sent.given[0]) if sent.given else 0
        return [(number, number, f"n{number}") for number in range(after + 1, 6)][:3]

    tables.also = {"SELECT TOP (3) q.[id], q.[id], q.[name]": page}
    async with connection:
        packets = await read(connection, read_request("orders", records=2))
    assert ids(packets) == ["1", "2", "3", "4", "5"]
    assert documents(packets)[4] == {"id": 5, "name": "n5"}
    first = "SELECT TOP (3) q.[id], q.[id], q.[name] FROM [dbo].[orders] AS q ORDER BY q.[id]"
    behind = first.replace(" ORDER", " WHERE (q.[id]) > (TRY_CAST(@P1 AS int)) ORDER")
    pages = [one for one in told(server) if "TOP (3)" in one]
    assert pages == [first, behind, behind]
    assert BEGIN.format("SNAPSHOT") in told(server)
    assert "COMMIT TRANSACTION" not in told(server)


async def test_without_snapshots_readers_see_what_is_committed(server: StandIn, tables: Tables) -> None:
    tables.snapshots = 0
    async with connected(server) as connection:
        await read(connection, read_request("orders"))
    assert {one for one in told(server) if "BEGIN TRAN" in one} == {BEGIN.format("READ COMMITTED")}


async def test_an_incremental_read_begins_before_the_highest_value(server: StandIn, tables: Tables) -> None:
    tables.tables["orders"] = Table([column("id", "int", empty=False), column("at", "datetime"),
                                     column("version", "timestamp", computed=1)])  # fmt: skip
    tables.also = {
        "q.[at] IS NOT NULL": [("2026-01-31T09:15:00.123", 1, 1, "2026-01-31T09:15:00.123", 77)],
        "q.[version] IS NOT NULL": [(5000, 1, 1, None, 5000)],
    }
    async with connected(server) as connection:
        by_time = await read(connection, read_request("orders", options={"incremental": "at"}))
        by_version = await read(connection, read_request("orders", options={"incremental": "version"}))
        moment, version = by_time[-1].bookmark, by_version[-1].bookmark
        assert moment is not None
        assert version is not None
        assert moment.detail["from"] == "2026-01-31T09:14:00.123000"
        assert version.detail["from"] == "4000"
        assert documents(by_time) == [{"id": 1, "at": "2026-01-31T09:15:00.123Z", "version": 77}]
        server.said.clear()
        await read(connection, _again("at", moment))
        await read(connection, _again("version", version))
    later = [one for one in server.said if ">=" in one.statement]
    assert "q.[at] >= TRY_CAST(TRY_CAST(@P1 AS datetime2(7)) AS datetime)" in later[0].statement
    assert later[0].given == ("2026-01-31T09:14:00.123000",)
    assert "q.[version] >= CONVERT(binary(8), TRY_CAST(@P1 AS bigint))" in later[1].statement


def _again(column_name: str, bookmark: Bookmark) -> ReadRequest:
    return read_request("orders", options={"incremental": column_name}, bookmark=bookmark)


async def test_rows_are_found_again_behind_ties_of_several_columns(server: StandIn, tables: Tables) -> None:
    tables.tables["orders"] = Table(
        [column("shop", "nvarchar", 20, empty=False), column("number", "int", empty=False)], (("shop", "number"),)
    )
    tables.also = {"SELECT TOP (2)": lambda sent: [("a", 1, "a", 1), ("a", 2, "a", 2)] if not sent.given else ()}
    async with connected(server) as connection:
        found: list[Packet] = await read(connection, read_request("orders", records=1))
    assert ids(found) == ["a/1"]
    shop = "CAST({} AS nvarchar(10)) COLLATE SQL_Latin1_General_CP1_CI_AS"
    assert told(server)[-2].endswith(
        f"WHERE (q.[shop] >= {shop.format('@P1')} AND ((q.[shop] > {shop.format('@P2')}) OR "
        f"(q.[shop] = {shop.format('@P3')} AND q.[number] > TRY_CAST(@P4 AS int)))) ORDER BY q.[shop], q.[number]"
    )


async def test_a_query_is_described_by_the_server_and_read_in_order(server: StandIn, tables: Tables) -> None:
    tables.also = {
        "dm_exec_describe": [("sku", "varchar(20)", "Latin1_General_CI_AS", True), ("q", "money", None, False)],
        "SELECT TOP (401)": [("a", "a", None)],
    }
    options = {"query": "SELECT sku, q FROM stock WHERE age > :days AND note <> ':no (' /* ; */", "key": "sku"}
    async with connected(server) as connection:
        packets = await read(connection, read_request("stock", SentClause(":days", "=", "5"), options=options))
    assert documents(packets) == [{"sku": "a", "q": None}]
    described = next(one for one in server.said if "dm_exec_describe" in one.statement)
    bound = "(\nSELECT sku, q FROM stock WHERE age > @P1 AND note <> ':no (' /* ; */\n)"
    assert described.given == (f"SELECT * FROM {bound} AS q", "@P1 nvarchar(max)")
    assert told(server)[-2] == (
        f"SELECT TOP (401) CONVERT(nvarchar(max), q.[sku]), CONVERT(nvarchar(max), q.[sku]), "
        f"CONVERT(decimal(19, 4), q.[q]) FROM {bound} AS q "
        "ORDER BY CONVERT(varbinary(max), CONVERT(nvarchar(max), q.[sku]))"
    )


@pytest.mark.parametrize(
    "query", ["SELECT 1 AS a) AS q; DELETE FROM orders; SELECT (1", "SELECT 1 AS a; DROP TABLE orders", "SELECT (1"]
)
async def test_nothing_gets_out_of_the_brackets_around_a_query(
    connection: SqlConnection, server: StandIn, query: str
) -> None:
    async with connection:
        with pytest.raises(ConfigurationError) as caught:
            await read(connection, read_request("x", options={"query": query, "key": "a"}))
    assert caught.value.code == "query-refused"
    assert not any("1" in one and "SELECT" in one for one in told(server))


async def test_schemas_have_what_the_catalogue_says(server: StandIn, tables: Tables) -> None:
    tables.tables["all_orders"] = Table(tables.tables["orders"].columns, unique=(), view=True)
    tables.also = {"HAS_PERMS_BY_NAME": [("all_orders",), ("orders",)]}
    async with connected(server) as connection:
        view, table = await connection.schemas()
    assert [(one.name, one.type, one.primary, one.required) for one in table.attributes] == [
        ("id", DataType.INTEGER, True, True), ("name", DataType.TEXT, False, False),
    ]  # fmt: skip
    assert (view.description, table.description) == ("A view", "A table")
    assert table.attributes[1].description == "nvarchar(50)"


async def test_a_preview_says_what_is_there_and_writes_nothing(
    connection: SqlConnection, server: StandIn, tables: Tables
) -> None:
    tables.also = {"SELECT j.n, q.[id], q.[name]": [(0, 7, "old")]}
    async with connection:
        present = await connection.present(target("orders"), batch([ID, NAME], [(7, "new"), (8, "x")]))
    assert list(present.rows) == [(7, "old"), None]
    assert not any(one.startswith(("INSERT", "UPDATE", "DELETE", "COMMIT")) for one in told(server))
    assert not any("UPDLOCK" in one for one in told(server))
