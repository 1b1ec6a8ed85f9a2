"""Takes events in: what arrives at the same time is stored in one transaction, and acknowledged after it alone.

One thread understands, stores and counts. Whoever sent an event waits for it, so nothing is ever acknowledged that a
crash could take away.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from agent.domain.errors import AgentError, FatalError, TransientError
from agent.engine.events.intake import Intake
from agent.service.receiving.answers import EventAnswers, Waiting
from agent.store.inbox.events import Delivery, EventStore, Outcome, Taken
from agent.store.inbox.inboxes import EventInboxes, Refusals

_AT_ONCE: Final = 256
_MEGABYTE: Final = 1_000_000
_IDLE_SECONDS: Final = 2.0
_STOP_SECONDS: Final = 30.0
_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of an event. `waiting` gives its answer where the sender is to wait for one."""

    taken: Taken | None
    """None where it holds no record that the processflow wants."""
    ends: int = 0
    waiting: Waiting | None = None


@dataclass(frozen=True, slots=True)
class _Event:
    flow: str
    intake: Intake
    body: bytes
    headers: Mapping[str, str]
    at: datetime
    waits: bool
    accepted: Future[Accepted] = field(default_factory=Future)


class EventIntake:
    """Stores events.

    Args:
        events: Where they go.
        inboxes: Where refused ones are counted.
        answers: Those who wait.
        megabytes: How much all events may take up, now.
        stored: Called after events were stored, from the thread in here.
        full: Called when there was no room for one.
    """

    def __init__(
        self,
        events: EventStore,
        inboxes: EventInboxes,
        answers: EventAnswers,
        *,
        megabytes: Callable[[], int],
        stored: Callable[[], None],
        full: Callable[[], None],
    ) -> None:
        self._events, self._inboxes, self.answers = events, inboxes, answers
        self._megabytes, self._stored, self._full = megabytes, stored, full
        self._queue: queue.SimpleQueue[_Event | None] = queue.SimpleQueue()
        self._refused: dict[str, Refusals] = {}
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._work, name="event-intake", daemon=True)

    def start(self) -> None:
        """Begin to take events in."""
        self._thread.start()

    def stop(self) -> None:
        """Store what has arrived, and end."""
        self._queue.put(None)
        if self._thread.ident is not None:
            self._thread.join(_STOP_SECONDS)

    def take(
        self, flow: str, intake: Intake, body: bytes, headers: Mapping[str, str], *, at: datetime, waits: bool
    ) -> Future[Accepted]:
        """Take an event in; the future is done when it is stored, or fails with why it was not.

        Args:
            flow: The processflow.
            intake: Understands its events; used in the thread in here alone.
            body: What was sent.
            headers: Their names in lower case.
            at: When it arrived.
            waits: Whether the sender waits for the answer of its run.
        """
        event = _Event(flow, intake, body, headers, at, waits)
        self._queue.put(event)
        return event.accepted

    def refused(self, flow: str, why: str, *, at: datetime) -> None:
        """Count a refused event; written down in a moment."""
        with self._lock:
            found = self._refused.setdefault(flow, Refusals(0, at, why))
            found.count, found.at, found.why = found.count + 1, at, why

    def _work(self) -> None:
        while True:
            try:
                first = self._queue.get(timeout=_IDLE_SECONDS)
            except queue.Empty:
                self._note_refused()
                continue
            some, going_on = self._gathered(first)
            if some:
                self._take_all(some)
            if not going_on:
                self._note_refused()
                return

    def _gathered(self, first: _Event | None) -> tuple[list[_Event], bool]:
        """What has arrived until now, and whether more may come."""
        some: list[_Event] = []
        while first is not None:
            some.append(first)
            if len(some) >= _AT_ONCE:
                return some, True
            try:
                first = self._queue.get_nowait()
            except queue.Empty:
                return some, True
        return some, False

    def _take_all(self, some: Sequence[_Event]) -> None:
        understood = [(event, delivery) for event in some if (delivery := self._understood(event)) is not None]
        if not understood:
            return
        events = [event for event, _ in understood]
        try:
            accepted = self._put(events, [delivery for _, delivery in understood])
        except Exception as error:
            if not isinstance(error, AgentError):
                _logger.exception("Events could not be stored.", exc_info=error)
            for event in events:
                event.accepted.set_exception(error if isinstance(error, AgentError) else _not_stored(error))
            return
        for event, one in zip(events, accepted, strict=True):
            event.accepted.set_result(one)
        if any(one.taken is Taken.STORED for one in accepted):
            self._stored()
        if any(one.taken is Taken.FULL for one in accepted):
            self._full()

    def _put(self, events: Sequence[_Event], deliveries: Sequence[Delivery]) -> list[Accepted]:
        most_bytes = self._megabytes() * _MEGABYTE
        if not any(event.waits for event in events):
            return [Accepted(one.taken, one.ends) for one in self._events.put(deliveries, most_bytes=most_bytes)]
        with self.answers.held():
            outcomes = self._events.put(deliveries, most_bytes=most_bytes)
            return [self._expected(event, one) for event, one in zip(events, outcomes, strict=True)]

    def _expected(self, event: _Event, outcome: Outcome) -> Accepted:
        waits = event.waits and outcome.taken is Taken.STORED
        waiting = self.answers.expect(event.flow, outcome.ends) if waits else None
        return Accepted(outcome.taken, outcome.ends, waiting)

    def _understood(self, event: _Event) -> Delivery | None:
        """An event as it is stored; None where the sender has its answer already."""
        try:
            found = event.intake.read(event.body, event.headers, at=event.at)
        except Exception as error:
            if not isinstance(error, AgentError):
                _logger.exception("An event could not be understood.", exc_info=error)
            event.accepted.set_exception(error if isinstance(error, AgentError) else _not_stored(error))
            return None
        if not found.records:
            event.accepted.set_result(Accepted(None))
            return None
        return Delivery(event.flow, found.name, found.by_body, found.records, event.at)

    def _note_refused(self) -> None:
        with self._lock:
            refused, self._refused = self._refused, {}
        for flow, refusals in refused.items():
            try:
                self._inboxes.note_refused(flow, refusals)
            except TransientError:
                _logger.warning("Refused events could not be counted.")


def _not_stored(error: Exception) -> FatalError:
    return FatalError(
        "The event could not be stored.",
        code="event-not-stored",
        remedy="Look at the log of the service.",
        detail=type(error).__name__,
    )
