"""What happens to a packet between fetching and writing: what is unchanged is dropped, the rest walks on.

A record is unchanged when the same version of the processflow has already written exactly this source record with
success. That makes the overlap of two reads, and tables that are read whole, cost nothing at the destination. Packets
that are on their way count as written: what comes after them is compared with them, not with what was there before.
Where a stage has several POSTs, or cuts and merges packets, each POST compares for itself, when its turn comes.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import xxhash

from agent.domain.packet import Packet
from agent.engine.walking.load import Load
from agent.engine.walking.variable_values import Booked
from agent.engine.walking.walking import Action, Walker
from agent.store.looks.node_work import NodeWork
from agent.store.runs.acknowledgement import StoredBookmark
from agent.store.runs.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Ready:
    """A packet of the source, and what is to be done with it.

    `actions` is None where the stage's walk depends on what was written before: the load walks when its turn comes.
    `missing` are the ids of records that were to be read and are not there. `read` and `unchanged` count records; those
    that are unchanged are not in the load, nor is a state of a record after which the same packet holds a newer one.
    `variables` is what is to be booked of these where the load has walked already, `work` what nodes did with it.
    """

    load: Load
    actions: Sequence[Action] | None
    read: int
    unchanged: int
    position: dict[str, object]
    bookmark: StoredBookmark | None
    variables: Booked
    missing: Sequence[str] = ()
    passed_over: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By POST node: the records whose present state an operator skipped. A POST that nobody skips at is not there."""
    work: Sequence[NodeWork] = ()

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
        skippable: The streams, by POST node, in which an operator has skipped records.
    """

    def __init__(
        self,
        *,
        walker: Walker,
        ledger: Ledger,
        stream: int | None,
        version: int,
        skippable: Mapping[str, int] | None = None,
    ) -> None:
        self._walker = walker
        self._ledger = ledger
        self._stream = stream
        self._version = version
        self._skippable = skippable or {}
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
        actions, read = None, load.documents
        passed_over = await self._passed_over(load) if self._skippable else {}
        if self._stream is not None:
            load = await self._changed(load, passed_over)
            self._on_their_way.append(dict(zip(load.source_ids, load.fingerprints, strict=True)))
            # In a thread, so that requests to the source go out meanwhile.
            actions = await asyncio.to_thread(self._walked, load, read)
        return Ready(
            load=load,
            actions=actions,
            read=len(packet),
            unchanged=len(packet) - len(load),
            position=dict(packet.position),
            bookmark=_stored(packet),
            variables=self._walker.values.booked,
            missing=packet.missing,
            passed_over=passed_over,
            work=self._walker.watch.taken() if actions is not None else (),
        )

    def _walked(self, load: Load, read: Sequence[bytes]) -> Sequence[Action]:
        self._walker.watch.next_packet()
        return list(self._walker.walk(load, read=read))

    async def _passed_over(self, load: Load) -> dict[str, frozenset[str]]:
        """What an operator skipped: exactly this state of the record, whichever version it was met by."""
        found: dict[str, frozenset[str]] = {}
        for post, stream in self._skippable.items():
            skipped = await asyncio.to_thread(self._ledger.skipped, stream, load.source_ids)
            found[post] = frozenset(
                source_id
                for source_id, document in zip(load.source_ids, load.documents, strict=True)
                if (one := skipped.get(source_id)) is not None
                and one.fingerprint == fingerprint_of(document, one.version or self._version)
            )
        return found

    async def _changed(self, load: Load, passed_over: Mapping[str, frozenset[str]]) -> Load:
        known = await self._known(load, frozenset().union(*passed_over.values()))
        kept = [
            index
            for index, (source_id, fingerprint) in enumerate(zip(load.source_ids, load.fingerprints, strict=True))
            if known.get(source_id) != fingerprint
        ]
        return load if len(kept) == len(load) else load.picked(kept)

    async def _known(self, load: Load, passed_over: frozenset[str]) -> dict[str, int]:
        """The fingerprints that these records have at the destination, or will have before this packet gets there; what
        was skipped counts as there."""
        source_ids = load.source_ids
        on_their_way = tuple(self._on_their_way)
        known: dict[str, int] = {}
        if self._knows_records and source_ids and self._stream is not None:
            known = await asyncio.to_thread(self._ledger.acknowledged_fingerprints, self._stream, source_ids)
        if passed_over:
            pairs = zip(source_ids, load.fingerprints, strict=True)
            known.update({source_id: fingerprint for source_id, fingerprint in pairs if source_id in passed_over})
        for packet in on_their_way:
            known.update(packet)
        return known


def fingerprint_of(document: bytes, version: int) -> int:
    """By which a state of a source record is recognised, as a deployed version would write it."""
    return xxhash.xxh3_64_intdigest(document, version) >> 1


def _stored(packet: Packet) -> StoredBookmark | None:
    if packet.bookmark is None:
        return None
    return StoredBookmark(moment=packet.bookmark.moment, detail=dict(packet.bookmark.detail))
