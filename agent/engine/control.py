"""How a run is told to stop: paused at its next checkpoint, or cancelled. Set from any thread, heard inside the run."""

from __future__ import annotations

import asyncio
import threading


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
            self._loop = None

    async def until_cancelled(self) -> None:
        """Return when the run should end."""
        if self._cancel_heard is not None:
            await self._cancel_heard.wait()

    async def sleep(self, seconds: float) -> bool:
        """Sleep, but not longer than nothing is wished. Returns False when a wish ended the sleep."""
        if self._any_heard is None:
            raise RuntimeError("The control is not attached to an event loop.")
        try:
            await asyncio.wait_for(self._any_heard.wait(), seconds)
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
