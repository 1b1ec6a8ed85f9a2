"""The I/O thread's side of the bridge: connects, listens to events, and comes back by itself. No Qt.

Everything here runs in one asyncio loop. `report` and `on_event` are called there too and must not block.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Protocol

from agent.api import live_models
from agent.domain.errors import AgentError, FatalError, TransientError

if TYPE_CHECKING:  # the client brings httpx along, which the first paint does not need
    from agent.api.client import AgentClient

LINK_CODES = frozenset({"service-unreachable", "service-not-running", "service-slow"})
"""Errors that say that there is no service to ask."""
_FIRST_DELAY_SECONDS = 0.5
_LONGEST_DELAY_SECONDS = 15.0


class Connect(Protocol):
    """Makes a client for the running service. May block; `start` allows it to start a service that is not running."""

    def __call__(self, session: str | None, /, *, start: bool) -> AgentClient: ...


class LinkState(Enum):
    """Whether the service answers."""

    CONNECTING = auto()
    ONLINE = auto()
    LOST = auto()


@dataclass(frozen=True, slots=True)
class Link:
    """The state of the connection, with the error that ended it."""

    state: LinkState
    error: AgentError | None = None


class ServiceLink:
    """Keeps one client connected. `session` is what the next client speaks for."""

    def __init__(
        self,
        connect: Connect,
        *,
        session: str | None,
        report: Callable[[Link], object],
        on_event: Callable[[live_models.Event], object],
        first_delay_seconds: float = _FIRST_DELAY_SECONDS,
    ) -> None:
        self.session = session
        self._connect = connect
        self._report_to = report
        self._on_event = on_event
        self._first_delay_seconds = first_delay_seconds
        self._client: AgentClient | None = None
        self._link = Link(LinkState.CONNECTING)
        self._settled = asyncio.Event()
        self._nudge = asyncio.Event()
        self._may_start = True

    async def client(self) -> AgentClient:
        """The connected client; waits while connecting, raises what was wrong once the service is lost."""
        await self._settled.wait()
        if self._client is None:
            raise self._link.error or _gone()
        return self._client

    def retry(self, *, start: bool) -> None:
        """Try again now instead of waiting."""
        self._may_start = self._may_start or start
        self._nudge.set()

    async def run(self) -> None:
        """Connect, listen, come back: until cancelled."""
        delay = self._first_delay_seconds
        try:
            while True:
                try:
                    await self._open()
                    delay = self._first_delay_seconds
                    await self._listen()
                except AgentError as error:
                    await self._close(error)
                except Exception as error:  # noqa: BLE001 - whatever it is, it is said, and looking goes on
                    await self._close(_unexpected(error))
                await self._wait(delay)
                delay = min(delay * 2, _LONGEST_DELAY_SECONDS)
        finally:
            await self._close(None)

    async def _open(self) -> None:
        start, self._may_start = self._may_start, False
        client = await asyncio.to_thread(self._connect, self.session, start=start)
        try:
            await client.health()
        except BaseException:
            await client.__aexit__(None, None, None)
            raise
        self._client = client
        self._report(Link(LinkState.ONLINE))

    async def _listen(self) -> None:
        """Events until the service goes; one that only wants a signed-in operator is asked again."""
        delay = self._first_delay_seconds
        while self._client is not None:
            try:
                async for event in self._client.events():
                    delay = self._first_delay_seconds
                    self._on_event(event)
            except (TransientError, FatalError):
                raise
            except AgentError:
                await self._wait(delay)
                delay = min(delay * 2, _LONGEST_DELAY_SECONDS)
            else:
                raise _gone()

    async def _wait(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._nudge.wait(), seconds)
        self._nudge.clear()  # afterwards: one that came while we were trying counts, too

    async def _close(self, error: AgentError | None) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.__aexit__(None, None, None)
        if error is not None:
            self._report(Link(LinkState.LOST, error))

    def _report(self, link: Link) -> None:
        self._link = link
        self._settled.set()
        if link.state is LinkState.LOST and self._may_start:
            return  # a start was asked for while we only looked: the next attempt says how it went
        self._report_to(link)


def _unexpected(error: Exception) -> FatalError:
    return FatalError(
        "The agent's service could not be reached.",
        code="unexpected",
        remedy="Try again. If it happens again, send the detail to your support.",
        detail=f"{type(error).__name__}: {error}",
    )


def _gone() -> TransientError:
    return TransientError(
        "The agent's service does not answer.", code="service-unreachable", remedy="Start it, or try again."
    )
