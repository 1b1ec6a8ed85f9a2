"""PostgreSQL as a kind of database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

import psycopg
import sqlalchemy as sa

from agent.connectors.sql import moments, servers
from agent.connectors.sql.credentials import ServerAddress
from agent.connectors.sql.dialect import Fault, Patience, Stopped, fetch
from agent.connectors.sql.parameters import Query
from agent.connectors.sql.postgresql import catalog, failures, sessions, writing
from agent.connectors.sql.postgresql import values as postgresql_values
from agent.connectors.sql.postgresql.writing import driver_of
from agent.connectors.sql.receipts import Receipts
from agent.connectors.sql.savepoints import Savepoints
from agent.connectors.sql.tables import Column, Family, Load, Loaded, Procedure, Refusal, Table
from agent.domain.app import DataType
from agent.domain.errors import AgentError
from agent.domain.packet import JsonValue, Value

_KEPT_AS_GIVEN = frozenset({
    "text", "smallint", "integer", "bigint", "numeric", "boolean", "json", "jsonb", "timestamp with time zone",
})  # fmt: skip
"""Types whose values differ whenever their texts mean different things."""

_RECEIPTS = Receipts(mark="%s", now="now()", lock=" FOR UPDATE", unmet="ON CONFLICT (ledger_key) DO NOTHING")


class PostgresDialect:
    """PostgreSQL, one database of one server."""

    name = "PostgreSQL"
    longest_name: tuple[int, str] | None = (63, "bytes")
    row_values = True
    making_commits = False
    accounts = True
    savepoints = Savepoints()
    adding = "ADD COLUMN"
    _types: Mapping[DataType, str] = {
        DataType.TEXT: "text",
        DataType.INTEGER: "bigint",
        DataType.DECIMAL: "numeric",
        DataType.JSON: "jsonb",
        DataType.BOOLEAN: "boolean",
        DataType.DATETIME: "timestamp with time zone",
    }
    accepted: Mapping[DataType, frozenset[Family]] = {
        DataType.TEXT: frozenset({Family.TEXT, Family.OTHER, Family.JSON, Family.DATE}),
        DataType.INTEGER: frozenset({Family.INTEGER, Family.DECIMAL, Family.TEXT}),
        DataType.DECIMAL: frozenset({Family.DECIMAL, Family.FLOAT, Family.TEXT}),
        DataType.BOOLEAN: frozenset({Family.BOOLEAN}),
        DataType.DATETIME: frozenset({Family.MOMENT, Family.TEXT}),
        DataType.JSON: frozenset({Family.JSON, Family.TEXT}),
    }
    receipts_table = (
        "CREATE TABLE IF NOT EXISTS opagent_receipts "
        "(ledger_key text PRIMARY KEY, receipt bytea NOT NULL, committed_at timestamptz NOT NULL)"
    )
    usual_overlap = 1000

    def __init__(self, address: ServerAddress, patience: Patience) -> None:
        self._address = address
        self.patience = patience
        self.place = f"the database {address.database} on {address.host}"

    # Connecting and transactions

    async def reach(self) -> None:
        """Whether something listens at host and port."""
        await servers.reach(self._address, seconds=self.patience.connect_seconds)

    def exists(self) -> bool:
        """A server makes no database by being asked for it."""
        return True

    def engine(self) -> sa.Engine:
        """An engine for the database."""
        return sa.create_engine(
            "postgresql+psycopg://", creator=partial(sessions.connect, self._address, self.patience),
            poolclass=sa.pool.NullPool, hide_parameters=True, use_native_hstore=False,
        )  # fmt: skip

    def begin(self, connection: sa.Connection, *, write: bool, stopped: Stopped) -> None:
        """Begin. A writer has every rule checked at once, so that a record that breaks one is known."""
        driver_of(connection).execute(
            "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET CONSTRAINTS ALL IMMEDIATE"
            if write
            else "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
        )

    def commit(self, connection: sa.Connection, *, stopped: Stopped) -> None:
        """Commit. PostgreSQL answers with a rollback, and without an error, where something failed before."""
        if driver_of(connection).execute("COMMIT").statusmessage != "COMMIT":
            raise psycopg.errors.InFailedSqlTransaction

    def roll_back(self, connection: sa.Connection) -> None:
        """Roll back."""
        connection.exec_driver_sql("ROLLBACK")

    def interrupt(self, driver: Any, *, cut: bool) -> None:
        """Ask the server to stop the statement in flight. Where it cannot be asked, hang up."""
        if cut:
            sessions.cut(driver)
        else:
            driver.cancel_safe(timeout=self.patience.stop_seconds)

    def now(self, connection: sa.Connection) -> datetime:
        """The server's time."""
        (seconds,) = fetch(connection, "SELECT extract(epoch FROM clock_timestamp())::float8")[0]
        return datetime.fromtimestamp(seconds, UTC)

    # Names and structure

    def fold(self, name: str) -> str:
        """Quoted names differ when their letters differ."""
        return name

    def quote(self, name: str) -> str:
        """Quoted, and safe in statements with parameters."""
        return catalog.quoted(name)

    def quote_table(self, name: str) -> str:
        """Quoted; what comes before the first dot is the schema's name."""
        return ".".join(self.quote(part) for part in name.split(".", 1))

    def tables(self, connection: sa.Connection) -> list[str]:
        """Those of the search path by their plain names, others with their schema."""
        return catalog.tables(connection)

    def table(self, connection: sa.Connection, name: str) -> Table | None:
        """The table or view of that name."""
        return catalog.table(connection, name)

    def query(self, connection: sa.Connection, asked: Query) -> Table:
        """A SELECT as something to read from."""
        return catalog.query(connection, asked)

    def declared(self, kind: DataType, *, key_parts: int = 0) -> str:
        """The same in keys as elsewhere."""
        return self._types[kind]

    def table_options(self, *, child: bool) -> str:
        """None."""
        return ""

    # Writing

    def load(self, connection: sa.Connection, load: Load, rows: Sequence[tuple[Value, ...]], *, again: bool) -> Loaded:
        """Copy rows in."""
        return writing.load(connection, load, rows, again=again, place=self.place, username=self._address.username)

    def clear(self, connection: sa.Connection, load: Load, keys: Sequence[tuple[Value, ...]]) -> int | None:
        """Remove the child rows of parents."""
        return writing.clear(connection, load, keys)

    def procedure(self, connection: sa.Connection, name: str) -> Procedure | None:
        """The procedure of that name, in the search path or in the schema before the dot."""
        return catalog.procedure(connection, name)

    def calling(self, procedure: Procedure, given: Sequence[Column]) -> str:
        """CALL, each parameter by its name."""
        named = ", ".join(f"{self.quote(one.name)} => CAST(%s AS {one.comparable})" for one in given)
        return f"CALL {procedure.quoted}({named})"

    def receipt(self, connection: sa.Connection, ledger_key: str) -> bytes | None:
        """The receipt kept under that key, once nobody is writing it."""
        return _RECEIPTS.find(connection, ledger_key)

    def keep_receipt(self, connection: sa.Connection, ledger_key: str, receipt: bytes) -> None:
        """Keep a receipt in place of the former."""
        _RECEIPTS.keep(connection, ledger_key, receipt)

    # Reading

    def selected(self, columns: Sequence[Column]) -> str:
        """The whole row as JSON, made by the server."""
        return "row_to_json(q.*)::text"

    def rows(self, connection: sa.Connection, statement: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        """The rows of a statement."""
        return fetch(connection, statement, parameters)

    def limited(self, selected: str, rest: str, rows: int) -> str:
        """LIMIT."""
        return f"SELECT {selected} {rest} LIMIT {rows:d}"

    def documents(self, columns: Sequence[Column], rows: Sequence[Sequence[Any]]) -> list[bytes]:
        """The JSON as bytes."""
        return [row[0].encode() for row in rows]

    def ordered(self, column: Column) -> str:
        """The column as it is, or its text, where values may be equal that are not the same."""
        return f'{self.held(column)} COLLATE "C"' if column.loose else f"q.{self.quote(column.name)}"

    def held(self, column: Column) -> str:
        """The value as text."""
        return f"q.{self.quote(column.name)}::text"

    def given(self, column: Column) -> str:
        """Text as a value again."""
        return f"CAST(%s AS {'text' if column.loose else column.comparable})"

    def by_text(self, column: Column) -> tuple[str, str]:
        """The column itself for texts and whole numbers, so that its index is used; all others as text."""
        if column.family is Family.INTEGER:
            return f"q.{self.quote(column.name)}", "CAST(%s AS bigint)"
        if column.loose:
            return self.ordered(column), "%s"
        if column.family is Family.TEXT:
            return f"q.{self.quote(column.name)}", self.given(column)
        return self.held(column), "%s"

    def sought(self, column: Column, text: str) -> Sequence[Any]:
        """The text as it is."""
        return (text,)

    def condition(
        self, connection: sa.Connection, table: Table, column: Column, operator: str, values: Sequence[str]
    ) -> tuple[str, list[Any]]:
        """A clause as a condition, each value read by the server as one of the column's type."""
        return postgresql_values.condition(connection, column, operator, values)

    def earlier(
        self, column: Column, highest: JsonValue, *, overlap: int | None, now: datetime
    ) -> tuple[JsonValue, datetime | None]:
        """Where the next incremental read begins."""
        return moments.earlier(column, str(highest), overlap=overlap, usual=self.usual_overlap, now=now)

    # Previewing

    def beside(
        self,
        connection: sa.Connection,
        table: Table,
        columns: Sequence[Column],
        by: Sequence[Column],
        keys: Sequence[tuple[object, ...]],
        *,
        lock: bool = False,
    ) -> list[tuple[int, tuple[Any, ...]]]:
        """Join the keys, each with its number."""
        given = [list(part) for part in zip(*keys, strict=True)]
        arrays = [f"%s::{column.comparable}[]" for column in by]
        names, keyed = [f"q.{self.quote(column.name)}" for column in by], [f"k{number}" for number in range(len(by))]
        where = " AND ".join(f"{name} = k.{key}" for name, key in zip(names, keyed, strict=True))
        if len(by) == 1:
            # Says nothing new, but lets an index be used however large the table is.
            where += f" AND {names[0]} = ANY({arrays[0]})"
            given *= 2
        selected = ", ".join(f"q.{self.quote(column.name)}::text" for column in columns)
        source = f"unnest({', '.join(arrays)}) WITH ORDINALITY AS k ({', '.join(keyed)}, n)"
        statement = f"SELECT k.n - 1, {selected} FROM {source} JOIN {table.quoted} AS q ON {where}"  # noqa: S608 - quoted names
        if lock:
            statement += " FOR UPDATE OF q"
        return [(row[0], row[1:]) for row in fetch(connection, statement, given)]

    def settled(self, connection: sa.Connection, column: Column, texts: Sequence[str]) -> Sequence[Any] | None:
        """Cast them to the column's type, and back."""
        if column.declared in _KEPT_AS_GIVEN or column.declared.startswith("character varying"):
            return None
        declared = column.declared.replace("%", "%%")
        rows = fetch(
            connection,
            f"SELECT CAST(k.v AS {declared})::text FROM unnest(%s::text[]) WITH ORDINALITY AS k (v, n) "  # noqa: S608 - quoted names
            "ORDER BY k.n",
            (list(texts),),
        )
        return [row[0] for row in rows]

    # Failures

    def fault(self, error: BaseException) -> Fault:
        """What an error of the driver means."""
        return failures.fault(error)

    def refusal(self, connection: sa.Connection, error: BaseException, load: Load, row: tuple[Value, ...]) -> Refusal:
        """Why one row was refused."""
        return failures.refusal(connection, error, load, row)

    def unreachable(self, error: BaseException) -> AgentError:
        """Why the server refused the connection."""
        return failures.unreachable(error, self._address)

    def complaint(self, error: BaseException) -> str:
        """The first line: names are all that is in it."""
        return failures.complaint(error)

    def code(self, error: BaseException) -> str:
        """The SQLSTATE."""
        return failures.code(error)

    # Validation

    def facts(self, connection: sa.Connection) -> tuple[list[tuple[str, str]], list[str]]:
        """What is in the database, and what the user may do."""
        return catalog.facts(connection, self._address)
