"""Keeps all connections to one app within its request quota: one gate per app, shared by the whole process.

The gate learns from the `X-Rate-Limit-*` headers of each answer and counts what is under way itself, so that it may
use the whole quota without ever asking once too often. It works across threads and event loops, serves those who wait
in the order in which they came, and forgets those who are cancelled.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

Clock = Callable[[], float]
Sleep = Callable[[float], Awaitable[None]]

# Servers count whole milliseconds and clocks drift: a window is taken as over a little after it is said to be.
_MARGIN_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Quota:
    """What an answer says about the quota: requests left, requests per window, and the window's end and length.

    `quota` is 0 where the answer does not say how many a window has.
    """

    left: int
    quota: int
    reset_seconds: float
    window_seconds: float

    @classmethod
    def from_headers(cls, headers: Mapping[str, str]) -> Quota | None:
        """The quota in an answer's headers; None where they say nothing, or nonsense."""
        try:
            left = int(headers["X-Rate-Limit-Requests-Left"])
            reset = int(headers["X-Rate-Limit-Time-Reset-Ms"]) / 1000
            quota = int(headers.get("X-Rate-Limit-Requests-Quota") or 0)
            window = int(headers.get("X-Rate-Limit-Time-Window-Ms") or 30_000) / 1000
        except (KeyError, ValueError):
            return None
        if left < 0 or quota < 0 or reset < 0 or window <= 0:
            return None
        return cls(left=left, quota=quota, reset_seconds=reset, window_seconds=window)


@dataclass(slots=True)
class Turn:
    """The permission to send one request. Tell it what the answer said, before leaving the block."""

    window: int
    quota: Quota | None = None
    refused: bool = False

    def answered(self, headers: Mapping[str, str], *, refused: bool) -> None:
        """Take note of an answer; `refused` where the app found that it was one request too many."""
        self.quota = Quota.from_headers(headers)
        self.refused = refused


class _Waiting:
    """One who waits, in an event loop of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._event = asyncio.Event()

    def wake(self) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._event.set)

    async def wait(self) -> None:
        await self._event.wait()
        self._event.clear()


class Gate:
    """Lets requests to one app through.

    Args:
        reserve: The share of the quota, from 0 to less than 1, that is left to the app's other clients.
        clock: Monotonic seconds.
        sleep: Waits for seconds.
    """

    def __init__(self, *, reserve: float = 0.0, clock: Clock = time.monotonic, sleep: Sleep = asyncio.sleep) -> None:
        if not 0.0 <= reserve < 1.0:
            raise ValueError("The reserve is a share from 0 to less than 1.")
        self._reserve = reserve
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._line: deque[_Waiting] = deque()
        self._under_way = 0
        self._answers = 0
        self._window = 0
        self._known: Quota | None = None
        self._left = 0
        self._lowest = 0
        self._ends = 0.0
        self._taught = False

    @property
    def quota(self) -> Quota | None:
        """What the last answer with headers said; None while it is not known how many requests a window has."""
        return self._known if self._known is not None and self._known.quota else None

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[Turn]:
        """Wait for permission, then send one request inside the block."""
        await self._enter()
        turn = Turn(self._window)
        try:
            yield turn
        finally:
            self._leave(turn)

    async def _enter(self) -> None:
        waiting = _Waiting()
        with self._lock:
            self._line.append(waiting)
        try:
            while (wait := self._try_to_pass(waiting)) is not None:
                await self._woken_or_slept(waiting, wait)
        finally:
            with self._lock:
                if waiting in self._line:
                    self._line.remove(waiting)
                self._wake_first()

    def _try_to_pass(self, waiting: _Waiting) -> float | None:
        """None when the request may go; otherwise how long to wait at most, infinitely for a wake-up."""
        with self._lock:
            if self._line[0] is not waiting:
                return float("inf")
            now = self._clock()
            self._roll(now)
            if self._known is None:
                # The first answer says what the quota is; until then one request is enough.
                if self._answers == 0 and self._under_way > 0:
                    return float("inf")
            elif self._left <= int(self._known.quota * self._reserve):
                return max(self._ends - now, 0.001)
            self._left -= 1
            self._under_way += 1
            self._line.popleft()
            return None

    async def _woken_or_slept(self, waiting: _Waiting, seconds: float) -> None:
        if seconds == float("inf"):
            await waiting.wait()
            return
        tasks = [asyncio.ensure_future(self._sleep(seconds)), asyncio.ensure_future(waiting.wait())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _roll(self, now: float) -> None:
        """Begin the next window when the present one is over. What is under way may fall into either: it counts."""
        if self._known is None or now < self._ends:
            return
        self._window += 1
        if self._known.quota == 0:
            # Only the end of the window was told: what comes after it, the next answer says.
            self._known = None
            self._answers = 0
            return
        self._left = self._lowest = self._known.quota - self._under_way
        self._ends = now + self._known.window_seconds
        self._taught = False

    def _leave(self, turn: Turn) -> None:
        with self._lock:
            self._under_way -= 1
            self._answers += 1
            quota = turn.quota
            if quota is not None and (turn.window == self._window or turn.refused):
                self._learn(quota, refused=turn.refused)
            elif quota is None and turn.window == self._window:
                # No answer, so nobody says whether the app has counted it.
                self._lowest -= 1
            if self._under_way == 0 and self._known is not None:
                # Nothing is under way, so everything sent has been counted by the app.
                self._left = self._lowest
            self._wake_first()

    def _learn(self, quota: Quota, *, refused: bool) -> None:
        ends = self._clock() + quota.reset_seconds + _MARGIN_SECONDS
        left = 0 if refused else quota.left
        if self._known is None:
            self._left = self._lowest = left
        if refused or not self._taught:
            self._ends = ends
            self._taught = True
        else:
            self._ends = min(self._ends, ends)
        if quota.quota == 0 and self._known is not None:
            quota = replace(quota, quota=self._known.quota)
        self._known = quota
        self._lowest = min(self._lowest, left)
        # Of what is under way, we cannot know what the app has counted already.
        self._left = min(self._left, left - self._under_way)

    def _wake_first(self) -> None:
        if self._line:
            self._line[0].wake()


class Gates:
    """The gates of a process, one for each app address."""

    def __init__(self, *, reserve: float = 0.0, clock: Clock = time.monotonic, sleep: Sleep = asyncio.sleep) -> None:
        self._reserve = reserve
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._gates: dict[str, Gate] = {}

    def gate(self, address: str) -> Gate:
        """The gate of that address, always the same one."""
        with self._lock:
            found = self._gates.get(address)
            if found is None:
                found = Gate(reserve=self._reserve, clock=self._clock, sleep=self._sleep)
                self._gates[address] = found
            return found
