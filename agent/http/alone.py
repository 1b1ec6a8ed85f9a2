"""Lets one after the other do something, in the order in which they came, across threads and event loops."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Alone:
    """One at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._line: deque[asyncio.Future[None]] = deque()
        self._taken = False

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait until nobody else is inside such a block, and keep others out of it."""
        await self._enter()
        try:
            yield
        finally:
            self._leave()

    async def _enter(self) -> None:
        with self._lock:
            if not self._taken:
                self._taken = True
                return
            mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._line.append(mine)
        try:
            await mine
        except asyncio.CancelledError:
            with self._lock:
                waiting = mine in self._line
                if waiting:
                    self._line.remove(mine)
            if not waiting:
                self._leave()  # it was handed over just now: to the next one
            raise

    def _leave(self) -> None:
        with self._lock:
            while self._line:
                following = self._line.popleft()
                loop = following.get_loop()
                if not loop.is_closed():
                    loop.call_soon_threadsafe(_hand_over, following)
                    return
            self._taken = False


def _hand_over(following: asyncio.Future[None]) -> None:
    if not following.done():
        following.set_result(None)
