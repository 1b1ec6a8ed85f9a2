"""Snapshots as operators read them: what each node did, what became of each record, and which runs had a record."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

import sqlalchemy as sa

from agent.domain.packet import SyncState
from agent.store.databases.database import Database
from agent.store.looks import node_work
from agent.store.looks.data_log import Logged, hashes_of
from agent.store.looks.node_work import NodeEntry
from agent.store.moments import from_milliseconds
from agent.store.runs.acknowledgement import STATE_NUMBERS, RecordLine
from agent.store.tables.snapshots import DATA_LOG
from agent.store.tables.streams import STREAMS

_STATES = {number: state for state, number in STATE_NUMBERS.items()}
_ROWS_AT_ONCE = 20
_FINE = RecordLine(-1, STATE_NUMBERS[SyncState.SUCCESS], "", "")


@dataclass(frozen=True, slots=True)
class LoggedRecord:
    """What became of one record at one node in one run. `key` is where the page after it starts."""

    run: str
    node: str
    source_id: str
    destination_id: str
    state: SyncState
    message: str
    remedy: str
    tries: int
    at: datetime
    key: str


class Snapshots:
    """The snapshots of all runs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def nodes(self, run: str) -> list[NodeEntry]:
        """What each node of a run did, the passes of a loop and the legs of a Delay one by one."""
        with self._database.read() as connection:
            return node_work.entries(connection, run)

    def logged(self, run: str) -> int:
        """How many records the data log of a run holds."""
        query = sa.select(sa.func.coalesce(sa.func.sum(DATA_LOG.c.records), 0)).where(DATA_LOG.c.run == run)
        with self._database.read() as connection:
            return int(connection.execute(query).scalar_one())

    def records(
        self, run: str, *, node: str, state: SyncState | None, search: str, after: str, limit: int
    ) -> list[LoggedRecord]:
        """The data log of a run, in the order in which it was written. `search` looks into ids and messages.

        Args:
            run: The run's id.
            node: Only this node; empty for all.
            state: Only records in this state.
            search: Only records in which this text is, in either case; empty for all.
            after: The `key` of the last record of the page before; empty for the first page.
            limit: How many at most.
        """
        first, index = (int(part) for part in after.split(":")) if after else (0, -1)
        found: list[LoggedRecord] = []
        query = sa.select(DATA_LOG).where(DATA_LOG.c.run == run, *_in_state(state))
        if node:
            query = query.where(DATA_LOG.c.node == node)
        query = query.order_by(DATA_LOG.c.id).limit(_ROWS_AT_ONCE)
        with self._database.read() as connection:
            while len(found) < limit:
                rows = connection.execute(query.where(DATA_LOG.c.id >= first)).all()
                for row in rows:
                    beyond = index if row.id == first else -1
                    fitting = _records(row, beyond=beyond, state=state, search=search.casefold())
                    found += islice(fitting, limit - len(found))
                if len(rows) < _ROWS_AT_ONCE:
                    break
                first, index = rows[-1].id + 1, -1
        return found

    def runs_of(self, flow: str, source_id: str, *, before: int | None, limit: int) -> list[LoggedRecord]:
        """What became of a record of a processflow, run by run, the newest first; unchanged, it is in no data log.

        Args:
            flow: The processflow.
            source_id: The record's id at its source.
            before: The first part of the `key` of the last one of the page before.
            limit: How many at most.
        """
        found: list[LoggedRecord] = []
        with self._database.read() as connection:
            for candidate in self._candidates(connection, flow, source_id, before):
                row = connection.execute(sa.select(DATA_LOG).where(DATA_LOG.c.id == candidate)).first()
                if row is None:
                    continue
                found += _records(row, only=source_id)
                if len(found) >= limit:
                    break
        return found

    def _candidates(self, connection: sa.Connection, flow: str, source_id: str, before: int | None) -> Sequence[int]:
        """The rows of packets in which the record may be, the newest first."""
        streams = connection.execute(sa.select(STREAMS.c.id).where(STREAMS.c.flow == flow)).scalars().all()
        holds = sa.func.instr if connection.dialect.name == "sqlite" else _position
        query = sa.select(DATA_LOG.c.id).where(
            DATA_LOG.c.stream.in_(streams), holds(DATA_LOG.c.hashes, hashes_of([source_id])) > 0
        )
        if before is not None:
            query = query.where(DATA_LOG.c.id < before)
        return sorted(connection.execute(query).scalars(), reverse=True)


def _position(column: sa.Column[bytes], wanted: bytes) -> sa.ColumnElement[int]:
    """`instr` of PostgreSQL."""
    return sa.func.position(sa.literal(wanted, sa.LargeBinary).op("IN")(column))


def _in_state(state: SyncState | None) -> list[sa.ColumnElement[bool]]:
    """Leaves out packets in which no record is in this state."""
    match state:
        case SyncState.FAILED:
            return [DATA_LOG.c.failed > 0]
        case SyncState.SKIPPED:
            return [DATA_LOG.c.skipped > 0]
        case SyncState.SUCCESS:
            return [DATA_LOG.c.records > DATA_LOG.c.failed + DATA_LOG.c.skipped]
        case _:
            return []


def _records(
    row: sa.Row[tuple[object, ...]],
    *,
    beyond: int = -1,
    only: str | None = None,
    state: SyncState | None = None,
    search: str = "",
) -> Iterator[LoggedRecord]:
    """The records of a packet after the index `beyond` that fit; `search` is in small letters."""
    logged = Logged.unpack(row.content)
    lines = {line.index: line for line in logged.troubled}
    wanted = None if state is None else STATE_NUMBERS[state]
    for index, (source_id, destination_id) in enumerate(zip(logged.source_ids, logged.destination_ids, strict=True)):
        line = lines.get(index, _FINE)
        if index <= beyond or (only is not None and source_id != only) or (wanted not in (None, line.state)):
            continue
        if search and not any(search in text.casefold() for text in (source_id, destination_id, line.message)):
            continue
        yield LoggedRecord(
            run=row.run, node=row.node, source_id=source_id, destination_id=destination_id, state=_STATES[line.state],
            message=line.message, remedy=line.remedy, tries=logged.tries.get(index, 1), at=from_milliseconds(row.at),
            key=f"{row.id}:{index}",
        )  # fmt: skip
