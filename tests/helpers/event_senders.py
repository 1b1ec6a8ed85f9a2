"""What sends events to an agent: real requests over a real port, repeated like real senders repeat them."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from agent.api import event_models
from agent.api.endpoint import NO_TLS
from tests.helpers.stage import Stage

PATIENCE_SECONDS = 120


def free_port() -> int:
    """A port that nobody uses at this moment."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def receive_events(stage: Stage) -> None:
    """An agent with a vault, a database, and a listener for events."""
    stage.open_vault()
    stage.setting("enable_environment", "true")
    stage.configure("sql", "Database", {"kind": "SQLite", "database": str(stage.database)}, {})
    stage.setting("real_time_port", str(free_port()))
    stage.setting("real_time", "true")


def send_until_acknowledged(url: str, body: dict[str, Any], *, name: str) -> httpx.Response:
    """Send an event, and again where there is no answer or one that asks for it, as senders do."""
    waiting = threading.Event()
    for _ in range(PATIENCE_SECONDS * 20):
        try:
            answer = httpx.post(
                url, json=body, headers={"Idempotency-Key": name}, timeout=30, trust_env=False, verify=NO_TLS
            )
        except httpx.HTTPError:
            waiting.wait(0.05)
            continue
        if answer.status_code not in (429, 503):
            return answer
        waiting.wait(0.05)
    raise AssertionError("no acknowledgement")


def send_all(url: str, bodies: Sequence[dict[str, Any]], *, senders: int, acknowledged: Callable[[int], None]) -> None:
    """Send all of these, each until it is acknowledged; told after each how many have been."""
    count, lock = 0, threading.Lock()

    def send(number: int) -> None:
        nonlocal count
        answer = send_until_acknowledged(url, bodies[number], name=f"event-{number}")
        assert answer.status_code == 202, answer.text
        with lock:
            count += 1
            so_many = count
        acknowledged(so_many)

    with ThreadPoolExecutor(senders) as pool:
        list(pool.map(send, range(len(bodies))))


def nothing_waits(stage: Stage, flow: str) -> event_models.Inbox:
    """The inbox of a processflow once everything in it is processed."""
    waiting = threading.Event()
    for _ in range(PATIENCE_SECONDS * 10):
        state = stage.ask(lambda client: client.real_time.state())
        inbox = next(inbox for inbox in state.inboxes if inbox.flow == flow)
        if inbox.waiting == 0:
            return inbox
        waiting.wait(0.1)
    raise AssertionError(f"events still wait: {inbox}")
