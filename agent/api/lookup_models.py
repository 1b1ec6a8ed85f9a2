"""The contract's models of lookup tables."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from agent.api.base_models import Model, Request
from agent.domain.lookup import MOST_CHARACTERS, MOST_ROWS, MOST_SOURCE_CHARACTERS, LookupType

TableName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=100)]
MOST_ROWS_AT_ONCE = 10_000
MOST_FILE_BYTES = 10_000_000


class FileFormat(StrEnum):
    """The form of a file of rows."""

    XLSX = "xlsx"
    CSV = "csv"


class LookupRow(Request):
    """A row: the destination value that stands for a source value."""

    source: Annotated[str, StringConstraints(min_length=1, max_length=MOST_SOURCE_CHARACTERS)]
    destination: Annotated[str, StringConstraints(max_length=MOST_CHARACTERS)]
    type: LookupType = LookupType.TEXT
    description: Annotated[str, StringConstraints(max_length=MOST_CHARACTERS)] = ""


class LookupTable(Model):
    """A lookup table. `used_by` are the deployed processflows that are bound to it."""

    name: str
    description: str
    rows: int
    changed_at: datetime
    changed_by: str
    used_by: list[str]


class LookupChanged(LookupTable):
    """A table after a change. `missing` are the source values that were to be removed and that it did not have."""

    missing: list[str]


class LookupPage(Model):
    """Rows of a table. `next` is the mark of the next page; empty at the end."""

    rows: list[LookupRow]
    next: str = ""


class LookupDraft(Request):
    """A table to make, or what one is said to be for."""

    description: Annotated[str, StringConstraints(max_length=MOST_CHARACTERS)] = ""


class LookupChange(Request):
    """What to change in a table, all or nothing: rows to add or to replace, and source values to remove."""

    put: list[LookupRow] = Field(default_factory=list, max_length=MOST_ROWS_AT_ONCE)
    remove: list[str] = Field(default_factory=list, max_length=MOST_ROWS_AT_ONCE)


class LookupFile(Request):
    """A file of rows, as base64. `name` ends with .xlsx or .csv."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=255)]
    content: Annotated[str, StringConstraints(max_length=MOST_FILE_BYTES * 4 // 3 + 4)]


class LookupImport(LookupFile):
    """A file to import. `clear` removes first what the table holds; `dry_run` only says what would happen."""

    clear: bool = False
    dry_run: bool = False


class BadRow(Model):
    """A row of a file that cannot be imported, or was left out. Lines count from 1, with the headings."""

    line: int
    reason: str


class ImportReport(Model):
    """What an import did. With any bad row nothing was imported: `imported` is false then, as in a dry run.

    `bad` and `duplicates` name the first hundred of `bad_rows` and `duplicate_rows`.
    """

    table: LookupTable | None
    imported: bool
    added: int
    changed: int
    unchanged: int
    removed: int
    bad_rows: int
    duplicate_rows: int
    bad: list[BadRow]
    duplicates: list[BadRow]


class LookupContent(Request):
    """A whole table in plain values, as samples and packages carry it."""

    name: TableName
    description: Annotated[str, StringConstraints(max_length=MOST_CHARACTERS)] = ""
    rows: list[LookupRow] = Field(default_factory=list, max_length=MOST_ROWS)
