"""How the tables for a batch stand, and what a write would make of them. Looks only: `structure` is what makes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from agent.connectors.sql.dialect import Dialect
from agent.connectors.sql.layout import Layout
from agent.connectors.sql.structure import Manner, look_at, missing_table, refuse_names, refuse_shared
from agent.connectors.sql.tables import Column, Table


@dataclass(frozen=True, slots=True)
class Standing:
    """A layout and its table as it stands. `table` is None where a write would make it; `columns` are those that are
    there, by the names that are wanted; `below` belongs to `layout.children`, in their order."""

    layout: Layout
    table: Table | None
    columns: Mapping[str, Column]
    below: tuple[Standing, ...]

    def changes(self) -> list[str]:
        """What a write would make, a sentence for each table."""
        missing = [wanted.name for wanted in self.layout.columns if wanted.name not in self.columns]
        said = []
        if self.table is None:
            said.append(f"The table {self.layout.table} would be made.")
        elif missing:
            many = "s" if len(missing) > 1 else ""
            said.append(f"The table {self.table.name} would get the column{many} {', '.join(missing)}.")
        return said + [sentence for one in self.below for sentence in one.changes()]


def standing(connection: sa.Connection, dialect: Dialect, layout: Layout, manner: Manner) -> Standing:
    """The tables as they are.

    Raises:
        ConfigurationError: a table is missing or unfit, and cannot be made fit without guessing.
    """
    refuse_shared(dialect, layout)
    return _standing(connection, dialect, layout, manner)


def nothing_there(dialect: Dialect, layout: Layout, manner: Manner) -> Standing:
    """The same where there is no database yet. Raises ConfigurationError as well."""
    refuse_shared(dialect, layout)
    refuse_names(dialect, layout)
    if not manner.extend:
        raise missing_table(dialect, layout, manner)
    return Standing(layout, None, {}, tuple(nothing_there(dialect, one, manner) for _, one in layout.children))


def _standing(connection: sa.Connection, dialect: Dialect, layout: Layout, manner: Manner) -> Standing:
    table, columns = look_at(connection, dialect, layout, manner)
    below = tuple(_standing(connection, dialect, one, manner) for _, one in layout.children)
    return Standing(layout, table, columns, below)
