"""Operators as rows: their password's hash and how often signing in failed in a row."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from agent.store.databases.database import Database
from agent.store.tables.service import OPERATORS


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator."""

    name: str
    password_hash: str
    failures: int
    last_failure_at: datetime | None


class OperatorStore:
    """The operators of this agent."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def exists(self) -> bool:
        """Whether there is any operator yet."""
        with self._database.read() as connection:
            return connection.execute(sa.select(sa.literal(1)).select_from(OPERATORS).limit(1)).first() is not None

    def find(self, name: str) -> Operator | None:
        """An operator by name, compared without case."""
        with self._database.read() as connection:
            # Compared here: SQLite's lower() knows ASCII only.
            rows = [row for row in connection.execute(sa.select(OPERATORS)) if row.name.casefold() == name.casefold()]
        return next((Operator(row.name, row.password_hash, row.failures, row.last_failure_at) for row in rows), None)

    def create_first(self, name: str, password_hash: str, *, at: datetime) -> bool:
        """Create the first operator; False, and nothing done, when there is one already."""
        with self._database.write() as connection:
            if connection.execute(sa.select(sa.literal(1)).select_from(OPERATORS).limit(1)).first() is not None:
                return False
            connection.execute(
                OPERATORS.insert().values(name=name, password_hash=password_hash, created_at=at, failures=0)
            )
        return True

    def note_success(self, name: str) -> None:
        """Forget earlier failures."""
        with self._database.write() as connection:
            connection.execute(OPERATORS.update().where(OPERATORS.c.name == name).values(failures=0))

    def set_password(self, name: str, password_hash: str) -> None:
        """Keep the hash of another password."""
        with self._database.write() as connection:
            connection.execute(OPERATORS.update().where(OPERATORS.c.name == name).values(password_hash=password_hash))

    def renew_hash(self, name: str, *, before: str, after: str) -> None:
        """Keep another hash of the same password, unless it has become another one meanwhile."""
        of = (OPERATORS.c.name == name, OPERATORS.c.password_hash == before)
        with self._database.write() as connection:
            connection.execute(OPERATORS.update().where(*of).values(password_hash=after))

    def note_failure(self, name: str, *, at: datetime) -> None:
        """Count a failure."""
        with self._database.write() as connection:
            values = {"failures": OPERATORS.c.failures + 1, "last_failure_at": at}
            connection.execute(OPERATORS.update().where(OPERATORS.c.name == name).values(values))
