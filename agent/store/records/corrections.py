"""Corrections of mapped records: what was to be sent, what a person made of it, who, when and why. They are kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from agent.domain.errors import ConflictError, NotFoundError
from agent.store.databases.database import Database
from agent.store.tables.streams import STREAMS
from agent.store.tables.sync_info import CORRECTIONS, SYNC_INFO


@dataclass(frozen=True, slots=True)
class NewCorrection:
    """A correction that is to be written down.

    `payload` is what is sent, packed by the engine; `fingerprint` is the state of the source that it stands for.
    `original` and `edited` are both versions as people see them. `seen_run` and `seen_tries` are what Sync Info said of
    the record when it was fetched.
    """

    node: str
    source_id: str
    payload: bytes
    fingerprint: int
    original: Mapping[str, Any]
    edited: Mapping[str, Any]
    reason: str
    seen_run: str
    seen_tries: int


@dataclass(frozen=True, slots=True)
class CorrectionRow:
    """A correction that was made."""

    id: int
    flow: str
    node: str
    source_id: str
    original: Mapping[str, Any]
    edited: Mapping[str, Any]
    reason: str
    made_by: str
    made_at: datetime
    run: str


@dataclass(frozen=True, slots=True)
class Sent:
    """What a correction sends."""

    source_id: str
    payload: bytes
    fingerprint: int


def add(
    connection: sa.Connection, correction: NewCorrection, *, run: str, flow: str, made_by: str, made_at: datetime
) -> int:
    """Write a correction down with the run that sends it, in the caller's transaction; returns its number.

    Raises:
        ConflictError: code `record-changed`: the record was tried again since it was fetched.
    """
    _require_unchanged(connection, flow, correction)
    values = {
        "flow": flow, "node": correction.node, "source_id": correction.source_id,
        "fingerprint": correction.fingerprint, "original": dict(correction.original),
        "edited": dict(correction.edited), "payload": correction.payload, "reason": correction.reason,
        "made_by": made_by, "made_at": made_at, "run": run,
    }  # fmt: skip
    key = connection.execute(CORRECTIONS.insert().values(values)).inserted_primary_key
    assert key is not None, "the database numbers corrections"
    return int(key[0])


def sent(connection: sa.Connection, number: int) -> Sent:
    """What a correction sends. Raises NotFoundError."""
    row = connection.execute(sa.select(CORRECTIONS).where(CORRECTIONS.c.id == number)).first()
    if row is None:
        raise NotFoundError("The correction is gone.", code="correction-not-found", remedy="Make it again.")
    return Sent(row.source_id, row.payload, row.fingerprint)


class Corrections:
    """The corrections that were made."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(self, flow: str, *, source_id: str, limit: int) -> list[CorrectionRow]:
        """The corrections of a processflow, the newest first; of one record if it is named."""
        query = sa.select(CORRECTIONS).where(CORRECTIONS.c.flow == flow).order_by(CORRECTIONS.c.id.desc()).limit(limit)
        if source_id:
            query = query.where(CORRECTIONS.c.source_id == source_id)
        with self._database.read() as connection:
            return [
                CorrectionRow(
                    row.id, row.flow, row.node, row.source_id, row.original, row.edited, row.reason, row.made_by,
                    row.made_at, row.run,
                )
                for row in connection.execute(query)
            ]  # fmt: skip


def _require_unchanged(connection: sa.Connection, flow: str, correction: NewCorrection) -> None:
    """Refuse to send what was made of a state of the record that is not the present one any more."""
    query = (
        sa.select(SYNC_INFO.c.run, SYNC_INFO.c.tries)
        .join(STREAMS, STREAMS.c.id == SYNC_INFO.c.stream)
        .where(STREAMS.c.flow == flow, STREAMS.c.node == correction.node, SYNC_INFO.c.source_id == correction.source_id)
    )
    row = connection.execute(query).first()
    if row is None or (row.run, row.tries) != (correction.seen_run, correction.seen_tries):
        raise record_changed()


def record_changed() -> ConflictError:
    """The error of a correction that comes too late."""
    return ConflictError(
        "The record has changed, or was tried again, since you fetched it.",
        code="record-changed",
        remedy="Fetch it again and correct what you find then.",
    )
