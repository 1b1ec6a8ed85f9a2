"""What is remembered of alerts: since when each is there, and who has acknowledged it. Their causes are elsewhere."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from agent.store.databases.database import Database
from agent.store.tables.service import ALERTS


@dataclass(frozen=True, slots=True)
class Noted:
    """One alert: since when it is there, who acknowledged it when, and for how much of its cause."""

    since: datetime
    acknowledged_by: str = ""
    acknowledged_at: datetime | None = None
    measure: str = ""


class AlertStore:
    """The alerts of this agent."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def follow(self, present: Mapping[str, datetime]) -> dict[str, Noted]:
        """Remember those that are there now, since these moments where they are new, and forget all others."""
        with self._database.read() as connection:
            known = _known(connection)
        if known.keys() != present.keys():
            with self._database.write() as connection:
                known = _known(connection)
                gone: Collection[str] = known.keys() - present.keys()
                if gone:
                    connection.execute(ALERTS.delete().where(ALERTS.c.id.in_(gone)))
                for alert in present.keys() - known.keys():
                    connection.execute(ALERTS.insert().values(id=alert, since=present[alert]))
                known = _known(connection)
        return known

    def acknowledge(self, alert: str, *, by: str, at: datetime, measure: str) -> bool:
        """Note that somebody has seen it; returns whether it is there."""
        values = {"acknowledged_by": by, "acknowledged_at": at, "measure": measure}
        with self._database.write() as connection:
            return bool(connection.execute(ALERTS.update().where(ALERTS.c.id == alert).values(values)).rowcount)


def _known(connection: sa.Connection) -> dict[str, Noted]:
    return {
        row.id: Noted(row.since, row.acknowledged_by, row.acknowledged_at, row.measure)
        for row in connection.execute(sa.select(ALERTS))
    }
