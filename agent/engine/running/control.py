"""How a run is told to stop: paused at its next checkpoint, or cancelled. Set from any thread, heard inside the run."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

_Result = TypeVar("_Result")


class RunControl:
    """The wishes for one run. A wish is never taken back: a run that goes on later has a new control."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._paused = False
        self._cancelled = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._cancel_heard: asyncio.Event | None = None
        self._any_heard: asyncio.Event | None = None

    def paused(self) -> bool:
        """Whether the run should stop at its next checkpoint, to go on later."""
        return self._paused

    def cancelled(self) -> bool:
        """Whether the run should end."""
        return self._cancelled

    def pause(self) -> None:
        """Let the run stop at its next checkpoint."""
        with self._lock:
            self._paused = True
            self._tell()

    def cancel(self) -> None:
        """Let the run end; a request in flight is dropped."""
        with self._lock:
            self._cancelled = True
            self._tell()

    def attach(self) -> None:
        """Let the running event loop hear of wishes, those made before included."""
        with self._lock:
            self._loop = asyncio.get_running_loop()
            self._cancel_heard, self._any_heard = asyncio.Event(), asyncio.Event()
            self._tell()

    def detach(self) -> None:
        """The event loop is about to close."""
        with self._lock:
            self._loop = self._cancel_heard = self._any_heard = None

    async def until_cancelled(self) -> None:
        """Return when the run should end."""
        await _attached(self._cancel_heard).wait()

    async def unless_cancelled(self, work: Coroutine[Any, Any, _Result]) -> _Result | None:
        """The result of the work, or None when the run should end: the work is then cancelled."""
        return await _unless(_attached(self._cancel_heard), work)

    async def unless_stopped(self, work: Coroutine[Any, Any, _Result]) -> _Result | None:
        """The result of the work, or None when the run should end or pause: the work is then cancelled."""
        return await _unless(_attached(self._any_heard), work)

    async def sleep(self, seconds: float) -> bool:
        """Sleep, but not longer than nothing is wished. Returns False when a wish ended the sleep."""
        try:
            await asyncio.wait_for(_attached(self._any_heard).wait(), seconds)
        except TimeoutError:
            return True
        return False

    def _tell(self) -> None:
        if self._loop is None or self._cancel_heard is None or self._any_heard is None:
            return
        if self._cancelled:
            self._loop.call_soon_threadsafe(self._cancel_heard.set)
        if self._cancelled or self._paused:
            self._loop.call_soon_threadsafe(self._any_heard.set)


def _attached(event: asyncio.Event | None) -> asyncio.Event:
    if event is None:
        raise RuntimeError("The control is not attached to an event loop.")
    return event


async def _unless(wish: asyncio.Event, work: Coroutine[Any, Any, _Result]) -> _Result | None:
    working, wished = asyncio.create_task(work), asyncio.create_task(wish.wait())
    try:
        await asyncio.wait({working, wished}, return_when=asyncio.FIRST_COMPLETED)
        return None if wish.is_set() else working.result()
    finally:
        wished.cancel()
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
