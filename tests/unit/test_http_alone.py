"""One after the other, whoever waits, and whoever gives up."""

from __future__ import annotations

import asyncio
import threading

from agent.http.alone import Alone


async def test_one_after_the_other_in_the_order_in_which_they_came() -> None:
    alone, inside, order = Alone(), 0, list[int]()

    async def one(number: int) -> None:
        nonlocal inside
        async with alone.turn():
            inside += 1
            assert inside == 1
            order.append(number)
            await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*(one(number) for number in range(5)))

    assert order == [0, 1, 2, 3, 4]


async def test_who_gives_up_keeps_nobody_out() -> None:
    alone = Alone()
    entered = asyncio.Event()

    async def last() -> None:
        async with alone.turn():
            entered.set()

    async with alone.turn():
        waiting = [asyncio.ensure_future(last()) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        await asyncio.sleep(0)
    # The second one is handed its turn, and gives up before it takes it.
    waiting[1].cancel()
    await asyncio.gather(*waiting, return_exceptions=True)

    assert entered.is_set()
    async with alone.turn():
        pass


def test_it_holds_across_threads() -> None:
    alone, inside, most = Alone(), 0, 0

    async def work() -> None:
        nonlocal inside, most
        for _ in range(50):
            async with alone.turn():
                inside += 1
                most = max(most, inside)
                await asyncio.sleep(0)
                inside -= 1

    threads = [threading.Thread(target=lambda: asyncio.run(work())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)

    assert (most, inside) == (1, 0)
