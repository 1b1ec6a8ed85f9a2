"""What happened is told to everybody who listens: in order, as it happens, until the end."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress

import pytest
from pydantic import BaseModel

from agent.api import live_models
from agent.api.client import AgentClient
from agent.api.endpoint import Endpoint
from agent.domain.errors import AgentError, TransientError
from agent.service.events import Hub
from tests.helpers.running_service import RunningService


class Bounds(BaseModel):
    last: int


class Source:
    """What a hub asks about runs and the log; it can be in trouble."""

    def __init__(self) -> None:
        self.last = 0
        self.trouble: AgentError | None = None

    def run(self, run_id: str) -> BaseModel | None:
        if self.trouble is not None:
            raise self.trouble
        return None if run_id == "gone" else Bounds(last=int(run_id))

    def log(self) -> BaseModel:
        return Bounds(last=self.last)


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def hub(source: Source) -> Hub:
    return Hub(describe_run=source.run, describe_log=source.log)


async def test_a_quiet_stream_shows_that_it_is_alive_and_ends_with_the_service(hub: Hub) -> None:
    frames = hub.frames(heartbeat_seconds=0.01)
    assert await anext(frames) == ": listening\n\n"
    assert await anext(frames) == ": alive\n\n"
    hub.publish(live_models.EventKind.FLOW, {"name": "orders"})
    frame = await anext(frames)
    while frame == ": alive\n\n":
        frame = await anext(frames)
    number, kind, data = frame.strip().split("\n")
    assert (number, kind) == ("id: 1", "event: flow")
    assert json.loads(data.removeprefix("data: ")) == {"id": 1, "kind": "flow", "data": {"name": "orders"}}
    hub.close()
    assert [frame async for frame in frames if frame != ": alive\n\n"] == []
    assert not hub.heard
    late = [frame async for frame in hub.frames(heartbeat_seconds=10)]
    assert late == [": listening\n\n"], "who comes after the end is told so at once"


async def test_who_does_not_read_is_let_go_and_holds_nobody_up(hub: Hub) -> None:
    with hub.listen() as asleep, hub.listen() as awake:
        for number in range(3_000):
            hub.publish(live_models.EventKind.FLOW, {"number": number})
            event = await awake.next(10)
            assert event is not None
            assert event.data == {"number": number}
        kept = []
        while (event := await asleep.next(10)) is not None:
            kept.append(event.id)
        assert kept == list(range(1, len(kept) + 1)), "what it gets is in order and without a gap"
        assert len(kept) <= 1_000


async def test_changes_that_could_not_be_told_are_told_later(hub: Hub, source: Source) -> None:
    source.trouble = TransientError("The agent's database stayed locked.", code="database-busy")
    ticking = asyncio.create_task(hub.tick_until_cancelled())
    try:
        with hub.listen() as listener:
            hub.run_changed("7")
            hub.run_changed("gone")
            with pytest.raises(TimeoutError):
                await listener.next(0.5)
            source.trouble = None
            event = await listener.next(10)
            assert event is not None
            assert (event.kind, event.data) == (live_models.EventKind.RUN, {"last": 7})
    finally:
        ticking.cancel()
        with suppress(asyncio.CancelledError):
            await ticking


async def settings_heard(endpoint: Endpoint, count: int) -> list[live_models.Event]:
    found: list[live_models.Event] = []
    async with AgentClient(endpoint) as client:
        async for event in client.events():
            if event.kind is live_models.EventKind.SETTING:
                found.append(event)
            if len(found) == count:
                return found
    return found


async def test_many_listeners_hear_the_same_in_the_same_order(shared_service: RunningService) -> None:
    endpoint = shared_service.endpoint
    tasks = [asyncio.create_task(settings_heard(endpoint, 4)) for _ in range(12)]
    all_heard = asyncio.create_task(asyncio.wait(tasks))
    async with AgentClient(endpoint) as speaker:
        # Until the last one listens the first ones hear more; so it is said until all have heard enough.
        themes = 0
        while not all_heard.done():
            themes += 1
            await speaker.change_setting("theme", ("light", "dark")[themes % 2])
        await speaker.change_setting("theme", "system")
    by_id: dict[int, live_models.Event] = {}
    for task in tasks:
        ids = [event.id for event in task.result()]
        assert ids == sorted(set(ids))
        for event in task.result():
            assert by_id.setdefault(event.id, event) == event
    assert {event.data["name"] for event in by_id.values()} == {"theme"}


def test_the_end_of_the_service_ends_the_streams(service: RunningService) -> None:
    service.start()
    process = service.process()
    with service.http() as http, http.stream("GET", "/api/v1/events") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        lines = response.iter_lines()
        assert next(lines) == ": listening"
        with service.http() as other:
            assert other.post("/api/v1/stop").status_code == 202
        assert [line for line in lines if line.startswith("event: setting")] == []
    service.wait_until_ended(process)
    assert service.last_end()["reason"].startswith("Stopped by ")
