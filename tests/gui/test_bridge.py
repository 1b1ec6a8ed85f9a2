"""The bridge: answers arrive in the GUI thread, nothing blocks, a lost service comes back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from PySide6.QtCore import QElapsedTimer, QEventLoop, QTimer

from agent.api import live_models, log_models
from agent.domain.errors import AgentError, TransientError
from agent.gui.bridge import Bridge
from agent.gui.service_link import LinkState
from tests.gui.doubles import pretended
from tests.helpers.fake_client import FakeClient

MakeBridge = Callable[..., Bridge]


@pytest.fixture
def make_bridge(qapp: object, fake: FakeClient) -> Iterator[MakeBridge]:
    made: list[Bridge] = []

    def make(connect: Any = None) -> Bridge:
        bridge = Bridge(connect or pretended(fake), first_delay_seconds=0.02)
        made.append(bridge)
        return bridge

    yield make
    for bridge in made:
        bridge.close()


def test_an_answer_arrives_in_the_gui_thread(qtbot: Any, make_bridge: MakeBridge) -> None:
    threads: list[threading.Thread] = []
    scope = make_bridge().scope()
    scope.start(lambda client: client.flows(), lambda _: threads.append(threading.current_thread()))
    qtbot.waitUntil(lambda: bool(threads))
    assert threads == [threading.main_thread()]


def test_a_refusal_goes_to_failed_and_otherwise_to_the_window(
    qtbot: Any, make_bridge: MakeBridge, fake: FakeClient
) -> None:
    fake.fail["flows"] = TransientError("No.", code="no")
    bridge = make_bridge()
    told: list[AgentError] = []
    bridge.scope().start(lambda client: client.flows(), print, told.append)
    qtbot.waitUntil(lambda: bool(told))
    with qtbot.waitSignal(bridge.call_failed) as heard:
        bridge.scope().start(lambda client: client.flows(), print)
    assert [told[0].code, heard.args[0].code] == ["no", "no"]


def test_an_unexpected_fault_is_shown_and_not_lost(qtbot: Any, make_bridge: MakeBridge) -> None:
    async def wrong(_: object) -> None:
        raise KeyError("x")

    bridge = make_bridge()
    with qtbot.waitSignal(bridge.call_failed) as heard:
        bridge.scope().start(wrong, print)
    assert heard.args[0].code == "unexpected"


def test_cancel_reaches_the_request_and_no_answer_arrives(
    qtbot: Any, make_bridge: MakeBridge, fake: FakeClient
) -> None:
    fake.hang.add("search_log")
    told: list[object] = []
    call = (
        make_bridge().scope().start(lambda client: client.search_log(log_models.LogSearch()), told.append, told.append)
    )
    qtbot.waitUntil(lambda: "search_log" in fake.calls)
    call.cancel()
    qtbot.waitUntil(lambda: "search_log" in fake.cancelled)
    assert told == []


def test_the_gui_thread_goes_on_while_every_call_hangs(make_bridge: MakeBridge, fake: FakeClient) -> None:
    fake.hang |= {"flows", "apps", "configurations", "state"}
    scope = make_bridge().scope()
    for _ in range(50):
        scope.start(lambda client: client.flows(), print)
    ticks, longest, last = 0, 0.0, time.monotonic()

    def tick() -> None:
        nonlocal ticks, longest, last
        ticks, longest, last = ticks + 1, max(longest, time.monotonic() - last), time.monotonic()

    loop, timer = QEventLoop(), QTimer(interval=5)
    timer.timeout.connect(tick)
    timer.start()
    QTimer.singleShot(300, loop.quit)
    loop.exec()
    timer.stop()
    assert ticks > 20
    assert longest < 0.15


def test_starting_a_call_takes_no_time_even_before_the_service_answers(make_bridge: MakeBridge) -> None:
    waiting = threading.Event()

    def slow(_session: str | None, *, start: bool) -> FakeClient:
        waiting.wait(5)
        return FakeClient()

    bridge = make_bridge(slow)
    clock = QElapsedTimer()
    clock.start()
    bridge.scope().start(lambda client: client.flows(), print)
    assert clock.elapsed() < 50
    waiting.set()


def test_events_arrive_and_a_run_is_told_once_per_paint(qtbot: Any, make_bridge: MakeBridge, fake: FakeClient) -> None:
    bridge = make_bridge()
    heard: list[live_models.Event] = []
    bridge.happened.connect(heard.append)
    qtbot.waitUntil(lambda: fake.listeners == 1)
    for number in range(200):
        fake.emit(live_models.EventKind.RUN, {"id": "r1", "number": number})
    fake.emit(live_models.EventKind.FLOW, {"name": "x"})
    qtbot.waitUntil(lambda: bool(heard) and heard[-1].kind is live_models.EventKind.FLOW)
    runs = [event for event in heard if event.kind is live_models.EventKind.RUN]
    assert runs[-1].data["number"] == 199
    assert len(runs) < 20


def test_a_lost_service_is_said_and_found_again(qtbot: Any, make_bridge: MakeBridge, fake: FakeClient) -> None:
    bridge, states = make_bridge(), []
    bridge.link_changed.connect(lambda link: states.append(link.state))
    qtbot.waitUntil(lambda: fake.listeners == 1)
    fake.fail["health"] = TransientError("Gone.", code="service-unreachable")
    fake.end_events()
    qtbot.waitUntil(lambda: LinkState.LOST in states)
    failed: list[AgentError] = []
    bridge.scope().start(lambda client: client.flows(), print, failed.append)
    qtbot.waitUntil(lambda: bool(failed))
    del fake.fail["health"]
    qtbot.waitUntil(lambda: states[-1] is LinkState.ONLINE)
    answers: list[object] = []
    bridge.scope().start(lambda client: client.flows(), answers.append)
    qtbot.waitUntil(lambda: bool(answers))


def test_only_the_first_connection_and_a_person_may_start_the_service(qtbot: Any, make_bridge: MakeBridge) -> None:
    asked: list[bool] = []

    def missing(_session: str | None, *, start: bool) -> FakeClient:
        asked.append(start)
        raise TransientError("Not running.", code="service-not-running")

    bridge = make_bridge(missing)
    qtbot.waitUntil(lambda: len(asked) >= 3)
    assert asked[0] is True
    assert not any(asked[1:])
    bridge.retry(start=True)
    qtbot.waitUntil(lambda: asked[-1] is True or True in asked[1:])


def test_closing_ends_the_thread_and_calls_under_way(make_bridge: MakeBridge, fake: FakeClient, qtbot: Any) -> None:
    fake.hang.add("flows")
    bridge = make_bridge()
    bridge.scope().start(lambda client: client.flows(), print)
    qtbot.waitUntil(lambda: "flows" in fake.calls)
    bridge.close()
    assert "window-io" not in {thread.name for thread in threading.enumerate()}
    assert fake.closed


def test_a_start_asked_for_while_only_looking_is_done_at_once_and_is_not_called_lost(
    qtbot: Any, make_bridge: MakeBridge, fake: FakeClient
) -> None:
    """The wish to start arrives while an attempt that may not start is under way."""
    gone = TransientError("Not running.", code="service-not-running")
    looking, found, started = threading.Event(), threading.Event(), []

    def connect(_session: str | None, *, start: bool) -> FakeClient:
        started.append(start)
        if len(started) == 1:
            raise gone
        if start:
            return fake
        looking.set()
        found.wait(5)
        raise gone

    bridge = make_bridge(connect)
    heard: list[LinkState] = []
    bridge.link_changed.connect(lambda link: heard.append(link.state))
    qtbot.waitUntil(looking.is_set)
    bridge.retry(start=True)
    found.set()
    qtbot.waitUntil(lambda: LinkState.ONLINE in heard)
    assert heard == [LinkState.LOST, LinkState.ONLINE]
    assert started == [True, False, True]


def test_a_fault_while_connecting_is_said_and_looking_goes_on(
    qtbot: Any, make_bridge: MakeBridge, fake: FakeClient
) -> None:
    tries: list[bool] = []

    def connect(_session: str | None, *, start: bool) -> FakeClient:
        tries.append(start)
        if len(tries) == 1:
            raise KeyError("port")
        return fake

    bridge = make_bridge(connect)
    heard: list[LinkState] = []
    bridge.link_changed.connect(lambda link: heard.append(link.state))
    qtbot.waitUntil(lambda: heard == [LinkState.LOST, LinkState.ONLINE])
