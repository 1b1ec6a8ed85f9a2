"""What SQLite's errors mean, by their codes. Texts are looked at only for the names of tables and columns in them, and
for what a trigger says."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

from agent.connectors.sql.dialect import Fault
from agent.connectors.sql.tables import Load, Refusal, UnfitError
from agent.connectors.sql.triggers import trigger_refusal
from agent.domain.errors import AgentError, ConfigurationError, TransientError
from agent.domain.packet import Value

# By primary result code: the driver has no names for the codes of a SQLite newer than itself.
_FAULTS = {
    sqlite3.SQLITE_CONSTRAINT: Fault.RECORD,
    sqlite3.SQLITE_MISMATCH: Fault.RECORD,
    sqlite3.SQLITE_TOOBIG: Fault.RECORD,
    sqlite3.SQLITE_RANGE: Fault.RECORD,
    sqlite3.SQLITE_BUSY: Fault.BUSY,
    sqlite3.SQLITE_LOCKED: Fault.BUSY,
    sqlite3.SQLITE_PROTOCOL: Fault.BUSY,
    sqlite3.SQLITE_FULL: Fault.FULL,
    sqlite3.SQLITE_IOERR: Fault.LOST,
    sqlite3.SQLITE_READONLY: Fault.DENIED,
    sqlite3.SQLITE_PERM: Fault.DENIED,
    sqlite3.SQLITE_AUTH: Fault.DENIED,
    sqlite3.SQLITE_CANTOPEN: Fault.DENIED,
    sqlite3.SQLITE_CORRUPT: Fault.DAMAGED,
    sqlite3.SQLITE_NOTADB: Fault.DAMAGED,
    sqlite3.SQLITE_FORMAT: Fault.DAMAGED,
    sqlite3.SQLITE_SCHEMA: Fault.CHANGED,
    sqlite3.SQLITE_INTERRUPT: Fault.STOPPED,
    sqlite3.SQLITE_ERROR: Fault.STATEMENT,
}
_CONSTRAINT = re.compile(r"(?P<kind>NOT NULL|UNIQUE|CHECK|FOREIGN KEY) constraint failed(?:: (?P<what>.*))?", re.DOTALL)
_STORED = re.compile(r"cannot store \w+ value in (?P<type>\w+) column (?P<what>.*)", re.DOTALL)
_GONE = re.compile(
    r"no such (?:table|column|function|collation sequence)|has no column named|duplicate column name|already exists"
)


def fault(error: BaseException) -> Fault:
    """What an error means."""
    if isinstance(error, UnfitError | OverflowError | UnicodeEncodeError):
        return Fault.RECORD
    if not isinstance(error, sqlite3.Error):
        return Fault.OTHER
    result = getattr(error, "sqlite_errorcode", None)
    if result is None:
        # The driver's own complaint: a value of a kind or size that SQLite does not have.
        return Fault.RECORD if isinstance(error, sqlite3.DataError | sqlite3.InterfaceError) else Fault.OTHER
    found = _FAULTS.get(result & 0xFF, Fault.OTHER)
    if found is Fault.STATEMENT and _GONE.search(str(error)):
        return Fault.CHANGED
    return found


def code(error: BaseException) -> str:
    """SQLite's name or number of an error."""
    number = getattr(error, "sqlite_errorcode", None)
    name = getattr(error, "sqlite_errorname", "")
    return name if name.startswith("SQLITE_") else type(error).__name__ if number is None else f"SQLite error {number}"


def refusal(error: BaseException, load: Load, row: tuple[Value, ...]) -> Refusal:
    """Why a row was refused."""
    table = load.table.name
    if isinstance(error, UnfitError):
        return Refusal("value-unfit", error.message, error.remedy)
    if isinstance(error, OverflowError | UnicodeEncodeError):
        unfit = next((column.name for column, value in zip(load.columns, row, strict=True) if _unfit(value)), "")
        what = "a number beyond 64 bits" if isinstance(error, OverflowError) else "text that is not valid Unicode"
        return Refusal("value-unfit", f"The value for {table}.{unfit} is {what}.",
                       "Correct it in the source app, or map it differently.", unfit)  # fmt: skip
    if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_CONSTRAINT_TRIGGER:
        return trigger_refusal(table, str(error))  # it is the text of RAISE, and nothing else
    found = _CONSTRAINT.search(str(error))
    if found is not None:
        return _constraint(found["kind"], found["what"] or "", table)
    stored = _STORED.search(str(error))
    if stored is not None:
        column = stored["what"].removeprefix(f"{table}.")
        return Refusal("value-unfit", f"The value for {table}.{column} does not fit its type {stored['type']}.",
                       "Set the attribute's type in the Mapper, or correct the record.", column)  # fmt: skip
    if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_TOOBIG:
        return Refusal("value-too-long", f"The record is too large for the table {table}.",
                       "Leave out or shorten its largest value.")  # fmt: skip
    return Refusal("record-refused", f"SQLite refuses the record for the table {table}.",
                   "Check the table's rules and triggers, or correct the record.")  # fmt: skip


def _constraint(kind: str, what: str, table: str) -> Refusal:
    columns = [one.removeprefix(f"{table}.") for one in what.split(", ")]
    named = ", ".join(columns)
    column = columns[0] if len(columns) == 1 else None
    if kind == "NOT NULL":
        return Refusal("value-missing", f"The table {table} demands a value in {named}, and the record has none.",
                       f"Enter a value in the source app, or let the column {named} be empty.", column)  # fmt: skip
    if kind == "UNIQUE":
        return Refusal("value-twice", f"Another row of {table} has the same value in {named}, which has to be unique.",
                       "Correct one of the two records.", column)  # fmt: skip
    if kind == "FOREIGN KEY":
        return Refusal("reference-missing", f"The record for {table} refers to a row of another table that is not "
                       "there.", "Bring that row first, or correct the reference.")  # fmt: skip
    return Refusal("value-refused", f"The record breaks the rule “{what[:80]}” of the table {table}.",
                   "Correct the record in the source app, or change the rule.")  # fmt: skip


def _unfit(value: Value) -> bool:
    if isinstance(value, str):
        return any("\ud800" <= sign <= "\udfff" for sign in value)
    return isinstance(value, int) and value.bit_length() > 63


def unreachable(error: BaseException, path: Path) -> AgentError:
    """Why a file cannot be opened."""
    found, detail = fault(error), code(error)
    if found is Fault.DAMAGED:
        return ConfigurationError(
            f"The file {path.name} is no SQLite database, or it is damaged.", code="not-a-database", detail=detail,
            remedy="Choose another file, or restore it from a backup.", field="database",
        )  # fmt: skip
    if found is Fault.BUSY:
        return TransientError(
            f"The database file {path.name} is locked by another program.", code="database-busy", detail=detail,
            remedy="Close the program that uses it, or wait until it is done, then try again.", field="database",
        )  # fmt: skip
    if found is Fault.DENIED or isinstance(error, PermissionError):
        return ConfigurationError(
            f"The database file {path} cannot be opened: the agent may not read or write it.",
            code="file-not-permitted", detail=detail,
            remedy="Give the agent's user the right to read and write the file and its folder.", field="database",
        )  # fmt: skip
    return TransientError(
        f"The database file {path} cannot be read.", code="file-unreadable", detail=detail,
        remedy="Check the disk or the network drive that it is on, then try again.", field="database",
    )  # fmt: skip


def misplaced(path: Path) -> ConfigurationError:
    """A path that cannot be a file."""
    if path.is_dir():
        return ConfigurationError(
            f"{path} is a folder, not a database file.", code="path-format",
            remedy="Add the file's name at the end of the path.", field="database",
        )  # fmt: skip
    return ConfigurationError(
        f"The folder {path.parent} is not there.", code="folder-missing",
        remedy="Create it, or correct the path of the database file.", field="database",
    )  # fmt: skip
