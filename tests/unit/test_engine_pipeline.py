"""The pipeline: three stages at once, packets in order, and nothing that hangs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from agent.connectors.contract import ReadRequest, WriteTarget
from agent.domain.errors import TransientError
from agent.domain.packet import Packet
from agent.domain.run import Counts
from agent.engine.mapping.mapper import Mapper
from agent.engine.running.control import RunControl
from agent.engine.running.delivery import Delivery
from agent.engine.running.pipeline import Pipeline
from agent.engine.running.plain_carrying import PlainCarrier
from agent.engine.running.preparation import Preparation
from agent.engine.running.progress import Progress
from agent.engine.running.sinks import Sinks
from agent.engine.walking.journal import RunJournal
from agent.engine.walking.verdict import FailureLimit
from agent.engine.walking.walking import Walker
from agent.engine.walking.watch import Watch
from agent.store.databases.database import Database
from tests.helpers.flow_rig import Rig
from tests.helpers.scripted_apps import ScriptedConnection, outage

REQUEST = ReadRequest("records", "GET", (), {}, None, None, 5)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    database = Database.at(tmp_path / "agent.db")
    yield Rig(database)
    database.close()


class Stage:
    """A pipeline over a rig, and its control."""

    def __init__(self, rig: Rig, *, time_is_up: Callable[[], bool] = lambda: False, grace_seconds: float = 60) -> None:
        self.rig, self.control, self.run_id = rig, RunControl(), rig.queue()
        rig.ledger.cursor(run=self.run_id, stream=rig.stream)
        journal = RunJournal(rig.journal, flow="flow", run=self.run_id)
        (stage,) = rig.parse(rig.deploy()).stages
        walker = Walker(stage)
        delivery = Delivery(
            destination=ScriptedConnection(rig.steps, destination=rig.destination),
            target=WriteTarget("rows", "PUT", {}, "flow/post"), ledger=rig.ledger, run=self.run_id,
            stream=rig.stream, number=0, journal=journal, node="post", clock=rig.clock.utc,
            limit=FailureLimit(Counts()),
        )  # fmt: skip
        sinks = Sinks({"post": delivery}, {"post": rig.stream}, Watch())
        progress = Progress(
            source=stage.source, sinks=sinks, ledger=rig.ledger, run=self.run_id, stream=rig.source_stream,
            cursor=rig.ledger.cursor(run=self.run_id, stream=rig.source_stream), clock=rig.clock.utc, journal=journal,
        )  # fmt: skip
        self.pipeline = Pipeline(
            source=ScriptedConnection(rig.steps, source=rig.source), node="get",
            preparation=Preparation(
                walker=walker, ledger=rig.ledger, stream=rig.stream, version=1,
            ),
            carrier=PlainCarrier(progress, sinks), control=self.control, journal=journal,
            time_is_up=time_is_up, cancel_grace_seconds=grace_seconds,
        )  # fmt: skip

    async def run(self) -> bool:
        self.control.attach()
        try:
            return await self.pipeline.run(REQUEST)
        finally:
            self.control.detach()

    @property
    def written(self) -> int:
        return self.rig.runs.get(self.run_id).counts.written


def nothing_left_running() -> bool:
    return asyncio.all_tasks() == {asyncio.current_task()}


async def test_packets_arrive_in_order_and_the_last_one_ends_it(rig: Rig) -> None:
    rig.source.fill(23)
    stage = Stage(rig)
    assert await stage.run()
    assert list(rig.destination.rows) == [f"r{number}" for number in range(23)]
    assert stage.written == 23
    assert nothing_left_running()


async def test_the_next_packets_are_fetched_and_mapped_while_one_is_written(rig: Rig) -> None:
    rig.source.fill(100)
    reads_during_first_write: list[int] = []

    async def slow_write() -> None:
        if not reads_during_first_write:
            for _ in range(200):
                await asyncio.sleep(0)
            reads_during_first_write.append(rig.steps.seen.count("read"))

    rig.destination.gate = slow_write
    assert await Stage(rig).run()
    # One is being written, and others wait in the queues; more than those would be memory for nothing.
    assert 3 <= reads_during_first_write[0] <= 8


async def test_what_came_before_a_fault_is_written_before_it_is_raised(rig: Rig) -> None:
    rig.source.fill(23)
    rig.steps.at("read", None, None, None, outage())
    stage = Stage(rig)
    with pytest.raises(TransientError):
        await stage.run()
    assert stage.written == 15
    assert nothing_left_running()


async def test_when_time_is_up_what_was_fetched_is_still_written(rig: Rig) -> None:
    rig.source.fill(23)
    stage = Stage(rig, time_is_up=lambda: len(rig.steps.seen) >= 2)
    assert not await stage.run()
    assert stage.written == 10
    assert nothing_left_running()


async def test_a_write_in_flight_that_does_not_end_is_dropped_when_the_run_is_cancelled(rig: Rig) -> None:
    rig.source.fill(23)
    stage = Stage(rig, grace_seconds=0)
    dropped: list[bool] = []

    async def hangs() -> None:
        stage.control.cancel()
        try:
            await asyncio.Event().wait()
        finally:
            dropped.append(True)

    rig.destination.gate = hangs
    assert not await stage.run()
    assert (dropped, stage.written, rig.destination.rows) == ([True], 0, {})
    assert nothing_left_running()


async def test_whoever_stops_waiting_for_it_leaves_nothing_running(rig: Rig) -> None:
    rig.source.fill(23)
    begun = asyncio.Event()

    async def hangs() -> None:
        begun.set()
        await asyncio.Event().wait()

    rig.destination.gate = hangs
    task = asyncio.create_task(Stage(rig).run())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert nothing_left_running()


class Panic(BaseException):
    """What native libraries raise when they break: no Exception."""


@pytest.mark.parametrize("place", ["read", "write", "before booking"])
async def test_what_is_no_exception_ends_the_slice_too(rig: Rig, place: str) -> None:
    rig.source.fill(23)
    rig.steps.at(place, None, Panic())
    with pytest.raises(Panic):
        await Stage(rig).run()
    assert nothing_left_running()


async def test_a_panic_while_mapping_ends_the_slice_too(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.source.fill(23)

    def breaks(_mapper: Mapper, _packet: Packet) -> None:
        raise Panic

    monkeypatch.setattr(Mapper, "map_packet", breaks)  # no expression is known that makes the library do it
    with pytest.raises(Panic):
        await Stage(rig).run()


async def test_the_source_is_closed_however_it_ends(rig: Rig) -> None:
    rig.source.fill(23)
    closed: list[str] = []

    class Watched(ScriptedConnection):
        async def read(self, request: ReadRequest) -> AsyncIterator[Packet]:
            try:
                async for packet in rig.source.read(request):
                    yield packet
            finally:
                closed.append("closed")

    for time_is_up, ended in ((False, True), (True, False)):
        stage = Stage(rig, time_is_up=lambda time_is_up=time_is_up: time_is_up)  # type: ignore[misc]  # bound early
        stage.pipeline._source = Watched(rig.steps, source=rig.source)
        assert await stage.run() is ended
        rig.runs.request_cancel(stage.run_id, at=rig.clock.utc())
        rig.execute(stage.run_id)
    assert closed == ["closed"] * 2
