"""The tables of the agent's own database, for SQLite and PostgreSQL alike. Changes go through `migrations`.

Times are whole milliseconds since 1970 in UTC. A *stream* is what one POST node of one processflow receives; Sync Info,
bookmarks and unanswered writes belong to streams, so that they survive redeployment and undeployment.

Every area has its own module. All of them are loaded here, so that nobody can meet a `METADATA` that lacks some.
"""

from __future__ import annotations

from agent.store.tables import (
    configurations,
    events,
    flows,
    library,
    runs,
    schedules,
    service,
    snapshots,
    streams,
    sync_info,
)
from agent.store.tables.metadata import METADATA

__all__ = [
    "METADATA",
    "configurations",
    "events",
    "flows",
    "library",
    "runs",
    "schedules",
    "service",
    "snapshots",
    "streams",
    "sync_info",
]
