"""Keeps all connections to one app within its request quota: one gate per app, shared by the whole process.

The gate learns from the `X-Rate-Limit-*` headers of each answer and counts what is under way itself, so that it may
use the whole quota without ever asking once too often. It works across threads and event loops, serves the callers who
wait in turn, and forgets those who are cancelled.

Other processes use the same quota, this agent's and other apps', and all that is known of them is in the headers. So
the first part of a window's quota is there for whoever comes; the rest is spread over what is left of the window. Gates
that do so share what is left between them without knowing of each other, and none of them asks in vain.
"""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from agent.http.alone import Alone

Clock = Callable[[], float]
Sleep = Callable[[float], Awaitable[None]]

# Servers count whole milliseconds and clocks drift: a window is taken as over a little after it is said to be.
_MARGIN_SECONDS = 0.05

_FREE = 0.5
"""The share of a window's quota that goes as it is asked for. What is left after that is spread over the window."""

_MOST_OTHERS = 5
"""Of so many others at most is a request left alone. How many there are is told from how much they use."""

_STALE_SECONDS = 1.0
"""After so long without a request, others may have used the quota: one request finds out how much is left of it."""


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
    """Lets requests to one app through. `writes` is there for apps that take one write at a time.

    Args:
        reserve: The share of the quota, from 0 to less than 1, that is left to the app's other clients.
        clock: Monotonic seconds.
        sleep: Waits for seconds.
    """

    def __init__(self, *, reserve: float = 0.0, clock: Clock = time.monotonic, sleep: Sleep = asyncio.sleep) -> None:
        if not 0.0 <= reserve < 1.0:
            raise ValueError("The reserve is a share from 0 to less than 1.")
        self.writes = Alone()
        self._reserve = reserve
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._lines: OrderedDict[object, deque[_Waiting]] = OrderedDict()
        self._used: Counter[object] = Counter()
        self._under_way = 0
        self._idle_since: float | None = None
        self._asking = False
        self._sent = 0
        self._others = 0
        self._others_before = 0
        self._last_sent = float("-inf")
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

    def leave(self, reserve: float) -> None:
        """Leave that share of the quota to the app's other clients from now on."""
        if not 0.0 <= reserve < 1.0:
            raise ValueError("The reserve is a share from 0 to less than 1.")
        with self._lock:
            self._reserve = reserve
            self._wake_first()

    @asynccontextmanager
    async def turn(self, caller: object = None) -> AsyncIterator[Turn]:
        """Wait for permission, then send one request inside the block.

        Args:
            caller: Who asks. Of the callers who wait, the one goes first that has had the least of this window's quota.
        """
        await self._enter(caller)
        turn = Turn(self._window)
        try:
            yield turn
        finally:
            self._leave(turn)

    async def _enter(self, caller: object) -> None:
        waiting = _Waiting()
        with self._lock:
            self._lines.setdefault(caller, deque()).append(waiting)
        try:
            while (wait := self._try_to_pass(waiting, caller)) is not None:
                await self._woken_or_slept(waiting, wait)
        finally:
            with self._lock:
                line = self._lines.get(caller)
                if line is not None and waiting in line:
                    line.remove(waiting)
                    if not line:
                        del self._lines[caller]
                self._wake_first()

    def _try_to_pass(self, waiting: _Waiting, caller: object) -> float | None:
        """None when the request may go; otherwise how long to wait at most, infinitely for a wake-up."""
        with self._lock:
            line = self._first_line()
            if line[0] is not waiting:
                return float("inf")
            now = self._clock()
            self._roll(now)
            if self._known is None:
                # The first answer says what the quota is; until then one request is enough.
                if self._answers == 0 and self._under_way > 0:
                    return float("inf")
            elif (wait := self._until_allowed(self._known, now)) is not None:
                return wait
            self._left -= 1
            self._under_way += 1
            self._sent += 1
            self._last_sent = now
            if self._known is not None:
                self._used[caller] += 1
            line.popleft()
            if line:
                self._lines.move_to_end(caller)
            else:
                del self._lines[caller]
            return None

    def _first_line(self) -> deque[_Waiting]:
        """Those who wait for the caller that has had the least of this window; of several, the one whose turn it is."""
        return self._lines[min(self._lines, key=lambda caller: self._used[caller])]

    def _until_allowed(self, known: Quota, now: float) -> float | None:
        """How long a request has to wait by what is known of the quota; None where it may go."""
        if self._under_way == 0 and self._idle_since is not None and now - self._idle_since > _STALE_SECONDS:
            self._asking = True
        elif self._asking and self._under_way > 0:
            return float("inf")
        # For each of the others who are seen a request stays: all who know of the last one would send it.
        usable = self._left - int(known.quota * self._reserve) - max(self._others, self._others_before)
        if usable <= 0:
            return max(self._ends - now, 0.001)
        if usable < known.quota * _FREE:
            next_at = self._last_sent + (self._ends - self._last_sent) / (usable + 1)
            if now < next_at:
                return max(next_at - now, 0.001)
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
        self._sent = self._under_way
        self._used.clear()
        self._others, self._others_before = 0, self._others
        self._ends = now + self._known.window_seconds
        self._taught = False

    def _leave(self, turn: Turn) -> None:
        with self._lock:
            self._under_way -= 1
            self._answers += 1
            self._asking = False
            if self._under_way == 0:
                self._idle_since = self._clock()
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
        by_others = quota.quota - left - self._sent
        if by_others > 0 and not refused and quota.quota:
            self._others = max(self._others, min(_MOST_OTHERS, math.ceil(by_others / max(1, self._sent))))
        self._lowest = min(self._lowest, left)
        # Of what is under way, we cannot know what the app has counted already.
        self._left = min(self._left, left - self._under_way)

    def _wake_first(self) -> None:
        if self._lines:
            self._first_line()[0].wake()


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
