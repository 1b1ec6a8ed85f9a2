"""What databases of all kinds have, and what is to be done with it: columns, tables, procedures, rows to be loaded."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Any

from agent.domain.app import DataType


class Family(StrEnum):
    """What a column holds, whatever its type is called."""

    TEXT = "texts"
    INTEGER = "whole numbers"
    DECIMAL = "decimal numbers"
    FLOAT = "approximate numbers"
    BOOLEAN = "true and false"
    MOMENT = "dates with a time"
    DATE = "dates"
    JSON = "JSON"
    BINARY = "binary data"
    OTHER = "values of its own kind"


@dataclass(frozen=True, slots=True)
class Column:
    """A column that a table or a query has.

    Args:
        name: As the database spells it.
        declared: Its type as the database names it; empty where it has none.
        family: What it holds.
        required: Whether it refuses NULL.
        filled: Whether the database fills it by itself when an insert leaves it out.
        computed: Whether it cannot be written at all.
        digits: How many significant digits of a number survive in it; None for all.
        comparable: The type that a parameter is given to be compared with it, where the database wants one.
        loose: Whether the database takes values for equal that are not the same, such as “A” and “a”.
    """

    name: str
    declared: str
    family: Family
    required: bool = False
    filled: bool = False
    computed: bool = False
    digits: int | None = None
    comparable: str = ""
    loose: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table or view that is there. `unique` are the sets of columns by which a row can be told from all others.

    `quoted` is its name for a statement, or a query with marks for `parameters`. `alone` means that a new row can only
    meet another one by its key, as nothing else has to be unique. `lasting` means that what is written into it stays
    when the transaction is rolled back; `swallowing`, that rows it takes for known vanish in it without an error.
    `guarded` means that the database decides row by row who may write.
    """

    name: str
    quoted: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    unique: frozenset[frozenset[str]] = frozenset()
    view: bool = False
    guarded: bool = False
    alone: bool = False
    lasting: bool = False
    swallowing: bool = False
    parameters: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Procedure:
    """A stored procedure. `parameters` are what it takes, in its order; `quoted` is its name for a statement."""

    name: str
    quoted: str
    parameters: tuple[Column, ...]


class UnfitError(Exception):
    """A value that a column cannot keep, found before it was sent. `message` and `remedy` are for people."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


class Mode(Enum):
    """What is done with the rows of a batch."""

    UPSERT = "insert the new ones, update those that are there"
    INSERT = "insert; a row that is there is an error"
    UPDATE = "update; a row that is not there is an error"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Load:
    """A table that rows are loaded into. `key` names the columns that identify a row; empty for a child table, whose
    rows are removed by `roots`, the first columns of it, before new ones come. Of what is to be deleted, nothing is
    ever loaded."""

    table: Table
    columns: tuple[Column, ...]
    types: tuple[DataType, ...]
    key: tuple[Column, ...] = ()
    roots: tuple[Column, ...] = ()
    mode: Mode = Mode.UPSERT


@dataclass(frozen=True, slots=True)
class Loaded:
    """What became of rows that were sent: the statement that put them into the table, and how many of them it inserted
    or met, None where that cannot be told."""

    statement: str
    rows: int | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a database refused one record."""

    code: str
    message: str
    remedy: str
    column: str | None = None
