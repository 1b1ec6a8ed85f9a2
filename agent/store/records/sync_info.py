"""Sync Info as operators read it: one row per record, newest first, counted by state. The ledger alone writes it."""

from __future__ import annotations

import heapq
from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from agent.domain.error_classes import ErrorClass, known_class
from agent.domain.packet import SyncState
from agent.store.databases.database import Database
from agent.store.moments import from_milliseconds
from agent.store.records.sync_filter import ALL, RecordFilter, streams
from agent.store.runs.acknowledgement import STATE_NUMBERS
from agent.store.tables.streams import STREAMS
from agent.store.tables.sync_info import SYNC_COUNTS, SYNC_INFO

_AT_ONCE = 1_000
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
    skipped_by_operator: bool = False
    tracked: str = ""
    """The tracked columns as a JSON object; empty where there are none."""


@dataclass(frozen=True, slots=True)
class Group:
    """Records with the same trouble: how many, the latest moment, and the newest of them as an example."""

    number: int
    records: int
    latest: datetime
    example: SyncRow


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

    def nodes(self, flow: str) -> set[str]:
        """The POST nodes at which a processflow has records, of whatever version."""
        query = sa.select(STREAMS.c.node).join(SYNC_COUNTS, SYNC_COUNTS.c.stream == STREAMS.c.id)
        with self._database.read() as connection:
            return set(connection.execute(query.where(STREAMS.c.flow == flow, SYNC_COUNTS.c.records > 0)).scalars())

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

    def page(self, flow: str, wanted: RecordFilter = ALL, *, after: str = "", limit: int) -> list[SyncRow]:
        """Records of a processflow, the latest touched first, after the key `after`."""
        with self._database.read() as connection:
            # One query for each stream: each follows an index and stops early; a common one would sort every record.
            found = [
                _sync_row(row, stream.node)
                for stream in streams(connection, flow, wanted.node)
                for row in connection.execute(_page_query(stream.id, wanted, after).limit(limit))
            ]
        return heapq.nlargest(limit, found, key=_place)

    def record(self, flow: str, node: str, source_id: str) -> SyncRow | None:
        """One record at one POST node."""
        query = (
            sa.select(SYNC_INFO)
            .join(STREAMS, STREAMS.c.id == SYNC_INFO.c.stream)
            .where(STREAMS.c.flow == flow, STREAMS.c.node == node, SYNC_INFO.c.source_id == source_id)
        )
        with self._database.read() as connection:
            row = connection.execute(query).first()
        return _sync_row(row, node) if row is not None else None

    def every(self, flow: str, wanted: RecordFilter = ALL) -> Generator[SyncRow]:
        """All records that fit, as they are at one moment, for as long as it takes; not held in memory together."""
        with self._database.read() as connection:
            for stream in streams(connection, flow, wanted.node):
                query = _page_query(stream.id, wanted, "").execution_options(yield_per=_AT_ONCE)
                with connection.execute(query) as rows:  # also where nobody takes them to their end
                    for row in rows:
                        yield _sync_row(row, stream.node)

    def groups(self, flow: str, wanted: RecordFilter = ALL, *, limit: int) -> list[Group]:
        """Records that did not succeed, those with the same trouble counted together; the largest groups first."""
        latest = sa.func.max(SYNC_INFO.c.updated_at).label("latest")
        number = sa.func.count().label("number")
        with self._database.read() as connection:
            found: list[Group] = []
            for stream in streams(connection, flow, wanted.node):
                query = (
                    sa.select(SYNC_INFO.c.state, SYNC_INFO.c.shape, number, latest)
                    .where(SYNC_INFO.c.stream == stream.id, sa.text("sync_info.shape IS NOT NULL"))
                    .where(*wanted.conditions())
                    .group_by(SYNC_INFO.c.state, SYNC_INFO.c.shape)
                    .order_by(number.desc(), latest.desc())
                    .limit(limit)
                )
                for row in connection.execute(query).all():
                    example = replace(wanted, state=_STATES[row.state], group=row.shape)
                    newest = connection.execute(_page_query(stream.id, example, "").limit(1)).one()
                    found.append(
                        Group(row.shape, row.number, from_milliseconds(row.latest), _sync_row(newest, stream.node))
                    )
        return heapq.nlargest(limit, found, key=lambda group: (group.records, group.latest))


def _page_query(stream: int, wanted: RecordFilter, after: str) -> sa.Select[Any]:
    query = sa.select(SYNC_INFO).where(SYNC_INFO.c.stream == stream, *wanted.conditions())
    query = query.order_by(SYNC_INFO.c.updated_at.desc(), SYNC_INFO.c.source_id.desc())
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
        error_class=known_class(row.error_class), cure=row.cure, skipped_by_operator=row.skipped,
        tracked=row.tracked,
    )  # fmt: skip


def _place(row: SyncRow) -> tuple[int, int, str]:
    """The place of a row in the order of pages, which `_page_query` continues from."""
    moment, stream, source_id = row.key.split(":", 2)
    return int(moment), int(stream), source_id
