"""Where processflows receive events: the secret of each URL, as a hash, and what was counted there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from agent.store.databases.database import Database
from agent.store.tables.events import EVENT_INBOXES


@dataclass(frozen=True, slots=True)
class InboxRow:
    """The inbox of one processflow. `waiting` records were received and not yet processed by every source."""

    flow: str
    secret_hash: str | None
    renewed_at: datetime | None
    renewed_by: str
    processed: int
    waiting: int
    received: int
    duplicates: int
    refused: int
    last_received_at: datetime | None
    last_refused_at: datetime | None
    last_refusal: str


@dataclass(slots=True)
class Refusals:
    """How many events were refused since they were noted the last time; the last one when and why."""

    count: int
    at: datetime
    why: str


class EventInboxes:
    """The inboxes of this agent."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[InboxRow]:
        """Every inbox, by processflow."""
        with self._database.read() as connection:
            return [_inbox(row) for row in connection.execute(sa.select(EVENT_INBOXES).order_by(EVENT_INBOXES.c.flow))]

    def find(self, flow: str) -> InboxRow | None:
        """The inbox of a processflow, where somebody asked for its URL."""
        with self._database.read() as connection:
            row = connection.execute(sa.select(EVENT_INBOXES).where(EVENT_INBOXES.c.flow == flow)).first()
        return _inbox(row) if row is not None else None

    def renew(self, flow: str, secret_hash: str, *, at: datetime, by: str) -> InboxRow:
        """Give an inbox a secret; the one before counts no more. What waits there stays."""
        values = {"secret_hash": secret_hash, "renewed_at": at, "renewed_by": by}
        with self._database.write() as connection:
            if not connection.execute(
                EVENT_INBOXES.update().where(EVENT_INBOXES.c.flow == flow).values(values)
            ).rowcount:
                connection.execute(EVENT_INBOXES.insert().values(flow=flow, **values))
            row = connection.execute(sa.select(EVENT_INBOXES).where(EVENT_INBOXES.c.flow == flow)).one()
        return _inbox(row)

    def note_refused(self, flow: str, refusals: Refusals) -> None:
        """Count events that were refused."""
        with self._database.write() as connection:
            connection.execute(
                EVENT_INBOXES.update()
                .where(EVENT_INBOXES.c.flow == flow)
                .values(
                    refused_count=EVENT_INBOXES.c.refused_count + refusals.count, last_refused_at=refusals.at,
                    last_refusal=refusals.why,
                )
            )  # fmt: skip


def _inbox(row: sa.Row[tuple[object, ...]]) -> InboxRow:
    return InboxRow(
        flow=row.flow, secret_hash=row.secret_hash, renewed_at=row.renewed_at, renewed_by=row.renewed_by,
        processed=row.processed, waiting=row.last_number - row.processed, received=row.received_count,
        duplicates=row.duplicate_count, refused=row.refused_count, last_received_at=row.last_received_at,
        last_refused_at=row.last_refused_at, last_refusal=row.last_refusal,
    )  # fmt: skip
