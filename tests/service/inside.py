"""The parts of a service in this process, behind their guard, without a port. Its runs are not started."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

import httpx
from fastapi import FastAPI

from agent.api.client import AgentClient
from agent.api.endpoint import Endpoint, proof
from agent.api.folders import Folders
from agent.domain.secret import Secret
from agent.service.agent_parts import AgentParts, utc_now
from agent.service.contract import contract
from agent.service.guard import Guard
from tests.helpers.agent_database import settle

PORT = 4711
TOKEN = "token-of-the-service-in-this-process"


class Inside:
    """A service in this process. `clock` is what it takes for the present."""

    def __init__(self, home: Path, *, clock: Callable[[], datetime] = utc_now) -> None:
        folders = Folders.below(home)
        folders.create()
        settle(home)
        self.stopped: list[str] = []
        self.parts = AgentParts(folders, demo=False, environ={}, clock=clock)
        token = Secret(TOKEN)
        self.endpoint = Endpoint(port=PORT, pid=self.parts.pid, token=token)
        self.application: FastAPI = contract(
            self.parts, stop=self.stopped.append, prove=lambda challenge: proof(token, challenge)
        )
        hosts = frozenset({f"127.0.0.1:{PORT}", f"localhost:{PORT}"})
        guard = Guard(self.application, token=token, hosts=lambda: hosts, operator_of=self.parts.operators.name_of)
        self._transport = httpx.ASGITransport(guard)

    def client(self, session: str | None = None) -> AgentClient:
        """The client that front ends use."""
        return AgentClient(self.endpoint, session=session, transport=self._transport)

    def http(self, headers: Mapping[str, str] | None = None) -> httpx.AsyncClient:
        """A plain HTTP client with the token, or with these headers alone."""
        sent = {"Authorization": f"Bearer {TOKEN}"} if headers is None else dict(headers)
        return httpx.AsyncClient(base_url=self.endpoint.url, headers=sent, transport=self._transport)

    def close(self) -> None:
        """End all parts."""
        self.parts.stop("The test is over.")


@asynccontextmanager
async def executing(inside: Inside) -> AsyncIterator[Inside]:
    """Let it execute runs, and tell of them: who waits for the end of one hears of it."""
    inside.parts.start()
    telling = asyncio.create_task(inside.parts.hub.tick_until_cancelled())
    try:
        yield inside
    finally:
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)


@asynccontextmanager
async def opened(home: Path, *, clock: Callable[[], datetime] = utc_now) -> AsyncIterator[Inside]:
    """One that executes runs, for the length of a block."""
    made = Inside(home, clock=clock)
    try:
        async with executing(made):
            yield made
    finally:
        await asyncio.to_thread(made.close)
