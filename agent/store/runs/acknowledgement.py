"""What is booked when a packet was written: an acknowledgement. It travels as a receipt, and in an intent."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from agent.domain.errors import RecordError
from agent.domain.packet import SyncState
from agent.store.looks.node_work import NodeWork
from agent.store.moments import to_milliseconds

STATE_NUMBERS: Mapping[SyncState, int] = {
    SyncState.UNPROCESSED: 0,
    SyncState.SUCCESS: 1,
    SyncState.SKIPPED: 2,
    SyncState.FAILED: 3,
}
"""The states as they are stored."""


class RecordLine(msgspec.Struct, frozen=True, array_like=True):
    """What became of one record that was not simply acknowledged: its index in the packet, and why.

    `error_class` and `cure` are those of its `RecordError`.
    """

    index: int
    state: int
    message: str
    remedy: str
    error_class: str = ""
    cure: str = ""

    @staticmethod
    def failed(index: int, error: RecordError) -> RecordLine:
        """A record that failed."""
        failed = STATE_NUMBERS[SyncState.FAILED]
        return RecordLine(index, failed, error.message, error.remedy, error.error_class.value, error.cure)


class RecordEnd(msgspec.Struct, frozen=True, array_like=True):
    """A record that ended at a node without having come to a POST, and why."""

    node: str
    source_id: str
    state: int
    message: str
    remedy: str


class StoredBookmark(msgspec.Struct, frozen=True):
    """A bookmark as it is kept."""

    moment: datetime | None
    detail: dict[str, Any]


class Move(msgspec.Struct, frozen=True, array_like=True):
    """How far a run has come in a source, once all that was read until there has arrived wherever it goes.

    `before` and `number` count the packets of the source that the run was and is done with. Of `read` records,
    `unchanged` had nothing to write; `failed` and `skipped` ended without having reached a POST. `position` is None
    where reading begins anew; `memory` is the engine's own. `variables` are the values that the run's packets gave to
    variables, as they are stored, and `kept` the names of those that the next run knows: they move with the bookmark.
    `work` is what nodes did meanwhile, `ended` which records are among `failed` and `skipped`: for the snapshot.
    """

    stream: int
    before: int
    number: int
    position: dict[str, Any] | None
    bookmark: StoredBookmark | None
    finished: bool
    read: int = 0
    unchanged: int = 0
    failed: int = 0
    skipped: int = 0
    memory: dict[str, Any] = {}
    variables: dict[str, Any] = {}
    kept: list[str] = []
    work: list[NodeWork] = []
    ended: list[RecordEnd] = []

    def held_back(self) -> Move:
        """Without the bookmark, and not at the end: what was read since the last one is read again by another run."""
        return msgspec.structs.replace(self, bookmark=None, finished=False)

    def only(self, *, read: int) -> Move:
        """Held back, and with no more records than those: of the others nobody knows what became of them."""
        held_back = self.held_back()
        return msgspec.structs.replace(held_back, read=read, unchanged=0, failed=0, skipped=0, work=[], ended=[])


class Acknowledgement(msgspec.Struct, frozen=True, array_like=True):
    """Everything that is booked when a packet is acknowledged. Small enough to travel as a receipt.

    `troubled` holds the records that failed or were skipped; all others succeeded. `number` counts the packets that the
    run has written into the stream, from 1. `move` is booked with it where nothing else has to be written first.
    `tracked` has the tracked columns of each record as JSON text; it is empty where nothing is tracked.
    """

    run: str
    stream: int
    number: int
    move: Move | None
    source_ids: list[str]
    destination_ids: list[str]
    fingerprints: list[int]
    troubled: list[RecordLine]
    at: int
    tracked: list[str] = []

    def pack(self) -> bytes:
        """As bytes, for a receipt or an intent."""
        return _ENCODER.encode(self)

    @staticmethod
    def unpack(packed: bytes) -> Acknowledgement:
        """The acknowledgement that was packed."""
        return _DECODER.decode(packed)


def acknowledged_at(at: datetime) -> int:
    """The form in which an acknowledgement carries its time."""
    return to_milliseconds(at)


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Acknowledgement)
