"""Sync Info as operators read it: one row per record, newest first, counted by state. The ledger alone writes it."""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from agent.domain.error_classes import ErrorClass, known_class
from agent.domain.packet import SyncState
from agent.store.acknowledgement import STATE_NUMBERS
from agent.store.database import Database
from agent.store.tables import STREAMS, SYNC_COUNTS, SYNC_INFO, from_milliseconds

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
    error_class: ErrorClass = ErrorClass.UNKNOWN
    cure: str = ""
    """What has to be mended, as in a `RecordError`; empty where its class says as much."""


class SyncInfo:
    """The records of every processflow."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def counts(self, flow: str) -> Mapping[SyncState, int]:
        """How many records of a processflow are in each state."""
        query = (
            sa.select(SYNC_COUNTS.c.state, sa.func.sum(SYNC_COUNTS.c.records))
            .join(STREAMS, STREAMS.c.id == SYNC_COUNTS.c.stream)
            .where(STREAMS.c.flow == flow)
            .group_by(SYNC_COUNTS.c.state)
        )
        with self._database.read() as connection:
            found = {_STATES[state]: int(count) for state, count in connection.execute(query)}
        return {state: found.get(state, 0) for state in SyncState}

    def failed(self) -> Mapping[str, int]:
        """How many records of each processflow are Failed; processflows without any are left out."""
        query = (
            sa.select(STREAMS.c.flow, sa.func.sum(SYNC_COUNTS.c.records))
            .join(STREAMS, STREAMS.c.id == SYNC_COUNTS.c.stream)
            .where(SYNC_COUNTS.c.state == STATE_NUMBERS[SyncState.FAILED], SYNC_COUNTS.c.records > 0)
            .group_by(STREAMS.c.flow)
        )
        with self._database.read() as connection:
            return {flow: int(count) for flow, count in connection.execute(query)}

    def page(self, flow: str, *, state: SyncState | None, search: str, after: str, limit: int) -> list[SyncRow]:
        """Records of a processflow, the latest touched first. `search` looks into ids and messages."""
        with self._database.read() as connection:
            streams = connection.execute(sa.select(STREAMS.c.id, STREAMS.c.node).where(STREAMS.c.flow == flow)).all()
            # One query for each stream: each follows an index and stops early; a common one would sort every record.
            found = [
                _sync_row(row, node)
                for stream, node in streams
                for row in connection.execute(_page_query(stream, state, search, after).limit(limit))
            ]
        return heapq.nlargest(limit, found, key=_place)


def found_by(search: str) -> sa.ColumnElement[bool]:
    """Whether a row is found by a text in its ids and its message."""
    columns = (SYNC_INFO.c.source_id, SYNC_INFO.c.destination_id, SYNC_INFO.c.message)
    return sa.or_(*(column.icontains(search, autoescape=True) for column in columns))


def _page_query(stream: int, state: SyncState | None, search: str, after: str) -> sa.Select[Any]:
    query = sa.select(SYNC_INFO).where(SYNC_INFO.c.stream == stream)
    query = query.order_by(SYNC_INFO.c.updated_at.desc(), SYNC_INFO.c.source_id.desc())
    if state is not None:
        query = query.where(SYNC_INFO.c.state == STATE_NUMBERS[state])
        if state is not SyncState.SUCCESS:
            # Bare, so that SQLite uses the partial index on troubled records.
            query = query.where(sa.text("sync_info.state <> 1"))
    if search:
        query = query.where(found_by(search))
    if after:
        moment, last_stream, source_id = after.split(":", 2)
        if stream == int(last_stream):
            behind = sa.tuple_(SYNC_INFO.c.updated_at, SYNC_INFO.c.source_id) < (int(moment), source_id)
        elif stream < int(last_stream):
            behind = SYNC_INFO.c.updated_at <= int(moment)
        else:
            behind = SYNC_INFO.c.updated_at < int(moment)
        query = query.where(behind)
    return query


def _sync_row(row: sa.Row[Any], node: str) -> SyncRow:
    return SyncRow(
        node=node, source_id=row.source_id, destination_id=row.destination_id, state=_STATES[row.state],
        message=row.message, remedy=row.remedy, tries=row.tries, run=row.run,
        updated_at=from_milliseconds(row.updated_at), key=f"{row.updated_at}:{row.stream}:{row.source_id}",
        error_class=known_class(row.error_class), cure=row.cure,
    )  # fmt: skip


def _place(row: SyncRow) -> tuple[int, int, str]:
    """The place of a row in the order of pages, which `_page_query` continues from."""
    moment, stream, source_id = row.key.split(":", 2)
    return int(moment), int(stream), source_id
