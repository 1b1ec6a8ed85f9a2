"""The audit trail: what people changed by hand, who, why, and what it was before. Only ever added to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from agent.store.databases.database import Database
from agent.store.tables.service import AUDIT


@dataclass(frozen=True, slots=True)
class AuditLine:
    """One change. `what` is a stable name: `bookmark-set`, `records-skip`, …; `before` and `after` are plain JSON."""

    at: datetime
    who: str
    what: str
    flow: str = ""
    node: str = ""
    reason: str = ""
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    id: int = 0


def note(connection: sa.Connection, line: AuditLine) -> None:
    """Add a line, in the transaction that makes the change."""
    connection.execute(
        AUDIT.insert().values(
            at=line.at, who=line.who, what=line.what, flow=line.flow, node=line.node, reason=line.reason,
            before=dict(line.before) if line.before is not None else None,
            after=dict(line.after) if line.after is not None else None,
        )
    )  # fmt: skip


class Audit:
    """The trail of this agent."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, line: AuditLine) -> None:
        """Add a line about a change that has been made."""
        with self._database.write() as connection:
            note(connection, line)

    def page(self, *, flow: str = "", before: int | None = None, limit: int) -> list[AuditLine]:
        """Lines, newest first, older than the one with the id `before`."""
        query = sa.select(AUDIT).order_by(AUDIT.c.id.desc()).limit(limit)
        if flow:
            query = query.where(AUDIT.c.flow == flow)
        if before is not None:
            query = query.where(AUDIT.c.id < before)
        with self._database.read() as connection:
            return [_line(row) for row in connection.execute(query)]


def _line(row: sa.Row[Any]) -> AuditLine:
    return AuditLine(row.at, row.who, row.what, row.flow, row.node, row.reason, row.before, row.after, row.id)
