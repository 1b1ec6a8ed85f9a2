"""What happens to a packet between fetching and writing: what is unchanged is dropped, the rest is mapped.

A record is unchanged when the same version of the processflow has already written exactly this source record with
success. That makes the overlap of two reads, and tables that are read whole, cost nothing at the destination.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import xxhash

from agent.domain.packet import Batch, Packet, SyncState
from agent.engine.journal import RunJournal
from agent.engine.mapping import Mapper
from agent.store.acknowledgement import STATE_NUMBERS, RecordLine, StoredBookmark
from agent.store.ledger import Ledger

_FAILED = STATE_NUMBERS[SyncState.FAILED]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A packet that is ready to be written.

    `source_ids` and `fingerprints` cover every record that is to be booked; `batch` holds those that could be mapped,
    `places[i]` being the index of the batch's row i among `source_ids`; `troubled` says why the others could not.
    """

    batch: Batch
    places: Sequence[int]
    source_ids: Sequence[str]
    fingerprints: Sequence[int]
    troubled: Sequence[RecordLine]
    unchanged: int
    position: dict[str, object]
    bookmark: StoredBookmark | None

    @property
    def finished(self) -> bool:
        """Whether this was the last packet of the read."""
        return self.bookmark is not None


class Preparation:
    """Prepares the packets of one stream.

    Args:
        mapper: The mapping, used in the thread that calls `prepare` alone.
        ledger: Knows what was written before.
        stream: The stream's number.
        version: The deployed version of the processflow: another version writes everything anew.
        journal: Takes packets in Diagnosis Mode.
        nodes: The ids of the GET and the Mapper node, for the journal.
        first_number: The number of the first packet of this slice.
    """

    def __init__(
        self,
        *,
        mapper: Mapper,
        ledger: Ledger,
        stream: int,
        version: int,
        journal: RunJournal,
        nodes: tuple[str, str],
        first_number: int,
    ) -> None:
        self._mapper = mapper
        self._ledger = ledger
        self._stream = stream
        self._version = version
        self._journal = journal
        self._nodes = nodes
        self._number = first_number
        self._knows_records = ledger.has_records(stream)

    async def prepare(self, packet: Packet) -> Prepared:
        """Drop what is unchanged and map the rest. A record that cannot be mapped spoils no other."""
        version = self._version
        fingerprints = [xxhash.xxh3_64_intdigest(document, version) >> 1 for document in packet.documents]
        changed, fingerprints = await self._changed(packet, fingerprints)
        mapped = self._mapper.map_packet(changed)
        self._keep_for_diagnosis(changed, mapped.batch)
        failures = mapped.failures
        places: Sequence[int] = range(len(changed))
        if failures:
            places = [index for index in places if index not in failures]
        return Prepared(
            batch=mapped.batch,
            places=places,
            source_ids=changed.source_ids,
            fingerprints=fingerprints,
            troubled=[
                RecordLine(index, _FAILED, error.message, error.remedy) for index, error in sorted(failures.items())
            ],
            unchanged=len(packet) - len(changed),
            position=dict(packet.position),
            bookmark=_stored(packet),
        )

    async def _changed(self, packet: Packet, fingerprints: list[int]) -> tuple[Packet, list[int]]:
        if not self._knows_records or len(packet) == 0:
            return packet, fingerprints
        known = await asyncio.to_thread(self._ledger.acknowledged_fingerprints, self._stream, packet.source_ids)
        if not known:
            return packet, fingerprints
        kept = [
            index for index, source_id in enumerate(packet.source_ids) if known.get(source_id) != fingerprints[index]
        ]
        if len(kept) == len(packet):
            return packet, fingerprints
        changed = Packet(
            source_ids=[packet.source_ids[index] for index in kept],
            documents=[packet.documents[index] for index in kept],
            position=packet.position,
            bookmark=packet.bookmark,
        )
        return changed, [fingerprints[index] for index in kept]

    def _keep_for_diagnosis(self, packet: Packet, batch: Batch) -> None:
        if not self._journal.wants_packets:
            return
        fetched = b"[" + b",\n".join(bytes(document) for document in packet.documents) + b"]"
        self._journal.packet(node=self._nodes[0], number=self._number, content=fetched)
        names = [attribute.name for attribute in batch.attributes]
        mapped = msgspec.json.encode([dict(zip(names, row, strict=True)) for row in batch.rows])
        self._journal.packet(node=self._nodes[1], number=self._number, content=mapped)
        self._number += 1


def _stored(packet: Packet) -> StoredBookmark | None:
    if packet.bookmark is None:
        return None
    return StoredBookmark(moment=packet.bookmark.moment, detail=dict(packet.bookmark.detail))
