"""Watches packets on their way: counts for each node what came, went and failed, how long it took, and looks inside.

The counts are handed over with the move of the run that they belong to, so that after a crash nothing counts twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from agent.engine.walking.blame import blaming
from agent.engine.walking.load import Load
from agent.engine.walking.packet_look import PacketLook
from agent.store.looks.node_work import NodeWork
from agent.store.moments import to_milliseconds


@dataclass(slots=True)
class Count:
    """What one node did."""

    began_at: int
    seconds: float = 0.0
    packets_in: int = 0
    records_in: int = 0
    packets_out: int = 0
    records_out: int = 0
    unchanged: int = 0
    failed: int = 0


class Watch:
    """Watches the packets of one stage. Used by one thread at a time.

    Args:
        clock: Gives the present, aware.
        look: Keeps packets for a look into them later; None to keep none.
        begun: Told of each node that something came to for the first time.
        untracked: Told of tracked columns that cannot be computed: the node, the header, the record and the reason.
        known: Nodes of which that was told before.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        look: PacketLook | None = None,
        begun: Callable[[str], None] = lambda _node: None,
        untracked: Callable[[str, str, str, str], None] = lambda *_: None,
        known: Collection[str] = (),
    ) -> None:
        self._untracked = untracked
        self._clock, self._look, self._begun = clock, look, begun
        self._known = set(known)
        self._counts: dict[str, Count] = {}

    def next_packet(self) -> None:
        """Another packet comes from the source."""
        if self._look is not None:
            self._look.next_packet()

    def arrived(self, node: str, load: Load) -> None:
        """A load comes to a node that counts for itself."""
        if node not in self._known:
            self._known.add(node)
            self._begun(node)
        if self._look is not None:
            self._look.before(node, load)

    def came(self, node: str, load: Load) -> None:
        """A load comes to a node."""
        self.arrived(node, load)
        count = self.count(node)
        count.packets_in += 1
        count.records_in += len(load)

    def went(self, node: str, load: Load) -> None:
        """A load leaves a node."""
        count = self.count(node)
        count.packets_out += 1
        count.records_out += len(load) - len(load.errors)
        self.sent_on(node, load)

    def sent_on(self, node: str, load: Load) -> None:
        """A load leaves a node that counts for itself."""
        if self._look is not None:
            self._look.after(node, load)

    def failed(self, node: str, load: Load, indices: Collection[int]) -> None:
        """Records of a load fail at a node; the load is as it came."""
        if indices:
            self.count(node).failed += len(indices)
            self.failed_elsewhere(node, load, indices)

    def failed_elsewhere(self, node: str, load: Load, indices: Collection[int]) -> None:
        """Records of a load have failed at a node that counts for itself."""
        if self._look is not None and indices:
            self._look.failed(node, load, indices)

    def untracked(self, node: str, header: str, *, record: str, reason: str) -> None:
        """A tracked column of a record cannot be computed."""
        self._untracked(node, header, record, reason)

    @contextmanager
    def at_work(self, node: str) -> Iterator[None]:
        """A node is at work while the block runs. Errors are noted as its own."""
        count = self.count(node)
        begun = time.perf_counter()
        with blaming(node):
            try:
                yield
            finally:
                count.seconds += time.perf_counter() - begun

    def count(self, node: str) -> Count:
        """The count of a node, to be added to."""
        found = self._counts.get(node)
        if found is None:
            found = self._counts[node] = Count(to_milliseconds(self._clock()))
        return found

    def taken(self) -> list[NodeWork]:
        """What was counted since this was asked the last time."""
        counts, self._counts = self._counts, {}
        if not counts:
            return []
        now = to_milliseconds(self._clock())
        return [work_of(node, count, now=now) for node, count in counts.items()]


def work_of(node: str, count: Count, *, now: int, entry: int = 1, done: bool = False) -> NodeWork:
    """A count, as it is booked. `now` is in milliseconds since 1970."""
    return NodeWork(
        node, entry, count.began_at, now, round(count.seconds * 1000), count.packets_in, count.records_in,
        count.packets_out, count.records_out, count.unchanged, count.failed, done=done,
    )  # fmt: skip
