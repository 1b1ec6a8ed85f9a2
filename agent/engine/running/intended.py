"""What is written down before a packet is sent to an app that keeps no receipts: all it takes to send it again."""

from __future__ import annotations

from typing import cast

import msgspec

from agent.connectors.contract import WriteTarget
from agent.domain.app import Attribute
from agent.domain.packet import Batch, Row
from agent.engine.running.prepared import Prepared
from agent.store.runs.acknowledgement import Acknowledgement


class Intended(msgspec.Struct, frozen=True, array_like=True):
    """A packet as it was to be sent, and where to; `acknowledgement` is what would be booked if all of it arrived."""

    target: WriteTarget
    acknowledgement: Acknowledgement
    attributes: list[Attribute]
    rows: list[list[object]]
    places: list[int]

    @staticmethod
    def of(prepared: Prepared, acknowledgement: Acknowledgement, target: WriteTarget) -> Intended:
        """The intent to send a packet."""
        batch = prepared.batch
        rows: list[list[object]] = [list(row) for row in batch.rows]
        return Intended(target, acknowledgement, list(batch.attributes), rows, list(prepared.places))

    def batch(self) -> Batch:
        """The batch, as it was."""
        source_ids = self.acknowledgement.source_ids
        return Batch(
            attributes=tuple(self.attributes),
            source_ids=[source_ids[place] for place in self.places],
            rows=[unpacked_row(row) for row in self.rows],
        )

    def pack(self) -> bytes:
        """As bytes, for the ledger."""
        return _ENCODER.encode(self)

    @staticmethod
    def unpack(packed: bytes) -> Intended:
        """What was packed."""
        return _DECODER.decode(packed)


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Intended)


def unpacked_row(values: list[object]) -> Row:
    """A row as it was: collections come back as lists of lists."""
    row = (
        [unpacked_row(member) for member in value if isinstance(member, list)] if isinstance(value, list) else value
        for value in values
    )
    return cast("Row", tuple(row))
