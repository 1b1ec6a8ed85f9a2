"""What differs between kinds of databases, as one protocol. The values that it speaks in are those of `tables`.

`sqlite`, `postgresql`, `mysql` and `mssql` implement it. Everything here is called in a thread that has the connection
for itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, Protocol

import sqlalchemy as sa

from agent.connectors.sql.parameters import Query
from agent.connectors.sql.savepoints import Savepoints
from agent.connectors.sql.tables import Column, Family, Load, Loaded, Procedure, Refusal, Table
from agent.domain.app import DataType
from agent.domain.errors import AgentError
from agent.domain.packet import JsonValue, Value

Stopped = Callable[[], bool]
"""Whether the work was cancelled meanwhile."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait: for a server to be reached and to let us in, each; for locks that others hold; and for a
    statement to be stopped before its connection is cut."""

    connect_seconds: float = 10.0
    busy_seconds: float = 30.0
    stop_seconds: float = 5.0


class Fault(Enum):
    """What an error of the driver means for us."""

    RECORD = "a record does not fit"
    BUSY = "somebody else holds a lock"
    LOST = "the connection is gone"
    FULL = "no space"
    CHANGED = "the table is not as it was"
    DENIED = "no permission"
    DAMAGED = "not a database"
    STATEMENT = "the statement was not understood"
    STOPPED = "we stopped it"
    OTHER = "anything else"


class StoppedError(Exception):
    """The work was cancelled; nothing was committed."""


class Dialect(Protocol):
    """One kind of database, at one place. `place` says for people which one is meant, without any secret."""

    name: str
    place: str
    patience: Patience
    longest_name: tuple[int, str] | None
    """How long a name may be, and in what that is measured: bytes or characters. None where there is no limit; names
    of tables then have no schema before a dot either."""
    row_values: bool
    """Whether rows of values can be compared as a whole, and are found by an index when they are."""
    making_commits: bool
    """Whether making or widening a table ends the transaction, so that another one has to begin."""
    accounts: bool
    """Whether users may do one thing and not another. Else it is the file that can be written, or cannot."""
    savepoints: Savepoints
    adding: str
    """What comes before a new column's name in ALTER TABLE."""
    accepted: Mapping[DataType, frozenset[Family]]
    receipts_table: str
    usual_overlap: int
    """How many whole numbers before the bookmark an incremental read begins, unless an option says otherwise."""

    # Connecting and transactions

    async def reach(self) -> None:
        """Find out whether the place can be reached at all; raises an AgentError where it cannot."""
        ...

    def exists(self) -> bool:
        """False where connecting would create the database."""
        ...

    def engine(self) -> sa.Engine:
        """An engine for one connection at a time. Connects to nothing yet."""
        ...

    def begin(self, connection: sa.Connection, *, write: bool, stopped: Stopped) -> None:
        """Begin a transaction: one that can write, or one that sees a consistent state and cannot write."""
        ...

    def commit(self, connection: sa.Connection, *, stopped: Stopped) -> None:
        """Commit."""
        ...

    def roll_back(self, connection: sa.Connection) -> None:
        """Roll back, in whatever state the transaction is."""
        ...

    def interrupt(self, driver: Any, *, cut: bool) -> None:
        """Stop the statement in flight, or cut the connection; called from another thread with the driver's."""
        ...

    def now(self, connection: sa.Connection) -> datetime:
        """The database's time, aware and in UTC."""
        ...

    # Names and structure

    def fold(self, name: str) -> str:
        """The form of a name in which names that the database takes for the same are equal."""
        ...

    def quote(self, name: str) -> str:
        """A column's name for a statement."""
        ...

    def quote_table(self, name: str) -> str:
        """The name of a table that is to be made, for a statement."""
        ...

    def tables(self, connection: sa.Connection) -> list[str]:
        """The names of all tables and views that the user may see, as `table` takes them; without the database's own
        and the table of receipts."""
        ...

    def table(self, connection: sa.Connection, name: str) -> Table | None:
        """The table or view of that name."""
        ...

    def query(self, connection: sa.Connection, asked: Query) -> Table:
        """A SELECT that a person wrote, as something to read from.

        Raises ConfigurationError where its parameters have no values, or values no parameters."""
        ...

    def declared(self, kind: DataType, *, key_parts: int = 0) -> str:
        """The type of a column that is made for an attribute; of one of so many in a key, if it is in the key."""
        ...

    def table_options(self, *, child: bool) -> str:
        """What follows the closing bracket of CREATE TABLE."""
        ...

    # Writing

    def load(self, connection: sa.Connection, load: Load, rows: Sequence[tuple[Value, ...]], *, again: bool) -> Loaded:
        """Send rows; `again` when rows for the same table were sent in this transaction and rolled back.

        Raises UnfitError, or what the driver raises.
        """
        ...

    def clear(self, connection: sa.Connection, load: Load, keys: Sequence[tuple[Value, ...]]) -> int | None:
        """Remove the rows with these values in the roots of a load; how many they were, None where that cannot be
        told."""
        ...

    def procedure(self, connection: sa.Connection, name: str) -> Procedure | None:
        """The stored procedure of that name. Raises ConfigurationError where this kind of database has none, or where
        it cannot be told which one is meant."""
        ...

    def calling(self, procedure: Procedure, given: Sequence[Column]) -> str:
        """A statement that calls a procedure with parameters for these of its own, in this order."""
        ...

    def receipt(self, connection: sa.Connection, ledger_key: str) -> bytes | None:
        """The receipt kept under that key, after the end of any transaction that is keeping one. The table is there,
        and this transaction can write."""
        ...

    def keep_receipt(self, connection: sa.Connection, ledger_key: str, receipt: bytes) -> None:
        """Keep a receipt in place of the former. The table is there."""
        ...

    # Reading

    def selected(self, columns: Sequence[Column]) -> str:
        """What to select of the source `q` for `documents`."""
        ...

    def rows(self, connection: sa.Connection, statement: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        """The rows of a statement that reads what others have written."""
        ...

    def limited(self, selected: str, rest: str, rows: int) -> str:
        """A SELECT of no more than so many rows; `rest` begins with FROM."""
        ...

    def documents(self, columns: Sequence[Column], rows: Sequence[Sequence[Any]]) -> list[bytes]:
        """JSON objects of rows of what is `selected`."""
        ...

    def ordered(self, column: Column) -> str:
        """The column of `q` as rows are put in order by it: an order in which different values are never equal, unless
        an index makes them unique."""
        ...

    def held(self, column: Column) -> str:
        """What to select of `q` to remember a column's value as JSON."""
        ...

    def given(self, column: Column) -> str:
        """A parameter that takes back what `held` gave."""
        ...

    def by_text(self, column: Column) -> tuple[str, str]:
        """What of `q` to compare with which parameter, to find a column's values by their text, as ids have it."""
        ...

    def sought(self, column: Column, text: str) -> Sequence[Any]:
        """What to give to the parameter of `by_text` for one text: each value that has it, none where no value has."""
        ...

    def condition(
        self, connection: sa.Connection, table: Table, column: Column, operator: str, values: Sequence[str]
    ) -> tuple[str, list[Any]]:
        """A clause as a condition on `q` with its parameters. Raises ValueError where a value cannot be right."""
        ...

    def earlier(
        self, column: Column, highest: JsonValue, *, overlap: int | None, now: datetime
    ) -> tuple[JsonValue, datetime | None]:
        """Where the next incremental read begins, given the highest value seen; and as a moment, where it is one."""
        ...

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
        """The rows whose columns `by` have one of these keys, compared as a unique index compares: the number of the
        key, and the values of `columns` as numbers or as text. With `lock` nobody changes or removes them until the
        transaction ends."""
        ...

    def settled(self, connection: sa.Connection, column: Column, texts: Sequence[str]) -> Sequence[Any] | None:
        """How the column would keep these values; None where it keeps each of them as it is."""
        ...

    # Failures

    def fault(self, error: BaseException) -> Fault:
        """What an error of the driver means."""
        ...

    def refusal(self, connection: sa.Connection, error: BaseException, load: Load, row: tuple[Value, ...]) -> Refusal:
        """Why one row was refused. Called after the savepoint was rolled back."""
        ...

    def unreachable(self, error: BaseException) -> AgentError:
        """Why connecting failed."""
        ...

    def complaint(self, error: BaseException) -> str:
        """What the database says of a thing that is not there: names and no values. Of Fault.CHANGED alone."""
        ...

    def code(self, error: BaseException) -> str:
        """What support can look up: the kind of an error, never its text, which could quote data."""
        ...

    # Validation

    def facts(self, connection: sa.Connection) -> tuple[list[tuple[str, str]], list[str]]:
        """What is found at the place: label-value pairs and warnings for people."""
        ...


def cause(error: BaseException) -> BaseException:
    """The driver's own error."""
    return error.orig if isinstance(error, sa.exc.DBAPIError) and error.orig is not None else error


def fetch(connection: sa.Connection, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """All rows of a statement, as the driver gives them."""
    result = connection.exec_driver_sql(sql, tuple(parameters))
    assert result.cursor is not None
    rows: list[tuple[Any, ...]] = list(result.cursor.fetchall())
    result.close()
    return rows
