"""Cases about bookmarks: what changes is read the next time, whenever it changes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from agent.connectors.conformance.bench import Bench, ids
from agent.connectors.conformance.cases import Cases, case
from agent.connectors.conformance.expectations import hold, offered
from agent.connectors.conformance.stand import Reading
from agent.domain.packet import Bookmark, Packet

_WHOLE_SECOND = 1.05


class ChangingCases(Cases):
    """Reading what changed since the last read, or during it."""

    @case
    async def test_a_read_from_the_bookmark_brings_what_changed(self, bench: Bench) -> None:
        """The bookmark of the last packet leads to the records that change afterwards; none is lost."""
        for reading in _changing(bench):
            assert reading.change is not None
            bookmark = _bookmark(await bench.read(reading), reading)
            changed = await reading.change()
            found = ids(await bench.read(reading, bookmark=bookmark))
            hold(changed in found, f"{reading}: a record that changed after the bookmark was not read.")
            hold(
                len(found) < len(reading.ids),
                f"{reading}: everything was read again from the bookmark on, though one record had changed.",
            )

    @case
    async def test_what_changes_during_a_read_is_not_lost(self, bench: Bench) -> None:
        """A record changes just before the last packet is asked for: the next read brings it, if this one did not."""
        under_way: list[tuple[Reading, Any, str]] = []
        waits = False
        for reading in _changing(bench):
            assert reading.change is not None
            before = await bench.read(reading)
            waits = waits or _whole_seconds(_bookmark(before, reading))
            stream: Any = bench.packets(reading)
            for _ in before[:-1]:
                await anext(stream)
            under_way.append((reading, stream, await reading.change()))
        if waits:
            # An app's clock of whole seconds has to go on: within one second, the end of a read is not after its begin.
            await asyncio.sleep(_WHOLE_SECOND)
        for reading, stream, changed in under_way:
            rest = [packet async for packet in stream]
            found = ids([*rest, *await bench.read(reading, bookmark=_bookmark(rest, reading))])
            hold(
                changed in found,
                f"{reading}: a record that changed during a read comes neither in it nor in the next one. The bookmark "
                "has to be the app's time from before the first page.",
            )


def _changing(bench: Bench) -> Sequence[Reading]:
    found = [reading for reading in bench.stand.readings if reading.change is not None]
    offered(found, "what changed is not read by a bookmark")
    return found


def _bookmark(packets: Sequence[Packet], reading: Reading) -> Bookmark:
    bookmark = packets[-1].bookmark if packets else None
    hold(bookmark is not None, f"{reading}: the last packet of a read has no bookmark.")
    assert bookmark is not None
    return bookmark


def _whole_seconds(bookmark: Bookmark) -> bool:
    return bookmark.moment is not None and not bookmark.moment.microsecond
