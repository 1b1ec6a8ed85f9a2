"""Lookup tables and their rows. Every change raises the revision of its table, in the same transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeAlias

import sqlalchemy as sa

from agent.domain.errors import ConfigurationError, ConflictError, NotFoundError
from agent.domain.lookup import MOST_ROWS, LookupRow, LookupType
from agent.domain.meant import meant
from agent.store.databases.database import Database
from agent.store.tables.library import LOOKUP_ROWS, LOOKUP_TABLES

_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class LookupTable:
    """A lookup table without its rows; `rows` is how many there are."""

    name: str
    description: str
    rows: int
    revision: int
    changed_at: datetime
    changed_by: str


@dataclass(frozen=True, slots=True)
class LookupChange:
    """What is to be changed in a table at once: `put` adds rows and replaces those of the same source value."""

    put: Sequence[LookupRow] = ()
    remove: Sequence[str] = ()


Revision: TypeAlias = tuple[int, datetime]
"""Which state of a table it is: its number, and since when. A table that was removed and made again begins with 1."""


class LookupStore:
    """The lookup tables of this agent."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def tables(self) -> list[LookupTable]:
        """Every table, by name."""
        with self._database.read() as connection:
            return [_table(row) for row in connection.execute(_counted().order_by(LOOKUP_TABLES.c.name))]

    def find(self, name: str) -> LookupTable | None:
        """A table, if there is one of that name."""
        with self._database.read() as connection:
            row = connection.execute(_counted().where(LOOKUP_TABLES.c.name == name)).first()
        return _table(row) if row is not None else None

    def get(self, name: str) -> LookupTable:
        """A table. Raises NotFoundError."""
        table = self.find(name)
        if table is None:
            with self._database.read() as connection:
                raise _unknown(connection, name)
        return table

    def create(self, name: str, description: str, *, by: str, at: datetime) -> LookupTable:
        """Make an empty table. Raises ConflictError, code `lookup-exists`, also where case alone differs."""
        with self._database.write() as connection:
            same = sa.func.lower(LOOKUP_TABLES.c.name) == name.lower()
            if connection.execute(sa.select(LOOKUP_TABLES.c.name).where(same)).first() is not None:
                raise ConflictError(
                    f"There is a lookup table named “{name}” already.",
                    code="lookup-exists",
                    remedy="Choose another name, or change the one that is there.",
                    field="name",
                )
            connection.execute(
                LOOKUP_TABLES.insert().values(
                    name=name, description=description, revision=1, changed_at=at, changed_by=by
                )
            )
        return self.get(name)

    def describe(self, name: str, description: str, *, by: str, at: datetime) -> LookupTable:
        """Change what a table is said to be for. Raises NotFoundError."""
        with self._database.write() as connection:
            _touch(connection, name, by=by, at=at, description=description)
        return self.get(name)

    def present(self, name: str, sources: Sequence[str]) -> set[str]:
        """Those of these source values that have a row."""
        found: set[str] = set()
        with self._database.read() as connection:
            for start in range(0, len(sources), _AT_ONCE):
                these = LOOKUP_ROWS.c.source.in_(sources[start : start + _AT_ONCE])
                query = sa.select(LOOKUP_ROWS.c.source).where(LOOKUP_ROWS.c.table_name == name, these)
                found.update(connection.execute(query).scalars())
        return found

    def change(self, name: str, change: LookupChange, *, by: str, at: datetime) -> LookupTable:
        """Change rows, all or none.

        Raises:
            NotFoundError: there is no such table.
            ConfigurationError: code `lookup-too-large`.
        """
        with self._database.write() as connection:
            _touch(connection, name, by=by, at=at)
            gone = [*change.remove, *(row.source for row in change.put)]
            for start in range(0, len(gone), _AT_ONCE):
                these = LOOKUP_ROWS.c.source.in_(gone[start : start + _AT_ONCE])
                connection.execute(LOOKUP_ROWS.delete().where(LOOKUP_ROWS.c.table_name == name, these))
            if change.put:
                connection.execute(LOOKUP_ROWS.insert(), [_values(name, row) for row in change.put])
            rows = connection.execute(
                sa.select(sa.func.count()).select_from(LOOKUP_ROWS).where(LOOKUP_ROWS.c.table_name == name)
            ).scalar_one()
            if rows > MOST_ROWS:
                raise ConfigurationError(
                    f"{name} would have {rows:,} rows; a lookup table may have {MOST_ROWS:,}.",
                    code="lookup-too-large",
                    remedy="Nothing was changed. Divide it into several tables.",
                )
        return self.get(name)

    def clear(self, name: str, *, by: str, at: datetime) -> LookupTable:
        """Remove all rows of a table. Raises NotFoundError."""
        with self._database.write() as connection:
            _touch(connection, name, by=by, at=at)
            connection.execute(LOOKUP_ROWS.delete().where(LOOKUP_ROWS.c.table_name == name))
        return self.get(name)

    def remove(self, name: str) -> None:
        """Remove a table with its rows. Raises NotFoundError."""
        with self._database.write() as connection:
            if connection.execute(LOOKUP_TABLES.delete().where(LOOKUP_TABLES.c.name == name)).rowcount == 0:
                raise _unknown(connection, name)
            connection.execute(LOOKUP_ROWS.delete().where(LOOKUP_ROWS.c.table_name == name))

    def page(self, name: str, *, search: str = "", after: str = "", limit: int) -> list[LookupRow]:
        """Rows by source value, those after the given one. `search` is looked for in all that a row holds."""
        query = sa.select(LOOKUP_ROWS).where(LOOKUP_ROWS.c.table_name == name).order_by(LOOKUP_ROWS.c.source)
        if search:
            columns = (LOOKUP_ROWS.c.source, LOOKUP_ROWS.c.destination, LOOKUP_ROWS.c.description)
            query = query.where(sa.or_(*(column.icontains(search, autoescape=True) for column in columns)))
        if after:
            query = query.where(LOOKUP_ROWS.c.source > after)
        with self._database.read() as connection:
            return [_row(row) for row in connection.execute(query.limit(limit))]

    def rows(self, name: str) -> list[LookupRow]:
        """All rows of a table, by source value: `domain.lookup.MOST_ROWS` at most."""
        return self.page(name, limit=MOST_ROWS)

    def values(self, name: str) -> dict[str, str | int | float | bool]:
        """The destination values of a table by source value, as expressions get them."""
        columns = (LOOKUP_ROWS.c.source, LOOKUP_ROWS.c.destination, LOOKUP_ROWS.c.type)
        text = LookupType.TEXT.value
        with self._database.read() as connection:
            found = connection.execute(sa.select(*columns).where(LOOKUP_ROWS.c.table_name == name))
            return {
                source: destination if type_ == text else LookupRow(source, destination, LookupType(type_)).value
                for source, destination, type_ in found
            }

    def revisions(self, names: Iterable[str]) -> dict[str, Revision]:
        """The revisions of these tables; those that do not exist are left out."""
        query = sa.select(LOOKUP_TABLES.c.name, LOOKUP_TABLES.c.revision, LOOKUP_TABLES.c.changed_at)
        with self._database.read() as connection:
            return {
                row.name: (row.revision, row.changed_at)
                for row in connection.execute(query.where(LOOKUP_TABLES.c.name.in_(list(names))))
            }  # fmt: skip


def replacing(
    name: str, description: str, rows: Sequence[LookupRow], *, by: str, at: datetime
) -> Callable[[sa.Connection], None]:
    """Lets a table hold these rows and no others, in a transaction of somebody else; made where there is none."""

    def replace(connection: sa.Connection) -> None:
        said = {"changed_at": at, "changed_by": by, "description": description}
        here = LOOKUP_TABLES.c.name == name
        raised = LOOKUP_TABLES.update().where(here).values(revision=LOOKUP_TABLES.c.revision + 1, **said)
        if not connection.execute(raised).rowcount:
            connection.execute(LOOKUP_TABLES.insert().values(name=name, revision=1, **said))
        connection.execute(LOOKUP_ROWS.delete().where(LOOKUP_ROWS.c.table_name == name))
        if rows:
            connection.execute(LOOKUP_ROWS.insert(), [_values(name, row) for row in rows])

    return replace


def creating(
    name: str, description: str, rows: Sequence[LookupRow], *, by: str, at: datetime
) -> Callable[[sa.Connection, int], None]:
    """Makes a table with these rows together with a deployment; one of that name that is there stays as it is."""

    def create(connection: sa.Connection, _: int) -> None:
        if connection.execute(sa.select(LOOKUP_TABLES.c.name).where(LOOKUP_TABLES.c.name == name)).first() is None:
            replacing(name, description, rows, by=by, at=at)(connection)

    return create


def _counted() -> sa.Select[Any]:
    rows = sa.select(sa.func.count()).where(LOOKUP_ROWS.c.table_name == LOOKUP_TABLES.c.name).scalar_subquery()
    return sa.select(LOOKUP_TABLES, rows.label("row_count"))


def _touch(connection: sa.Connection, name: str, *, by: str, at: datetime, **more: str) -> None:
    values = {"revision": LOOKUP_TABLES.c.revision + 1, "changed_at": at, "changed_by": by, **more}
    if connection.execute(LOOKUP_TABLES.update().where(LOOKUP_TABLES.c.name == name).values(values)).rowcount == 0:
        raise _unknown(connection, name)


def _unknown(connection: sa.Connection, name: str) -> NotFoundError:
    names = connection.execute(sa.select(LOOKUP_TABLES.c.name)).scalars()
    return NotFoundError(
        f"There is no lookup table named “{name}”.",
        code="lookup-not-found",
        remedy=meant(name, names, otherwise="There is none yet: import it first."),
    )


def _table(row: sa.Row[Any]) -> LookupTable:
    return LookupTable(row.name, row.description, row.row_count, row.revision, row.changed_at, row.changed_by)


def _row(row: sa.Row[Any]) -> LookupRow:
    return LookupRow(row.source, row.destination, LookupType(row.type), row.description)


def _values(name: str, row: LookupRow) -> dict[str, str]:
    return {
        "table_name": name, "source": row.source, "destination": row.destination, "type": row.type.value,
        "description": row.description,
    }  # fmt: skip
