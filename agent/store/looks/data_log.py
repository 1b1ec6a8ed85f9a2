"""The data log as the ledger writes it: for each packet one row, with what became of its records, compressed.

A row for each record would cost as much again as Sync Info does. Small hashes of the source ids stand before the
content, so that the packets in which a record may be are found without unpacking any other.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Mapping, Sequence
from zlib import crc32

import msgspec
import sqlalchemy as sa
import zstandard

from agent.domain.packet import SyncState
from agent.store.runs.acknowledgement import STATE_NUMBERS, Acknowledgement, RecordEnd, RecordLine
from agent.store.tables.snapshots import DATA_LOG
from agent.store.tables.sync_info import SYNC_COUNTS

_FAILED, _SUCCESS = STATE_NUMBERS[SyncState.FAILED], STATE_NUMBERS[SyncState.SUCCESS]
_LEVEL = 1
_LARGEST = 256_000_000
_PAGE_BYTES = 4_096
_ROW_BYTES = 160  # the other columns, and the row's places in the indexes


class Logged(msgspec.Struct, frozen=True, array_like=True):
    """What became of the records of one packet; `tries` tells of those, by index, that were tried more than once."""

    source_ids: list[str]
    destination_ids: list[str]
    troubled: list[RecordLine]
    tries: dict[int, int]

    @staticmethod
    def unpack(content: bytes) -> Logged:
        """What was put into a row."""
        return _DECODER.decode(zstandard.ZstdDecompressor().decompress(content, max_output_size=_LARGEST))


def has_troubled(connection: sa.Connection, stream: int) -> bool:
    """Whether any record of a stream did not arrive the last time: only such ones have more than one try."""
    query = sa.select(sa.literal(1)).where(
        SYNC_COUNTS.c.stream == stream, SYNC_COUNTS.c.state != _SUCCESS, SYNC_COUNTS.c.records > 0
    )
    return connection.execute(query.limit(1)).first() is not None


def put(connection: sa.Connection, booked: Acknowledgement, *, node: str, tries: Mapping[str, int]) -> None:
    """Write down what became of a packet at a POST, in the transaction that books it.

    Args:
        connection: The transaction.
        booked: The packet.
        node: The POST.
        tries: How often records were tried, of those that were tried more than once.
    """
    if not booked.source_ids:
        return
    again = {index: tries[source_id] for index, source_id in enumerate(booked.source_ids) if source_id in tries}
    logged = Logged(booked.source_ids, booked.destination_ids, booked.troubled, again if tries else {})
    _insert(connection, logged, run=booked.run, node=node, stream=booked.stream, number=booked.number, at=booked.at)


def put_ended(
    connection: sa.Connection, ended: Sequence[RecordEnd], *, run: str, stream: int, number: int, at: int
) -> None:
    """Write down which records ended without having come to a POST, and why, in the transaction of the run's move."""
    by_node: dict[str, list[RecordEnd]] = {}
    for one in ended:
        by_node.setdefault(one.node, []).append(one)
    for node, records in by_node.items():
        lines = [RecordLine(index, one.state, one.message, one.remedy) for index, one in enumerate(records)]
        logged = Logged([one.source_id for one in records], [""] * len(records), lines, {})
        _insert(connection, logged, run=run, node=node, stream=stream, number=number, at=at)


def hashes_of(source_ids: Sequence[str]) -> bytes:
    """Two bytes for each id. Of the packets in which an id is not, a few say all the same that it may be."""
    hashes = array("H", [crc32(source_id.encode()) & 0xFFFF for source_id in source_ids])
    if sys.byteorder == "big":
        hashes.byteswap()
    return hashes.tobytes()


def _insert(
    connection: sa.Connection, logged: Logged, *, run: str, node: str, stream: int, number: int, at: int
) -> None:
    content = zstandard.ZstdCompressor(level=_LEVEL).compress(_ENCODER.encode(logged))
    hashes = hashes_of(logged.source_ids)
    failed = sum(line.state == _FAILED for line in logged.troubled)
    row = (
        run, stream, number, node, at, len(logged.source_ids), failed, len(logged.troubled) - failed,
        _on_disk(len(content) + len(hashes)), hashes, content,
    )  # fmt: skip
    place = "?" if connection.dialect.name == "sqlite" else "%s"
    statement = f"INSERT INTO data_log ({_COLUMNS}) VALUES ({', '.join([place] * len(row))})"  # noqa: S608 - our own text
    connection.exec_driver_sql(statement, row)


def _on_disk(payload: int) -> int:
    """About how many bytes a row takes: SQLite puts what is long on pages of its own."""
    if payload < _PAGE_BYTES:
        return payload + _ROW_BYTES
    return -(-payload // _PAGE_BYTES) * _PAGE_BYTES + _ROW_BYTES


_COLUMNS = ", ".join(column.name for column in DATA_LOG.columns if column.name != "id")
_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Logged)
