"""Carries packets through a *plain* stage: one POST, and nothing that cuts, merges or holds them.

Packets have walked already when they come here, and write and progress are booked in one transaction.
"""

from __future__ import annotations

from agent.domain.processflow import MapperNode, PostNode, Stage
from agent.engine.running.preparation import Ready
from agent.engine.running.progress import Progress
from agent.engine.running.sinks import Sinks
from agent.engine.walking.walking import Drop, Write


class PlainCarrier:
    """Carries the packets of one plain stage of one run, in order."""

    merges = False
    holds = False

    def __init__(self, progress: Progress, sinks: Sinks) -> None:
        self.progress, self._sinks = progress, sinks

    async def carry(self, ready: Ready) -> None:
        """Write a packet that has walked, and note in the same transaction that it is done.

        Raises:
            AgentError: whatever destination and ledger raise.
        """
        assert ready.actions is not None
        self.progress.came(ready)
        for action in ready.actions:
            if isinstance(action, Drop):
                self.progress.dropped(action)
        write = next((action for action in ready.actions if isinstance(action, Write)), None)
        if write is None:
            await self.progress.note(self.progress.move(ready, variables=ready.variables))
            return
        self.progress.tally.touched.update(write.load.source_ids)
        self.progress.tally.reached.update(write.load.source_ids)
        move = self.progress.move(ready, variables=ready.variables)
        await self._sinks.deliver(write.post.id, write.load, move)
        self.progress.begin_anew(move)


def is_plain(stage: Stage) -> bool:
    """Whether every packet goes straight to the only POST, in one piece, is read once, and ends there.

    A Mapper behind the POST changes nothing any more, but records can fail there, so they have to walk on to it.
    """
    if stage.source.loop is not None or len(stage.posts) != 1 or stage.posts[0].id in stage.ways:
        return False
    straight = all(isinstance(node, MapperNode | PostNode) for node in stage.nodes.values())
    return straight and all(len(ways) == 1 for ways in stage.ways.values())
