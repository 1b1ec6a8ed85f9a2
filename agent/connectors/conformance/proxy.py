"""A server in between that lets everything pass, until it is given a fault: the network's failures at a chosen word.

It looks at bytes alone, so it stands before any server that is talked to over TCP without encryption.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from agent.connectors.conformance.faults import Fault, Trouble

_HOST: Final = "127.0.0.1"
_CHUNK_BYTES = 65_536
_BROKEN_OFF = 0.6
"""How much of the first piece of an answer comes through with `Trouble.BREAK`."""
_HEARD: Final = frozenset({Trouble.LOSE, Trouble.BREAK, Trouble.HOLD})
_Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(slots=True)
class FaultProxy:
    """Passes everything on between clients and `upstream`, but for what the fault says.

    `strikes` counts how often the fault struck since it was put; `struck` is set once it has: where the app hears the
    word, once it has done what it was told.
    """

    upstream: tuple[str, int]
    port: int = 0
    strikes: int = 0
    struck: asyncio.Event = field(default_factory=asyncio.Event)
    _fault: Fault | None = None
    _passed: int = 0
    _clients: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def address(self) -> tuple[str, int]:
        """Where clients connect to."""
        return _HOST, self.port

    def put(self, fault: Fault) -> None:
        """From now on this goes wrong, in the place of what went wrong before."""
        self._fault, self._passed, self.strikes = fault, 0, 0
        self.struck.clear()

    def lift(self) -> None:
        """Nothing goes wrong any more; what is kept waiting stays so until its client gives up."""
        self._fault = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client."""
        task = asyncio.current_task()
        assert task is not None
        self._clients.add(task)
        try:
            with contextlib.suppress(ConnectionError):
                await self._pass_on(reader, writer)
        except asyncio.CancelledError:
            pass  # the proxy is being closed; a server's task that ends as cancelled would be told as an error
        finally:
            self._clients.discard(task)
            writer.close()

    async def close(self) -> None:
        """Hang up on whoever is still connected."""
        for client in list(self._clients):
            client.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)

    def _strikes(self, said: bytes) -> Fault | None:
        """What goes wrong with what the client has just said."""
        fault = self._fault
        if fault is None or fault.word not in said or (fault.times is not None and self.strikes >= fault.times):
            return None
        self._passed += 1
        if self._passed <= fault.skip:
            return None
        self.strikes += 1
        if fault.trouble not in _HEARD:
            self.struck.set()
        return fault

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection(*self.upstream)
        answers = asyncio.create_task(_answers(server_reader, writer))
        try:
            while said := await reader.read(_CHUNK_BYTES):
                fault = self._strikes(said)
                if fault is None:
                    server_writer.write(said)
                    await server_writer.drain()
                    continue
                answers.cancel()
                await asyncio.gather(answers, return_exceptions=True)
                await self._go_wrong(fault, said, (reader, writer), (server_reader, server_writer))
                return
        finally:
            answers.cancel()
            server_writer.close()  # first, as whoever waits can be cancelled
            await asyncio.gather(answers, return_exceptions=True)

    async def _go_wrong(self, fault: Fault, said: bytes, client: _Ends, server: _Ends) -> None:
        """Let a fault happen; afterwards the connection ends."""
        if fault.trouble in _HEARD:
            server[1].write(said)
            await server[1].drain()
            # A request may come in more pieces than the one with the word.
            rest = asyncio.create_task(_answers(client[0], server[1], close=False))
            try:
                # Once the server answers, it has done it.
                answer = await server[0].read(_CHUNK_BYTES)
            finally:
                rest.cancel()
                await asyncio.gather(rest, return_exceptions=True)
            self.struck.set()
            if fault.trouble is Trouble.BREAK:
                client[1].write(answer[: int(len(answer) * _BROKEN_OFF)])
                await client[1].drain()
        if fault.trouble is Trouble.ANSWER:
            client[1].write(fault.answer.encoded())
            await client[1].drain()
            client[1].write_eof()
        if fault.trouble in {Trouble.ANSWER, Trouble.HOLD, Trouble.SILENCE}:
            # To hang up while the client still speaks would take the answer away from it again.
            while await client[0].read(_CHUNK_BYTES):
                pass


async def _answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, close: bool = True) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(_CHUNK_BYTES):
            writer.write(data)
            await writer.drain()
        if close:
            writer.close()


@asynccontextmanager
async def fault_proxy(host: str, port: int) -> AsyncIterator[FaultProxy]:
    """A proxy on a free port of loopback, in front of a server."""
    proxy = FaultProxy((host, port))
    server = await asyncio.start_server(proxy.serve, _HOST, 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        await asyncio.sleep(0)  # whoever was let in at the last moment begins to be served and is hung up on
        await proxy.close()
