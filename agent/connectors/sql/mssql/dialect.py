"""SQL Server as a kind of database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from agent.connectors.sql import moments, servers
from agent.connectors.sql.chosen import bytes_of
from agent.connectors.sql.credentials import ServerAddress
from agent.connectors.sql.dialect import Fault, Patience, Stopped, fetch
from agent.connectors.sql.mssql import catalog, facts, failures, filters, fitting, sessions, writing
from agent.connectors.sql.mssql import values as mssql_values
from agent.connectors.sql.parameters import Query
from agent.connectors.sql.savepoints import Savepoints
from agent.connectors.sql.tables import Column, Family, Load, Loaded, Procedure, Refusal, Table
from agent.domain.app import DataType
from agent.domain.errors import AgentError
from agent.domain.packet import JsonValue, Value

_KEY_CHARACTERS = 400
_INDEX_CHARACTERS = 440
"""How many characters all parts of a primary key may have together: it takes 900 bytes, 2 for a character."""

_ROLL_BACK = "IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION"


def _lasts(connection: sa.Connection) -> bool:
    """Whether the transaction can go on. The server ends it for some errors, and when a trigger rolls back."""
    return bool(fetch(connection, "SELECT XACT_STATE()")[0][0] == 1)


class MssqlDialect:
    """One database of one SQL Server."""

    longest_name: tuple[int, str] | None = (128, "characters")
    row_values = False
    making_commits = False
    accounts = True
    savepoints = Savepoints("SAVE TRANSACTION {}", "ROLLBACK TRANSACTION {}", "", _lasts)
    adding = "ADD"
    accepted: Mapping[DataType, frozenset[Family]] = {
        DataType.TEXT: frozenset({Family.TEXT, Family.OTHER, Family.JSON, Family.DATE}),
        DataType.INTEGER: frozenset({Family.INTEGER, Family.DECIMAL, Family.TEXT}),
        DataType.DECIMAL: frozenset({Family.DECIMAL, Family.FLOAT, Family.TEXT}),
        DataType.BOOLEAN: frozenset({Family.BOOLEAN, Family.INTEGER}),
        DataType.DATETIME: frozenset({Family.MOMENT, Family.TEXT}),
        DataType.JSON: frozenset({Family.JSON, Family.TEXT}),
    }
    receipts_table = (
        f"CREATE TABLE opagent_receipts (ledger_key nvarchar(850) COLLATE {mssql_values.BINARY_COLLATION} NOT NULL "
        "PRIMARY KEY NONCLUSTERED, receipt varbinary(max) NOT NULL, committed_at datetime2(3) NOT NULL)"
    )
    usual_overlap = 1000

    def __init__(self, address: ServerAddress, patience: Patience) -> None:
        self._address = address
        self.patience = patience
        self.name = address.kind
        self.place = f"the database {address.database} on {address.host}"
        self._session: sessions.Session | None = None
        self._state: facts.State | None = None
        self._writing = False

    # Connecting and transactions

    async def reach(self) -> None:
        """Whether something listens at host and port."""
        await servers.reach(self._address, seconds=self.patience.connect_seconds)

    def exists(self) -> bool:
        """A server makes no database by being asked for it."""
        return True

    def engine(self) -> sa.Engine:
        """An engine for the database."""
        return sessions.engine(self._connected)

    def _connected(self) -> sessions.Session:
        self._state = None
        self._session = sessions.connect(self._address, self.patience)
        return self._session

    def begin(self, connection: sa.Connection, *, write: bool, stopped: Stopped) -> None:
        """Begin. Readers see one state where the database keeps former ones of its rows."""
        if self._state is None:
            self._state = facts.state(connection, self.place)
        level = "SNAPSHOT" if self._state.snapshots and not write else "READ COMMITTED"
        connection.exec_driver_sql(f"{_ROLL_BACK}; SET TRANSACTION ISOLATION LEVEL {level}; BEGIN TRANSACTION")
        self._writing = write

    def commit(self, connection: sa.Connection, *, stopped: Stopped) -> None:
        """Commit. There are no transactions that cannot write, so those of readers are rolled back."""
        if self._writing:
            connection.exec_driver_sql("COMMIT TRANSACTION")
        else:
            self.roll_back(connection)

    def roll_back(self, connection: sa.Connection) -> None:
        """Roll back what there is."""
        connection.exec_driver_sql(_ROLL_BACK)

    def interrupt(self, driver: Any, *, cut: bool) -> None:
        """Hang up: the server then stops, and rolls back. The driver cannot ask it to while it waits for an answer."""
        driver.cut()

    def now(self, connection: sa.Connection) -> datetime:
        """The server's time."""
        (text,) = fetch(connection, "SELECT CONVERT(nvarchar(40), SYSUTCDATETIME(), 126)")[0]
        return datetime.fromisoformat(text).replace(tzinfo=UTC)

    # Names and structure

    def fold(self, name: str) -> str:
        """Names do not differ by capitals, in most databases."""
        return name.casefold()

    def quote(self, name: str) -> str:
        """In brackets, and safe in statements with parameters."""
        return mssql_values.quoted(name)

    def quote_table(self, name: str) -> str:
        """Quoted; what comes before the first dot is the schema's name."""
        return ".".join(self.quote(part) for part in name.split(".", 1))

    def tables(self, connection: sa.Connection) -> list[str]:
        """Those that the user may read."""
        return catalog.tables(connection)

    def table(self, connection: sa.Connection, name: str) -> Table | None:
        """The table or view of that name."""
        return catalog.table(connection, name)

    def query(self, connection: sa.Connection, asked: Query) -> Table:
        """A SELECT as something to read from."""
        return catalog.query(connection, asked)

    def declared(self, kind: DataType, *, key_parts: int = 0) -> str:
        """Texts are compared by their characters. In keys they have to be short."""
        if kind is DataType.TEXT:
            length = min(_KEY_CHARACTERS, _INDEX_CHARACTERS // max(1, key_parts))
            return f"nvarchar({length if key_parts else 'max'}) COLLATE {mssql_values.BINARY_COLLATION}"
        return {
            DataType.INTEGER: "bigint",
            DataType.DECIMAL: f"decimal(38,{mssql_values.SCALE})",
            DataType.BOOLEAN: "bit",
            DataType.DATETIME: "datetimeoffset(7)",
            DataType.JSON: f"nvarchar(max) COLLATE {mssql_values.BINARY_COLLATION}",
        }[kind]

    def table_options(self, *, child: bool) -> str:
        """None."""
        return ""

    # Writing

    def load(self, connection: sa.Connection, load: Load, rows: Sequence[tuple[Value, ...]], *, again: bool) -> Loaded:
        """Insert or update rows."""
        return Loaded(writing.load(connection, load, rows))

    def clear(self, connection: sa.Connection, load: Load, keys: Sequence[tuple[Value, ...]]) -> int | None:
        """Remove the child rows of parents."""
        writing.clear(connection, load, keys)
        return None

    def procedure(self, connection: sa.Connection, name: str) -> Procedure | None:
        """The procedure of that name."""
        return catalog.procedure(connection, name)

    def calling(self, procedure: Procedure, given: Sequence[Column]) -> str:
        """EXEC, with parameters by their names."""
        return writing.calling(procedure.quoted, given)

    def receipt(self, connection: sa.Connection, ledger_key: str) -> bytes | None:
        """The receipt kept under that key, once nobody is writing it."""
        found = fetch(
            connection,
            "SELECT receipt FROM opagent_receipts WITH (UPDLOCK, HOLDLOCK) WHERE ledger_key = %s",
            (ledger_key,),
        )
        return bytes(found[0][0]) if found else None

    def keep_receipt(self, connection: sa.Connection, ledger_key: str, receipt: bytes) -> None:
        """Keep a receipt in place of the former."""
        connection.exec_driver_sql(
            "UPDATE opagent_receipts WITH (UPDLOCK, HOLDLOCK) SET receipt = %s, committed_at = SYSUTCDATETIME() "
            "WHERE ledger_key = %s; IF @@ROWCOUNT = 0 INSERT INTO opagent_receipts (ledger_key, receipt, committed_at) "
            "VALUES (%s, %s, SYSUTCDATETIME())",
            (receipt, ledger_key, ledger_key, receipt),
        )

    # Reading

    def selected(self, columns: Sequence[Column]) -> str:
        """What the driver would round or guess is written by the server."""
        return ", ".join(mssql_values.shown(column, f"q.{self.quote(column.name)}") for column in columns)

    def rows(self, connection: sa.Connection, statement: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        """The rows of a statement."""
        return fetch(connection, statement, parameters)

    def limited(self, selected: str, rest: str, rows: int) -> str:
        """TOP."""
        return f"SELECT TOP ({rows:d}) {selected} {rest}"

    def documents(self, columns: Sequence[Column], rows: Sequence[Sequence[Any]]) -> list[bytes]:
        """JSON objects of rows."""
        return mssql_values.documents(columns, rows)

    def ordered(self, column: Column) -> str:
        """Texts that no index tells apart are put in order by their bytes."""
        return mssql_values.ordered(column, f"q.{self.quote(column.name)}")

    def held(self, column: Column) -> str:
        """The value as text, but whole numbers and binary data as they are."""
        return mssql_values.held(column, f"q.{self.quote(column.name)}")

    def given(self, column: Column) -> str:
        """Text as a value again."""
        return mssql_values.recalled(column, "%s")

    def by_text(self, column: Column) -> tuple[str, str]:
        """The column itself, so that its index is used."""
        return self.ordered(column), self.given(column)

    def sought(self, column: Column, text: str) -> Sequence[Any]:
        """The text as it is, or the bytes that it stands for."""
        return bytes_of(text) if column.family is Family.BINARY else (text,)

    def condition(
        self, connection: sa.Connection, table: Table, column: Column, operator: str, values: Sequence[str]
    ) -> tuple[str, list[Any]]:
        """A clause as a condition."""
        return filters.condition(column, operator, values)

    def earlier(
        self, column: Column, highest: JsonValue, *, overlap: int | None, now: datetime
    ) -> tuple[JsonValue, datetime | None]:
        """Where the next incremental read begins."""
        if isinstance(highest, Mapping):  # binary data
            return highest, None
        bound, moment = moments.earlier(column, str(highest), overlap=overlap, usual=self.usual_overlap, now=now)
        if moment is None or column.family is not Family.MOMENT:
            return bound, moment
        return fitting.written(column, moment), moment

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
        """Look each key up in the index."""
        return writing.beside(connection, table, columns, by, keys, lock=lock)

    def settled(self, connection: sa.Connection, column: Column, texts: Sequence[str]) -> Sequence[Any] | None:
        """Have the server round numbers and moments as their column does."""
        return writing.settled(connection, column, texts)

    # Failures

    def fault(self, error: BaseException) -> Fault:
        """What an error of the driver means."""
        return failures.fault(error)

    def refusal(self, connection: sa.Connection, error: BaseException, load: Load, row: tuple[Value, ...]) -> Refusal:
        """Why one row was refused."""
        return failures.refusal(error, load)

    def unreachable(self, error: BaseException) -> AgentError:
        """Why the server refused the connection."""
        return failures.unreachable(error, self._address)

    def complaint(self, error: BaseException) -> str:
        """What is named, in the words of the server."""
        return failures.complaint(error)

    def code(self, error: BaseException) -> str:
        """The number of the error."""
        return failures.code(error)

    # Validation

    def facts(self, connection: sa.Connection) -> tuple[list[tuple[str, str]], list[str]]:
        """What is in the database, and what the user may do."""
        encrypted = self._session.encrypted if self._session is not None else ""
        snapshots = self._state is not None and self._state.snapshots
        return facts.facts(connection, self._address, encrypted=encrypted, snapshots=snapshots)
