"""What happens to a packet between fetching and writing: what is unchanged is dropped, the rest walks on.

A record is unchanged when the same version of the processflow has already written exactly this source record with
success. That makes the overlap of two reads, and tables that are read whole, cost nothing at the destination. Packets
that are on their way count as written: what comes after them is compared with them, not with what was there before.
Where a stage has several POSTs, or cuts and merges packets, each POST compares for itself, when its turn comes.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import xxhash

from agent.domain.packet import Packet
from agent.engine.journal import RunJournal
from agent.engine.load import Load
from agent.engine.walking import Action, Walker, Write
from agent.store.acknowledgement import StoredBookmark
from agent.store.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Ready:
    """A packet of the source, and what is to be done with it.

    `actions` is None where the stage's walk depends on what was written before: the load walks when its turn comes.
    `missing` are the ids of records that were to be read and are not there. `read` and `unchanged` count records; those
    that are unchanged are not in the load, nor is a state of a record after which the same packet holds a newer one.
    """

    load: Load
    actions: Sequence[Action] | None
    read: int
    unchanged: int
    position: dict[str, object]
    bookmark: StoredBookmark | None
    missing: Sequence[str] = ()

    @property
    def last(self) -> bool:
        """Whether this was the last packet of the read."""
        return self.bookmark is not None


class Preparation:
    """Prepares the packets of one stage.

    Args:
        walker: Walks the stage's packets, here alone.
        ledger: Knows what was written before.
        stream: The stream of the only POST, where one is all there is; None where each POST compares for itself.
        version: The deployed version of the processflow: another version writes everything anew.
        journal: Takes packets in Diagnosis Mode.
        node: The id of the source, for the journal.
        first_number: The number of the first packet of this slice.
    """

    def __init__(
        self,
        *,
        walker: Walker,
        ledger: Ledger,
        stream: int | None,
        version: int,
        journal: RunJournal,
        node: str,
        first_number: int,
    ) -> None:
        self._walker = walker
        self._ledger = ledger
        self._stream = stream
        self._version = version
        self._journal = journal
        self._node = node
        self._number = first_number
        self._knows_records = stream is not None and ledger.has_records(stream)
        self._on_their_way: deque[dict[str, int]] = deque()

    def booked(self) -> None:
        """The oldest of the prepared packets is in the ledger now."""
        if self._stream is not None:
            self._on_their_way.popleft()
            self._knows_records = True

    async def prepare(self, packet: Packet) -> Ready:
        """Drop what is unchanged and let the rest walk. A record that cannot be mapped spoils no other."""
        version = self._version
        fingerprints = [fingerprint_of(document, version) for document in packet.documents]
        load = Load(packet.source_ids, fingerprints, packet.documents).newest()
        actions = None
        if self._stream is not None:
            load = await self._changed(load)
            self._on_their_way.append(dict(zip(load.source_ids, load.fingerprints, strict=True)))
            # In a thread, so that requests to the source go out meanwhile.
            actions = await asyncio.to_thread(self._walked, load)
        self._keep_for_diagnosis(load, actions or ())
        return Ready(
            load=load,
            actions=actions,
            read=len(packet),
            unchanged=len(packet) - len(load),
            position=dict(packet.position),
            bookmark=_stored(packet),
            missing=packet.missing,
        )

    def _walked(self, load: Load) -> Sequence[Action]:
        return list(self._walker.walk(load))

    async def _changed(self, load: Load) -> Load:
        known = await self._known(load.source_ids)
        kept = [
            index
            for index, (source_id, fingerprint) in enumerate(zip(load.source_ids, load.fingerprints, strict=True))
            if known.get(source_id) != fingerprint
        ]
        return load if len(kept) == len(load) else load.picked(kept)

    async def _known(self, source_ids: Sequence[str]) -> dict[str, int]:
        """The fingerprints that these records have at the destination, or will have before this packet gets there."""
        on_their_way = tuple(self._on_their_way)
        known: dict[str, int] = {}
        if self._knows_records and source_ids and self._stream is not None:
            known = await asyncio.to_thread(self._ledger.acknowledged_fingerprints, self._stream, source_ids)
        for packet in on_their_way:
            known.update(packet)
        return known

    def _keep_for_diagnosis(self, load: Load, actions: Sequence[Action]) -> None:
        if not self._journal.wants_packets:
            return
        self._journal.packet(node=self._node, number=self._number, content=_listed(load.documents))
        for action in actions:
            if isinstance(action, Write):
                content = _listed(action.load.as_documents())
                self._journal.packet(node=action.post.id, number=self._number, content=content)
        self._number += 1


def fingerprint_of(document: bytes, version: int) -> int:
    """By which a state of a source record is recognised, as a deployed version would write it."""
    return xxhash.xxh3_64_intdigest(document, version) >> 1


def _listed(documents: Sequence[bytes]) -> bytes:
    return b"[" + b",\n".join(bytes(document) for document in documents) + b"]"


def _stored(packet: Packet) -> StoredBookmark | None:
    if packet.bookmark is None:
        return None
    return StoredBookmark(moment=packet.bookmark.moment, detail=dict(packet.bookmark.detail))
