"""PostgreSQL as a kind of database.

Batches travel by COPY into a temporary table and from there into the table itself, which is the quickest way there is
that can update rows; child rows, which never meet others, go straight in.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import socket
import ssl
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import psycopg
import sqlalchemy as sa

from agent.connectors.sql import postgresql_catalog, postgresql_failures, postgresql_values
from agent.connectors.sql.credentials import TLS_OFF, TLS_PREFERRED, TLS_REQUIRED, TLS_VERIFIED, PostgresAddress
from agent.connectors.sql.dialect import (
    Column,
    Family,
    Fault,
    Load,
    Patience,
    Refusal,
    Stopped,
    Table,
    check_digits,
    fetch,
)
from agent.domain.app import DataType
from agent.domain.errors import AgentError, ConfigurationError
from agent.domain.packet import JsonValue, Value

_SSLMODES = {TLS_OFF: "disable", TLS_PREFERRED: "prefer", TLS_REQUIRED: "require", TLS_VERIFIED: "verify-full"}
_KEPT_AS_GIVEN = frozenset({
    "text", "smallint", "integer", "bigint", "numeric", "boolean", "json", "jsonb", "timestamp with time zone",
})  # fmt: skip
"""Types whose values differ whenever their texts mean different things."""

_SESSION = (
    "SET TIME ZONE 'UTC'; SET DateStyle = 'ISO'; SET IntervalStyle = 'iso_8601'; SET bytea_output = 'hex';"
    "SET idle_in_transaction_session_timeout = '5min'; SET statement_timeout = 0;"
    # What is acknowledged has to be on the disk.
    "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
)


class PostgresDialect:
    """PostgreSQL, one database of one server."""

    name = "PostgreSQL"
    longest_name_bytes: int | None = 63
    types: Mapping[DataType, str] = {
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

    def __init__(self, address: PostgresAddress, patience: Patience) -> None:
        self._address = address
        self.patience = patience
        self.place = f"the database {address.database} on {address.host}"

    # Connecting and transactions

    async def reach(self) -> None:
        """Whether something listens at host and port: the system says more about it than the driver does."""
        if self._address.socket:
            return
        try:
            async with asyncio.timeout(self.patience.connect_seconds):
                await _connected(self._address.host, self._address.port)
        except (OSError, UnicodeError) as error:
            raise postgresql_failures.unreached(error, self._address, seconds=self.patience.connect_seconds) from None

    def exists(self) -> bool:
        """A server makes no database by being asked for it."""
        return True

    def engine(self) -> sa.Engine:
        """An engine for the database."""
        return sa.create_engine(
            "postgresql+psycopg://", creator=self._connect, poolclass=sa.pool.NullPool, hide_parameters=True,
            use_native_hstore=False,
        )  # fmt: skip

    def _connect(self) -> psycopg.Connection[Any]:
        address = self._address
        driver = psycopg.connect(
            host=address.host,
            port=address.port,
            dbname=address.database,
            user=address.username,
            password=address.password.reveal(),
            # Nobody else's password, should the service's user have some in a file.
            passfile=os.devnull,
            sslmode=_SSLMODES[address.tls],
            sslrootcert=_authorities(address) if address.tls == TLS_VERIFIED else "",
            sslcertmode="disable",
            # Nobody waits that long: it ends what was given up.
            connect_timeout=int(self.patience.connect_seconds) + 2,
            application_name="OP Agent",
            client_encoding="utf8",
            keepalives_idle=30,
            keepalives_interval=10,
            keepalives_count=3,
            tcp_user_timeout=60_000,
            autocommit=True,
        )
        try:
            driver.execute(_SESSION)
            driver.execute(f"SET lock_timeout = {int(self.patience.busy_seconds * 1000)}".encode())
        except BaseException:
            driver.close()
            raise
        return driver

    def begin(self, connection: sa.Connection, *, write: bool, stopped: Stopped) -> None:
        """Begin. A writer has every rule checked at once, so that a record that breaks one is known."""
        _driver(connection).execute(
            "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET CONSTRAINTS ALL IMMEDIATE"
            if write
            else "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
        )

    def commit(self, connection: sa.Connection, *, stopped: Stopped) -> None:
        """Commit. PostgreSQL answers with a rollback, and without an error, where something failed before."""
        if _driver(connection).execute("COMMIT").statusmessage != "COMMIT":
            raise psycopg.errors.InFailedSqlTransaction

    def interrupt(self, driver: Any, *, cut: bool) -> None:
        """Ask the server to stop the statement in flight. Where it cannot be asked, hang up."""
        if not cut:
            driver.cancel_safe(timeout=self.patience.stop_seconds)
            return
        # Closing it here would take it away from under the thread that waits for it; this makes that thread wake up.
        with socket.fromfd(driver.fileno(), socket.AF_INET, socket.SOCK_STREAM) as line:
            line.shutdown(socket.SHUT_RDWR)

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
        return postgresql_catalog.quoted(name)

    def quote_table(self, name: str) -> str:
        """Quoted; what comes before the first dot is the schema's name."""
        return ".".join(self.quote(part) for part in name.split(".", 1))

    def table(self, connection: sa.Connection, name: str) -> Table | None:
        """The table or view of that name."""
        return postgresql_catalog.table(connection, name)

    def query(self, connection: sa.Connection, sql: str) -> Table:
        """A SELECT as something to read from."""
        return postgresql_catalog.query(connection, sql)

    def table_options(self, *, child: bool) -> str:
        """None."""
        return ""

    # Writing

    def load(self, connection: sa.Connection, load: Load, rows: Sequence[tuple[Value, ...]], *, again: bool) -> str:
        """Copy rows in."""
        check_digits(load, rows)
        driver = _driver(connection)
        names = ", ".join(self.quote(column.name) for column in load.columns)
        if not load.key and not load.table.guarded:
            copied = f"COPY {load.table.quoted} ({names}) FROM STDIN"
            _copy(driver, copied, rows)
            return copied
        staged = self._staged(driver, load, names)
        if again:
            _execute(driver, f"TRUNCATE {staged}")
        _copy(driver, f"COPY {staged} ({names}) FROM STDIN", rows)
        statement = f"INSERT INTO {load.table.quoted} ({names}) SELECT {names} FROM {staged}"  # noqa: S608 - quoted
        if load.key:
            keys = {column.name for column in load.key}
            others = [self.quote(column.name) for column in load.columns if column.name not in keys]
            then = f"UPDATE SET {', '.join(f'{one} = excluded.{one}' for one in others)}" if others else "NOTHING"
            statement += f" ON CONFLICT ({', '.join(self.quote(column.name) for column in load.key)}) DO {then}"
        _execute(driver, statement)
        return statement

    def _staged(self, driver: psycopg.Connection[Any], load: Load, names: str) -> str:
        """The temporary table for a load: of the same types, without the rules, empty after each transaction."""
        shape = f"{load.table.quoted} {names} {[column.declared for column in load.columns]}"
        staged = f"opagent_{hashlib.blake2b(shape.encode(), digest_size=8).hexdigest()}"
        try:
            _execute(
                driver,
                f"CREATE TEMPORARY TABLE IF NOT EXISTS {staged} ON COMMIT DELETE ROWS "  # noqa: S608 - quoted names
                f"AS SELECT {names} FROM {load.table.quoted} WITH NO DATA",
            )
        except psycopg.errors.InsufficientPrivilege as error:
            raise ConfigurationError(
                f"The agent may not make temporary tables in {self.place}, or not read {load.table.name}.",
                code="not-permitted",
                remedy=f"Grant TEMPORARY on the database, and SELECT, INSERT and UPDATE on the table, to the user "
                f"{self._address.username}.",
                detail=self.code(error),
                field="username",
            ) from None
        return staged

    def clear(self, connection: sa.Connection, load: Load, keys: Sequence[tuple[Value, ...]]) -> None:
        """Remove the child rows of parents."""
        given = tuple(list(column) for column in zip(*keys, strict=True))
        arrays = [f"%s::{column.comparable}[]" for column in load.roots]
        names = [f"q.{self.quote(column.name)}" for column in load.roots]
        if len(names) == 1:
            # An index is used for this however large the table is; for a join, the planner would have to choose it.
            statement = f"DELETE FROM {load.table.quoted} AS q WHERE {names[0]} = ANY({arrays[0]})"  # noqa: S608
        else:
            keyed = [f"k{number}" for number in range(len(names))]
            where = " AND ".join(f"{name} = k.{key}" for name, key in zip(names, keyed, strict=True))
            source = f"unnest({', '.join(arrays)}) AS k ({', '.join(keyed)})"
            statement = f"DELETE FROM {load.table.quoted} AS q USING {source} WHERE {where}"  # noqa: S608
        connection.exec_driver_sql(statement, given)

    def receipt(self, connection: sa.Connection, ledger_key: str) -> bytes | None:
        """The receipt kept under that key."""
        found = fetch(connection, "SELECT receipt FROM opagent_receipts WHERE ledger_key = %s", (ledger_key,))
        return bytes(found[0][0]) if found else None

    def keep_receipt(self, connection: sa.Connection, ledger_key: str, receipt: bytes) -> None:
        """Keep a receipt in place of the former."""
        connection.exec_driver_sql(
            "INSERT INTO opagent_receipts (ledger_key, receipt, committed_at) VALUES (%s, %s, now()) "
            "ON CONFLICT (ledger_key) DO UPDATE SET receipt = excluded.receipt, committed_at = excluded.committed_at",
            (ledger_key, receipt),
        )

    # Reading

    def selected(self, columns: Sequence[Column]) -> str:
        """The whole row as JSON, made by the server."""
        return "row_to_json(q.*)::text"

    def rows(self, connection: sa.Connection, statement: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        """The rows of a statement."""
        return fetch(connection, statement, parameters)

    def documents(self, columns: Sequence[Column], rows: Sequence[Sequence[Any]]) -> list[bytes]:
        """The JSON as bytes."""
        return [row[0].encode() for row in rows]

    def held(self, column: Column) -> str:
        """The value as text."""
        return f"q.{self.quote(column.name)}::text"

    def given(self, column: Column) -> str:
        """Text as a value again."""
        return f"CAST(%s AS {column.comparable})"

    def by_text(self, column: Column) -> tuple[str, str]:
        """The column itself for texts and whole numbers, so that its index is used; all others as text."""
        if column.family is Family.INTEGER:
            return f"q.{self.quote(column.name)}", "CAST(%s AS bigint)"
        if column.family is Family.TEXT:
            return f"q.{self.quote(column.name)}", self.given(column)
        return self.held(column), "%s"

    def condition(
        self, connection: sa.Connection, table: Table, column: Column, operator: str, values: Sequence[str]
    ) -> tuple[str, list[Any]]:
        """A clause as a condition, each value read by the server as one of the column's type."""
        return postgresql_values.condition(connection, column, operator, values)

    def earlier(
        self, column: Column, highest: JsonValue, *, overlap: int | None, now: datetime
    ) -> tuple[JsonValue, datetime | None]:
        """Where the next incremental read begins."""
        return postgresql_values.earlier(column, str(highest), overlap=overlap, usual=self.usual_overlap, now=now)

    # Previewing

    def beside(
        self,
        connection: sa.Connection,
        table: Table,
        columns: Sequence[Column],
        by: Sequence[Column],
        keys: Sequence[tuple[object, ...]],
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
        statement = f"SELECT k.n - 1, {selected} FROM {source} JOIN {table.quoted} AS q ON {where}"  # noqa: S608
        return [(row[0], row[1:]) for row in fetch(connection, statement, given)]

    def settled(self, connection: sa.Connection, column: Column, texts: Sequence[str]) -> Sequence[Any] | None:
        """Cast them to the column's type, and back."""
        if column.declared in _KEPT_AS_GIVEN or column.declared.startswith("character varying"):
            return None
        declared = column.declared.replace("%", "%%")
        rows = fetch(
            connection,
            f"SELECT CAST(k.v AS {declared})::text FROM unnest(%s::text[]) WITH ORDINALITY AS k (v, n) "  # noqa: S608
            "ORDER BY k.n",
            (list(texts),),
        )
        return [row[0] for row in rows]

    # Failures

    def fault(self, error: BaseException) -> Fault:
        """What an error of the driver means."""
        return postgresql_failures.fault(error)

    def refusal(self, connection: sa.Connection, error: BaseException, load: Load, row: tuple[Value, ...]) -> Refusal:
        """Why one row was refused."""
        return postgresql_failures.refusal(connection, error, load, row)

    def unreachable(self, error: BaseException) -> AgentError:
        """Why the server refused the connection."""
        return postgresql_failures.unreachable(error, self._address)

    def code(self, error: BaseException) -> str:
        """The SQLSTATE."""
        state = getattr(error, "sqlstate", None)
        return f"SQLSTATE {state}" if state else type(error).__name__

    # Validation

    def facts(self, connection: sa.Connection) -> tuple[list[tuple[str, str]], list[str]]:
        """What is in the database, and what the user may do."""
        return postgresql_catalog.facts(connection, self._address)


def _driver(connection: sa.Connection) -> psycopg.Connection[Any]:
    driver: Any = connection.connection.driver_connection
    return cast("psycopg.Connection[Any]", driver)


def _execute(driver: psycopg.Connection[Any], statement: str) -> None:
    # With parameters, even none, the driver takes %% for a percent sign; so names are written once for all statements.
    driver.execute(statement.encode(), ())


def _copy(driver: psycopg.Connection[Any], statement: str, rows: Sequence[tuple[Value, ...]]) -> None:
    # The one statement that the driver sends as it is: a percent sign stands for itself.
    with driver.cursor() as cursor, cursor.copy(statement.replace("%%", "%").encode()) as copy:
        write = copy.write_row
        for row in rows:
            write(row)


async def _connected(host: str, port: int) -> None:
    """Connect and hang up. Raises OSError: a refusal rather than other reasons where several addresses fail."""
    loop = asyncio.get_running_loop()
    failure: OSError | None = None
    for family, kind, protocol, _, address in await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        try:
            with socket.socket(family, kind, protocol) as trial:
                trial.setblocking(False)
                await loop.sock_connect(trial, address)
                return
        except OSError as error:
            failure = failure if isinstance(failure, ConnectionRefusedError) else error
    raise failure or OSError


def _authorities(address: PostgresAddress) -> str:
    """The file with the certificates that are trusted."""
    if address.ca_file:
        if not Path(address.ca_file).is_file():
            raise ConfigurationError(
                f"The CA certificate {address.ca_file} is not there.",
                code="file-missing",
                remedy="Correct the path, or leave the field empty to trust what this computer trusts.",
                field="ca_file",
            )
        return address.ca_file
    return ssl.get_default_verify_paths().cafile or "system"
