import asyncio

import pytest

from tests.helpers.virtual_clock import START, VirtualClock


async def test_time_passes_for_sleepers_in_the_order_in_which_they_wake() -> None:
    clock = VirtualClock()
    woken: list[tuple[str, float]] = []

    async def sleeper(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append((name, clock.monotonic()))

    async def both() -> None:
        await asyncio.gather(sleeper("long", 5), sleeper("short", 2))

    await clock.run(both())

    assert woken == [("short", 2), ("long", 5)]
    assert (clock.utc() - START).total_seconds() == 5


async def test_waiting_for_nothing_is_reported() -> None:
    clock = VirtualClock()
    event = asyncio.Event()

    with pytest.raises(AssertionError, match="would hang"):
        await clock.run(event.wait())
    event.set()
    await asyncio.sleep(0)
