"""The POSTs of a stage: a delivery for each, and the watch that sees what is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from agent.domain.packet import SyncState
from agent.engine.running.delivery import Delivery
from agent.engine.running.prepared import prepared
from agent.engine.walking.load import Load
from agent.engine.walking.watch import Watch
from agent.store.runs.acknowledgement import STATE_NUMBERS, Acknowledgement, Move

_FAILED = STATE_NUMBERS[SyncState.FAILED]


@dataclass(frozen=True, slots=True)
class Sinks:
    """Where a stage writes.

    Attributes:
        deliveries: A delivery for each POST, by node id, settled.
        streams: The stream of each POST, by node id.
        watch: Sees what is written.
    """

    deliveries: Mapping[str, Delivery]
    streams: Mapping[str, int]
    watch: Watch

    @property
    def packets(self) -> int:
        """How many packets the run has booked, at all POSTs together."""
        return sum(delivery.number for delivery in self.deliveries.values())

    async def deliver(self, post: str, load: Load, move: Move | None) -> Acknowledgement:
        """Write a load and book it, together with a move of the run where one is given.

        Raises:
            AgentError: whatever destination and ledger raise, blamed on the POST.
        """
        with self.watch.at_work(post):
            booked = await self.deliveries[post].deliver(prepared(load), move)
        failed = [line.index for line in booked.troubled if line.state == _FAILED and line.index not in load.errors]
        self.watch.failed_elsewhere(post, load, failed)
        return booked
