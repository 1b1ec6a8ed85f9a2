"""The rows of Sync Info as the ledger writes them, and how many there are in each state. SQL for whole packets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from agent.domain.packet import SyncState
from agent.store.records.message_shapes import shape
from agent.store.runs.acknowledgement import STATE_NUMBERS, Acknowledgement, RecordLine

_SUCCESS = STATE_NUMBERS[SyncState.SUCCESS]
_IDS_AT_ONCE = 500
_COUNT = """
INSERT INTO sync_counts (stream, state, records) VALUES ({0}, {0}, {0})
ON CONFLICT (stream, state) DO UPDATE SET records = sync_counts.records + excluded.records
"""
# No fingerprint is negative.
_FORGET = "UPDATE sync_info SET fingerprint = -1 WHERE stream = {0} AND source_id = {0} AND fingerprint <> {0}"
_UPSERT = """
INSERT INTO sync_info
    (stream, source_id, destination_id, state, message, remedy, tries, fingerprint, run, updated_at, error_class, cure,
     shape{tracked})
VALUES ({0}, {0}, {0}, {0}, {0}, {0}, 1, {0}, {0}, {0}, {0}, {0}, {0}{place})
ON CONFLICT (stream, source_id) DO UPDATE SET
    destination_id = CASE WHEN excluded.destination_id = '' THEN sync_info.destination_id
                          ELSE excluded.destination_id END,
    state = excluded.state, message = excluded.message, remedy = excluded.remedy,
    tries = CASE WHEN sync_info.state = 1 THEN 1 ELSE sync_info.tries + 1 END,
    fingerprint = excluded.fingerprint, run = excluded.run, updated_at = excluded.updated_at,
    error_class = excluded.error_class, cure = excluded.cure, shape = excluded.shape, skipped = {1}{change}
"""
_PLAIN = _UPSERT.replace("{tracked}", "").replace("{place}", "").replace("{change}", "")
_TRACKED = (
    _UPSERT.replace("{tracked}", ", tracked").replace("{place}", ", {0}")
    .replace("{change}", ", tracked = excluded.tracked")
)  # fmt: skip


def put(connection: sa.Connection, booked: Acknowledgement) -> None:
    """Write what became of a packet's records, in the caller's transaction."""
    if booked.source_ids:
        _count_states(connection, booked)
        rows = _rows(booked)
        if booked.tracked:
            rows = [(*row, tracked) for row, tracked in zip(rows, booked.tracked, strict=True)]
        connection.exec_driver_sql(_placed(connection, _TRACKED if booked.tracked else _PLAIN), rows)


def forget_others(connection: sa.Connection, booked: Acknowledgement, streams: Sequence[int]) -> None:
    """Forget which state of a packet's records other streams have received, where it was another one."""
    rows = [
        (stream, source_id, fingerprint)
        for stream in streams
        for source_id, fingerprint in zip(booked.source_ids, booked.fingerprints, strict=True)
    ]
    if rows:
        connection.exec_driver_sql(_placed(connection, _FORGET), rows)


def acknowledged_fingerprints(connection: sa.Connection, stream: int, source_ids: Sequence[str]) -> dict[str, int]:
    """The fingerprints of those records whose last try succeeded."""
    found = _known(connection, "source_id, fingerprint", stream, source_ids, f"AND state = {_SUCCESS}")
    return {row[0]: row[1] for row in found}


def tries(connection: sa.Connection, stream: int, source_ids: Sequence[str]) -> dict[str, int]:
    """How often records were tried, of those that were tried more than once."""
    return {row[0]: row[1] for row in _known(connection, "source_id, tries", stream, source_ids, "AND tries > 1")}


class Known(NamedTuple):
    """What became of a record the last time."""

    fingerprint: int
    state: int
    run: str
    destination_id: str

    @property
    def succeeded(self) -> bool:
        """Whether it arrived."""
        return self.state == _SUCCESS


def known(connection: sa.Connection, stream: int, source_ids: Sequence[str]) -> dict[str, Known]:
    """What became of records the last time, of those that are known."""
    columns = "source_id, fingerprint, state, run, destination_id"
    return {row[0]: Known(*row[1:]) for row in _known(connection, columns, stream, source_ids, "")}


def _count_states(connection: sa.Connection, booked: Acknowledgement) -> None:
    """Keep the number of records in each state, before the rows are written."""
    states = dict.fromkeys(booked.source_ids, _SUCCESS)
    if booked.troubled:
        troubled = {line.index: line.state for line in booked.troubled}
        # A record that is there twice counts as it ends.
        states = {source: troubled.get(index, _SUCCESS) for index, source in enumerate(booked.source_ids)}
    change = Counter(states.values())
    for state, records in _known(connection, "state, count(*)", booked.stream, list(states), "GROUP BY state"):
        change[state] -= records
    count_changes(connection, booked.stream, change)


def count_changes(connection: sa.Connection, stream: int, change: Mapping[int, int]) -> None:
    """Add to the numbers of records in each state, in the caller's transaction."""
    rows = [(stream, state, number) for state, number in change.items() if number]
    if rows:
        connection.exec_driver_sql(_placed(connection, _COUNT), rows)


def _known(
    connection: sa.Connection, what: str, stream: int, source_ids: Sequence[str], more: str
) -> Iterator[Sequence[Any]]:
    """Ask about some records, a part of them at a time: databases limit the parameters of a statement."""
    places = _placed(connection, ",".join(["{0}"] * _IDS_AT_ONCE))
    stream_place = _placed(connection, "{0}")
    query = f"SELECT {what} FROM sync_info WHERE stream = {stream_place} AND source_id IN ({places}) {more}"  # noqa: S608 - our own text
    for start in range(0, len(source_ids), _IDS_AT_ONCE):
        some = source_ids[start : start + _IDS_AT_ONCE]
        # Filled up with an id that is there already, so that the database sees one statement and prepares it once.
        filled = (*some, *([some[-1]] * (_IDS_AT_ONCE - len(some))))
        yield from connection.exec_driver_sql(query, (stream, *filled))


def _rows(booked: Acknowledgement) -> list[tuple[Any, ...]]:
    """The rows of the upsert. Plain tuples through the driver: this runs once for every record there is."""
    troubled = {line.index: line for line in booked.troubled}
    stream, run, at = booked.stream, booked.run, booked.at
    if not troubled:
        return [
            (stream, source, destination, _SUCCESS, "", "", fingerprint, run, at, "", "", None)
            for source, destination, fingerprint in zip(
                booked.source_ids, booked.destination_ids, booked.fingerprints, strict=True
            )
        ]
    fine = RecordLine(-1, _SUCCESS, "", "")
    rows = []
    for index, source in enumerate(booked.source_ids):
        line = troubled.get(index, fine)
        destination, fingerprint = booked.destination_ids[index], booked.fingerprints[index]
        alike = shape(line.error_class, line.message, source) if line.state != _SUCCESS else None
        rows.append(
            (stream, source, destination, line.state, line.message, line.remedy, fingerprint, run, at,
             line.error_class, line.cure, alike)
        )  # fmt: skip
    return rows


def _placed(connection: sa.Connection, statement: str) -> str:
    return statement.format(*(("?", "0") if connection.dialect.name == "sqlite" else ("%s", "false")))
