"""Files that others fill, replace and take away while a read is under way: no record is lost, and the read goes on."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest

from agent.connectors.contract import ReadRequest
from agent.connectors.files.connector import FilesConnector
from agent.connectors.files.places import LocalPlace
from agent.domain.errors import TransientError
from agent.domain.packet import Packet
from tests.connectors.files.exchange import Exchange, ids, last


def numbered(letter: str, count: int) -> str:
    return "id\n" + "".join(f"{letter}{number}\n" for number in range(count))


async def read_while(
    exchange: Exchange, change: Callable[[], object], packets: list[Packet] | None = None, **options: str
) -> list[Packet]:
    """A read during which something happens after the first packet. Where it fails, `packets` has what came before."""
    request = ReadRequest("*", "GET", (), {"id": "id", **options}, None, None, 10)
    packets = [] if packets is None else packets
    async with exchange.opened() as connection:
        async for packet in connection.read(request):
            packets.append(packet)
            if len(packets) == 1:
                change()
    return packets


async def test_a_file_that_is_filled_before_its_turn_is_read_by_the_next_read(exchange: Exchange) -> None:
    exchange.put("a.csv", numbered("a", 50))
    exchange.put("b.csv", "")
    first = await read_while(exchange, lambda: exchange.put("b.csv", "id\nb0\n", seconds_ago=5), afterwards="delete")
    second = await exchange.read(bookmark=last(first), id="id", afterwards="delete")
    assert ids(first) + ids(second) == [f"a{number}" for number in range(50)] + ["b0"]
    await exchange.read(bookmark=last(second), id="id", afterwards="delete")
    assert exchange.texts() == {}


async def test_a_file_that_is_replaced_before_its_turn_is_read_by_the_next_read(exchange: Exchange) -> None:
    exchange.put("a.csv", numbered("a", 50))
    exchange.put("b.csv", "id\nb0\n")
    first = await read_while(exchange, lambda: exchange.put("b.csv", "id\nb0\nb1\n", seconds_ago=5))
    assert ids(first) == [f"a{number}" for number in range(50)]
    assert ids(await exchange.read(bookmark=last(first), id="id")) == ["b0", "b1"]


async def test_a_file_that_is_taken_away_before_its_turn_stops_nothing(exchange: Exchange) -> None:
    exchange.put("a.csv", numbered("a", 50))
    file = exchange.put("b.csv", "id\nb0\n")
    exchange.put("c.csv", "id\nc0\n")
    assert ids(await read_while(exchange, file.unlink)) == [*(f"a{number}" for number in range(50)), "c0"]


async def test_a_file_that_is_replaced_while_it_is_read_is_read_from_its_beginning(exchange: Exchange) -> None:
    exchange.put("a.csv", "id\nfirst\n")
    exchange.put("b.csv", numbered("b", 25))
    exchange.put("c.csv", "id\nlast\n")
    packets = await exchange.read(id="id", at_once=10)
    exchange.put("b.csv", numbered("b", 30), seconds_ago=30)
    again = await exchange.read(id="id", at_once=10, position=packets[2].position)
    assert ids(again) == [*(f"b{number}" for number in range(30)), "last"]
    assert ids(await exchange.read(id="id", bookmark=last(again))) == []


async def test_a_file_that_is_written_to_while_it_is_read_is_read_again_when_the_run_tries_again(
    exchange: Exchange,
) -> None:
    exchange.put("b.csv", numbered("b", 50))
    packets: list[Packet] = []
    with pytest.raises(TransientError, match=r"b\.csv was written to while it was being read"):
        await read_while(exchange, lambda: exchange.put("b.csv", numbered("b", 51), seconds_ago=30), packets)
    again = await exchange.read(id="id", position=packets[-1].position)
    assert ids(again) == [f"b{number}" for number in range(51)]


async def test_a_file_that_is_taken_away_while_it_is_read_is_told(exchange: Exchange) -> None:
    file = exchange.put("b.csv", numbered("b", 25))
    packets = await exchange.read(id="id", at_once=10)
    file.unlink()
    with pytest.raises(TransientError, match=r"b\.csv, which was being read, has gone") as caught:
        await exchange.read(id="id", position=packets[0].position)
    assert caught.value.code == "file-gone"
    exchange.put("b.csv", numbered("b", 25))
    again = await exchange.read(id="id", position=packets[0].position)
    assert ids(again) == [f"b{number}" for number in range(10, 25)]


class _Slow(LocalPlace):
    """A folder whose files open one at a time, when the test lets them."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.opened: list[str] = []
        self.asked, self.let = threading.Event(), threading.Event()

    def open(self, name: str) -> BinaryIO:
        self.opened.append(name)
        self.asked.set()
        self.let.wait(30)
        return super().open(name)


async def test_a_read_that_is_cancelled_looks_into_no_further_file(exchange: Exchange) -> None:
    for number in range(20):
        exchange.put(f"{number:02}.csv", "")
    place = _Slow(exchange.path)
    connector = FilesConnector(place_of=lambda _values, _secrets: place)

    async def read() -> None:
        async with connector.open({"folder": str(exchange.path)}, {}) as connection:
            async for _ in connection.read(ReadRequest("*", "GET", (), {}, None, None, 10)):
                pass

    reading = asyncio.create_task(read())
    await asyncio.to_thread(place.asked.wait, 30)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    place.let.set()
    await asyncio.get_running_loop().shutdown_default_executor()
    assert place.opened == ["00.csv"]
