"""Enable Environment: what the check box shows, and what is refused when."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from agent.api import flow_models, service_models
from agent.api.live_models import EventKind
from agent.api.service_models import EnvironmentState
from agent.domain.errors import AgentError, ConflictError, FatalError
from agent.service.runs.environment import Environment
from tests.service.asking import COPY, database_draft
from tests.service.inside import Inside


class Gate:
    """A worker's gate with a number of slices behind it."""

    def __init__(self) -> None:
        self.is_open = False
        self.active = 0

    def open_gate(self) -> None:
        self.is_open = True

    def close_gate(self) -> None:
        self.is_open = False


class Stand:
    """An environment whose surroundings can be set."""

    def __init__(self) -> None:
        self.gate = Gate()
        self.enabled = True
        self.vault_open = True
        self.told: list[EnvironmentState] = []
        self.environment = Environment(
            self.gate, enabled=lambda: self.enabled, secrets_ready=lambda: self.vault_open, changed=self._changed
        )

    def _changed(self) -> None:
        self.told.append(self.environment.state)

    def state(self) -> str:
        return self.environment.state.value

    def refused(self) -> str:
        """The code of the refusal; empty where there is none."""
        try:
            self.environment.require(patience_seconds=0)
        except AgentError as error:
            return error.code
        return ""


@pytest.fixture
def stand() -> Stand:
    return Stand()


def test_the_four_states_on_the_way_through_a_day(stand: Stand) -> None:
    environment = stand.environment
    assert stand.state() == "Starting", "the service itself is starting"
    stand.vault_open = False
    environment.start()
    assert (stand.state(), stand.refused()) == ("Starting", "environment-starting")
    stand.vault_open = True
    environment.follow()
    assert (stand.state(), stand.refused()) == ("Running", "")
    stand.gate.active = 1
    stand.enabled = False
    environment.follow()
    assert (stand.state(), stand.refused()) == ("Stopping", "environment-not-enabled")
    stand.gate.active = 0
    assert stand.state() == "Stopped"
    stand.enabled = True
    environment.follow()
    assert stand.state() == "Running"
    stand.gate.active = 1
    environment.stop()
    assert (stand.state(), stand.refused()) == ("Stopping", "environment-not-enabled")
    environment.follow()
    assert not stand.gate.is_open, "nothing opens it again on the way out"


def test_every_change_is_told_also_one_that_turns_no_gate(stand: Stand) -> None:
    stand.enabled = stand.vault_open = False
    stand.environment.start()
    stand.enabled = True
    stand.environment.follow()
    assert stand.told[-2:] == [EnvironmentState.STOPPED, EnvironmentState.STARTING]


def test_what_is_asked_while_the_service_starts_waits_for_it(stand: Stand) -> None:
    answered = threading.Event()

    def ask() -> None:
        stand.environment.require()
        answered.set()

    thread = threading.Thread(target=ask)
    thread.start()
    assert not answered.wait(0.05)
    stand.environment.start()
    assert answered.wait(10)
    thread.join()


def test_an_engine_that_does_not_start_is_the_reason_that_is_given(stand: Stand) -> None:
    stand.environment.start(FatalError("The engine could not be started.", code="engine-broken"))
    assert (stand.state(), stand.refused()) == ("Stopped", "engine-broken")
    stand.enabled = False
    assert stand.refused() == "environment-not-enabled"


async def test_off_it_neither_deploys_nor_executes_and_says_so_in_these_words(
    running_inside: Inside, tmp_path: Path
) -> None:
    document = COPY
    async with running_inside.client() as client:
        with pytest.raises(ConflictError) as raised:
            await client.deploy(flow_models.DocumentRequest(document=document))
        assert (raised.value.message, raised.value.code) == ("Environment is not enabled", "environment-not-enabled")
        assert "Enable Environment" in raised.value.remedy

        await client.change_setting("enable_environment", "true")
        await client.save_configuration(database_draft(tmp_path / "shop.db"))
        deployed = await client.deploy(flow_models.DocumentRequest(document=document))
        await client.change_setting("enable_environment", "false")
        with pytest.raises(ConflictError) as raised:
            await client.execute(deployed.flow.name)
        assert raised.value.message == "Environment is not enabled"
        assert (await client.runs()).items == [], "nothing waits in secret"
        assert [flow.name for flow in await client.flows()] == [deployed.flow.name]


async def test_the_window_hears_of_each_state(running_inside: Inside) -> None:
    async with running_inside.client() as client:
        with running_inside.parts.hub.listen() as listener:
            for value, wanted in (("true", "Running"), ("false", "Stopped"), ("true", "Running")):
                await client.change_setting("enable_environment", value)
                state = ""
                while state != wanted:
                    event = await listener.next(10)
                    assert event is not None
                    if event.kind is EventKind.ENVIRONMENT:
                        state = service_models.ServiceState.model_validate(event.data).environment.value
