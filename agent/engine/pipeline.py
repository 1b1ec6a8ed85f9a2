"""One chain of a run, one slice long: packets are fetched, mapped and written at the same time, through short queues.

The writer works alone and in order, and a packet counts as done when the ledger has booked it. Whatever stops the
slice (its budget, a pause, a fault in the source), what was fetched before is still written; only a cancelled run drops
it. A fault travels through the queues behind the packets that preceded it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from agent.connectors.contract import Connection, ReadRequest
from agent.domain.packet import Packet
from agent.engine.control import RunControl
from agent.engine.delivery import Delivery
from agent.engine.journal import RunJournal
from agent.engine.preparation import Preparation, Prepared

_QUEUED_PACKETS = 2
_CANCEL_GRACE_SECONDS = 5.0

_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class _Fault:
    error: Exception


class _Stop:
    """The reader stopped between two packets; the next slice goes on from there."""


class Pipeline:
    """Carries packets from one connection to another until the read is finished, the slice is over, or the run stops.

    Args:
        source: The entered connection to read from.
        preparation: Drops what is unchanged and maps the rest.
        delivery: Writes and books.
        control: The wishes for the run.
        journal: Hears of every booked packet.
        time_is_up: Whether the slice's budget is used.
    """

    def __init__(
        self,
        *,
        source: Connection,
        preparation: Preparation,
        delivery: Delivery,
        control: RunControl,
        journal: RunJournal,
        time_is_up: Callable[[], bool],
    ) -> None:
        self._source = source
        self._preparation = preparation
        self._delivery = delivery
        self._control = control
        self._journal = journal
        self._time_is_up = time_is_up
        self._fetched: asyncio.Queue[Packet | _Fault | _Stop] = asyncio.Queue(_QUEUED_PACKETS)
        self._mapped: asyncio.Queue[Prepared | _Fault | _Stop] = asyncio.Queue(_QUEUED_PACKETS)

    async def run(self, request: ReadRequest) -> bool:
        """Carry packets. Returns True when the last packet of the read was booked, False when there is more to do.

        Raises whatever the source or the destination raised, once everything before it is booked.
        """
        stages = [asyncio.create_task(self._fetch(request)), asyncio.create_task(self._map())]
        try:
            return await self._write()
        finally:
            for stage in stages:
                stage.cancel()
            await asyncio.gather(*stages, return_exceptions=True)

    async def _fetch(self, request: ReadRequest) -> None:
        packets = self._source.read(request)
        try:
            async for packet in packets:
                await self._fetched.put(packet)
                if packet.bookmark is not None:
                    return
                if self._time_is_up() or self._control.paused() or self._control.cancelled():
                    break
            await self._fetched.put(_Stop())
        except Exception as error:  # noqa: BLE001 - the writer raises it when its turn comes
            await self._fetched.put(_Fault(error))
        finally:
            if (close := getattr(packets, "aclose", None)) is not None:
                await close()

    async def _map(self) -> None:
        while True:
            item = await self._fetched.get()
            if not isinstance(item, Packet):
                await self._mapped.put(item)
                return
            try:
                prepared = await self._preparation.prepare(item)
            except Exception as error:  # noqa: BLE001 - the writer raises it when its turn comes
                await self._mapped.put(_Fault(error))
                return
            await self._mapped.put(prepared)

    async def _write(self) -> bool:
        while True:
            item = await self._unless_cancelled(self._mapped.get())
            if item is None or isinstance(item, _Stop):
                return False
            if isinstance(item, _Fault):
                raise item.error
            delivery = asyncio.create_task(self._delivery.deliver(item))
            if await self._unless_cancelled(_shielded(delivery)) is None:
                await _wind_up(delivery)
                return False
            self._journal.progressed()
            if item.finished:
                return True

    async def _unless_cancelled(self, awaited: Coroutine[Any, Any, _Item]) -> _Item | None:
        """The result, or None as soon as the run is cancelled."""
        task = asyncio.create_task(awaited)
        cancelled = asyncio.create_task(self._control.until_cancelled())
        try:
            await asyncio.wait({task, cancelled}, return_when=asyncio.FIRST_COMPLETED)
            return task.result() if task.done() else None
        finally:
            cancelled.cancel()
            task.cancel()


async def _shielded(delivery: asyncio.Task[None]) -> bool:
    await asyncio.shield(delivery)
    return True


async def _wind_up(delivery: asyncio.Task[None]) -> None:
    """Let the write in flight end for a moment, then drop it: its intent or receipt settles it next time."""
    await asyncio.wait({delivery}, timeout=_CANCEL_GRACE_SECONDS)
    if not delivery.done():
        delivery.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await delivery
