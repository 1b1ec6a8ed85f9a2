"""The one bridge between the service's client and the widgets.

It lives in the GUI thread and is never moved. Calls and events happen in the I/O thread; what they bring is handed
over through one queued signal, so that every callback and every signal of this object is in the GUI thread.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from typing import Any, Generic, TypeVar

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from agent.api import live_models
from agent.domain.errors import AgentError, FatalError
from agent.gui.calls import Work
from agent.gui.io_thread import IoThread
from agent.gui.service_link import Connect, Link, LinkState, ServiceLink

T = TypeVar("T")
_EVENT_PAINT_MILLISECONDS = 60


class Bridge(QObject):
    """Signals and calls. Close it before the application ends."""

    happened = Signal(object)
    """A `live_models.Event`, at most one paint late."""
    link_changed = Signal(object)
    """A `Link`."""
    call_failed = Signal(object)
    """An `AgentError` that nobody else takes care of."""

    _arrived = Signal(object)

    def __init__(
        self,
        connect: Connect,
        *,
        session: str | None = None,
        first_delay_seconds: float = 0.5,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.link = Link(LinkState.CONNECTING)
        self._closed = False
        self._events: deque[live_models.Event] = deque()
        self._flush = QTimer(self, singleShot=True, interval=_EVENT_PAINT_MILLISECONDS)
        self._flush.timeout.connect(self._deliver_events)
        self._arrived.connect(self._on_arrived, Qt.ConnectionType.QueuedConnection)
        self._io = IoThread()
        self._service = self._io.submit(
            _make_link(connect, session, self._post_link, self._post_event, first_delay_seconds)
        ).result(timeout=10)
        self._running = self._io.submit(self._service.run())

    def scope(self) -> Scope:
        """A group of calls for one presenter."""
        return Scope(self)

    def retry(self, *, start: bool = False) -> None:
        """Look for the service now; with `start`, start it if need be."""
        self._io.call_soon(lambda: self._service.retry(start=start))

    def use_session(self, token: str | None) -> None:
        """Remember whom the next connection speaks for, and listen again."""

        def use() -> None:
            self._service.session = token
            self._service.retry(start=False)

        self._io.call_soon(use)

    def close(self) -> None:
        """Cancel every call and end the I/O thread. Nothing is delivered afterwards."""
        self._closed = True
        self._flush.stop()
        self._io.stop()

    def begin(self, call: _Call[T], work: Work[T]) -> None:
        """Start a call's work in the I/O thread; after closing there is nobody left to answer."""
        if self._closed:
            return

        async def perform() -> T:
            return await work(await self._service.client())

        call.future = self._io.submit(perform())
        call.future.add_done_callback(lambda _: self._post(call.deliver))

    def _post_link(self, link: Link) -> None:
        self._post(lambda: self._on_link(link))

    def _post_event(self, event: live_models.Event) -> None:
        self._post(lambda: self._on_event(event))

    def _post(self, deliver: Callable[[], object]) -> None:
        if not self._closed:
            self._arrived.emit(deliver)

    def _on_arrived(self, deliver: Callable[[], object]) -> None:
        if not self._closed:
            deliver()

    def _on_link(self, link: Link) -> None:
        self.link = link
        self.link_changed.emit(link)

    def _on_event(self, event: live_models.Event) -> None:
        self._events.append(event)
        if not self._flush.isActive():
            self._flush.start()

    def _deliver_events(self) -> None:
        waiting, self._events = list(self._events), deque()
        for event in _newest_of_each(waiting):
            self.happened.emit(event)


class Scope:
    """The calls of one presenter; they end together."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        self._calls: set[_Call[Any]] = set()

    def start(
        self, work: Work[T], done: Callable[[T], object], failed: Callable[[AgentError], object] | None = None
    ) -> _Call[T]:
        """Start a call; see `agent.gui.calls`."""
        call: _Call[T] = _Call(done, failed or self._bridge.call_failed.emit, self._calls.discard)
        self._calls.add(call)
        self._bridge.begin(call, work)
        return call

    def cancel_all(self) -> None:
        """Drop every call of this scope."""
        for call in list(self._calls):
            call.cancel()


class _Call(Generic[T]):
    def __init__(
        self,
        done: Callable[[T], object],
        failed: Callable[[AgentError], object],
        ended: Callable[[_Call[T]], object],
    ) -> None:
        self.future: Future[T] | None = None
        self._done, self._failed, self._ended = done, failed, ended
        self._cancelled = False

    def cancel(self) -> None:
        """Cancel the request; neither answer arrives."""
        self._cancelled = True
        self._ended(self)
        if self.future is not None:
            self.future.cancel()

    def deliver(self) -> None:
        """Hand the answer over, in the GUI thread."""
        if self._cancelled or self.future is None:
            return
        self._ended(self)
        try:
            answer = self.future.result(timeout=0)
        except CancelledError:
            return
        except AgentError as error:
            self._failed(error)
        except Exception as error:  # noqa: BLE001 - the last fence: a fault of ours must be seen, not lost
            self._failed(_unexpected(error))
        else:
            self._done(answer)


def _newest_of_each(events: list[live_models.Event]) -> list[live_models.Event]:
    """Drop events that a later one of the same thing makes superfluous; keep the order of the rest."""
    newest: dict[tuple[live_models.EventKind, object], live_models.Event] = {}
    for event in events:
        key: object = event.id
        if event.kind in (live_models.EventKind.RUN, live_models.EventKind.VALIDATION):
            key = event.data.get("id", event.id)
        elif event.kind in (live_models.EventKind.LOG, live_models.EventKind.ENVIRONMENT):
            key = None
        newest.pop((event.kind, key), None)
        newest[(event.kind, key)] = event
    return list(newest.values())


def _unexpected(error: Exception) -> FatalError:
    return FatalError(
        "Something unexpected went wrong in the window.",
        code="unexpected",
        remedy="Try again; if it happens again, report it with the detail below.",
        detail=f"{type(error).__name__}: {error}",
    )


async def _make_link(
    connect: Connect,
    session: str | None,
    report: Callable[[Link], object],
    on_event: Callable[[live_models.Event], object],
    first_delay_seconds: float,
) -> ServiceLink:
    return ServiceLink(
        connect, session=session, report=report, on_event=on_event, first_delay_seconds=first_delay_seconds
    )
