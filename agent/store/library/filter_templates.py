"""Filter templates as rows. Their clauses lie here in the form in which the contract has them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from agent.store.databases.database import Database
from agent.store.tables.library import FILTER_TEMPLATES


class TemplateKey(NamedTuple):
    """What a template is for, and its name."""

    app: str
    schema: str
    action: str
    name: str


@dataclass(frozen=True, slots=True)
class TemplateRow:
    """A template, and who saved it when."""

    key: TemplateKey
    clauses: Sequence[Mapping[str, Any]]
    saved_at: datetime
    saved_by: str


class FilterTemplateStore:
    """The filter templates of this agent."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self, app: str = "") -> list[TemplateRow]:
        """Every template in the order of its key, or those of an app."""
        columns = FILTER_TEMPLATES.c
        query = sa.select(FILTER_TEMPLATES).order_by(columns.app, columns.schema, columns.action, columns.name)
        if app:
            query = query.where(columns.app == app)
        with self._database.read() as connection:
            return [_row(row) for row in connection.execute(query)]

    def find(self, key: TemplateKey) -> TemplateRow | None:
        """One template."""
        with self._database.read() as connection:
            row = connection.execute(sa.select(FILTER_TEMPLATES).where(_where(key))).first()
        return _row(row) if row is not None else None

    def save(self, row: TemplateRow) -> None:
        """Save a template, in the place of one with the same key."""
        with self._database.write() as connection:
            saving(row)(connection)

    def remove(self, key: TemplateKey) -> bool:
        """Remove a template. Returns whether there was one."""
        with self._database.write() as connection:
            return bool(connection.execute(FILTER_TEMPLATES.delete().where(_where(key))).rowcount)


def saving(row: TemplateRow) -> Callable[[sa.Connection], None]:
    """Saves a template in a transaction of somebody else."""
    values = {"clauses": list(row.clauses), "saved_at": row.saved_at, "saved_by": row.saved_by}

    def save(connection: sa.Connection) -> None:
        if connection.execute(FILTER_TEMPLATES.update().where(_where(row.key)).values(values)).rowcount == 0:
            connection.execute(FILTER_TEMPLATES.insert().values(**row.key._asdict(), **values))

    return save


def _where(key: TemplateKey) -> sa.ColumnElement[bool]:
    columns = FILTER_TEMPLATES.c
    return sa.and_(
        columns.app == key.app, columns.schema == key.schema, columns.action == key.action, columns.name == key.name
    )


def _row(row: sa.Row[Any]) -> TemplateRow:
    return TemplateRow(TemplateKey(row.app, row.schema, row.action, row.name), row.clauses, row.saved_at, row.saved_by)
