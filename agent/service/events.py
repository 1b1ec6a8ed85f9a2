"""Tells listeners what changed. Published from any thread, heard by the streams of the contract.

Runs and the log change many times a second: they are only marked as changed, and a ticker in the server's event loop
says so a few times a second, and only while somebody listens.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import contextmanager, suppress

from pydantic import BaseModel

from agent.api.live_models import Event, EventKind

_logger = logging.getLogger(__name__)
_TICK_SECONDS = 0.2
_MOST_WAITING = 1_000


class Listener:
    """One stream's events. Lives in one event loop; a listener that reads too slowly is ended, and comes again."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[Event | None] = asyncio.Queue()
        self._ended = False

    def offer(self, event: Event | None) -> None:
        """Hand an event over, from any thread; None ends the stream."""
        with suppress(RuntimeError):  # its loop has closed
            self._loop.call_soon_threadsafe(self._put, event)

    async def next(self, timeout_seconds: float) -> Event | None:
        """The next event. Raises TimeoutError where none came; None means that there will be no more."""
        return await asyncio.wait_for(self._queue.get(), timeout_seconds)

    def _put(self, event: Event | None) -> None:
        if self._ended:
            return
        if event is None or self._queue.qsize() >= _MOST_WAITING:
            self._ended, event = True, None
        self._queue.put_nowait(event)


class Hub:
    """Where everything that happens is told.

    Args:
        describe_run: The event data of a run; None where there is nothing to say.
        describe_log: The event data of the log's bounds.
    """

    def __init__(
        self, *, describe_run: Callable[[str], BaseModel | None], describe_log: Callable[[], BaseModel]
    ) -> None:
        self._describe_run, self._describe_log = describe_run, describe_log
        self._lock = threading.Lock()
        self._listeners: list[Listener] = []
        self._ids = itertools.count(1)
        self._changed_runs: dict[str, None] = {}
        self._log: BaseModel | None = None
        self._closed = False

    def publish(self, kind: EventKind, data: BaseModel | dict[str, object]) -> None:
        """Tell every listener."""
        with self._lock:
            if not self._listeners:
                return
            plain = data.model_dump(mode="json") if isinstance(data, BaseModel) else data
            event = Event(id=next(self._ids), kind=kind, data=plain)
            for listener in self._listeners:
                listener.offer(event)

    @property
    def heard(self) -> bool:
        """Whether anybody listens."""
        return bool(self._listeners)

    def run_changed(self, run_id: str) -> None:
        """A run's row has changed; told at the next tick."""
        with self._lock:
            self._changed_runs[run_id] = None

    @contextmanager
    def listen(self) -> Iterator[Listener]:
        """A listener for the length of a block."""
        listener = Listener()
        with self._lock:
            self._listeners.append(listener)
            closed = self._closed
        if closed:
            listener.offer(None)
        try:
            yield listener
        finally:
            with self._lock:
                self._listeners.remove(listener)

    async def frames(self, *, heartbeat_seconds: float) -> AsyncIterator[str]:
        """Everything that happens from now on as server-sent events, until the service ends."""
        with self.listen() as listener:
            yield ": listening\n\n"
            while True:
                try:
                    event = await listener.next(heartbeat_seconds)
                except TimeoutError:
                    yield ": alive\n\n"
                    continue
                if event is None:
                    return
                yield f"id: {event.id}\nevent: {event.kind.value}\ndata: {event.model_dump_json()}\n\n"

    async def tick_until_cancelled(self) -> None:
        """Tell of runs and of the log again and again. Run it as a task of the server."""
        failing = False
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            with self._lock:
                runs, self._changed_runs = self._changed_runs, {}
                heard = bool(self._listeners)
            if not heard:
                continue
            try:
                await asyncio.to_thread(self._tell, runs)
            except Exception as error:
                # A database that is busy now answers later: the next tick tells of these runs as well.
                with self._lock:
                    self._changed_runs = {**runs, **self._changed_runs}
                if not failing:
                    _logger.warning("What changed cannot be told at the moment.", exc_info=error)
                failing = True
            else:
                failing = False

    def close(self) -> None:
        """End every stream."""
        with self._lock:
            self._closed = True
            for listener in self._listeners:
                listener.offer(None)

    def _tell(self, runs: Iterable[str]) -> None:
        for run_id in runs:
            described = self._describe_run(run_id)
            if described is not None:
                self.publish(EventKind.RUN, described)
        log = self._describe_log()
        if log != self._log:
            self._log = log
            self.publish(EventKind.LOG, log)
