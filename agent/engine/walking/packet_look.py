"""Keeps packets so that somebody can look into them later: a bounded sample always, everything in Diagnosis Mode.

The sample holds the first records that come to each node and go on from it, and records that fail, as they came. So an
operator finds out why a record failed yesterday without having switched anything on before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from itertools import islice

from agent.engine.walking.journal import RunJournal
from agent.engine.walking.load import Load
from agent.store.looks.kept import KeptKind

_SAMPLE_RECORDS = 10
_MOST_FAILED = 200
"""Of the records that fail at a node in one slice, so many are kept."""


class PacketLook:
    """Looks into the packets of one stage. Used by one thread at a time.

    Args:
        journal: Takes what is kept.
        number: How many packets the run has carried in this stage before.
        sampled: Nodes of which a sample was taken before.
    """

    def __init__(self, journal: RunJournal, *, number: int, sampled: Collection[str]) -> None:
        self._journal = journal
        self._number = number
        self._sampled_before = frozenset(sampled)
        self._sampled: set[tuple[str, KeptKind]] = set()
        self._pieces: Counter[tuple[str, KeptKind]] = Counter()
        self._failed: Counter[str] = Counter()

    def next_packet(self) -> None:
        """Another packet comes from the source."""
        self._number += 1
        self._pieces.clear()

    def before(self, node: str, load: Load) -> None:
        """A load comes to a node."""
        self._look(KeptKind.BEFORE, node, load)

    def after(self, node: str, load: Load) -> None:
        """A load leaves a node."""
        self._look(KeptKind.AFTER, node, load)

    def failed(self, node: str, load: Load, indices: Collection[int]) -> None:
        """Records of a load fail at a node."""
        room = min(_MOST_FAILED - self._failed[node], _SAMPLE_RECORDS)
        if room > 0 and self._journal.wants_samples:
            self._failed[node] += min(room, len(indices))
            self._keep(KeptKind.FAILED, node, load, list(islice(indices, room)), whole=False)

    def _look(self, kind: KeptKind, node: str, load: Load) -> None:
        journal = self._journal
        if journal.wants_packets:
            self._keep(kind, node, load, range(len(load)), whole=True)
        elif journal.wants_samples and node not in self._sampled_before and (node, kind) not in self._sampled:
            self._sampled.add((node, kind))
            self._keep(kind, node, load, range(min(len(load), _SAMPLE_RECORDS)), whole=False)

    def _keep(self, kind: KeptKind, node: str, load: Load, indices: Sequence[int], *, whole: bool) -> None:
        piece = self._pieces[node, kind]
        self._pieces[node, kind] += 1
        documents = load.picked(indices).as_documents()
        self._journal.packet(
            kind=kind, node=node, number=self._number, piece=piece, records=len(load), shown=len(indices),
            content=b"[" + b",\n".join(bytes(document) for document in documents) + b"]", whole=whole,
        )  # fmt: skip
