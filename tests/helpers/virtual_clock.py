"""Time that passes when everybody sleeps: tests of waiting take no time, and measure exactly."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

START = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
_SETTLING_TURNS = 200
_Result = TypeVar("_Result")


class VirtualClock:
    """A clock and its sleep. `run` carries a coroutine through, and moves time on whenever nothing else happens."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._numbers = itertools.count()

    def monotonic(self) -> float:
        return self.now

    def utc(self) -> datetime:
        return START + timedelta(seconds=self.now)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.now + seconds, next(self._numbers), future))
        await future

    async def run(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        task = asyncio.ensure_future(work)
        while not task.done():
            for _ in range(_SETTLING_TURNS):
                await asyncio.sleep(0)
            if task.done():
                break
            self._wake_next()
        return await task

    def _wake_next(self) -> None:
        while self._sleepers:
            moment, _, future = heapq.heappop(self._sleepers)
            if not future.done():
                self.now = max(self.now, moment)
                future.set_result(None)
                return
        raise AssertionError("Everybody waits, and nobody sleeps: this would hang.")
