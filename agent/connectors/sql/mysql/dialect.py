"""MariaDB and MySQL as a kind of database. What differs between the two is asked of the server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from agent.connectors.sql import moments, servers
from agent.connectors.sql.chosen import bytes_of
from agent.connectors.sql.credentials import ServerAddress
from agent.connectors.sql.dialect import Fault, Patience, Stopped, fetch
from agent.connectors.sql.mysql import catalog, failures, sessions, writing
from agent.connectors.sql.mysql import values as mysql_values
from agent.connectors.sql.parameters import Query
from agent.connectors.sql.receipts import Receipts
from agent.connectors.sql.savepoints import Savepoints
from agent.connectors.sql.tables import Column, Family, Load, Loaded, Procedure, Refusal, Table
from agent.domain.app import DataType
from agent.domain.errors import AgentError
from agent.domain.packet import JsonValue, Value

_KEY_CHARACTERS = 255
_INDEX_CHARACTERS = 760
"""How many characters all parts of a key may have together: an index takes 3072 bytes, 4 for a character."""

_RECEIPTS = Receipts(
    mark="%s",
    now="utc_timestamp(6)",
    met="ON DUPLICATE KEY UPDATE receipt = VALUES(receipt), committed_at = VALUES(committed_at)",
    lock=" FOR UPDATE",
)


class MysqlDialect:
    """MariaDB or MySQL, one database of one server."""

    longest_name: tuple[int, str] | None = (64, "characters")
    row_values = False
    making_commits = True
    accounts = True
    savepoints = Savepoints()
    adding = "ADD COLUMN"
    accepted: Mapping[DataType, frozenset[Family]] = {
        DataType.TEXT: frozenset({Family.TEXT, Family.OTHER, Family.JSON, Family.DATE}),
        DataType.INTEGER: frozenset({Family.INTEGER, Family.DECIMAL, Family.TEXT}),
        DataType.DECIMAL: frozenset({Family.DECIMAL, Family.FLOAT, Family.TEXT}),
        DataType.BOOLEAN: frozenset({Family.BOOLEAN, Family.INTEGER}),
        DataType.DATETIME: frozenset({Family.MOMENT, Family.TEXT}),
        DataType.JSON: frozenset({Family.JSON, Family.TEXT}),
    }
    receipts_table = (
        "CREATE TABLE IF NOT EXISTS opagent_receipts (ledger_key varchar(700) CHARACTER SET utf8mb4 "
        "COLLATE utf8mb4_bin PRIMARY KEY, receipt longblob NOT NULL, committed_at datetime(6) NOT NULL) ENGINE=InnoDB"
    )
    usual_overlap = 1000

    def __init__(self, address: ServerAddress, patience: Patience) -> None:
        self._address = address
        self.patience = patience
        self.name = address.kind
        self.place = f"the database {address.database} on {address.host}"
        self._mariadb = True

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
            "mysql+pymysql://", creator=self._connected, poolclass=sa.pool.NullPool, hide_parameters=True
        )

    def _connected(self) -> Any:
        driver = sessions.connect(self._address, self.patience)
        self._mariadb = "mariadb" in str(driver.server_version).lower()
        return driver

    def begin(self, connection: sa.Connection, *, write: bool, stopped: Stopped) -> None:
        """Begin. Writers do not lock the gaps between rows, readers see one state."""
        level = "READ COMMITTED" if write else "REPEATABLE READ"
        connection.exec_driver_sql("ROLLBACK")  # ends what a look at the settings may have begun
        connection.exec_driver_sql(f"SET TRANSACTION ISOLATION LEVEL {level}")
        connection.exec_driver_sql(f"START TRANSACTION {'READ WRITE' if write else 'READ ONLY'}")

    def commit(self, connection: sa.Connection, *, stopped: Stopped) -> None:
        """Commit."""
        connection.exec_driver_sql("COMMIT")

    def roll_back(self, connection: sa.Connection) -> None:
        """Roll back."""
        connection.exec_driver_sql("ROLLBACK")

    def interrupt(self, driver: Any, *, cut: bool) -> None:
        """Ask the server to stop the statement in flight. Where it cannot be asked, hang up."""
        if cut:
            sessions.cut(driver)
        else:
            sessions.stop(self._address, self.patience, driver)

    def now(self, connection: sa.Connection) -> datetime:
        """The server's time."""
        (text,) = fetch(connection, "SELECT utc_timestamp(6)")[0]
        return datetime.fromisoformat(text).replace(tzinfo=UTC)

    # Names and structure

    def fold(self, name: str) -> str:
        """Names of columns do not differ by capitals; those of tables do not on every system."""
        return name.casefold()

    def quote(self, name: str) -> str:
        """Quoted, and safe in statements with parameters."""
        return catalog.quoted(name)

    def quote_table(self, name: str) -> str:
        """Quoted; what comes before the first dot is the database's name."""
        return ".".join(self.quote(part) for part in name.split(".", 1))

    def tables(self, connection: sa.Connection) -> list[str]:
        """Those of the database that was chosen."""
        found = fetch(
            connection,
            "SELECT table_name FROM information_schema.tables WHERE table_schema = database() "
            "AND table_type IN ('BASE TABLE', 'VIEW', 'SYSTEM VERSIONED') AND table_name <> 'opagent_receipts' "
            "ORDER BY table_name",
        )
        return [row[0] for row in found]

    def table(self, connection: sa.Connection, name: str) -> Table | None:
        """The table or view of that name."""
        return catalog.table(connection, name, mariadb=self._mariadb)

    def query(self, connection: sa.Connection, asked: Query) -> Table:
        """A SELECT as something to read from."""
        return catalog.query(connection, asked)

    def declared(self, kind: DataType, *, key_parts: int = 0) -> str:
        """Texts are compared by their very characters, blanks at the end included. In keys they have to be short."""
        if kind is DataType.TEXT:
            length = min(_KEY_CHARACTERS, _INDEX_CHARACTERS // max(1, key_parts))
            base = f"varchar({length})" if key_parts else "longtext"
            return f"{base} CHARACTER SET utf8mb4 COLLATE {self._collation}"
        return {
            DataType.INTEGER: "bigint",
            DataType.DECIMAL: f"decimal(65,{mysql_values.SCALE})",
            DataType.BOOLEAN: "tinyint(1)",
            DataType.DATETIME: "datetime(6)",
            DataType.JSON: "json",
        }[kind]

    @property
    def _collation(self) -> str:
        return "utf8mb4_nopad_bin" if self._mariadb else "utf8mb4_0900_bin"

    def table_options(self, *, child: bool) -> str:
        """A kind of table that has transactions, and takes all characters."""
        return f" ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE {self._collation}"

    # Writing

    def load(self, connection: sa.Connection, load: Load, rows: Sequence[tuple[Value, ...]], *, again: bool) -> Loaded:
        """Insert or update rows."""
        return writing.load(connection, load, rows)

    def clear(self, connection: sa.Connection, load: Load, keys: Sequence[tuple[Value, ...]]) -> int | None:
        """Remove the child rows of parents."""
        return writing.clear(connection, load, keys)

    def procedure(self, connection: sa.Connection, name: str) -> Procedure | None:
        """The procedure of that name."""
        return catalog.procedure(connection, name)

    def calling(self, procedure: Procedure, given: Sequence[Column]) -> str:
        """CALL, with the parameters in the procedure's order: it takes no names, and demands all of them."""
        return f"CALL {procedure.quoted}({', '.join(['%s'] * len(procedure.parameters))})"

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
        """The rows of a statement."""
        return fetch(connection, statement, parameters)

    def limited(self, selected: str, rest: str, rows: int) -> str:
        """LIMIT."""
        return f"SELECT {selected} {rest} LIMIT {rows:d}"

    def documents(self, columns: Sequence[Column], rows: Sequence[Sequence[Any]]) -> list[bytes]:
        """JSON objects of rows."""
        return mysql_values.documents(columns, rows)

    def ordered(self, column: Column) -> str:
        """Texts that no index tells apart are put in order by their very characters, and choices by what they say."""
        name = f"q.{self.quote(column.name)}"
        if column.comparable != catalog.EXACTLY:
            return name
        return f"CONVERT({name} USING utf8mb4) COLLATE {self._collation}"

    def held(self, column: Column) -> str:
        """The value as text, but whole numbers and binary data as they are."""
        name = f"q.{self.quote(column.name)}"
        if column.family is Family.FLOAT:
            return f"CONCAT(CAST({name} AS DOUBLE))"
        if column.family in (Family.INTEGER, Family.BOOLEAN, Family.BINARY, Family.TEXT):
            return name
        return f"CONCAT({name})"

    def given(self, column: Column) -> str:
        """Text as a value again."""
        return "%s" if column.comparable in ("", catalog.EXACTLY) else column.comparable

    def by_text(self, column: Column) -> tuple[str, str]:
        """The column itself, so that its index is used, for texts, bytes and whole numbers; all others as text."""
        if column.family is Family.INTEGER:
            return f"q.{self.quote(column.name)}", "CAST(%s AS DECIMAL(20))"
        if column.family in (Family.TEXT, Family.BINARY):
            return f"q.{self.quote(column.name)}", "%s"
        return self.held(column), "%s"

    def sought(self, column: Column, text: str) -> Sequence[Any]:
        """The text as it is, or the bytes that it stands for."""
        return bytes_of(text) if column.family is Family.BINARY else (text,)

    def condition(
        self, connection: sa.Connection, table: Table, column: Column, operator: str, values: Sequence[str]
    ) -> tuple[str, list[Any]]:
        """A clause as a condition."""
        return mysql_values.condition(f"q.{self.quote(column.name)}", column, operator, values)

    def earlier(
        self, column: Column, highest: JsonValue, *, overlap: int | None, now: datetime
    ) -> tuple[JsonValue, datetime | None]:
        """Where the next incremental read begins."""
        bound, moment = moments.earlier(column, str(highest), overlap=overlap, usual=self.usual_overlap, now=now)
        if moment is None or column.family is not Family.MOMENT:
            return bound, moment
        return mysql_values.written(moment), moment

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
        """Round numbers as their column does; moments are compared as they are written."""
        return mysql_values.settled(column, texts)

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
        """The text: names are all that is in it."""
        return str(error.args[-1]) if error.args else ""

    def code(self, error: BaseException) -> str:
        """The number of the error."""
        return failures.code(error)

    # Validation

    def facts(self, connection: sa.Connection) -> tuple[list[tuple[str, str]], list[str]]:
        """What is in the database, and what the user may do."""
        return catalog.facts(connection, self._address)
