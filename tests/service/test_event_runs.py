"""What starts the runs of events: at once, one at a time, and later and later where they are in vain."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from agent.api.service_models import EnvironmentState
from agent.domain.errors import ConfigurationError
from agent.domain.packet import Bookmark
from agent.domain.run import RunState, Trigger
from agent.service.receiving.starting import EventRuns
from agent.service.runs.asked_plans import chosen_get
from agent.store.databases.database import Database
from agent.store.flows.deployments import Deployment, DeploymentStore
from agent.store.runs.runs import NewRun, new_run_id
from tests.helpers.flow_rig import Rig
from tests.unit.test_engine_events import DIRECT, POLLED


class Started:
    """Starts runs in the database alone."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.runs: list[str] = []

    def start_by_event(self, deployment: Deployment) -> None:
        at = self.rig.clock.utc()
        run = NewRun(
            id=new_run_id(at), flow=deployment.flow, version=deployment.version, trigger=Trigger.EVENT,
            requested_by="event", at=at,
        )  # fmt: skip
        self.runs.append(self.rig.runs.add(run).id)


class World:
    """A processflow that receives events, and what looks after it."""

    def __init__(self, database: Database) -> None:
        self.rig = Rig(database, document=DIRECT)
        self.state, self.hindered = EnvironmentState.RUNNING, dict[str, str]()
        self.started = Started(self.rig)
        self.look = EventRuns(
            inboxes=self.rig.inboxes, events=self.rig.events, deployments=DeploymentStore(database),
            parse=self.rig.parse, ledger=self.rig.ledger, rows=self.rig.runs,
            runs=self.started,  # type: ignore[arg-type]  # what is needed of it
            state=lambda: self.state, hindrances=lambda: self.hindered, days=lambda: 7, megabytes=lambda: 100,
            clock=self.rig.clock.utc,
        ).look  # fmt: skip

    def send(self, identity: str = "a") -> None:
        """An event arrives."""
        self.rig.receive((identity, b'{"id": "a", "version": 1, "total": 1}'))

    def end(self, state: RunState) -> None:
        """The last run ends without having done anything."""
        self.rig.runs.end(self.started.runs[-1], state=state, message="", remedy="", at=self.rig.clock.utc())

    def looks_until_started(self) -> float:
        """How many seconds pass until another run starts."""
        count, begin = len(self.started.runs), self.rig.clock.now
        while len(self.started.runs) == count:
            self.rig.clock.now += 1
            self.look()
        return self.rig.clock.now - begin


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A world."""
    database = Database.at(tmp_path / "agent.db")
    yield World(database)
    database.close()


def test_a_run_starts_when_events_wait_and_not_while_another_one_works(world: World) -> None:
    world.look()
    assert world.started.runs == []
    world.send()
    world.look()
    world.look()
    assert len(world.started.runs) == 1
    world.send("b")
    world.rig.execute(world.started.runs[0])
    world.look()
    assert len(world.started.runs) == 1, "the run took both"
    inbox = world.rig.inboxes.find("flow")
    assert inbox is not None
    assert inbox.waiting == 0
    world.send("c")
    world.look()
    assert len(world.started.runs) == 2


def test_nothing_starts_while_it_cannot_run_and_it_starts_afterwards(world: World) -> None:
    world.send()
    world.state = EnvironmentState.STOPPED
    world.look()
    world.state, world.hindered = EnvironmentState.RUNNING, {"flow": "its app refuses it"}
    world.look()
    assert world.started.runs == []
    world.hindered = {}
    world.look()
    assert len(world.started.runs) == 1


@pytest.mark.parametrize(
    ("state", "waits"),
    [(RunState.FAILED, [30, 60, 120, 240, 480, 900, 900]), (RunState.CANCELLED, [30, 60])],
)
def test_a_run_in_vain_is_tried_again_later_and_later(world: World, state: RunState, waits: list[int]) -> None:
    world.send()
    world.look()
    pauses = []
    for _ in waits:
        world.end(state)
        pauses.append(world.looks_until_started())
    assert pauses == waits
    world.rig.execute(world.started.runs[-1])
    world.send("b")
    world.look()
    assert len(world.started.runs) == len(waits) + 2, "it works again: no pause"


def test_a_record_that_fails_does_not_hold_up_the_events_behind_it(world: World) -> None:
    world.rig.receive(("a", b'{"id": "a", "version": 1, "total": "many"}'))
    world.look()
    world.rig.execute(world.started.runs[-1])
    assert world.rig.runs.get(world.started.runs[-1]).state is RunState.FAILED
    world.send("b")
    world.look()
    assert len(world.started.runs) == 2


def test_events_of_an_undeployed_processflow_wait_until_it_is_deployed_again(world: World) -> None:
    world.send()
    deployments = DeploymentStore(world.rig.database)
    deployments.withdraw("flow")
    world.look()
    assert world.started.runs == []
    world.rig.deploy()
    world.look()
    world.rig.execute(world.started.runs[0])
    assert world.rig.bookmark_of("start") == Bookmark(detail={"event": 1})


def test_an_event_that_only_says_that_it_is_time_is_done_with_after_the_read(world: World) -> None:
    world.rig.deploy(POLLED)
    world.send()
    world.look()
    world.rig.execute(world.started.runs[0])
    world.look()
    assert len(world.started.runs) == 1
    inbox = world.rig.inboxes.find("flow")
    assert inbox is not None
    assert inbox.waiting == 0


def test_processed_events_are_removed_after_a_week(world: World) -> None:
    world.send()
    world.look()
    world.rig.execute(world.started.runs[0])
    world.look()
    assert world.rig.events.newest("flow", ["a"])
    world.rig.clock.now += timedelta(days=7, minutes=1).total_seconds()
    world.look()
    assert world.rig.events.newest("flow", ["a"]) == []


def test_received_events_cannot_be_filtered(world: World) -> None:
    flow = world.rig.parse(DeploymentStore(world.rig.database).get("flow"))
    with pytest.raises(ConfigurationError) as caught:
        chosen_get(flow, "")
    assert caught.value.code == "no-get"


def test_nothing_is_taken_for_waiting_after_its_source_was_renamed(world: World) -> None:
    world.send()
    world.look()
    world.rig.execute(world.started.runs[0])
    world.rig.deploy(DIRECT.replace("start:", "begin:").replace("[start,", "[begin,"))
    world.look()
    assert len(world.started.runs) == 1
    world.send("b")
    world.look()
    assert world.rig.execute(world.started.runs[1]).counts.read == 1
