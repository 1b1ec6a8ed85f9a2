"""One stage of a run, one slice long: packets are fetched, mapped and written at the same time, through short queues.

The writer works alone and in order, and a packet counts as done when the ledger has booked it. Whatever stops the
slice (its budget, a pause, a fault in the source), what was fetched before is still written; only a cancelled run drops
it. A fault travels through the queues behind the packets that preceded it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Protocol

from agent.connectors.contract import ReadRequest
from agent.domain.packet import Packet
from agent.engine.running.control import RunControl
from agent.engine.running.preparation import Preparation, Ready
from agent.engine.running.progress import Progress
from agent.engine.running.reading import Readable, next_packet
from agent.engine.walking.blame import blame
from agent.engine.walking.journal import RunJournal

_QUEUED_PACKETS = 1


class Carrying(Protocol):
    """Writes and books the packets of one stage, in order."""

    @property
    def progress(self) -> Progress:
        """How far the run has come."""
        ...

    @property
    def merges(self) -> bool:
        """Whether records may have to wait for others."""
        ...

    @property
    def holds(self) -> bool:
        """Whether records wait for others: stopping now would mean to read them again."""
        ...

    async def carry(self, ready: Ready) -> None:
        """Do everything that is to be done with a packet, and note that it is done."""
        ...


@dataclass(frozen=True, slots=True)
class _Fault:
    error: Exception


class _Stop:
    """The reader stopped between two packets; the next slice goes on from there."""


class Pipeline:
    """Carries packets from one connection to another until the read is finished, the slice is over, or the run stops.

    Args:
        source: What to read from: an entered connection, or what reads through one.
        node: The id of the node that reads.
        preparation: Drops what is unchanged and maps the rest.
        carrier: Writes and books.
        control: The wishes for the run, attached.
        journal: Hears of every booked packet.
        time_is_up: Whether the slice's budget is used.
        cancel_grace_seconds: How long a write in flight may go on when the run is cancelled.
    """

    def __init__(
        self,
        *,
        source: Readable,
        node: str,
        preparation: Preparation,
        carrier: Carrying,
        control: RunControl,
        journal: RunJournal,
        time_is_up: Callable[[], bool],
        cancel_grace_seconds: float = 5.0,
    ) -> None:
        self._source, self._node = source, node
        self._preparation = preparation
        self._carrier = carrier
        self._control = control
        self._journal = journal
        self._time_is_up = time_is_up
        self._cancel_grace_seconds = cancel_grace_seconds
        self._fetched: asyncio.Queue[Packet | _Fault | _Stop] = asyncio.Queue(_QUEUED_PACKETS)
        self._mapped: asyncio.Queue[Ready | _Fault | _Stop] = asyncio.Queue(_QUEUED_PACKETS)

    async def run(self, request: ReadRequest) -> bool:
        """Carry packets. Returns True when the last packet of the read was booked, False when there is more to do.

        Raises whatever the source or the destination raised, once everything before it is booked.
        """
        writing = asyncio.create_task(self._write())
        stages = [asyncio.create_task(self._fetch(request)), asyncio.create_task(self._map())]
        try:
            pending = {writing, *stages}
            while not writing.done():
                done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                for stage in done - {writing}:
                    # A stage raises only what is no Exception: nothing more would come through its queue.
                    stage.result()
            return writing.result()
        finally:
            for task in (writing, *stages):
                task.cancel()
            await asyncio.gather(writing, *stages, return_exceptions=True)

    async def _fetch(self, request: ReadRequest) -> None:
        packets = self._source.read(request)
        try:
            # A read has no effect, so a pause need not wait for it: the next slice asks for this packet again.
            while (packet := await self._control.unless_stopped(self._next(packets))) is not None:
                await self._fetched.put(packet)
                if packet.bookmark is not None:
                    return
                if self._time_is_up() and not self._carrier.merges:
                    break
            await self._fetched.put(_Stop())
        except Exception as error:  # noqa: BLE001 - the writer raises it when its turn comes
            blame(error, self._node)
            await self._fetched.put(_Fault(error))
        finally:
            if (close := getattr(packets, "aclose", None)) is not None:
                await close()

    async def _next(self, packets: AsyncIterator[Packet]) -> Packet:
        begun = time.perf_counter()
        packet = await next_packet(packets)
        self._carrier.progress.waited(time.perf_counter() - begun)
        return packet

    async def _map(self) -> None:
        while True:
            item = await self._fetched.get()
            if not isinstance(item, Packet):
                await self._mapped.put(item)
                return
            try:
                ready = await self._preparation.prepare(item)
            except Exception as error:  # noqa: BLE001 - the writer raises it when its turn comes
                await self._mapped.put(_Fault(error))
                return
            await self._mapped.put(ready)

    async def _write(self) -> bool:
        while True:
            item = await self._control.unless_cancelled(self._mapped.get())
            if item is None or isinstance(item, _Stop):
                return False
            if isinstance(item, _Fault):
                raise item.error
            if not await self._carried(item):
                return False
            self._preparation.booked()
            self._journal.progressed()
            if item.last:
                return True
            # What waits in a Merger would be read again, so only here is seen whether this is the moment to stop.
            if self._carrier.merges and not self._carrier.holds and self._time_is_up():
                return False

    async def _carried(self, ready: Ready) -> bool:
        """Write and book a packet. A write in flight when the run is cancelled may still end for a moment; one that
        does not is dropped: its intent or receipt settles it next time."""
        carrying = asyncio.create_task(self._carrier.carry(ready))
        cancelled = asyncio.create_task(self._control.until_cancelled())
        try:
            await asyncio.wait({carrying, cancelled}, return_when=asyncio.FIRST_COMPLETED)
            if not carrying.done():
                await asyncio.wait({carrying}, timeout=self._cancel_grace_seconds)
            if not carrying.done():
                return False
            await carrying
            return True
        finally:
            cancelled.cancel()
            carrying.cancel()
            await asyncio.gather(carrying, return_exceptions=True)
