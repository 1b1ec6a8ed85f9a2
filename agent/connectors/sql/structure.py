"""Brings tables into the shape that a batch needs: creates them, adds columns, and refuses what would lose anything.

A type is never changed and a column never removed. What a person made by hand is taken as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from agent.connectors.sql.dialect import Dialect, Fault, cause
from agent.connectors.sql.failures import CHANGED
from agent.connectors.sql.layout import Layout, Wanted
from agent.connectors.sql.schema import EXTEND, TABLE_OPTION
from agent.connectors.sql.tables import Column, Family, Load, Mode, Table
from agent.domain.app import DataType
from agent.domain.errors import ConfigurationError, TransientError

RECEIPTS = "opagent_receipts"


@dataclass(frozen=True, slots=True)
class Manner:
    """How a batch is to be written: what is done with its rows, and whether tables may be made and widened for it."""

    mode: Mode = Mode.UPSERT
    extend: bool = True


@dataclass(frozen=True, slots=True)
class Plan:
    """A layout together with how its rows are sent; `below` belongs to `layout.children`, in their order."""

    layout: Layout
    load: Load
    below: tuple[Plan, ...]

    def descendants(self) -> list[Plan]:
        """The plans of all child tables."""
        return [one for plan in self.below for one in (plan, *plan.descendants())]


def plan(connection: sa.Connection, dialect: Dialect, layout: Layout, manner: Manner) -> Plan:
    """Make the tables ready, inside the transaction of the caller, and say how to write into them.

    Raises:
        ConfigurationError: a table is missing or unfit, and cannot be made fit without guessing.
    """
    refuse_shared(dialect, layout)
    return _plan(connection, dialect, layout, manner, roots=len(layout.key))


def refuse_shared(dialect: Dialect, layout: Layout) -> None:
    """Raises ConfigurationError where two collections would go into the same table."""
    names = [dialect.fold(one.table) for one in (layout, *layout.all_below())]
    if len(set(names)) < len(names):
        raise _refused(layout.table, "table-twice", "Two collections would be written into the same table.",
                       "Give one of them another table with the option child_tables.")  # fmt: skip


def _plan(connection: sa.Connection, dialect: Dialect, layout: Layout, manner: Manner, *, roots: int) -> Plan:
    table, by_name = _ready(connection, dialect, layout, manner)
    columns = tuple(by_name[wanted.name] for wanted in layout.columns)
    child = layout.inherited > 0
    load = Load(
        table=table,
        columns=columns,
        types=tuple(wanted.type for wanted in layout.columns),
        key=() if child else tuple(by_name[name] for name in layout.key),
        roots=columns[:roots] if child else (),
        mode=manner.mode,
    )
    below = tuple(_plan(connection, dialect, one, manner, roots=roots) for _, one in layout.children)
    return Plan(layout, load, below)


def _ready(
    connection: sa.Connection, dialect: Dialect, layout: Layout, manner: Manner
) -> tuple[Table, Mapping[str, Column]]:
    """The table of a layout, created or widened where need be, and its columns by the names that are wanted."""
    table, found = look_at(connection, dialect, layout, manner)
    if table is None:
        define(connection, dialect, layout.table, _creation(dialect, layout))
        return _read_again(connection, dialect, layout)
    missing = [wanted for wanted in layout.columns if wanted.name not in found]
    if not missing:
        return table, found
    for wanted in missing:
        define(
            connection, dialect, layout.table,
            f"ALTER TABLE {table.quoted} {dialect.adding} {dialect.quote(wanted.name)} {dialect.declared(wanted.type)}",
        )  # fmt: skip
    return _read_again(connection, dialect, layout)


def look_at(
    connection: sa.Connection, dialect: Dialect, layout: Layout, manner: Manner
) -> tuple[Table | None, Mapping[str, Column]]:
    """The table of a layout as it is, None where it is missing, and which of the columns that are wanted it has.

    Raises:
        ConfigurationError: it is unfit, or may not be made or widened.
    """
    refuse_names(dialect, layout)
    table = dialect.table(connection, layout.table)
    if table is None:
        if not manner.extend:
            raise missing_table(dialect, layout, manner)
        return None, {}
    refuse_unfit(layout.table, table)
    found = matched([wanted.name for wanted in layout.columns], table.columns)
    _check_fit(dialect, layout, found, table, manner.mode)
    missing = next((wanted.name for wanted in layout.columns if wanted.name not in found), None)
    if missing is not None and not manner.extend:
        raise _refused(layout.table, "column-missing", f"The table {layout.table} has no column {missing}.",
                       f"Add it, or {_permit(manner, 'map the attribute to another one')}.", field=missing)  # fmt: skip
    return table, found


def refuse_unfit(name: str, table: Table) -> None:
    """Raise ConfigurationError where rows cannot be written into a table, or do not stay as they were written."""
    if table.view:
        raise _refused(name, "table-is-view", f"{name} is a view, and views are not written into.",
                       "Choose a table.")  # fmt: skip
    if table.lasting:
        raise _refused(name, "table-without-transactions",
                       f"What is written into the table {table.name} cannot be taken back, so that after a crash "
                       "records would be lost or be there twice.",
                       f"Convert it: ALTER TABLE {table.name} ENGINE=InnoDB.")  # fmt: skip
    if table.swallowing:
        raise _refused(name, "table-ignores-rows",
                       f"The table {table.name} has an index with IGNORE_DUP_KEY: rows that it takes for known vanish "
                       "without a word.", "Make the index anew without IGNORE_DUP_KEY.")  # fmt: skip


def matched(names: Sequence[str], columns: Sequence[Column]) -> dict[str, Column]:
    """The columns by the names that are wanted: as they are spelled, else the only one that differs in capitals alone
    and that nobody else wants."""
    exact = {column.name: column for column in columns}
    found = {name: exact[name] for name in names if name in exact}
    free: dict[str, list[Column]] = {}
    for column in columns:
        if column.name not in found:
            free.setdefault(column.name.casefold(), []).append(column)
    for name in names:
        alike = free.get(name.casefold(), [])
        if name not in found and len(alike) == 1:
            found[name] = alike.pop()
    return found


def _read_again(connection: sa.Connection, dialect: Dialect, layout: Layout) -> tuple[Table, Mapping[str, Column]]:
    table = dialect.table(connection, layout.table)
    assert table is not None
    return table, matched([wanted.name for wanted in layout.columns], table.columns)


def define(connection: sa.Connection, dialect: Dialect, table: str, statement: str) -> None:
    """Make or widen a table.

    Raises:
        ConfigurationError: the database does not take it, or the user may not do it.
        TransientError: code `table-changed`: somebody else did it at the same time.
    """
    try:
        connection.exec_driver_sql(statement)
    except sa.exc.DBAPIError as error:
        original = cause(error)
        fault = dialect.fault(original)
        if fault in (Fault.CHANGED, Fault.RECORD):
            # Somebody made the same thing at this moment; PostgreSQL then may find it twice in its own catalogue.
            raise TransientError(
                f"The table {table} was changed by someone while the agent made it fit.",
                code=CHANGED,
                remedy="The agent tries again by itself.",
                detail=dialect.code(original),
            ) from None
        if fault is Fault.STATEMENT:
            raise _refused(table, "table-not-made", f"{dialect.name} does not take the table {table} as it is wanted.",
                           "Choose another name for it, or map fewer attributes.") from None  # fmt: skip
        if fault is Fault.DENIED and dialect.accounts:
            raise _refused(table, "table-not-permitted", f"The agent may not make or widen the table {table}.",
                           "Give the user of the App Configuration the right to, or make it by hand: "
                           f"{statement}") from None  # fmt: skip
        raise
    if dialect.making_commits:
        # Nothing was written before: tables are made ready first. What comes now is committed together.
        dialect.begin(connection, write=True, stopped=lambda: False)


def _creation(dialect: Dialect, layout: Layout) -> str:
    parts = len(layout.key)
    columns = [
        f"{dialect.quote(wanted.name)} {dialect.declared(wanted.type, key_parts=parts if wanted.primary else 0)}"
        f"{' NOT NULL' if wanted.required else ''}"
        for wanted in layout.columns
    ]
    key = ", ".join(dialect.quote(name) for name in layout.key)
    ending = dialect.table_options(child=layout.inherited > 0)
    return f"CREATE TABLE {dialect.quote_table(layout.table)} ({', '.join(columns)}, PRIMARY KEY ({key})){ending}"


def _check_fit(dialect: Dialect, layout: Layout, found: Mapping[str, Column], table: Table, mode: Mode) -> None:
    for wanted in layout.columns:
        column = found.get(wanted.name)
        if column is not None:
            # What the database fills may still tell which row is meant.
            found_by = wanted.primary and layout.inherited == 0 and mode in (Mode.UPDATE, Mode.DELETE)
            _check_column(dialect, table, wanted, column, written=not found_by)
    inserted = mode in (Mode.UPSERT, Mode.INSERT) or layout.inherited > 0
    for column in table.columns if inserted and mode is not Mode.DELETE else ():
        if column.required and not column.filled and not column.computed and column not in found.values():
            raise _refused(table.name, "column-unmapped",
                           f"The table {table.name} demands a value in {column.name}, and the Mapper gives none.",
                           f"Map an attribute to {column.name}, or give the column a default.",
                           field=column.name)  # fmt: skip
    key = frozenset(found[name].name for name in layout.key if name in found)
    if layout.inherited == 0 and mode is not Mode.INSERT and (len(key) < len(layout.key) or key not in table.unique):
        named = ", ".join(layout.key)
        raise _refused(table.name, "key-not-unique",
                       f"The table {table.name} has no primary key or unique index on {named}, so its rows cannot be "
                       f"{'deleted' if mode is Mode.DELETE else 'updated'}.",
                       f"Add a unique index on {named}, or mark the table's own key in the Mapper.",
                       field=layout.key[0])  # fmt: skip


def _check_column(dialect: Dialect, table: Table, wanted: Wanted, column: Column, *, written: bool) -> None:
    if column.computed and written:
        raise _refused(table.name, "column-readonly",
                       f"The column {column.name} of the table {table.name} is filled by the database alone.",
                       "Remove the attribute from the Mapper.", field=column.name)  # fmt: skip
    if column.family in dialect.accepted[wanted.type]:
        return
    better = FITTING.get(column.family)
    remedy = f"Set the attribute's type to {better} in the Mapper, or change the column's type in the database."
    if better is None or better is wanted.type:
        remedy = "Change the column's type in the database, or map the attribute to another column."
    raise _refused(table.name, "column-type",
                   f"The column {column.name} of the table {table.name} is {column.declared} and holds "
                   f"{column.family.value}; it cannot keep {_MEANT[wanted.type]} as they are.",
                   remedy, field=column.name)  # fmt: skip


def refuse_names(dialect: Dialect, layout: Layout) -> None:
    """Raises ConfigurationError where a name is none that the database takes."""
    if dialect.fold(layout.table).casefold() == RECEIPTS:
        raise _refused(layout.table, "table-reserved", f"The table {RECEIPTS} belongs to the agent.",
                       "Choose another table.")  # fmt: skip
    folded = [dialect.fold(wanted.name) for wanted in layout.columns]
    for wanted in layout.columns:
        if folded.count(dialect.fold(wanted.name)) > 1:
            raise _refused(layout.table, "column-twice",
                           f"{dialect.name} takes two of the attributes for the same column: {wanted.name}.",
                           "Rename one of them in the Mapper.", field=wanted.name)  # fmt: skip
    names = [("table", part) for part in (layout.table.split(".", 1) if dialect.longest_name else [layout.table])]
    for what, name in (*names, *(("column", wanted.name) for wanted in layout.columns)):
        long, measure = dialect.longest_name or (None, "")
        if not name.strip() or "\0" in name or not _is_text(name):
            raise _refused(layout.table, "name-invalid", f"A {what} needs a name of proper characters.",
                           "Correct the name in the processflow.", field=name)  # fmt: skip
        if long is not None and len(name.encode() if measure == "bytes" else name) > long:
            raise _refused(layout.table, "name-too-long",
                           f"The name of the {what} {name[:40]}… is too long: {dialect.name} takes {long} {measure}.",
                           "Choose a shorter name in the processflow.", field=name)  # fmt: skip


def _is_text(name: str) -> bool:
    return not any("\ud800" <= sign <= "\udfff" for sign in name)


def missing_table(dialect: Dialect, layout: Layout, manner: Manner) -> ConfigurationError:
    """There is no such table, and it is not to be made."""
    return _refused(layout.table, "table-missing", f"There is no table {layout.table} in {dialect.place}.",
                    f"Create it, or {_permit(manner, 'correct the schema of the POST node')}.")  # fmt: skip


def _permit(manner: Manner, otherwise: str) -> str:
    """What lets a table be made fit: an option, but not of the actions that make none."""
    offered = manner.mode in (Mode.UPSERT, Mode.INSERT)
    return f"set the option {TABLE_OPTION} to {EXTEND}" if offered else otherwise


def _refused(table: str, code: str, message: str, remedy: str, *, field: str | None = None) -> ConfigurationError:
    return ConfigurationError(message, code=code, remedy=remedy, field=field or table)


FITTING: Mapping[Family, DataType] = {
    Family.TEXT: DataType.TEXT,
    Family.INTEGER: DataType.INTEGER,
    Family.DECIMAL: DataType.DECIMAL,
    Family.FLOAT: DataType.DECIMAL,
    Family.BOOLEAN: DataType.BOOLEAN,
    Family.MOMENT: DataType.DATETIME,
    Family.DATE: DataType.TEXT,
    Family.JSON: DataType.JSON,
    Family.OTHER: DataType.TEXT,
}
"""The type of an attribute for a column, by what it holds."""

_MEANT = {
    DataType.TEXT: "texts",
    DataType.INTEGER: "whole numbers",
    DataType.DECIMAL: "decimal numbers",
    DataType.BOOLEAN: "true and false",
    DataType.DATETIME: "dates with a time",
    DataType.JSON: "JSON documents",
}
