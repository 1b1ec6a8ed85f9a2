"""What a database holds of the records of a batch, for a preview: read in one transaction that cannot write.

Rows are found as the database itself would find them when it updates, child rows by the records that they belong to.
Their values come in the forms of a packet; what the database would keep just as what it holds counts as the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import sqlalchemy as sa

from agent.connectors.contract import Present, WriteTarget
from agent.connectors.sql.client import Client
from agent.connectors.sql.dialect import Dialect, Fault, cause
from agent.connectors.sql.failures import ERROR_CLASSES
from agent.connectors.sql.forms import canonical, mark
from agent.connectors.sql.layout import Layout, layout
from agent.connectors.sql.loading import check_digits
from agent.connectors.sql.schema import CHILD_TABLES_OPTION
from agent.connectors.sql.sqlite.catalog import new_file
from agent.connectors.sql.sqlite.dialect import SqliteDialect
from agent.connectors.sql.standing import Standing, nothing_there, standing
from agent.connectors.sql.tables import Column, Family, Load, Mode, UnfitError
from agent.connectors.sql.writing import child_tables, identified, key_text, manner, nothing_to_delete, row_missing
from agent.domain.app import DataType
from agent.domain.comparison import same
from agent.domain.errors import RecordError
from agent.domain.packet import Batch, Row, Value

_One = TypeVar("_One")
_Answer = TypeVar("_Answer")
_Key = tuple[object, ...]


class Presence:
    """Looks into one database."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def present(self, target: WriteTarget, batch: Batch) -> Present:
        """What the database holds of a batch. A SQLite file that is not there is not made."""
        tables = child_tables(target.options.get(CHILD_TABLES_OPTION, ""))
        how, given = manner(target), batch
        if how.mode is Mode.DELETE:
            batch = identified(batch)
        wanted, dialect = layout(target.schema, batch.attributes, tables), self._client.dialect
        if isinstance(dialect, SqliteDialect) and not dialect.exists():
            await asyncio.to_thread(new_file, dialect.path)
            stands = nothing_there(dialect, wanted, how)
            changes = [f"The database file {dialect.path} would be made.", *stands.changes()]
            return _foreseen(_Comparison(batch.rows, wanted).present({}, changes), how.mode, target.schema, given)

        def look(connection: sa.Connection) -> Present:
            stands = standing(connection, dialect, wanted, how)
            return _Looking(connection, dialect, batch.rows, stands).present()

        return _foreseen(await self._client.read(look), how.mode, target.schema, given)


def _foreseen(present: Present, mode: Mode, table: str, batch: Batch) -> Present:
    """What the action makes of what is there, if it is another one than to insert and update."""
    failures, skipped, rows = dict(present.failures), dict(present.skipped), list(present.rows)
    changes: list[str] = []
    there = [row is not None for row in rows]
    for index, found in enumerate(there):
        key = present.destination_ids[index]
        if mode is Mode.INSERT and found:
            failures.setdefault(index, _row_twice(table, key))
        elif mode is Mode.UPDATE and not found:
            failures.setdefault(index, row_missing(table, [key]))
        elif mode is Mode.DELETE and not found:
            skipped[index] = nothing_to_delete(table, [key])
    if mode is Mode.DELETE:
        # Only what identifies a row was looked at; of the others nothing is known to be different.
        rows = [given if found else None for given, found in zip(batch.rows, there, strict=True)]
        many = sum(there)
        changes = [f"{many:,} row{'s' if many > 1 else ''} of the table {table} would be deleted."] if many else []
    ids = ["" if index in failures else key for index, key in enumerate(present.destination_ids)]
    return Present(rows, ids, present.stand_ins, failures, skipped, [*present.changes, *changes])


class _Comparison:
    """The rows of a batch, the first of each key, and what is beside them."""

    def __init__(self, rows: Sequence[Row], layout_: Layout) -> None:
        self.rows, self.keys = rows, layout_.keys(rows)
        firsts: dict[_Key, int] = {}
        for index, key in enumerate(self.keys):
            firsts.setdefault(key, index)
        self.firsts = firsts

    def present(
        self, held: dict[_Key, Row], changes: Sequence[str], failures: dict[int, RecordError] | None = None
    ) -> Present:
        """`held` are the rows that are there, by key. A row with the key of an earlier one meets that one."""
        beside: list[Row | None] = []
        failures = failures or {}
        for index, key in enumerate(self.keys):
            beside.append(held.get(key))
            if index not in failures:
                held[key] = self.rows[index]
        ids = ["" if index in failures else key_text(key) for index, key in enumerate(self.keys)]
        return Present(beside, ids, failures=failures, changes=changes)


class _Looking:
    """One look at the tables of one batch."""

    def __init__(self, connection: sa.Connection, dialect: Dialect, rows: Sequence[Row], stands: Standing) -> None:
        self._connection, self._dialect, self._stands = connection, dialect, stands
        self._compared = _Comparison(rows, stands.layout)
        self._failures: dict[int, RecordError] = {}

    def present(self) -> Present:
        stands, compared = self._stands, self._compared
        self._foresee(stands, compared.rows)
        firsts = [compared.rows[index] for index in compared.firsts.values()]
        keys = list(compared.firsts)
        found = self._level(stands, firsts, keys) if firsts else []
        rows = [tuple(row) for row in found]
        held: dict[_Key, Row] = dict(zip(stands.layout.keys(rows), rows, strict=True))
        return compared.present(held, stands.changes(), self._failures)

    def _foresee(self, stands: Standing, rows: Sequence[Row]) -> None:
        """Find the rows that the table is certain to refuse."""
        here = [
            (place, wanted.type, stands.columns[wanted.name])
            for place, wanted in zip(stands.layout.places, stands.layout.columns, strict=True)
            if wanted.name in stands.columns
        ]
        for place, _, column in here:
            if column.required:
                missing = (index for index, row in enumerate(rows) if row[place] is None)
                self._failures.update((index, _missing_value(stands, column)) for index in missing)
        measured = [one for one in here if one[2].digits is not None]
        if stands.table is not None and measured:
            load = Load(stands.table, tuple(one[2] for one in measured), tuple(one[1] for one in measured))
            for index, row in enumerate(rows):
                try:
                    check_digits(load, [tuple(row[place] for place, _, _ in measured)])
                except UnfitError as error:
                    self._failures[index] = RecordError(
                        error.message, code="value-unfit", remedy=error.remedy,
                        error_class=ERROR_CLASSES["value-unfit"],
                    )  # fmt: skip

    def _level(self, stands: Standing, given: Sequence[Row], roots: Sequence[_Key]) -> list[list[Any]]:
        """The rows of one table that belong to the records with these keys, children included, in the layout's form."""
        layout_ = stands.layout
        if stands.table is None or not roots:
            return []
        found = self._in_form(stands, roots)
        self._match(stands, given, found)
        if layout_.children and found:
            self._fill(stands, given, found, len(roots[0]))
        return found

    def _beside(self, stands: Standing, roots: Sequence[_Key]) -> list[tuple[int, tuple[Any, ...]]]:
        """The raw values of the columns that are there, with the number of the key that each row belongs to."""
        table, layout_ = stands.table, stands.layout
        assert table is not None
        columns = [stands.columns[wanted.name] for wanted in layout_.columns if wanted.name in stands.columns]
        of_root = (
            layout_.columns[: len(roots[0])] if layout_.inherited else [one for one in layout_.columns if one.primary]
        )
        by = [stands.columns[wanted.name] for wanted in of_root if wanted.name in stands.columns]
        if len(by) < len(of_root):
            return []

        def ask(numbered: Sequence[tuple[int, _Key]]) -> list[tuple[int, tuple[Any, ...]]]:
            rows = self._dialect.beside(self._connection, table, columns, by, [key for _, key in numbered])
            return [(numbered[number][0], raw) for number, raw in rows]

        def refuse(one: tuple[int, _Key]) -> None:
            index = self._compared.firsts[one[1]]
            self._failures[index] = _unfit_key(stands, by)

        answers = self._halving(list(enumerate(roots)), ask, refuse)
        return [row for _, answer in answers for row in answer]

    def _in_form(self, stands: Standing, roots: Sequence[_Key]) -> list[list[Any]]:
        """The rows of a table in the layout's form: their keys as in a packet, the other values as the driver has them.

        The record's own key is the one by which it was found, however the database writes it.
        """
        layout_ = stands.layout
        width = 1 + max((*layout_.places, *(place for place, _ in layout_.children)))
        there = [
            (place, wanted)
            for place, wanted in zip(layout_.places, layout_.columns, strict=True)
            if wanted.name in stands.columns
        ]
        places = [place for place, _ in there]
        of_root = range(len(roots[0])) if layout_.inherited else layout_.key_places
        keys = [(place, wanted.type) for place, wanted in there if wanted.primary and place not in of_root]
        found = []
        for number, raw in self._beside(stands, roots):
            row: list[Any] = [None] * width
            for place, value in zip(places, raw, strict=True):
                row[place] = value
            for place, part in zip(of_root, roots[number], strict=True):
                row[place] = part
            for place, kind in keys:
                row[place] = canonical(kind, row[place])
            found.append(row)
        return found

    def _match(self, stands: Standing, given: Sequence[Row], found: list[list[Any]]) -> None:
        """Bring values into the form of a packet, and give those back as they are given that the database would keep as
        what it holds. Rows come in the order in which they are given, then those that are not."""
        layout_ = stands.layout
        order = {key: number for number, key in enumerate(_marks(layout_, given))}
        by_number: dict[int, list[Any]] = {}
        others: list[list[Any]] = []
        for row, key in zip(found, _marks(layout_, found), strict=True):
            number = order.get(key)
            if number is None or number in by_number:
                others.append(row)
            else:
                by_number[number] = row
        pairs = [(by_number[number], given[number]) for number in sorted(by_number)]
        for place, wanted in zip(layout_.places, layout_.columns, strict=True):
            column = stands.columns.get(wanted.name)
            if column is None:
                continue
            kind = DataType.JSON if column.family is Family.JSON else wanted.type
            differing = []
            for row, mine in pairs:
                held, value = row[place], mine[place]
                if held == value and held.__class__ is value.__class__:
                    continue
                row[place] = held = canonical(kind, held)
                if wanted.primary or same(kind, held, value):
                    row[place] = value
                elif held is not None and value is not None:
                    differing.append((row, mine))
            for row in others:
                row[place] = canonical(kind, row[place])
            self._settle(column, kind, place, differing)
        others.sort(key=lambda row: [_rank(row[place]) for place in layout_.key_places])
        found[:] = [row for row, _ in pairs] + others

    def _settle(self, column: Column, kind: DataType, place: int, differing: Sequence[tuple[list[Any], Row]]) -> None:
        """Ask the database how it would keep what differs: it may round it, or write it in its own way."""

        def ask(pairs: Sequence[tuple[list[Any], Row]]) -> Sequence[Any] | None:
            return self._dialect.settled(self._connection, column, [_text(mine[place]) for _, mine in pairs])

        for pairs, answer in self._halving(differing, ask, lambda _: None):
            for (row, mine), kept in zip(pairs, answer or (), strict=answer is not None):
                if same(kind, canonical(kind, kept), row[place]):
                    row[place] = mine[place]

    def _fill(self, stands: Standing, given: Sequence[Row], found: Sequence[list[Any]], root_parts: int) -> None:
        """Put the child rows into the collections of their parents."""
        layout_ = stands.layout
        keys = [_root_key(layout_, row, root_parts) for row in found]
        for (place, child), below in zip(layout_.children, stands.below, strict=True):
            rows = self._level(below, layout_.below(place, child, given), list(dict.fromkeys(keys)))
            groups: dict[_Key, list[Row]] = {}
            first = child.inherited + child.numbered
            for row, parent in zip(rows, _parents(child, rows), strict=True):
                groups.setdefault(parent, []).append(tuple(row[first:]))
            for row, key in zip(found, _marks(layout_, found), strict=True):
                row[place] = groups.get(key, [])

    def _halving(
        self, items: Sequence[_One], ask: Callable[[Sequence[_One]], _Answer], refuse: Callable[[_One], None]
    ) -> Iterator[tuple[Sequence[_One], _Answer]]:
        """Ask about all at once. Where the database takes offence at a value, about halves, until it stands alone."""
        if not items:
            return
        savepoints = self._dialect.savepoints
        savepoints.set(self._connection, "opagent_look")
        try:
            answer = ask(items)
        except Exception as error:
            if self._dialect.fault(cause(error)) is not Fault.RECORD:
                raise
            if not savepoints.undo(self._connection, "opagent_look"):
                raise
            if len(items) == 1:
                refuse(items[0])
                return
        else:
            savepoints.release(self._connection, "opagent_look")
            yield items, answer
            return
        middle = len(items) // 2
        yield from self._halving(items[:middle], ask, refuse)
        yield from self._halving(items[middle:], ask, refuse)


def _text(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _marks(layout_: Layout, rows: Sequence[Sequence[Value]]) -> list[_Key]:
    """The keys of rows, in a form in which keys that mean the same are equal."""
    types = [column.type for column in layout_.columns if column.primary]
    places = list(zip(types, layout_.key_places, strict=True))
    return [tuple(mark(kind, row[place]) for kind, place in places) for row in rows]


def _parents(layout_: Layout, rows: Sequence[Sequence[Value]]) -> list[_Key]:
    """The same of the parents of child rows."""
    types = [column.type for column in layout_.columns[: layout_.inherited]]
    return [tuple(map(mark, types, row)) for row in rows]


def _rank(part: Value) -> tuple[int, str]:
    """Child records come in the order of their keys, numbers by size."""
    return (part, "") if isinstance(part, int) else (0, str(part))


def _root_key(layout_: Layout, row: Sequence[Value], parts: int) -> _Key:
    places = range(parts) if layout_.inherited else layout_.key_places
    return tuple(row[place] for place in places)


def _row_twice(table: str, key: str) -> RecordError:
    return RecordError(
        f"The table {table} has a row {key} already.",
        code="value-twice",
        remedy="Write it with the action UPSERT, or correct one of the two records.",
        error_class=ERROR_CLASSES["value-twice"],
    )


def _missing_value(stands: Standing, column: Column) -> RecordError:
    return RecordError(
        f"The table {stands.layout.table} demands a value in {column.name}, and the record has none.",
        code="value-missing",
        remedy=f"Enter a value in the source app, or let the column {column.name} be empty.",
        field=column.name,
        error_class=ERROR_CLASSES["value-missing"],
    )


def _unfit_key(stands: Standing, by: Sequence[Column]) -> RecordError:
    named = ", ".join(column.name for column in by)
    return RecordError(
        f"The record's key does not fit the table {stands.layout.table}, where {named} is "
        f"{', '.join(column.declared for column in by)}.",
        code="value-unfit",
        remedy="Correct it in the source app, or map it differently.",
        field=by[0].name,
        error_class=ERROR_CLASSES["value-unfit"],
    )
