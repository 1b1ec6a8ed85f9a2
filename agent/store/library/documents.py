"""Documents that wait to be deployed: what packages brought. Imports are written here, together with all they bring."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from agent.domain.errors import NotFoundError
from agent.domain.meant import meant
from agent.store.databases.database import Database
from agent.store.tables.library import LIBRARY

Writing = Callable[[sa.Connection], None]
"""Writes something in a transaction of somebody else."""


@dataclass(frozen=True, slots=True)
class LibraryRow:
    """A document of the library. `origin` is the title of the package that it came with."""

    name: str
    document: str
    file: str
    origin: str
    added_at: datetime
    added_by: str


class LibraryStore:
    """The library of this agent."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[LibraryRow]:
        """Every document, by name."""
        with self._database.read() as connection:
            return [_row(row) for row in connection.execute(sa.select(LIBRARY).order_by(LIBRARY.c.name))]

    def find(self, name: str) -> LibraryRow | None:
        """A document, if there is one of that name."""
        with self._database.read() as connection:
            row = connection.execute(sa.select(LIBRARY).where(LIBRARY.c.name == name)).first()
        return _row(row) if row is not None else None

    def remove(self, name: str) -> None:
        """Take a document out. Raises NotFoundError."""
        with self._database.write() as connection:
            if not connection.execute(LIBRARY.delete().where(LIBRARY.c.name == name)).rowcount:
                raise not_in_library(name, connection.execute(sa.select(LIBRARY.c.name)).scalars())

    def write(self, writings: Sequence[Writing]) -> None:
        """Write everything that an import brings, or nothing."""
        with self._database.write() as connection:
            for writing in writings:
                writing(connection)


def putting(row: LibraryRow) -> Writing:
    """Puts a document into the library, in the place of the one of that name."""

    def put(connection: sa.Connection) -> None:
        connection.execute(LIBRARY.delete().where(LIBRARY.c.name == row.name))
        connection.execute(
            LIBRARY.insert().values(
                name=row.name, document=row.document, file=row.file, origin=row.origin, added_at=row.added_at,
                added_by=row.added_by,
            )
        )  # fmt: skip

    return put


def not_in_library(name: str, known: Iterable[str]) -> NotFoundError:
    """The error of a name that the library does not know; it knows `known`."""
    return NotFoundError(
        f"There is no processflow named “{name}” in the library.",
        code="library-flow-not-found",
        remedy=meant(name, known, otherwise="It is empty: import a package first."),
    )


def _row(row: sa.Row[Any]) -> LibraryRow:
    return LibraryRow(row.name, row.document, row.file, row.origin, row.added_at, row.added_by)
