"""The proxy that makes the network's failures happen: when it says that one has."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from agent.connectors.conformance.faults import Fault, Trouble
from agent.connectors.conformance.proxy import fault_proxy


@dataclass
class SlowServer:
    """Answers each word once it is let to."""

    heard: asyncio.Event = field(default_factory=asyncio.Event)
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client."""
        while await reader.read(100):
            self.heard.set()
            await self.may_answer.wait()
            writer.write(b"done")
            await writer.drain()
        writer.close()


@asynccontextmanager
async def slow_server() -> AsyncIterator[tuple[SlowServer, int]]:
    slow = SlowServer()
    server = await asyncio.start_server(slow.serve, "127.0.0.1", 0)
    async with server:
        yield slow, server.sockets[0].getsockname()[1]


@pytest.mark.parametrize("trouble", [Trouble.HOLD, Trouble.LOSE, Trouble.BREAK])
async def test_a_fault_after_the_deed_has_struck_once_the_app_has_done_it(trouble: Trouble) -> None:
    async with slow_server() as (slow, port), fault_proxy("127.0.0.1", port) as proxy:
        proxy.put(Fault(trouble, b"write"))
        reader, writer = await asyncio.open_connection(*proxy.address)
        writer.write(b"write it")
        await slow.heard.wait()
        assert proxy.strikes == 1
        assert not proxy.struck.is_set()
        slow.may_answer.set()
        await proxy.struck.wait()
        writer.close()
        assert await reader.read() in {b"", b"do"}


@pytest.mark.parametrize("trouble", [Trouble.SILENCE, Trouble.REFUSE])
async def test_a_fault_before_the_deed_strikes_at_once_and_the_app_hears_nothing(trouble: Trouble) -> None:
    async with slow_server() as (slow, port), fault_proxy("127.0.0.1", port) as proxy:
        proxy.put(Fault(trouble, b"write"))
        _, writer = await asyncio.open_connection(*proxy.address)
        writer.write(b"write it")
        await proxy.struck.wait()
        assert not slow.heard.is_set()
        writer.close()
