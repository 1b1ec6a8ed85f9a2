"""Senders of events that wait for an answer. A run brings it, or the time is up and the work goes on without them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager

from agent.engine.events.answers import Answer

Waiting = Future[Answer | None]


class EventAnswers:
    """Those who wait, by processflow and number of their event's last record. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._waiting: dict[tuple[str, int], Waiting] = {}

    @contextmanager
    def held(self) -> Iterator[None]:
        """No answer is given meanwhile: an event may be stored here, and its sender be noted before its run is done."""
        with self._lock:
            yield

    def expect(self, flow: str, ends: int) -> Waiting:
        """Wait for the answer to an event."""
        waiting: Waiting = Future()
        with self._lock:
            self._waiting[flow, ends] = waiting
        return waiting

    def forget(self, flow: str, ends: int) -> None:
        """Wait no longer."""
        with self._lock:
            self._waiting.pop((flow, ends), None)

    def processed(self, flow: str, ends: int, answer: Answer | None) -> None:
        """An event was processed; see `agent.engine.events.answers.Answers`."""
        with self._lock:
            waiting = self._waiting.pop((flow, ends), None)
        if waiting is not None and waiting.set_running_or_notify_cancel():
            waiting.set_result(answer)
