"""What happens to a packet between fetching and writing: what is unchanged is dropped, the rest is mapped.

A record is unchanged when the same version of the processflow has already written exactly this source record with
success. That makes the overlap of two reads, and tables that are read whole, cost nothing at the destination. Packets
that are on their way count as written: what comes after them is compared with them, not with what was there before.
"""

from __future__ import annotations

import asyncio
from collections import deque
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
        mapper: The mapping, used by this preparation alone.
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
        self._on_their_way: deque[dict[str, int]] = deque()

    def booked(self) -> None:
        """The oldest of the prepared packets is in the ledger now."""
        self._on_their_way.popleft()
        self._knows_records = True

    async def prepare(self, packet: Packet) -> Prepared:
        """Drop what is unchanged and map the rest. A record that cannot be mapped spoils no other."""
        version = self._version
        fingerprints = [xxhash.xxh3_64_intdigest(document, version) >> 1 for document in packet.documents]
        changed, fingerprints = await self._changed(packet, fingerprints)
        self._on_their_way.append(dict(zip(changed.source_ids, fingerprints, strict=True)))
        # In a thread, so that requests to the source go out meanwhile.
        mapped = await asyncio.to_thread(self._mapper.map_packet, changed)
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
        known = await self._known(packet.source_ids)
        kept = []
        for index, (source_id, fingerprint) in enumerate(zip(packet.source_ids, fingerprints, strict=True)):
            if known.get(source_id) != fingerprint:
                known[source_id] = fingerprint
                kept.append(index)
        if len(kept) == len(packet):
            return packet, fingerprints
        changed = Packet(
            source_ids=[packet.source_ids[index] for index in kept],
            documents=[packet.documents[index] for index in kept],
            position=packet.position,
            bookmark=packet.bookmark,
        )
        return changed, [fingerprints[index] for index in kept]

    async def _known(self, source_ids: Sequence[str]) -> dict[str, int]:
        """The fingerprints that these records have at the destination, or will have before this packet gets there."""
        on_their_way = tuple(self._on_their_way)
        known: dict[str, int] = {}
        if self._knows_records and source_ids:
            known = await asyncio.to_thread(self._ledger.acknowledged_fingerprints, self._stream, source_ids)
        for packet in on_their_way:
            known.update(packet)
        return known

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
