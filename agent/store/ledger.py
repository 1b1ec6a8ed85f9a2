"""The ledger: what each stream has received, told to the last record, and where each run goes on.

One transaction acknowledges a packet: Sync Info, the bookmark, the run's cursor and its counts move together or not at
all. The cursor's number is compared and set, so the same acknowledgement can be offered twice and is booked once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from agent.domain.errors import FatalError
from agent.domain.packet import Bookmark, SyncState
from agent.store.database import Database
from agent.store.tables import CURSORS, INTENTS, RUNS, STREAMS, SYNC_INFO, to_milliseconds

STATE_NUMBERS: Mapping[SyncState, int] = {
    SyncState.UNPROCESSED: 0,
    SyncState.SUCCESS: 1,
    SyncState.SKIPPED: 2,
    SyncState.FAILED: 3,
}
_SUCCESS = STATE_NUMBERS[SyncState.SUCCESS]


class RecordLine(msgspec.Struct, frozen=True, array_like=True):
    """What became of one record that was not simply acknowledged: its index in the packet, and why."""

    index: int
    state: int
    message: str
    remedy: str


class Acknowledgement(msgspec.Struct, frozen=True, array_like=True):
    """Everything that is booked when a packet is acknowledged. Small enough to travel as a receipt.

    `troubled` holds the records that failed or were skipped; all others succeeded. `number` counts the packets of the
    run from 1. `unchanged` is how many records of the packet had nothing to write; they are not among `source_ids`.
    """

    run: str
    stream: int
    number: int
    position: dict[str, Any]
    bookmark: StoredBookmark | None
    finished: bool
    unchanged: int
    source_ids: list[str]
    destination_ids: list[str]
    fingerprints: list[int]
    troubled: list[RecordLine]
    at: int

    def pack(self) -> bytes:
        """As bytes, for a receipt or an intent."""
        return _ENCODER.encode(self)

    @staticmethod
    def unpack(packed: bytes) -> Acknowledgement:
        """The acknowledgement that was packed."""
        return _DECODER.decode(packed)


class StoredBookmark(msgspec.Struct, frozen=True):
    """A bookmark as it is kept."""

    moment: datetime | None
    detail: dict[str, Any]


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Acknowledgement)


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a run stands in a stream: packets acknowledged, the position after the last one, and whether it is done."""

    number: int
    position: Mapping[str, Any] | None
    finished: bool


@dataclass(frozen=True, slots=True)
class Intent:
    """A write that was announced and not yet acknowledged."""

    run: str
    number: int
    payload: bytes


class Ledger:
    """The ledger of this agent."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def stream(self, *, flow: str, node: str) -> int:
        """The number of the stream that this POST node receives; made when it is new."""
        with self._database.write() as connection:
            where = sa.and_(STREAMS.c.flow == flow, STREAMS.c.node == node)
            known = connection.execute(sa.select(STREAMS.c.id).where(where)).scalar()
            if known is None:
                result = connection.execute(STREAMS.insert().values(flow=flow, node=node))
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
        with self._database.write() as connection:
            where = sa.and_(CURSORS.c.run == run, CURSORS.c.stream == stream)
            row = connection.execute(sa.select(CURSORS).where(where)).first()
            if row is None:
                connection.execute(CURSORS.insert().values(run=run, stream=stream, number=0, finished=False))
                return Cursor(number=0, position=None, finished=False)
        return Cursor(number=row.number, position=row.position, finished=row.finished)

    def has_records(self, stream: int) -> bool:
        """Whether Sync Info knows any record of the stream."""
        with self._database.read() as connection:
            query = sa.select(sa.literal(1)).where(SYNC_INFO.c.stream == stream).limit(1)
            return connection.execute(query).first() is not None

    def acknowledged_fingerprints(self, stream: int, source_ids: Sequence[str]) -> dict[str, int]:
        """The fingerprints of those records whose last try succeeded."""
        query = sa.select(SYNC_INFO.c.source_id, SYNC_INFO.c.fingerprint).where(
            SYNC_INFO.c.stream == stream, SYNC_INFO.c.state == _SUCCESS, SYNC_INFO.c.source_id.in_(source_ids)
        )
        with self._database.read() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def announce(self, acknowledgement: Acknowledgement, payload: bytes, *, at: datetime) -> None:
        """Write down that a packet is about to be sent to an app that keeps no receipts."""
        with self._database.write() as connection:
            connection.execute(INTENTS.delete().where(INTENTS.c.stream == acknowledgement.stream))
            connection.execute(
                INTENTS.insert().values(
                    stream=acknowledgement.stream,
                    run=acknowledgement.run,
                    number=acknowledgement.number,
                    payload=payload,
                    sent_at=at,
                )
            )

    def intent(self, stream: int) -> Intent | None:
        """The stream's unanswered write, if there is one."""
        with self._database.read() as connection:
            row = connection.execute(sa.select(INTENTS).where(INTENTS.c.stream == stream)).first()
        return Intent(run=row.run, number=row.number, payload=row.payload) if row is not None else None

    def acknowledge(self, acknowledgement: Acknowledgement) -> bool:
        """Book a packet. Returns False, and changes nothing, when it was booked before.

        Raises:
            FatalError: code `fenced`: another worker has gone on with this run meanwhile.
        """
        booked = acknowledgement
        with self._database.write() as connection:
            where = sa.and_(CURSORS.c.run == booked.run, CURSORS.c.stream == booked.stream)
            number = connection.execute(sa.select(CURSORS.c.number).where(where)).scalar()
            if number is not None and number >= booked.number:
                connection.execute(_own_intent(booked))
                return False
            if number != booked.number - 1:
                raise FatalError(
                    "Another worker has gone on with this run.",
                    code="fenced",
                    remedy="Nothing: the other worker finishes it.",
                    detail=f"run {booked.run}: packet {booked.number} after {number}",
                )
            values = {"number": booked.number, "position": booked.position, "finished": booked.finished}
            connection.execute(CURSORS.update().where(where).values(values))
            if booked.source_ids:
                connection.exec_driver_sql(*_sync_info_rows(connection, booked))
            if booked.bookmark is not None:
                connection.execute(
                    STREAMS.update()
                    .where(STREAMS.c.id == booked.stream)
                    .values(bookmark=msgspec.to_builtins(booked.bookmark), bookmark_moved_at=_moment(booked))
                )
            connection.execute(_counted(booked))
            connection.execute(_own_intent(booked))
        return True


def _moment(booked: Acknowledgement) -> sa.ColumnElement[Any]:
    return sa.type_coerce(booked.at, sa.BigInteger)


def _own_intent(booked: Acknowledgement) -> sa.Delete:
    return INTENTS.delete().where(
        INTENTS.c.stream == booked.stream, INTENTS.c.run == booked.run, INTENTS.c.number <= booked.number
    )


def _counted(booked: Acknowledgement) -> sa.Update:
    failed = sum(line.state == STATE_NUMBERS[SyncState.FAILED] for line in booked.troubled)
    skipped = len(booked.troubled) - failed
    return (
        RUNS.update()
        .where(RUNS.c.id == booked.run)
        .values(
            read_count=RUNS.c.read_count + len(booked.source_ids) + booked.unchanged,
            unchanged_count=RUNS.c.unchanged_count + booked.unchanged,
            written_count=RUNS.c.written_count + len(booked.source_ids) - len(booked.troubled),
            failed_count=RUNS.c.failed_count + failed,
            skipped_count=RUNS.c.skipped_count + skipped,
        )
    )


_UPSERT = """
INSERT INTO sync_info
    (stream, source_id, destination_id, state, message, remedy, tries, fingerprint, run, updated_at)
VALUES ({0}, {0}, {0}, {0}, {0}, {0}, 1, {0}, {0}, {0})
ON CONFLICT (stream, source_id) DO UPDATE SET
    destination_id = CASE WHEN excluded.destination_id = '' THEN sync_info.destination_id
                          ELSE excluded.destination_id END,
    state = excluded.state, message = excluded.message, remedy = excluded.remedy,
    tries = CASE WHEN sync_info.state = 1 AND excluded.state = 1 THEN 1 ELSE sync_info.tries + 1 END,
    fingerprint = excluded.fingerprint, run = excluded.run, updated_at = excluded.updated_at
"""


def _sync_info_rows(connection: sa.Connection, booked: Acknowledgement) -> tuple[str, list[tuple[Any, ...]]]:
    """The upsert and its rows. Plain tuples through the driver: this runs once for every record there is."""
    statement = _UPSERT.format("?" if connection.dialect.paramstyle == "qmark" else "%s")
    troubled = {line.index: line for line in booked.troubled}
    stream, run, at = booked.stream, booked.run, booked.at
    if not troubled:
        return statement, [
            (stream, source, destination, _SUCCESS, "", "", fingerprint, run, at)
            for source, destination, fingerprint in zip(
                booked.source_ids, booked.destination_ids, booked.fingerprints, strict=True
            )
        ]
    fine = RecordLine(-1, _SUCCESS, "", "")
    rows = []
    for index, source in enumerate(booked.source_ids):
        line = troubled.get(index, fine)
        destination, fingerprint = booked.destination_ids[index], booked.fingerprints[index]
        rows.append((stream, source, destination, line.state, line.message, line.remedy, fingerprint, run, at))
    return statement, rows


def acknowledged_at(at: datetime) -> int:
    """The form in which an acknowledgement carries its time."""
    return to_milliseconds(at)
