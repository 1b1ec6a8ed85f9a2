"""SQLite as a kind of database: one file, which other programs may have open at the same time.

Writers take the lock when they begin, and wait for it in small steps, so that a cancelled run need not wait. Types are
those that lose nothing: a decimal number is kept as text in plain notation, a moment as ISO 8601 text in UTC.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa

from agent.connectors.sql import sqlite_failures, sqlite_values
from agent.connectors.sql.dialect import (
    Column,
    Family,
    Fault,
    Load,
    Patience,
    Refusal,
    Stopped,
    StoppedError,
    Table,
    cause,
    check_digits,
    fetch,
)
from agent.domain.app import DataType
from agent.domain.errors import AgentError, ConfigurationError
from agent.domain.packet import JsonValue, Value

_Result = TypeVar("_Result")

_STEP_SECONDS = 0.1
_KEYS_AT_ONCE = 500
_IN_USE = ("wal", "memory", "off")


class SqliteDialect:
    """SQLite in one file."""

    name = "SQLite"
    longest_name_bytes: int | None = None
    types: Mapping[DataType, str] = {
        DataType.TEXT: "TEXT",
        DataType.INTEGER: "INTEGER",
        # Both names have the affinity TEXT, so that SQLite does not turn the text into a number.
        DataType.DECIMAL: sqlite_values.DECIMAL,
        DataType.JSON: sqlite_values.JSON,
        DataType.BOOLEAN: "BOOLEAN",
        DataType.DATETIME: "DATETIME",
    }
    accepted: Mapping[DataType, frozenset[Family]] = {
        DataType.TEXT: frozenset({Family.TEXT, Family.OTHER, Family.JSON, Family.DATE, Family.MOMENT}),
        DataType.INTEGER: frozenset({Family.INTEGER, Family.DECIMAL, Family.TEXT, Family.OTHER}),
        DataType.DECIMAL: frozenset({Family.DECIMAL, Family.FLOAT, Family.TEXT, Family.OTHER}),
        DataType.BOOLEAN: frozenset({Family.BOOLEAN, Family.INTEGER, Family.OTHER, Family.DECIMAL}),
        DataType.DATETIME: frozenset({Family.MOMENT, Family.TEXT, Family.OTHER}),
        DataType.JSON: frozenset({Family.JSON, Family.TEXT, Family.OTHER}),
    }
    receipts_table = (
        "CREATE TABLE IF NOT EXISTS opagent_receipts "
        "(ledger_key TEXT NOT NULL PRIMARY KEY, receipt BLOB NOT NULL, committed_at DATETIME NOT NULL)"
    )
    usual_overlap = 0

    def __init__(self, path: Path, patience: Patience) -> None:
        self.path = path
        self.patience = patience
        self.place = f"the database file {path}"
        self._shared = False

    # Connecting and transactions

    async def reach(self) -> None:
        """A file is reached by opening it."""

    def exists(self) -> bool:
        """Whether the file is there."""
        return self.path.exists()

    def engine(self) -> sa.Engine:
        """An engine for the file, which is made where it is missing."""
        return sa.create_engine("sqlite://", creator=self._connect, poolclass=sa.pool.NullPool, hide_parameters=True)

    def _connect(self) -> sqlite3.Connection:
        if self.path.is_dir() or not self.path.parent.is_dir():
            raise sqlite_failures.misplaced(self.path)
        driver = sqlite3.connect(self.path, timeout=_STEP_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            for pragma in ("foreign_keys=ON", "synchronous=FULL", "temp_store=MEMORY", "cache_size=-16000"):
                driver.execute(f"PRAGMA {pragma}")
            self._patiently(lambda: driver.execute("SELECT count(*) FROM sqlite_master").fetchone(), _never)
        except BaseException:
            driver.close()
            raise
        self._shared = False
        return driver

    def begin(self, connection: sa.Connection, *, write: bool, stopped: Stopped) -> None:
        """Take the writer's lock at once, or promise to write nothing."""
        if write and not self._shared:
            self._share(connection)
        connection.exec_driver_sql(f"PRAGMA query_only={'OFF' if write else 'ON'}")
        self._patiently(lambda: connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN"), stopped)
        if not write:
            # A transaction of readers begins with its first look, which may have to wait.
            self._patiently(lambda: fetch(connection, "SELECT count(*) FROM sqlite_master"), stopped)

    def _share(self, connection: sa.Connection) -> None:
        """Let readers and a writer work at the same time. Where that cannot be, they take turns."""
        self._shared = True
        connection.exec_driver_sql("PRAGMA query_only=OFF")
        try:
            if fetch(connection, "PRAGMA journal_mode")[0][0] not in _IN_USE:
                fetch(connection, "PRAGMA journal_mode=WAL")
        except sa.exc.OperationalError as error:
            if self.fault(error.orig or error) is not Fault.BUSY:
                raise

    def commit(self, connection: sa.Connection, *, stopped: Stopped) -> None:
        """Commit. Readers may have to be waited for where they and writers take turns."""
        self._patiently(lambda: connection.exec_driver_sql("COMMIT"), stopped)

    def _patiently(self, attempt: Callable[[], _Result], stopped: Stopped) -> _Result:
        """Try again while somebody else holds a lock, for a while."""
        end = time.monotonic() + self.patience.busy_seconds
        while True:
            try:
                return attempt()
            except (sqlite3.OperationalError, sa.exc.OperationalError) as error:
                if self.fault(cause(error)) is not Fault.BUSY or time.monotonic() >= end:
                    raise
            if stopped():
                raise StoppedError
            # The driver waits a little by itself, but not where it sees that waiting cannot help.
            time.sleep(_STEP_SECONDS / 5)

    def interrupt(self, driver: Any, *, cut: bool) -> None:
        """Stop the statement in flight."""
        driver.interrupt()

    def now(self, connection: sa.Connection) -> datetime:
        """This computer's time."""
        return datetime.now(UTC)

    # Names and structure

    def fold(self, name: str) -> str:
        """SQLite takes A and a for the same, but not Ä and ä."""
        return "".join(sign.lower() if sign.isascii() else sign for sign in name)

    def quote(self, name: str) -> str:
        """Quoted."""
        escaped = name.replace('"', '""')
        return f'"{escaped}"'

    def quote_table(self, name: str) -> str:
        """Quoted."""
        return self.quote(name)

    def table(self, connection: sa.Connection, name: str) -> Table | None:
        """The table or view of that name."""
        found = fetch(
            connection,
            "SELECT name, type FROM sqlite_master WHERE type IN ('table', 'view') AND name = ? COLLATE NOCASE",
            (name,),
        )
        if not found:
            return None
        spelled, kind = found[0]
        quoted = self.quote(spelled)
        information = fetch(connection, f"PRAGMA table_xinfo({quoted})")
        # cid, name, type, notnull, default, pk, hidden: 1 in a virtual table, 2 and 3 computed
        information = [one for one in information if one[6] != 1]
        key = tuple(one[1] for one in sorted(information, key=lambda one: one[5]) if one[5])
        rowid = len(key) == 1 and any(one[5] and one[2].upper() == "INTEGER" for one in information)
        columns = tuple(
            sqlite_values.column(
                one[1],
                one[2],
                required=bool(one[3]) or (bool(one[5]) and rowid),
                filled=one[4] is not None or (bool(one[5]) and rowid),
                computed=one[6] in (2, 3),
            )
            for one in information
        )
        return Table(spelled, quoted, columns, key, self._unique(connection, quoted, key), view=kind == "view")

    def _unique(self, connection: sa.Connection, quoted: str, key: tuple[str, ...]) -> frozenset[frozenset[str]]:
        found = {frozenset(key)} if key else set()
        # seq, name, unique, origin, partial
        for index in fetch(connection, f"PRAGMA index_list({quoted})"):
            if index[2] and not index[4]:
                names = [one[2] for one in fetch(connection, f"PRAGMA index_info({self.quote(index[1])})")]
                if None not in names:
                    found.add(frozenset(names))
        return frozenset(found)

    def query(self, connection: sa.Connection, sql: str) -> Table:
        """A SELECT as something to read from. SQLite does not tell the types of its columns."""
        source = f"(\n{sql}\n)"
        result = connection.exec_driver_sql(f"SELECT * FROM {source} AS q LIMIT 0")  # noqa: S608 - the operator's
        assert result.cursor is not None
        names = [one[0] for one in result.cursor.description]
        result.close()
        return Table("", source, tuple(sqlite_values.column(name, "") for name in names), view=True)

    def table_options(self, *, child: bool) -> str:
        """Child rows lie together in the order of their key: that is how they are written, removed and read."""
        return " WITHOUT ROWID" if child else ""

    # Writing

    def load(self, connection: sa.Connection, load: Load, rows: Sequence[tuple[Value, ...]], *, again: bool) -> str:
        """Insert or update rows, with one prepared statement."""
        check_digits(load, rows)
        names = [self.quote(column.name) for column in load.columns]
        marks = ", ".join("?" * len(names))
        statement = f"INSERT INTO {load.table.quoted} ({', '.join(names)}) VALUES ({marks})"  # noqa: S608 - quoted names
        if load.key:
            keys = {column.name for column in load.key}
            others = [self.quote(column.name) for column in load.columns if column.name not in keys]
            then = f"UPDATE SET {', '.join(f'{one}=excluded.{one}' for one in others)}" if others else "NOTHING"
            statement += f" ON CONFLICT ({', '.join(self.quote(one.name) for one in load.key)}) DO {then}"
        connection.exec_driver_sql(statement, rows if isinstance(rows, list) else list(rows))
        return statement

    def clear(self, connection: sa.Connection, load: Load, keys: Sequence[tuple[Value, ...]]) -> None:
        """Remove the child rows of parents."""
        where = " AND ".join(f"{self.quote(column.name)} = ?" for column in load.roots)
        connection.exec_driver_sql(
            f"DELETE FROM {load.table.quoted} WHERE {where}",  # noqa: S608 - quoted names
            list(keys),
        )

    def receipt(self, connection: sa.Connection, ledger_key: str) -> bytes | None:
        """The receipt kept under that key."""
        found = fetch(connection, "SELECT receipt FROM opagent_receipts WHERE ledger_key = ?", (ledger_key,))
        return bytes(found[0][0]) if found else None

    def keep_receipt(self, connection: sa.Connection, ledger_key: str, receipt: bytes) -> None:
        """Keep a receipt in place of the former."""
        connection.exec_driver_sql(
            "INSERT INTO opagent_receipts (ledger_key, receipt, committed_at) "
            "VALUES (?, ?, strftime('%Y-%m-%dT%H:%M:%SZ', 'now')) ON CONFLICT (ledger_key) "
            "DO UPDATE SET receipt = excluded.receipt, committed_at = excluded.committed_at",
            (ledger_key, receipt),
        )

    # Reading

    def selected(self, columns: Sequence[Column]) -> str:
        """Every column as it is."""
        return ", ".join(f"q.{self.quote(column.name)}" for column in columns)

    def rows(self, connection: sa.Connection, statement: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        """The rows of a statement. Text in another encoding than UTF-8, which SQLite lets anybody write, is read as
        well as can be; that is slower, and done only once such text was met."""
        try:
            return fetch(connection, statement, parameters)
        except (sqlite3.OperationalError, sa.exc.OperationalError) as error:
            if getattr(cause(error), "sqlite_errorcode", None) is not None:
                raise
        driver: Any = connection.connection.driver_connection
        driver.text_factory = partial(str, encoding="utf-8", errors="replace")
        return fetch(connection, statement, parameters)

    def documents(self, columns: Sequence[Column], rows: Sequence[Sequence[Any]]) -> list[bytes]:
        """JSON objects of rows."""
        return sqlite_values.documents(columns, rows)

    def held(self, column: Column) -> str:
        """The value itself."""
        return f"q.{self.quote(column.name)}"

    def given(self, column: Column) -> str:
        """A parameter as it is."""
        return "?"

    def by_text(self, column: Column) -> tuple[str, str]:
        """The column itself where its type turns texts into what it holds, so that its index is used."""
        name = f"q.{self.quote(column.name)}"
        return (name if column.family in (Family.INTEGER, Family.TEXT) else f"CAST({name} AS TEXT)"), "?"

    def condition(
        self, connection: sa.Connection, table: Table, column: Column, operator: str, values: Sequence[str]
    ) -> tuple[str, list[Any]]:
        """A clause as a condition, compared in the way in which the column's values are written."""
        name = f"q.{self.quote(column.name)}"
        sample = fetch(
            connection,
            f"SELECT {name} FROM {table.quoted} AS q WHERE {name} IS NOT NULL LIMIT 1",  # noqa: S608 - quoted names
        )
        return sqlite_values.condition(name, column, operator, values, sample[0][0] if sample else None)

    def earlier(
        self, column: Column, highest: JsonValue, *, overlap: int | None, now: datetime
    ) -> tuple[JsonValue, datetime | None]:
        """Where the next incremental read begins."""
        return sqlite_values.earlier(highest, overlap=overlap, usual=self.usual_overlap, now=now)

    # Previewing

    def beside(
        self,
        connection: sa.Connection,
        table: Table,
        columns: Sequence[Column],
        by: Sequence[Column],
        keys: Sequence[tuple[object, ...]],
    ) -> list[tuple[int, tuple[Any, ...]]]:
        """Look each key up in the index, some hundreds in one statement."""
        names = [f"k{number}" for number in range(len(by))]
        selected = ", ".join(f"q.{self.quote(column.name)}" for column in columns)
        where = " AND ".join(f"q.{self.quote(one.name)} = k.{name}" for one, name in zip(by, names, strict=True))
        marks = f"({', '.join('?' * (len(by) + 1))})"
        found: list[tuple[int, tuple[Any, ...]]] = []
        for start in range(0, len(keys), _KEYS_AT_ONCE):
            some = keys[start : start + _KEYS_AT_ONCE]
            parameters = [part for number, key in enumerate(some, start) for part in (number, *key)]
            rows = self.rows(
                connection,
                f"WITH k (n, {', '.join(names)}) AS (VALUES {', '.join([marks] * len(some))}) "  # noqa: S608 - quoted
                f"SELECT k.n, {selected} FROM k CROSS JOIN {table.quoted} AS q ON {where}",
                parameters,
            )
            found += [(row[0], row[1:]) for row in rows]
        return found

    def settled(self, connection: sa.Connection, column: Column, texts: Sequence[str]) -> Sequence[Any] | None:
        """A value is kept as it is."""
        return None

    # Failures

    def fault(self, error: BaseException) -> Fault:
        """What an error of the driver means."""
        return sqlite_failures.fault(error)

    def refusal(self, connection: sa.Connection, error: BaseException, load: Load, row: tuple[Value, ...]) -> Refusal:
        """Why one row was refused."""
        return sqlite_failures.refusal(error, load, row)

    def unreachable(self, error: BaseException) -> AgentError:
        """Why the file cannot be opened."""
        return sqlite_failures.unreachable(error, self.path)

    def code(self, error: BaseException) -> str:
        """SQLite's name of the error."""
        return sqlite_failures.code(error)

    # Validation

    def facts(self, connection: sa.Connection) -> tuple[list[tuple[str, str]], list[str]]:
        """What is in the file, and whether it can be written."""
        tables = fetch(
            connection,
            "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' "
            "AND name <> 'opagent_receipts'",
        )[0][0]
        writable = os.access(self.path, os.W_OK) and os.access(self.path.parent, os.W_OK)
        facts = [
            ("Database", f"SQLite {sqlite3.sqlite_version}"),
            ("File", f"{self.path} ({_size(self.path.stat().st_size)})"),
            ("Tables", f"{tables:,}"),
            ("May write", "Yes" if writable else "No"),
        ]
        warnings = [] if writable else ["The file or its folder cannot be written: it can be read only."]
        return facts, warnings


def new_file(path: Path) -> tuple[list[tuple[str, str]], list[str]]:
    """What validation says of a file that is not there yet.

    Raises:
        ConfigurationError: it cannot be made.
    """
    if not path.parent.is_dir():
        raise sqlite_failures.misplaced(path)
    if not os.access(path.parent, os.W_OK):
        raise ConfigurationError(
            f"The file {path.name} is not there, and the folder {path.parent} cannot be written, so it cannot be made.",
            code="folder-read-only",
            remedy="Give the agent's user the right to write there, or choose another folder.",
            field="database",
        )
    facts = [("Database", f"SQLite {sqlite3.sqlite_version}"), ("File", f"{path} (will be made)"), ("May write", "Yes")]
    return facts, ["The file is not there yet. It is made when the first record is written."]


def _never() -> bool:
    return False


def _size(count: int) -> str:
    for limit, unit in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if count >= limit:
            return f"{count / limit:.1f} {unit}"
    return f"{count} bytes"
