"""Whether rows are in their table as they were sent, where the database wrote fewer than it was given.

A trigger may leave a row out without an error: by RAISE(IGNORE) in SQLite, by returning NULL in PostgreSQL. That is no
loss where the row is there all the same, as it was no different, or went into another part of the table.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from agent.connectors.sql.dialect import Dialect
from agent.connectors.sql.forms import canonical
from agent.connectors.sql.tables import Column, Family, Load, UnfitError
from agent.domain.app import DataType
from agent.domain.comparison import same
from agent.domain.packet import Value


class LeftOutError(UnfitError):
    """The database left a row out without saying so."""

    def __init__(self, table: str, *, deleting: bool = False) -> None:
        what = "keeps the row from being deleted" if deleting else "leaves the record out"
        super().__init__(
            f"A trigger of the table {table} {what}, without an error.",
            "Correct the record in the source app, or change the trigger: it can raise an error that says why.",
        )


def arrived(connection: sa.Connection, dialect: Dialect, load: Load, rows: Sequence[tuple[Value, ...]]) -> bool:
    """Whether each row is in the table with all its values, found by its key, or by that of its record."""
    by = load.key or load.roots
    places = [load.columns.index(column) for column in by]
    keys = list(dict.fromkeys(tuple(row[place] for place in places) for row in rows))
    held: dict[tuple[Value, ...], list[tuple[Any, ...]]] = {}
    for number, found in dialect.beside(connection, load.table, load.columns, by, keys):
        held.setdefault(keys[number], []).append(found)
    others = [(place, load.columns[place], kind) for place, kind in enumerate(load.types) if place not in places]
    return all(
        any(
            all(_is_kept(connection, dialect, column, kind, (found[at], row[at])) for at, column, kind in others)
            for found in held.get(tuple(row[place] for place in places), ())
        )
        for row in rows
    )


def _is_kept(
    connection: sa.Connection, dialect: Dialect, column: Column, kind: DataType, pair: tuple[Any, Value]
) -> bool:
    """Whether the first of a pair, which the column holds, is what it makes of the second."""
    kind = DataType.JSON if column.family is Family.JSON else kind
    held, value = canonical(kind, pair[0]), pair[1]
    if same(kind, held, value):
        return True
    if held is None or value is None:
        return False
    text = str(value).lower() if isinstance(value, bool) else str(value)
    kept = dialect.settled(connection, column, [text])
    return kept is not None and same(kind, canonical(kind, kept[0]), held)
