"""Records that an operator skipped, as runs ask for them and as the ledger respects them. `sync_edits` writes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import sqlalchemy as sa

from agent.domain.packet import SyncState
from agent.store.records.message_shapes import shape
from agent.store.runs.acknowledgement import STATE_NUMBERS, Acknowledgement, RecordLine
from agent.store.tables.runs import RUNS
from agent.store.tables.sync_info import SKIPS, SYNC_INFO

_IDS_AT_ONCE = 500
_ANY = sa.select(sa.literal(1)).where(SKIPS.c.stream == sa.bindparam("stream")).limit(1)


class Skipped(NamedTuple):
    """Which state of a record is not to be written: its fingerprint, and the version that it is of, where known."""

    fingerprint: int
    version: int | None


def has_skips(connection: sa.Connection, stream: int) -> bool:
    """Whether anything of the stream was ever skipped."""
    return connection.execute(_ANY, {"stream": stream}).first() is not None


def skipped(connection: sa.Connection, stream: int, source_ids: Sequence[str]) -> dict[str, Skipped]:
    """Those of these records that are skipped."""
    found: dict[str, Skipped] = {}
    own = sa.and_(SYNC_INFO.c.stream == SKIPS.c.stream, SYNC_INFO.c.source_id == SKIPS.c.source_id)
    for start in range(0, len(source_ids), _IDS_AT_ONCE):
        some = source_ids[start : start + _IDS_AT_ONCE]
        query = (
            sa.select(SKIPS.c.source_id, SKIPS.c.fingerprint, SKIPS.c.version)
            .join(SYNC_INFO, own)
            # A run that has booked another state since has taken the mark off the row.
            .where(SKIPS.c.stream == stream, SKIPS.c.source_id.in_(some), SYNC_INFO.c.skipped)
        )
        found.update({row.source_id: Skipped(row.fingerprint, row.version) for row in connection.execute(query)})
    return found


def without_skipped_since(connection: sa.Connection, booked: Acknowledgement) -> Acknowledgement:
    """What is left to be booked of a packet that may have been written long ago, in the caller's transaction.

    A record that came to nothing then, and that an operator has skipped since, stays skipped: what became of it is
    kept for when the skip is taken back. What has arrived has arrived; that is booked whatever somebody said since.
    """
    troubled = {line.index: line for line in booked.troubled if line.state != STATE_NUMBERS[SyncState.SUCCESS]}
    if not troubled or not has_skips(connection, booked.stream):
        return booked
    since = _skipped_since(connection, booked, [booked.source_ids[index] for index in troubled])
    spared = {index for index in troubled if booked.source_ids[index] in since}
    for index in sorted(spared):
        _keep_for_unskip(connection, booked, troubled[index])
    return _without(booked, spared) if spared else booked


def _skipped_since(connection: sa.Connection, booked: Acknowledgement, source_ids: Sequence[str]) -> set[str]:
    found: set[str] = set()
    own = sa.and_(SYNC_INFO.c.stream == SKIPS.c.stream, SYNC_INFO.c.source_id == SKIPS.c.source_id)
    for start in range(0, len(source_ids), _IDS_AT_ONCE):
        some = SKIPS.c.source_id.in_(source_ids[start : start + _IDS_AT_ONCE])
        query = sa.select(SKIPS.c.source_id).join(SYNC_INFO, own)
        query = query.where(SKIPS.c.stream == booked.stream, some, SYNC_INFO.c.skipped, SKIPS.c.skipped_at > booked.at)
        found.update(connection.execute(query).scalars())
    return found


def _keep_for_unskip(connection: sa.Connection, booked: Acknowledgement, line: RecordLine) -> None:
    source_id, fingerprint = booked.source_ids[line.index], booked.fingerprints[line.index]
    version = sa.select(RUNS.c.version).where(RUNS.c.id == booked.run).scalar_subquery()
    connection.execute(
        SKIPS.update()
        .where(SKIPS.c.stream == booked.stream, SKIPS.c.source_id == source_id)
        .values(
            fingerprint=fingerprint, version=version, state=line.state, message=line.message, remedy=line.remedy,
            error_class=line.error_class, cure=line.cure, shape=shape(line.error_class, line.message, source_id),
        )
    )  # fmt: skip
    connection.execute(
        SYNC_INFO.update()
        .where(SYNC_INFO.c.stream == booked.stream, SYNC_INFO.c.source_id == source_id)
        .values(fingerprint=fingerprint, run=booked.run, tries=SYNC_INFO.c.tries + 1)
    )


def _without(booked: Acknowledgement, spared: set[int]) -> Acknowledgement:
    left = [index for index in range(len(booked.source_ids)) if index not in spared]
    places = {index: place for place, index in enumerate(left)}
    return msgspec.structs.replace(
        booked,
        source_ids=[booked.source_ids[index] for index in left],
        destination_ids=[booked.destination_ids[index] for index in left],
        fingerprints=[booked.fingerprints[index] for index in left],
        tracked=[booked.tracked[index] for index in left] if booked.tracked else [],
        troubled=[
            msgspec.structs.replace(line, index=places[line.index]) for line in booked.troubled if line.index in places
        ],
    )
