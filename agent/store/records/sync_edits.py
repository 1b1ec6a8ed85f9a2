"""What operators do to many records of Sync Info: skip them, take that back, forget them.

Each call deals with one bounded batch in one transaction and says where to go on, so that a million records block
nobody and work can stop between two batches. The number of records in each state is kept right with the rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from agent.domain.packet import SyncState
from agent.store.databases.at_rest import refuse_under_run
from agent.store.databases.database import Database
from agent.store.moments import to_milliseconds
from agent.store.records.begun_jobs import BegunJobs
from agent.store.records.message_shapes import shape
from agent.store.records.sync_filter import RecordFilter, streams
from agent.store.records.sync_rows import count_changes
from agent.store.runs.acknowledgement import STATE_NUMBERS
from agent.store.tables.runs import PLAN_RECORDS, RUNS
from agent.store.tables.streams import STREAMS
from agent.store.tables.sync_info import SKIPS, SYNC_INFO

_BATCH_RECORDS = 500
_SKIPPED = STATE_NUMBERS[SyncState.SKIPPED]
_KEPT = ("state", "message", "remedy", "error_class", "cure", "shape")


class Deed:
    """One of the things that can be done. `job` names what it belongs to, where that has been written down as begun."""

    def __init__(
        self, name: Literal["skip", "unskip", "delete"], *, reason: str = "", by: str = "", job: str = ""
    ) -> None:
        self.name, self.reason, self.by, self.job = name, reason, by, job


@dataclass(frozen=True, slots=True)
class Chosen:
    """The records that something is done to: those of these node and source ids, or all that fit the filter."""

    flow: str
    ids: Sequence[tuple[str, str]] = ()
    wanted: RecordFilter | None = None


class SyncEdits:
    """Does it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def require_at_rest(self, flow: str) -> None:
        """Refuse a deletion under a run before anything is deleted. Raises ConflictError: code `already-running`."""
        with self._database.read() as connection:
            _refuse_deleting(connection, flow)

    def batches(self, chosen: Chosen, deed: Deed, *, at: datetime) -> Iterator[int]:
        """Do it batch by batch; yields how many records each batch changed. Records touched after `at` are left alone.

        Args:
            chosen: The records.
            deed: What is done to them.
            at: The present, aware and in UTC.

        Raises:
            ConflictError: code `already-running`: a run has begun, and it needs what would be deleted. What was deleted
                before stays so.
        """
        now = to_milliseconds(at)
        with self._database.read() as connection:
            found = streams(connection, chosen.flow)
        for stream, node in found:
            if chosen.wanted is None:
                ids = [source_id for of, source_id in chosen.ids if of == node]
                for start in range(0, len(ids), _BATCH_RECORDS):
                    some = ids[start : start + _BATCH_RECORDS]
                    yield self._batch(chosen.flow, stream, [SYNC_INFO.c.source_id.in_(some)], deed, now)[0]
            elif chosen.wanted.node in ("", node):
                yield from self._filtered(chosen.flow, stream, chosen.wanted, deed, now)

    def _filtered(self, flow: str, stream: int, wanted: RecordFilter, deed: Deed, now: int) -> Iterator[int]:
        """Down the order of pages. What is changed moves to its top, so nothing is met twice."""
        behind = SYNC_INFO.c.updated_at <= now
        while True:
            changed, last = self._batch(flow, stream, [*wanted.conditions(), behind], deed, now)
            yield changed
            if last is None:
                return
            behind = sa.tuple_(SYNC_INFO.c.updated_at, SYNC_INFO.c.source_id) < last

    def _batch(
        self, flow: str, stream: int, conditions: Sequence[sa.ColumnElement[bool]], deed: Deed, now: int
    ) -> tuple[int, tuple[int, str] | None]:
        """One transaction; returns how many records it changed, and the last one where there may be more."""
        query = (
            sa.select(SYNC_INFO.c.source_id, SYNC_INFO.c.state, SYNC_INFO.c.skipped, SYNC_INFO.c.updated_at)
            .where(SYNC_INFO.c.stream == stream, *conditions)
            .order_by(SYNC_INFO.c.updated_at.desc(), SYNC_INFO.c.source_id.desc())
            .limit(_BATCH_RECORDS)
            .with_for_update()
        )
        with self._database.write() as connection:
            if deed.name == "delete":
                _refuse_deleting(connection, flow)
            rows = connection.execute(query).all()
            meant = [row.source_id for row in rows if _DEEDS[deed.name].fits(row.state, row.skipped)]
            if meant:
                keys = sa.and_(
                    SYNC_INFO.c.stream == stream, SYNC_INFO.c.source_id.in_(meant)
                )  # fmt: skip
                before = _states(connection, keys)
                # By their ids: SQLite would look through all skips for those of a query on Sync Info.
                old = sa.and_(SKIPS.c.stream == stream, SKIPS.c.source_id.in_(meant))
                if deed.name != "unskip":
                    connection.execute(SKIPS.delete().where(old))
                _DEEDS[deed.name].work(connection, keys, deed, now)
                if deed.name == "unskip":
                    connection.execute(SKIPS.delete().where(old))
                change = _states(connection, keys)
                change.subtract(before)
                count_changes(connection, stream, change)
                BegunJobs.changed(connection, deed.job, len(meant))
        last = rows[-1] if len(rows) == _BATCH_RECORDS else None
        return len(meant), (last.updated_at, last.source_id) if last is not None else None


def _refuse_deleting(connection: sa.Connection, flow: str) -> None:
    because = "and what it has written is told by these records"
    refuse_under_run(connection, flow, because=because, then="delete them")


def _skip(connection: sa.Connection, keys: sa.ColumnElement[bool], deed: Deed, now: int) -> None:
    version = sa.select(RUNS.c.version).where(RUNS.c.id == SYNC_INFO.c.run).scalar_subquery()
    columns = ["stream", "source_id", "fingerprint", "version", "skipped_by", "skipped_at", *_KEPT]
    values = (
        SYNC_INFO.c.stream, SYNC_INFO.c.source_id, SYNC_INFO.c.fingerprint, version, sa.literal(deed.by),
        sa.literal(now, sa.BigInteger), *(SYNC_INFO.c[name] for name in _KEPT),
    )  # fmt: skip
    connection.execute(SKIPS.insert().from_select(columns, sa.select(*values).where(keys)))
    _spare(connection, keys)
    message = f"Skipped by {deed.by}: {deed.reason}"
    connection.execute(
        SYNC_INFO.update()
        .where(keys)
        .values(
            state=_SKIPPED, message=message, remedy="", error_class="", cure="", shape=shape("", message, ""),
            skipped=True, updated_at=now,
        )
    )  # fmt: skip


def _spare(connection: sa.Connection, keys: sa.ColumnElement[bool]) -> None:
    """Let a retry that is under way leave them out."""
    own = sa.select(sa.literal(1)).where(
        STREAMS.c.id == SYNC_INFO.c.stream, STREAMS.c.flow == RUNS.c.flow, STREAMS.c.node == PLAN_RECORDS.c.node,
        RUNS.c.id == PLAN_RECORDS.c.run, SYNC_INFO.c.source_id == PLAN_RECORDS.c.source_id, keys,
    )  # fmt: skip
    connection.execute(PLAN_RECORDS.delete().where(own.correlate(PLAN_RECORDS).exists()))


def _unskip(connection: sa.Connection, keys: sa.ColumnElement[bool], _deed: Deed, now: int) -> None:
    own = sa.and_(SKIPS.c.stream == SYNC_INFO.c.stream, SKIPS.c.source_id == SYNC_INFO.c.source_id)
    before: dict[str, Any] = {name: sa.select(SKIPS.c[name]).where(own).scalar_subquery() for name in _KEPT}
    connection.execute(SYNC_INFO.update().where(keys).values(**before, skipped=False, updated_at=now))


def _delete(connection: sa.Connection, keys: sa.ColumnElement[bool], _deed: Deed, _now: int) -> None:
    connection.execute(SYNC_INFO.delete().where(keys))


@dataclass(frozen=True, slots=True)
class _Work:
    fits: Callable[[int, bool], bool]
    work: Callable[[sa.Connection, sa.ColumnElement[bool], Deed, int], None]


_SUCCESS = STATE_NUMBERS[SyncState.SUCCESS]
_DEEDS = {
    # What has arrived cannot be kept from it any more.
    "skip": _Work(lambda state, skipped: state != _SUCCESS and not skipped, _skip),
    "unskip": _Work(lambda _state, skipped: skipped, _unskip),
    "delete": _Work(lambda _state, _skipped: True, _delete),
}


def _states(connection: sa.Connection, keys: sa.ColumnElement[bool]) -> Counter[int]:
    query = sa.select(SYNC_INFO.c.state, sa.func.count()).where(keys).group_by(SYNC_INFO.c.state)
    return Counter({row[0]: row[1] for row in connection.execute(query)})
