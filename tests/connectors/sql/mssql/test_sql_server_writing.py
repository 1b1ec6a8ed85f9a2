"""What is sent to SQL Server, over the real driver and its protocol, and what becomes of its refusals."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from agent.connectors.contract import WriteTarget
from agent.connectors.sql.connector import SqlConnection
from agent.domain.app import Attribute, DataType
from agent.domain.errors import AgentError, AmbiguousWriteError, ConfigurationError, TransientError
from tests.connectors.sql.mssql.tables import (
    BEGIN,
    Table,
    Tables,
    column,
    connected,
    rows_of,
    told,
    usual_tables,
)
from tests.connectors.sql.places import ID, batch, read, read_request, target, write
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
SAVE, BACK = "SAVE TRANSACTION opagent_batch", "ROLLBACK TRANSACTION opagent_batch"


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


async def test_tables_and_columns_are_made_that_of_receipts_in_advance(server: StandIn, tables: Tables) -> None:
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
    assert told(server)[:6] == [
        BEGIN.format("READ COMMITTED"),
        (
            "CREATE TABLE [new] ([id] bigint NOT NULL, [name] nvarchar(max) COLLATE Latin1_General_100_BIN2, "
            "PRIMARY KEY ([id]))"
        ),
        "IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION",
        BEGIN.format("READ COMMITTED"),
        (
            "CREATE TABLE opagent_receipts (ledger_key nvarchar(850) COLLATE Latin1_General_100_BIN2 NOT NULL "
            "PRIMARY KEY NONCLUSTERED, receipt varbinary(max) NOT NULL, committed_at datetime2(3) NOT NULL)"
        ),
        "COMMIT TRANSACTION",
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
        (208, 16, ConfigurationError, "reference-broken"),
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
    tables.tables["orders"] = Table(tables.tables["orders"].columns, swallowing=True)
    async with connection:
        with pytest.raises(ConfigurationError) as caught:
            await write(connection, "orders", [ID, NAME], [(1, "a")])
        assert caught.value.code == "table-ignores-rows"
        await read(connection, read_request("orders"))


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
