"""SQLite as a kind of database: one file.

Types are those that lose nothing: a decimal number is kept as text in plain notation, a moment as ISO 8601 text in UTC.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from agent.connectors.sql.dialect import Fault, Patience, Stopped, cause, fetch
from agent.connectors.sql.loading import check_digits, on_conflict
from agent.connectors.sql.parameters import Query
from agent.connectors.sql.receipts import Receipts
from agent.connectors.sql.savepoints import Savepoints
from agent.connectors.sql.sqlite import catalog, failures
from agent.connectors.sql.sqlite import values as sqlite_values
from agent.connectors.sql.sqlite.sessions import SqliteSessions
from agent.connectors.sql.tables import Column, Family, Load, Loaded, Mode, Procedure, Refusal, Table
from agent.domain.app import DataType
from agent.domain.errors import AgentError, ConfigurationError
from agent.domain.packet import JsonValue, Value

_KEYS_AT_ONCE = 500
_SAMPLES = 20
"""How many values are looked at to see how a column writes moments: one of them may be an odd one."""
_RECEIPTS = Receipts(mark="?", now="strftime('%Y-%m-%dT%H:%M:%SZ', 'now')")


def _lasts(connection: sa.Connection) -> bool:
    driver: Any = connection.connection.driver_connection
    return bool(driver.in_transaction)


class SqliteDialect:
    """SQLite in one file."""

    name = "SQLite"
    longest_name: tuple[int, str] | None = None
    row_values = True
    making_commits = False
    accounts = False
    # A trigger may end the transaction (RAISE(ROLLBACK)).
    savepoints = Savepoints(lasts=_lasts)
    adding = "ADD COLUMN"
    _types: Mapping[DataType, str] = {
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
        self._sessions = SqliteSessions(path, patience)

    # Connecting and transactions

    async def reach(self) -> None:
        """A file is reached by opening it."""

    def exists(self) -> bool:
        """Whether the file is there."""
        return self.path.exists()

    def engine(self) -> sa.Engine:
        """An engine for the file, which is made where it is missing."""
        return sa.create_engine(
            "sqlite://", creator=self._sessions.connect, poolclass=sa.pool.NullPool, hide_parameters=True
        )

    def begin(self, connection: sa.Connection, *, write: bool, stopped: Stopped) -> None:
        """Take the writer's lock at once, or promise to write nothing."""
        self._sessions.begin(connection, write=write, stopped=stopped)

    def commit(self, connection: sa.Connection, *, stopped: Stopped) -> None:
        """Commit. Readers may have to be waited for where they and writers take turns."""
        self._sessions.commit(connection, stopped=stopped)

    def roll_back(self, connection: sa.Connection) -> None:
        """Roll back."""
        connection.exec_driver_sql("ROLLBACK")

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
        return catalog.quoted(name)

    def quote_table(self, name: str) -> str:
        """Quoted."""
        return self.quote(name)

    def tables(self, connection: sa.Connection) -> list[str]:
        """All but those of SQLite itself."""
        found = fetch(
            connection,
            "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' "
            "AND name <> 'opagent_receipts' ORDER BY name",
        )
        return [row[0] for row in found]

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
        """Child rows lie together in the order of their key: that is how they are written, removed and read."""
        return " WITHOUT ROWID" if child else ""

    # Writing

    def load(self, connection: sa.Connection, load: Load, rows: Sequence[tuple[Value, ...]], *, again: bool) -> Loaded:
        """Insert or update rows, with one prepared statement."""
        check_digits(load, rows)
        if load.mode is Mode.UPDATE and load.key:
            return self._update(connection, load, rows)
        names = [self.quote(column.name) for column in load.columns]
        marks = ", ".join("?" * len(names))
        statement = f"INSERT OR ABORT INTO {load.table.quoted} ({', '.join(names)}) VALUES ({marks})"  # noqa: S608 - quoted names
        statement += on_conflict(load, self.quote)
        written = connection.exec_driver_sql(statement, rows if isinstance(rows, list) else list(rows)).rowcount
        # Rows that are there and have nothing to be updated are not counted.
        return Loaded(statement, None if statement.endswith("DO NOTHING") else written)

    def _update(self, connection: sa.Connection, load: Load, rows: Sequence[tuple[Value, ...]]) -> Loaded:
        keys = [place for place, column in enumerate(load.columns) if column in load.key]
        others = [place for place, column in enumerate(load.columns) if column not in load.key]
        if not others:
            return Loaded("")
        change = ", ".join(f"{self.quote(load.columns[place].name)} = ?" for place in others)
        where = " AND ".join(f"{self.quote(load.columns[place].name)} = ?" for place in keys)
        statement = f"UPDATE OR ABORT {load.table.quoted} SET {change} WHERE {where}"  # noqa: S608 - quoted names
        given = [tuple(row[place] for place in (*others, *keys)) for row in rows]
        return Loaded(statement, connection.exec_driver_sql(statement, given).rowcount)

    def clear(self, connection: sa.Connection, load: Load, keys: Sequence[tuple[Value, ...]]) -> int | None:
        """Remove the child rows of parents."""
        where = " AND ".join(f"{self.quote(column.name)} = ?" for column in load.roots)
        statement = f"DELETE FROM {load.table.quoted} WHERE {where}"  # noqa: S608 - quoted names
        return connection.exec_driver_sql(statement, list(keys)).rowcount

    def procedure(self, connection: sa.Connection, name: str) -> Procedure | None:
        """SQLite has none."""
        raise ConfigurationError(
            "SQLite has no stored procedures.",
            code="procedures-unsupported",
            remedy="Use another action in the POST node.",
            field="action",
        )

    def calling(self, procedure: Procedure, given: Sequence[Column]) -> str:
        """Never asked."""
        raise NotImplementedError

    def receipt(self, connection: sa.Connection, ledger_key: str) -> bytes | None:
        """The receipt kept under that key, once nobody is writing it."""
        return _RECEIPTS.find(connection, ledger_key)

    def keep_receipt(self, connection: sa.Connection, ledger_key: str, receipt: bytes) -> None:
        """Keep a receipt in place of the former."""
        _RECEIPTS.keep(connection, ledger_key, receipt)

    # Reading

    def selected(self, columns: Sequence[Column]) -> str:
        """Every column as it is."""
        return ", ".join(f"q.{self.quote(column.name)}" for column in columns)

    def rows(self, connection: sa.Connection, statement: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        """The rows of a statement. In text of another encoding than UTF-8, which SQLite lets anybody write, surrogates
        stand for the bytes that are none; that is slower, and done only once such text was met."""
        try:
            return fetch(connection, statement, parameters)
        except (sqlite3.OperationalError, sa.exc.OperationalError) as error:
            if getattr(cause(error), "sqlite_errorcode", None) is not None:
                raise
        driver: Any = connection.connection.driver_connection
        driver.text_factory = partial(str, encoding="utf-8", errors="surrogateescape")
        return fetch(connection, statement, parameters)

    def limited(self, selected: str, rest: str, rows: int) -> str:
        """LIMIT."""
        return f"SELECT {selected} {rest} LIMIT {rows:d}"

    def documents(self, columns: Sequence[Column], rows: Sequence[Sequence[Any]]) -> list[bytes]:
        """JSON objects of rows."""
        return sqlite_values.documents(columns, rows)

    def ordered(self, column: Column) -> str:
        """The column as it is; texts by their bytes, whatever the column takes for the same."""
        name = f"q.{self.quote(column.name)}"
        return f"{name} COLLATE BINARY" if column.family is Family.TEXT else name

    def held(self, column: Column) -> str:
        """The value itself."""
        return f"q.{self.quote(column.name)}"

    def given(self, column: Column) -> str:
        """A parameter as it is."""
        return "?"

    def by_text(self, column: Column) -> tuple[str, str]:
        """The column itself, so that its index is used."""
        return f"q.{self.quote(column.name)}", "?"

    def sought(self, column: Column, text: str) -> Sequence[Any]:
        """Any column may hold a value of any type: all that are written so."""
        return sqlite_values.written_so(text)

    def condition(
        self, connection: sa.Connection, table: Table, column: Column, operator: str, values: Sequence[str]
    ) -> tuple[str, list[Any]]:
        """A clause as a condition, compared in the way in which the column's values are written."""
        name = f"q.{self.quote(column.name)}"
        sample = self.rows(
            connection,
            f"SELECT {name} FROM {table.quoted} AS q WHERE {name} IS NOT NULL LIMIT {_SAMPLES}",  # noqa: S608 - quoted names
            table.parameters,
        )
        return sqlite_values.condition(
            name, column, operator, values, sqlite_values.telling([row[0] for row in sample])
        )

    def earlier(
        self, column: Column, highest: JsonValue, *, overlap: int | None, now: datetime
    ) -> tuple[JsonValue, datetime | None]:
        """Where the next incremental read begins.

        Raises:
            ConfigurationError: the column has numbers that are kept as texts, whose order is another one.
        """
        if column.family is Family.DECIMAL and isinstance(highest, str):
            raise ConfigurationError(
                f"{column.name} cannot be read by: it has exact numbers, which are texts in this file, and “10” comes "
                "before “9” there.",
                code="incremental-unfit", remedy="Name a column with moments or whole numbers.", field="incremental",
            )  # fmt: skip
        return sqlite_values.earlier(highest, overlap=overlap, usual=self.usual_overlap, now=now)

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
        """Look each key up in the index, some hundreds in one statement. Whoever can write has locked the file."""
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
            found += [(row[0], sqlite_values.readable(row[1:])) for row in rows]
        return found

    def settled(self, connection: sa.Connection, column: Column, texts: Sequence[str]) -> Sequence[Any] | None:
        """A value is kept as it is."""
        return None

    # Failures

    def fault(self, error: BaseException) -> Fault:
        """What an error of the driver means."""
        return failures.fault(error)

    def refusal(self, connection: sa.Connection, error: BaseException, load: Load, row: tuple[Value, ...]) -> Refusal:
        """Why one row was refused."""
        return failures.refusal(error, load, row)

    def unreachable(self, error: BaseException) -> AgentError:
        """Why the file cannot be opened."""
        return failures.unreachable(error, self.path)

    def complaint(self, error: BaseException) -> str:
        """The text: names are all that is in it."""
        return str(error)

    def code(self, error: BaseException) -> str:
        """SQLite's name of the error."""
        return failures.code(error)

    # Validation

    def facts(self, connection: sa.Connection) -> tuple[list[tuple[str, str]], list[str]]:
        """What is in the file, and whether it can be written."""
        return catalog.facts(connection, self.path)
