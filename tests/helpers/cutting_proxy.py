"""A server in between that hangs up at a chosen word: the network's failures, at the very moment that matters."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class CuttingProxy:
    """Passes everything on between a client and `upstream`, until the client says `word`.

    With `deliver`, the word still reaches the server, and it is the answer that gets lost. With `freeze` it does not
    hang up but falls silent. Each time it has cut, it passes everything on again, unless the word is set anew.
    """

    upstream: tuple[str, int]
    word: bytes | None = None
    deliver: bool = False
    freeze: bool = False
    port: int = 0
    cuts: int = 0
    cut: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client."""
        server_reader, server_writer = await asyncio.open_connection(*self.upstream)
        answers = asyncio.create_task(_pass_on(server_reader, writer))
        self._tasks.add(answers)
        try:
            while data := await reader.read(65_536):
                if self.word is not None and self.word in data:
                    self.word = None
                    self.cuts += 1
                    self.cut.set()
                    answers.cancel()
                    await asyncio.gather(answers, return_exceptions=True)
                    if self.deliver:
                        server_writer.write(data)
                        await server_writer.drain()
                        # Once the server answers, it has done it; nobody hears the answer.
                        await server_reader.read(1)
                    if self.freeze:
                        await reader.read()
                    return
                server_writer.write(data)
                await server_writer.drain()
        except ConnectionError:
            pass
        finally:
            answers.cancel()
            self._tasks.discard(answers)
            for one in (writer, server_writer):
                one.close()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
        writer.close()
    except ConnectionError:
        pass


@asynccontextmanager
async def cutting_proxy(host: str, port: int) -> AsyncIterator[CuttingProxy]:
    """A proxy in front of a server."""
    proxy = CuttingProxy((host, port))
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
