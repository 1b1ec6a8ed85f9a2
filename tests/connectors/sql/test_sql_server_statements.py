"""What is sent to SQL Server, over the real driver and its protocol, and what becomes of its refusals."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from agent.connectors.contract import ReadRequest, SentClause, WriteTarget
from agent.connectors.sql.connector import SqlConnection
from agent.domain.app import Attribute, DataType
from agent.domain.errors import AgentError, AmbiguousWriteError, ConfigurationError, TransientError
from agent.domain.packet import Bookmark, Packet
from tests.connectors.sql.places import ID, batch, documents, ids, read, read_request, target, write
from tests.connectors.sql.sql_server_tables import Table, Tables, column, connected
from tests.helpers.sql_server_stand_in import NOT_SUPPORTED, Answer, Fails, Sent, StandIn, running

NAME = Attribute("name", DataType.TEXT)
LINES = Attribute("lines", DataType.COLLECTION, members=(Attribute("sku", DataType.TEXT),))
FIND = (
    "SELECT j.n, q.[id] FROM OPENJSON(@P1) WITH (n int '$[0]', c0 nvarchar(max) '$[1]') AS j "
    "INNER LOOP JOIN [dbo].[orders] AS q WITH (UPDLOCK, HOLDLOCK) ON q.[id] = TRY_CAST(j.c0 AS int)"
)
UPDATE = (
    "UPDATE q SET [name] = j.c1 FROM OPENJSON(@P1) WITH (n int '$[0]', c0 nvarchar(max) '$[1]', c1 nvarchar(max) "
    "'$[2]') AS j INNER LOOP JOIN [dbo].[orders] AS q WITH (UPDLOCK, HOLDLOCK) ON q.[id] = TRY_CAST(j.c0 AS int)"
)
INSERT = (
    "INSERT INTO [dbo].[orders] ([id], [name]) SELECT TRY_CAST(j.c0 AS int), j.c1 FROM OPENJSON(@P1) WITH "
    "(n int '$[0]', c0 nvarchar(max) '$[1]', c1 nvarchar(max) '$[2]') AS j"
)
RECEIPT = (
    "UPDATE opagent_receipts WITH (UPDLOCK, HOLDLOCK) SET receipt = @P1, committed_at = SYSUTCDATETIME() WHERE "
    "ledger_key = @P2; IF @@ROWCOUNT = 0 INSERT INTO opagent_receipts (ledger_key, receipt, committed_at) VALUES "
    "(@P3, @P4, SYSUTCDATETIME())"
)
BEGIN = "IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION; SET TRANSACTION ISOLATION LEVEL {}; BEGIN TRANSACTION"
SAVE, BACK = "SAVE TRANSACTION opagent_batch", "ROLLBACK TRANSACTION opagent_batch"


@pytest.fixture
def tables() -> Tables:
    """A table of orders with their lines, and the table of receipts."""
    return Tables({
        "orders": Table([column("id", "int", empty=False), column("name", "nvarchar", 100)]),
        "orders_lines": Table(
            [column("order_id", "int"), column("position", "bigint"), column("sku", "nvarchar", 80)],
            (("order_id", "position"),),
        ),
        "opagent_receipts": Table([column("ledger_key", "nvarchar")], (("ledger_key",),)),
    })  # fmt: skip


@pytest.fixture
def server(tables: Tables) -> Iterator[StandIn]:
    """A server with these tables."""
    with running(StandIn(tables, encryption=NOT_SUPPORTED)) as server:
        yield server


@pytest.fixture
async def connection(server: StandIn) -> SqlConnection:
    """A connection to it."""
    return connected(server)


def told(server: StandIn) -> list[str]:
    """What was sent but for looks at the catalogue."""
    return [one for one in server.statements() if "sys." not in one and "SYSUTCDATETIME(), 126" not in one]


def rows_of(server: StandIn, begins: str) -> list[object]:
    """The rows that travelled in statements that begin so."""
    return [json.loads(str(one.given[0])) for one in server.said if one.statement.startswith(begins)]


# Writing


async def test_an_upsert_locks_updates_and_inserts_and_commits_with_its_receipt(
    connection: SqlConnection, server: StandIn, tables: Tables
) -> None:
    tables.also = {FIND: [(1, 8)]}
    async with connection:
        report = await write(connection, "orders", [ID, NAME], [(7, "seven"), (8, "ä'%s"), (9, None)])
    assert list(report.destination_ids) == ["7", "8", "9"]
    assert told(server) == [BEGIN.format("READ COMMITTED"), SAVE, FIND, UPDATE, INSERT, RECEIPT, "COMMIT TRANSACTION"]
    assert rows_of(server, "SELECT j.n") == [[[0, "7"], [1, "8"], [2, "9"]]]
    assert rows_of(server, "UPDATE q") == [[[0, "8", "ä'%s"]]]
    assert rows_of(server, "INSERT INTO [dbo].[orders]") == [[[0, "7", "seven"], [1, "9", None]]]
    receipt = next(one for one in server.said if one.statement == RECEIPT)
    assert receipt.given == (b"receipt", "flow/post", "flow/post", b"receipt")


async def test_the_lines_of_records_are_replaced(connection: SqlConnection, server: StandIn) -> None:
    async with connection:
        await write(connection, "orders", [ID, NAME, LINES], [(7, "x", [("a",), ("b",)]), (8, "y", [])])
    assert told(server)[4:6] == [
        (
            "DELETE q FROM OPENJSON(@P1) WITH (n int '$[0]', c0 nvarchar(max) '$[1]') AS j INNER LOOP JOIN "
            "[dbo].[orders_lines] AS q ON q.[order_id] = TRY_CAST(j.c0 AS int)"
        ),
        (
            "INSERT INTO [dbo].[orders_lines] ([order_id], [position], [sku]) SELECT TRY_CAST(j.c0 AS int), "
            "TRY_CAST(j.c1 AS bigint), j.c2 FROM OPENJSON(@P1) WITH (n int '$[0]', c0 nvarchar(max) '$[1]', "
            "c1 nvarchar(max) '$[2]', c2 nvarchar(max) '$[3]') AS j"
        ),
    ]
    assert rows_of(server, "DELETE") == [[[0, "7"], [1, "8"]]]
    assert rows_of(server, "INSERT INTO [dbo].[orders_lines]") == [[[0, "7", "1", "a"], [1, "7", "2", "b"]]]


async def test_tables_and_columns_are_made_in_the_same_transaction(server: StandIn, tables: Tables) -> None:
    del tables.tables["opagent_receipts"]

    def made(_: Sent) -> Answer:
        tables.tables["new"] = Table([column("id", "bigint"), column("name", "nvarchar", -1)])
        return ()

    def widened(_: Sent) -> Answer:
        tables.tables["orders"] = Table([*tables.tables["orders"].columns, column("a]b%", "decimal", 17, 38, 12)])
        return ()

    tables.also = {"CREATE TABLE [new]": made, "ALTER TABLE": widened}
    async with connected(server) as connection:
        await write(connection, "new", [ID, NAME], [(1, "x")])
        await write(connection, "orders", [ID, Attribute("a]b%", DataType.DECIMAL)], [(1, "1.5")])
    assert told(server)[:3] == [
        BEGIN.format("READ COMMITTED"),
        (
            "CREATE TABLE [new] ([id] bigint NOT NULL, [name] nvarchar(max) COLLATE Latin1_General_100_BIN2, "
            "PRIMARY KEY ([id]))"
        ),
        (
            "CREATE TABLE opagent_receipts (ledger_key nvarchar(850) COLLATE Latin1_General_100_BIN2 NOT NULL "
            "PRIMARY KEY NONCLUSTERED, receipt varbinary(max) NOT NULL, committed_at datetime2(3) NOT NULL)"
        ),
    ]
    assert "ALTER TABLE [dbo].[orders] ADD [a]]b%] decimal(38,12)" in told(server)


async def test_update_and_delete_find_rows_by_what_the_database_filled(server: StandIn, tables: Tables) -> None:
    tables.tables["orders"] = Table([column("id", "int", computed=1), column("name", "nvarchar", 100)])
    tables.also = {"SELECT j.n, q.[id]": [(0, 7)]}
    async with connected(server) as connection:
        for action in ("UPDATE", "DELETE"):
            where = WriteTarget("orders", action, {}, ledger_key="k")
            report = await connection.write(where, batch([ID, NAME], [(7, "x")]), lambda _: b"")
            assert list(report.destination_ids) == ["7"]
        with pytest.raises(ConfigurationError) as caught:
            await write(connection, "orders", [ID, NAME], [(7, "x")])
    assert caught.value.code == "column-readonly"
    assert UPDATE in told(server)
    assert (
        "DELETE q FROM OPENJSON(@P1) WITH (n int '$[0]', c0 nvarchar(max) '$[1]') AS j INNER LOOP JOIN [dbo].[orders] "
        "AS q ON q.[id] = TRY_CAST(j.c0 AS int)" in told(server)
    )


async def test_keys_that_a_collation_takes_for_one_are_updated_one_after_the_other(
    server: StandIn, tables: Tables
) -> None:
    tables.tables["people"] = Table(
        [column("name", "varchar", 20, empty=False), column("age", "int")], unique=(("name",),)
    )
    tables.also = {"SELECT j.n, CONVERT(nvarchar(max), q.[name])": [(0, "A"), (1, "A"), (2, "b")]}
    attributes = [Attribute("name", DataType.TEXT, primary=True), Attribute("age", DataType.INTEGER)]
    async with connected(server) as connection:
        await write(connection, "people", attributes, [("A", 1), ("a", 2), ("b", 3)])
    assert rows_of(server, "UPDATE q SET [age]") == [[[0, "A", "1"], [1, "b", "3"]], [[0, "a", "2"]]]
    found = next(one for one in told(server) if one.startswith("SELECT j.n"))
    assert found.endswith(
        "ON q.[name] = CAST(j.c0 COLLATE SQL_Latin1_General_CP1_CI_AS AS varchar(20)) "
        "COLLATE SQL_Latin1_General_CP1_CI_AS"
    )


# Refusals


async def test_a_refused_record_is_found_by_halves_within_the_transaction(
    connection: SqlConnection, server: StandIn, tables: Tables
) -> None:
    text = "Violation of UNIQUE KEY constraint 'one_name'. Cannot insert duplicate key in object 'dbo.orders'. (secret)"
    tables.also = {INSERT: lambda sent: [Fails(2627, text, 14)] if "bad" in str(sent.given) else ()}
    async with connection:
        report = await write(connection, "orders", [ID, NAME], [(1, "a"), (2, "bad"), (3, "c")])
    assert list(report.destination_ids) == ["1", "", "3"]
    failure = report.failures[1]
    assert (failure.code, failure.detail) == ("value-twice", "error 2627")
    assert "one_name" in failure.message
    assert "secret" not in failure.message
    looked = "SELECT XACT_STATE()"
    assert told(server) == [
        BEGIN.format("READ COMMITTED"),
        SAVE, FIND, INSERT, looked, BACK,
        SAVE, FIND, INSERT,
        SAVE, FIND, INSERT, looked, BACK,
        SAVE, FIND, INSERT, looked, BACK,
        SAVE, FIND, INSERT, RECEIPT, "COMMIT TRANSACTION",
    ]  # fmt: skip


async def test_a_trigger_that_rolls_back_takes_no_other_record_with_it(server: StandIn, tables: Tables) -> None:
    ended = [False]

    def inserted(sent: Sent) -> Answer:
        if "bad" in str(sent.given):
            ended[0] = True
            return [Fails(50000, "Nobody is called bad."), Fails(3609, "The transaction ended in the trigger.")]
        return ()

    def begun(_: Sent) -> Answer:
        ended[0] = False
        return ()

    tables.also = {INSERT: inserted, "BEGIN TRANSACTION": begun, "XACT_STATE": lambda _: [(0 if ended[0] else 1,)]}
    async with connected(server) as connection:
        report = await write(connection, "orders", [ID, NAME], [(1, "a"), (2, "bad"), (3, "c"), (4, "d")])
    assert list(report.destination_ids) == ["1", "", "3", "4"]
    assert report.failures[1].code == "trigger-refused"
    assert "Nobody is called bad." in report.failures[1].message
    last = told(server)[len(told(server)) - told(server)[::-1].index(BEGIN.format("READ COMMITTED")) :]
    assert BACK not in told(server)
    assert last == [SAVE, FIND, INSERT, SAVE, FIND, INSERT, RECEIPT, "COMMIT TRANSACTION"]
    sent = rows_of(server, "INSERT INTO [dbo].[orders]")[-2:]
    assert sent == [[[0, "1", "a"]], [[0, "3", "c"], [1, "4", "d"]]]


@pytest.mark.parametrize(
    ("number", "severity", "kind", "code"),
    [
        (1205, 13, TransientError, "database-busy"),
        (1222, 16, TransientError, "database-busy"),
        (9002, 17, TransientError, "disk-full"),
        (208, 16, TransientError, "table-changed"),
        (229, 14, ConfigurationError, "not-permitted"),
        (596, 21, TransientError, "connection-lost"),
    ],
)
async def test_what_is_not_about_a_record_ends_the_batch(
    connection: SqlConnection, tables: Tables, *, number: int, severity: int, kind: type[AgentError], code: str
) -> None:
    tables.also = {"OPENJSON": [Fails(number, "secret text", severity)]}
    async with connection:
        with pytest.raises(kind) as caught:
            await write(connection, "orders", [ID, NAME], [(1, "a"), (2, "b")])
    assert (caught.value.code, caught.value.detail) == (code, f"error {number}")
    assert "secret" not in str(caught.value)


async def test_a_commit_without_an_answer_is_ambiguous(connection: SqlConnection, tables: Tables) -> None:
    tables.also = {"COMMIT TRANSACTION": [Fails(596, "killed", 21)]}
    async with connection:
        with pytest.raises(AmbiguousWriteError):
            await write(connection, "orders", [ID, NAME], [(1, "a")])
        tables.also = {"SELECT receipt": [(b"kept",)]}
        assert await connection.receipt(target("orders")) == b"kept"


async def test_characters_that_an_old_code_page_lacks_are_refused_before_they_are_lost(
    server: StandIn, tables: Tables
) -> None:
    tables.tables["orders"] = Table([column("id", "int", empty=False), column("name", "varchar", 50)])
    tables.also = {"SELECT TOP (1) CASE": lambda sent: [(1,)] if "☃" in str(sent.given) else ()}
    async with connected(server) as connection:
        report = await write(connection, "orders", [ID, NAME], [(1, "Ärger"), (2, "☃"), (3, "plain")])
    assert list(report.failures) == [1]
    assert (report.failures[1].code, report.failures[1].field) == ("value-unfit", "name")
    kept = "CONVERT(varchar(50), j.c1 COLLATE SQL_Latin1_General_CP1_CI_AS)"
    assert f"CONVERT(nvarchar(max), {kept}) COLLATE Latin1_General_100_BIN2 <> j.c1" in told(server)[2]


async def test_an_index_that_swallows_rows_is_refused(connection: SqlConnection, tables: Tables) -> None:
    tables.tables["orders"] = Table(tables.tables["orders"].columns, silent=1)
    async with connection:
        with pytest.raises(ConfigurationError) as caught:
            await write(connection, "orders", [ID, NAME], [(1, "a")])
    assert caught.value.code == "table-ignores-rows"


# Procedures


async def test_a_procedure_is_called_with_values_of_its_parameters_types(
    connection: SqlConnection, server: StandIn, tables: Tables
) -> None:
    tables.also = {
        "FROM sys.procedures": [(5, "dbo", "book")],
        "FROM sys.parameters": [("@sku", "nvarchar", 40, 0, 0, 0), ("@total", "decimal", 9, 10, 2, 0),
                                ("@at", "datetime", 8, 23, 3, 0)],
        "EXEC [dbo]": lambda sent: [Fails(50000, "opagent-unfit: total")] if "much" in sent.given else (),
    }  # fmt: skip
    attributes = [Attribute("total", DataType.DECIMAL), Attribute("sku", DataType.TEXT)]
    async with connection:
        where = WriteTarget("book", "CALL", {}, ledger_key="k")
        report = await connection.write(where, batch(attributes, [("1.5", "a"), ("much", "b")]), lambda _: b"")
    assert list(report.failures) == [1]
    assert (report.failures[1].code, report.failures[1].field) == ("value-unfit", "total")
    calls = [one for one in server.said if "EXEC [dbo]" in one.statement]
    assert calls[0].statement == (
        "DECLARE @i0 nvarchar(max) = @P1;\n"
        "DECLARE @o0 decimal(10,2) = TRY_CAST(@i0 AS decimal(10,2));\n"
        "IF @i0 IS NOT NULL AND @o0 IS NULL BEGIN RAISERROR(N'opagent-unfit: total', 16, 1); RETURN END;\n"
        "DECLARE @i1 nvarchar(max) = @P2;\n"
        "DECLARE @o1 nvarchar(20) = @i1;\n"
        "IF @i1 IS NOT NULL AND CONVERT(nvarchar(max), @o1) + N'.' <> @i1 + N'.' "
        "BEGIN RAISERROR(N'opagent-unfit: sku', 16, 1); RETURN END;\n"
        "EXEC [dbo].[book] @total = @o0, @sku = @o1"
    )
    assert calls[0].given == ("1.5", "a")


async def test_a_procedure_with_results_of_its_own_is_not_called(connection: SqlConnection, tables: Tables) -> None:
    tables.also = {
        "FROM sys.procedures": [(5, "dbo", "book")],
        "FROM sys.parameters": [("@id", "int", 4, 10, 0, 1)],
    }
    async with connection:
        with pytest.raises(ConfigurationError) as caught:
            await connection.write(WriteTarget("book", "CALL", {}, ledger_key="k"), batch([ID], [(1,)]), lambda _: b"")
    assert caught.value.code == "procedure-unfit"


# Reading


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
