"""The ledger: what each stream has received, told to the last record, and where each run goes on.

One transaction acknowledges a packet: Sync Info, the bookmark, the run's cursor and its counts move together or not at
all. The cursor's number is compared and set, so the same acknowledgement can be offered twice and is booked once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from agent.domain.errors import FatalError
from agent.domain.packet import Bookmark, SyncState
from agent.store.databases.database import Database
from agent.store.library import variables
from agent.store.looks import data_log, node_work
from agent.store.looks.node_work import NodeWork
from agent.store.moments import from_milliseconds, to_milliseconds
from agent.store.records import skips, sync_rows
from agent.store.records.skips import Skipped
from agent.store.records.sync_rows import Known
from agent.store.runs.acknowledgement import STATE_NUMBERS, Acknowledgement, Move, StoredBookmark
from agent.store.tables.runs import HOLDS, RUNS
from agent.store.tables.streams import CURSORS, INTENTS, STREAMS
from agent.store.tables.sync_info import SYNC_INFO

# Asked for each packet, and therefore built once: that takes as long as asking.
_STREAM = sa.select(STREAMS.c.id).where(STREAMS.c.flow == sa.bindparam("flow"), STREAMS.c.node == sa.bindparam("node"))
_CURSOR = sa.select(CURSORS).where(CURSORS.c.run == sa.bindparam("run"), CURSORS.c.stream == sa.bindparam("stream"))

FENCED = "fenced"
"""The code of the error that a worker meets whose run another one has taken over."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a run stands in a stream: packets done with, the position after the last one, and whether it is done."""

    number: int
    position: Mapping[str, Any] | None
    finished: bool
    memory: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Intent:
    """A write that was announced and not yet acknowledged."""

    run: str
    number: int
    payload: bytes


class Ledger:
    """The ledger of this agent.

    Args:
        database: The agent's database.
        redact: Takes secrets out of what is noted of a record: apps may repeat what they were sent.
    """

    def __init__(self, database: Database, *, redact: Callable[[str], str] = str) -> None:
        self._database = database
        self._redact = redact

    def stream(self, *, flow: str, node: str) -> int:
        """The number of the stream that this node reads or receives; made when it is new."""
        which = {"flow": flow, "node": node}
        with self._database.read() as connection:  # it is asked for often and made once
            known = connection.execute(_STREAM, which).scalar()
        if known is not None:
            return int(known)
        with self._database.write() as connection:
            known = connection.execute(_STREAM, which).scalar()  # somebody else may have made it meanwhile
            if known is None:
                result = connection.execute(STREAMS.insert().values(which))
                known = result.inserted_primary_key[0] if result.inserted_primary_key else None
        if known is None:
            raise FatalError("The ledger could not open a stream.", code="ledger-broken")
        return int(known)

    def bookmark(self, stream: int) -> Bookmark | None:
        """How far the stream's source has been read and acknowledged."""
        with self._database.read() as connection:
            stored = connection.execute(sa.select(STREAMS.c.bookmark).where(STREAMS.c.id == stream)).scalar()
        if stored is None:
            return None
        kept = msgspec.convert(stored, StoredBookmark)
        return Bookmark(moment=kept.moment, detail=kept.detail)

    def cursor(self, *, run: str, stream: int) -> Cursor:
        """Where the run stands in the stream; a new cursor at number 0 when it is new there."""
        with self._database.read() as connection:  # it is asked for often and made once
            row = connection.execute(_CURSOR, {"run": run, "stream": stream}).first()
        if row is None:
            with self._database.write() as connection:
                connection.execute(CURSORS.insert().values(run=run, stream=stream, number=0, finished=False))
            return Cursor(number=0, position=None, finished=False)
        return Cursor(row.number, row.position, row.finished, row.memory or {})

    def booked(self, *, run: str, stream: int) -> int | None:
        """How many packets of a run are booked in a stream; None where the run never got there."""
        with self._database.read() as connection:
            return _number(connection, run, stream)

    def has_records(self, stream: int) -> bool:
        """Whether Sync Info knows any record of the stream."""
        with self._database.read() as connection:
            query = sa.select(sa.literal(1)).where(SYNC_INFO.c.stream == stream).limit(1)
            return connection.execute(query).first() is not None

    def acknowledged_fingerprints(self, stream: int, source_ids: Sequence[str]) -> dict[str, int]:
        """The fingerprints of those records whose last try succeeded."""
        with self._database.read() as connection:
            return sync_rows.acknowledged_fingerprints(connection, stream, source_ids)

    def known(self, stream: int, source_ids: Sequence[str]) -> dict[str, Known]:
        """What became of records the last time, of those that the stream has received before."""
        with self._database.read() as connection:
            return sync_rows.known(connection, stream, source_ids)

    def has_skips(self, stream: int) -> bool:
        """Whether an operator has ever skipped a record of the stream."""
        with self._database.read() as connection:
            return skips.has_skips(connection, stream)

    def skipped(self, stream: int, source_ids: Sequence[str]) -> dict[str, Skipped]:
        """Those of these records that an operator skipped, and in which state."""
        with self._database.read() as connection:
            return skips.skipped(connection, stream, source_ids)

    def hold(self, *, run: str, node: str, packet: str, until: datetime, at: datetime, records: int) -> datetime:
        """Until when a packet with so many records is held back: what was decided the first time, else this."""
        with self._database.write() as connection:
            where = sa.and_(HOLDS.c.run == run, HOLDS.c.node == node, HOLDS.c.packet == packet)
            decided: datetime | None = connection.execute(sa.select(HOLDS.c.until).where(where)).scalar()
            if decided is None:
                connection.execute(HOLDS.insert().values(run=run, node=node, packet=packet, until=until))
                node_work.put_hold(connection, run, node, at=at, until=until, records=records)
        return decided or until

    def announce(self, acknowledgement: Acknowledgement, payload: bytes, *, at: datetime) -> None:
        """Write down that a packet is about to be sent to an app that keeps no receipts.

        Raises:
            FatalError: code `fenced`: another worker has gone on with this run meanwhile.
        """
        announced = acknowledgement
        with self._database.write() as connection:
            number = _number(connection, announced.run, announced.stream)
            if number != announced.number - 1:
                raise _fenced(announced.run, announced.number, number)
            connection.execute(INTENTS.delete().where(INTENTS.c.stream == announced.stream))
            connection.execute(
                INTENTS.insert().values(
                    stream=announced.stream, run=announced.run, number=announced.number, payload=payload, sent_at=at
                )
            )

    def drop_intent(self, intent: Intent, *, stream: int) -> None:
        """Forget an unanswered write that is of no use any more."""
        with self._database.write() as connection:
            connection.execute(_own_intent(stream, intent.run, intent.number))

    def intent(self, stream: int) -> Intent | None:
        """The stream's unanswered write, if there is one."""
        with self._database.read() as connection:
            row = connection.execute(sa.select(INTENTS).where(INTENTS.c.stream == stream)).first()
        return Intent(run=row.run, number=row.number, payload=row.payload) if row is not None else None

    def acknowledge(self, acknowledgement: Acknowledgement, *, rivals: Sequence[int] = ()) -> bool:
        """Book a packet. Returns False, and changes nothing, when it was booked before.

        Args:
            acknowledgement: What is booked.
            rivals: Other streams that end in the same place: what they wrote of these records is not there any more.

        Raises:
            FatalError: code `fenced`: another worker has gone on with this run meanwhile.
        """
        booked = acknowledgement
        with self._database.write() as connection:
            number = _number(connection, booked.run, booked.stream)
            if number is not None and number >= booked.number:
                connection.execute(_own_intent(booked.stream, booked.run, booked.number))
                return False
            if number != booked.number - 1:
                raise _fenced(booked.run, booked.number, number)
            connection.execute(
                CURSORS.update()
                .where(CURSORS.c.run == booked.run, CURSORS.c.stream == booked.stream)
                .values(number=booked.number)
            )
            self._note_records(connection, self._redacted(booked))
            sync_rows.forget_others(connection, booked, rivals)
            connection.execute(_counted(booked))
            if booked.move is not None:
                self._go_on(connection, booked.run, booked.move, at=from_milliseconds(booked.at))
            connection.execute(_own_intent(booked.stream, booked.run, booked.number))
        return True

    def move(self, run: str, move: Move, *, at: datetime) -> None:
        """Note how far a run has come in a source, after all that was read until there has been booked.

        Raises:
            FatalError: code `fenced`: another worker has gone on with this run meanwhile.
        """
        with self._database.write() as connection:
            self._go_on(connection, run, move, at=at)

    def note_work(self, run: str, work: Sequence[NodeWork]) -> None:
        """Add to what the nodes of a run did, where no move of the run can tell it."""
        if work:
            with self._database.write() as connection:
                node_work.put(connection, run, work)

    def entries(self, run: str) -> list[NodeWork]:
        """What the nodes of a run did until now."""
        with self._database.read() as connection:
            return [entry.work for entry in node_work.entries(connection, run)]

    def note_fault(self, run: str, node: str, *, fault: str, at: datetime) -> None:
        """Note what stopped a node. It is forgotten when the node has done something again."""
        with self._database.write() as connection:
            node_work.put_fault(connection, run, node, at=to_milliseconds(at), fault=self._redact(fault))

    def _note_records(self, connection: sa.Connection, booked: Acknowledgement) -> None:
        """Write what became of a packet's records into Sync Info, the data log and the POST's count."""
        tried = data_log.has_troubled(connection, booked.stream)
        sync_rows.put(connection, skips.without_skipped_since(connection, booked))
        tries = sync_rows.tries(connection, booked.stream, booked.source_ids) if tried else {}
        node = connection.execute(sa.select(STREAMS.c.node).where(STREAMS.c.id == booked.stream)).scalar() or ""
        data_log.put(connection, booked, node=node, tries=tries)
        node_work.put(connection, booked.run, [_posted(booked, node)])

    def _go_on(self, connection: sa.Connection, run: str, move: Move, *, at: datetime) -> None:
        _go_on(connection, run, move, at=at)
        node_work.put(connection, run, move.work)
        if move.ended:
            ended = [
                msgspec.structs.replace(one, message=self._redact(one.message), remedy=self._redact(one.remedy))
                for one in move.ended
            ]
            data_log.put_ended(
                connection, ended, run=run, stream=move.stream, number=move.number, at=to_milliseconds(at)
            )

    def _redacted(self, booked: Acknowledgement) -> Acknowledgement:
        if not booked.troubled:
            return booked
        lines = [
            msgspec.structs.replace(line, message=self._redact(line.message), remedy=self._redact(line.remedy))
            for line in booked.troubled
        ]
        return msgspec.structs.replace(booked, troubled=lines)


def _go_on(connection: sa.Connection, run: str, move: Move, *, at: datetime) -> None:
    number = _number(connection, run, move.stream)
    if number != move.before:
        raise _fenced(run, move.number, number)
    connection.execute(
        CURSORS.update()
        .where(CURSORS.c.run == run, CURSORS.c.stream == move.stream)
        .values(number=move.number, position=move.position, finished=move.finished, memory=move.memory)
    )
    if move.bookmark is not None:
        connection.execute(
            STREAMS.update()
            # Not over what a person set later: a write of an ended run may be found and booked only now.
            .where(
                STREAMS.c.id == move.stream,
                sa.or_(STREAMS.c.bookmark_set_by == "", STREAMS.c.bookmark_moved_at <= at),
            )
            .values(
                bookmark=msgspec.to_builtins(move.bookmark), bookmark_moved_at=at, bookmark_run=run, bookmark_set_by=""
            )
        )
        variables.keep(connection, run, {name: move.variables[name] for name in move.kept}, at=at)
    connection.execute(
        RUNS.update()
        .where(RUNS.c.id == run)
        .values(
            read_count=RUNS.c.read_count + move.read,
            unchanged_count=RUNS.c.unchanged_count + move.unchanged,
            failed_count=RUNS.c.failed_count + move.failed,
            skipped_count=RUNS.c.skipped_count + move.skipped,
            **({"variables": move.variables} if move.variables else {}),
        )
    )


def _posted(booked: Acknowledgement, node: str) -> NodeWork:
    """What a POST did with a packet."""
    failed = sum(line.state == STATE_NUMBERS[SyncState.FAILED] for line in booked.troubled)
    written = len(booked.source_ids) - len(booked.troubled)
    return NodeWork(
        node, entry=1, began_at=booked.at, last_at=booked.at, packets_in=1, records_in=len(booked.source_ids),
        packets_out=int(written > 0), records_out=written, failed=failed, skipped=len(booked.troubled) - failed,
    )  # fmt: skip


def _number(connection: sa.Connection, run: str, stream: int) -> int | None:
    where = sa.and_(CURSORS.c.run == run, CURSORS.c.stream == stream)
    number: int | None = connection.execute(sa.select(CURSORS.c.number).where(where)).scalar()
    return number


def _fenced(run: str, refused: int, number: int | None) -> FatalError:
    return FatalError(
        "Another worker has gone on with this run.",
        code=FENCED,
        remedy="Nothing: the other worker finishes it.",
        detail=f"run {run}: packet {refused} after {number}",
    )


def _own_intent(stream: int, run: str, number: int) -> sa.Delete:
    return INTENTS.delete().where(INTENTS.c.stream == stream, INTENTS.c.run == run, INTENTS.c.number <= number)


def _counted(booked: Acknowledgement) -> sa.Update:
    failed = sum(line.state == STATE_NUMBERS[SyncState.FAILED] for line in booked.troubled)
    skipped = len(booked.troubled) - failed
    return (
        RUNS.update()
        .where(RUNS.c.id == booked.run)
        .values(
            written_count=RUNS.c.written_count + len(booked.source_ids) - len(booked.troubled),
            failed_count=RUNS.c.failed_count + failed,
            skipped_count=RUNS.c.skipped_count + skipped,
        )
    )
