"""Sync Info as operators read it: one row per record, newest first, counted by state. The ledger alone writes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from agent.domain.packet import SyncState
from agent.store.database import Database
from agent.store.ledger import STATE_NUMBERS
from agent.store.tables import STREAMS, SYNC_INFO, from_milliseconds

_STATES = {number: state for state, number in STATE_NUMBERS.items()}


@dataclass(frozen=True, slots=True)
class SyncRow:
    """What became of one record."""

    node: str
    source_id: str
    destination_id: str
    state: SyncState
    message: str
    remedy: str
    tries: int
    run: str
    updated_at: datetime
    key: str
    """Where the next page starts."""


class SyncInfo:
    """The records of every processflow."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def counts(self, flow: str) -> Mapping[SyncState, int]:
        """How many records of a processflow are in each state."""
        query = (
            sa.select(SYNC_INFO.c.state, sa.func.count())
            .join(STREAMS, STREAMS.c.id == SYNC_INFO.c.stream)
            .where(STREAMS.c.flow == flow)
            .group_by(SYNC_INFO.c.state)
        )
        with self._database.read() as connection:
            found = {_STATES[state]: count for state, count in connection.execute(query)}
        return {state: found.get(state, 0) for state in SyncState}

    def failed(self) -> Mapping[str, int]:
        """How many records of each processflow are Failed; processflows without any are left out."""
        failed = STATE_NUMBERS[SyncState.FAILED]
        # The bare `<> 1` lets SQLite use the partial index on troubled records.
        query = (
            sa.select(STREAMS.c.flow, sa.func.count())
            .select_from(SYNC_INFO)
            .join(STREAMS, STREAMS.c.id == SYNC_INFO.c.stream)
            .where(sa.text("sync_info.state <> 1"), SYNC_INFO.c.state == failed)
            .group_by(STREAMS.c.flow)
        )
        with self._database.read() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def page(self, flow: str, *, state: SyncState | None, search: str, after: str, limit: int) -> list[SyncRow]:
        """Records of a processflow, the latest touched first. `search` looks into ids and messages."""
        query = (
            sa.select(SYNC_INFO, STREAMS.c.node)
            .join(STREAMS, STREAMS.c.id == SYNC_INFO.c.stream)
            .where(STREAMS.c.flow == flow)
            .order_by(SYNC_INFO.c.updated_at.desc(), SYNC_INFO.c.stream, SYNC_INFO.c.source_id)
            .limit(limit)
        )
        if state is not None:
            query = query.where(SYNC_INFO.c.state == STATE_NUMBERS[state])
            if state is not SyncState.SUCCESS:
                query = query.where(sa.text("sync_info.state <> 1"))
        if search:
            columns = (SYNC_INFO.c.source_id, SYNC_INFO.c.destination_id, SYNC_INFO.c.message)
            query = query.where(sa.or_(*(column.icontains(search, autoescape=True) for column in columns)))
        if after:
            query = query.where(_behind(after))
        with self._database.read() as connection:
            return [
                SyncRow(
                    node=row.node, source_id=row.source_id, destination_id=row.destination_id,
                    state=_STATES[row.state], message=row.message, remedy=row.remedy, tries=row.tries, run=row.run,
                    updated_at=from_milliseconds(row.updated_at), key=f"{row.updated_at}:{row.stream}:{row.source_id}",
                )
                for row in connection.execute(query)
            ]  # fmt: skip


def _behind(key: str) -> sa.ColumnElement[bool]:
    moment, stream, source_id = key.split(":", 2)
    later = SYNC_INFO.c.updated_at < int(moment)
    same = SYNC_INFO.c.updated_at == int(moment)
    next_stream = SYNC_INFO.c.stream > int(stream)
    next_record = sa.and_(SYNC_INFO.c.stream == int(stream), SYNC_INFO.c.source_id > source_id)
    return sa.or_(later, sa.and_(same, sa.or_(next_stream, next_record)))
