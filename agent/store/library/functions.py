"""The function library: every version of every function. A version is never changed; the current one is what callers of
the newest kind get."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from agent.domain.errors import ConflictError, NotFoundError
from agent.domain.meant import meant
from agent.store.databases.at_rest import OVERTAKEN
from agent.store.databases.database import Database
from agent.store.tables.library import FUNCTIONS


@dataclass(frozen=True, slots=True)
class FunctionRow:
    """One version of a function. `examples` are objects with `arguments` and `result`."""

    name: str
    version: int
    parameters: tuple[str, ...]
    body: str
    description: str
    examples: Sequence[Mapping[str, Any]]
    saved_at: datetime
    saved_by: str
    current: bool


@dataclass(frozen=True, slots=True)
class NewFunction:
    """A version that is to be saved; its number is the next one."""

    name: str
    parameters: Sequence[str]
    body: str
    description: str
    examples: Sequence[Mapping[str, Any]]
    saved_at: datetime
    saved_by: str


class FunctionStore:
    """The functions of this agent."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def current(self) -> dict[str, FunctionRow]:
        """The current version of every function, by name."""
        query = sa.select(FUNCTIONS).where(FUNCTIONS.c.current).order_by(FUNCTIONS.c.name)
        with self._database.read() as connection:
            return {row.name: _function(row) for row in connection.execute(query)}

    def versions(self, name: str) -> list[FunctionRow]:
        """Every version of a function, the newest first; empty where it never was."""
        query = sa.select(FUNCTIONS).where(FUNCTIONS.c.name == name).order_by(FUNCTIONS.c.version.desc())
        with self._database.read() as connection:
            return [_function(row) for row in connection.execute(query)]

    def pinned(self, pins: Mapping[str, int]) -> list[FunctionRow]:
        """These versions of these functions; one that does not exist is left out."""
        if not pins:
            return []
        query = sa.select(FUNCTIONS).where(FUNCTIONS.c.name.in_(list(pins)))
        with self._database.read() as connection:
            return [_function(row) for row in connection.execute(query) if pins[row.name] == row.version]

    def add(self, new: NewFunction) -> FunctionRow:
        """Make a new version, which is the current one from now on."""
        with self._database.write() as connection:
            return _add(connection, new)

    def withdraw(self, name: str) -> None:
        """Take a function out of the library; its versions stay for deployments that were made with them.

        Raises:
            NotFoundError: there is no such function.
        """
        changed = FUNCTIONS.update().where(FUNCTIONS.c.name == name, FUNCTIONS.c.current).values(current=False)
        with self._database.write() as connection:
            if connection.execute(changed).rowcount == 0:
                names = connection.execute(sa.select(FUNCTIONS.c.name).where(FUNCTIONS.c.current)).scalars()
                raise NotFoundError(
                    f"There is no function named “{name}”.", code="function-not-found",
                    remedy=meant(name, names, otherwise="There is none yet."),
                )  # fmt: skip


def adding(new: NewFunction) -> Callable[[sa.Connection], None]:
    """Makes a new version in a transaction of somebody else."""

    def add(connection: sa.Connection) -> None:
        _add(connection, new)

    return add


def adding_first(new: NewFunction, *, version: int) -> Callable[[sa.Connection, int], None]:
    """Makes a function of a name that has none, as this version, together with a deployment.

    It raises ConflictError, code `deployment-overtaken`, where somebody has saved one meanwhile.
    """

    def add(connection: sa.Connection, _: int) -> None:
        current = sa.select(FUNCTIONS.c.version).where(FUNCTIONS.c.name == new.name, FUNCTIONS.c.current)
        if connection.execute(current).first() is not None or _add(connection, new).version != version:
            raise ConflictError(
                f"Somebody saved the function ${new.name} meanwhile.",
                code=OVERTAKEN,
                remedy="Look at that function, then deploy again.",
            )

    return add


def _add(connection: sa.Connection, new: NewFunction) -> FunctionRow:
    newest = connection.execute(
        sa.select(sa.func.coalesce(sa.func.max(FUNCTIONS.c.version), 0)).where(FUNCTIONS.c.name == new.name)
    ).scalar_one()
    connection.execute(FUNCTIONS.update().where(FUNCTIONS.c.name == new.name).values(current=False))
    row = FunctionRow(
        new.name, int(newest) + 1, tuple(new.parameters), new.body, new.description, list(new.examples), new.saved_at,
        new.saved_by, True,
    )  # fmt: skip
    connection.execute(
        FUNCTIONS.insert().values(
            name=row.name, version=row.version, parameters=list(row.parameters), body=row.body,
            description=row.description, examples=row.examples, saved_at=row.saved_at, saved_by=row.saved_by,
            current=True,
        )
    )  # fmt: skip
    return row


def _function(row: sa.Row[Any]) -> FunctionRow:
    return FunctionRow(
        row.name, row.version, tuple(row.parameters), row.body, row.description, row.examples, row.saved_at,
        row.saved_by, row.current,
    )  # fmt: skip
