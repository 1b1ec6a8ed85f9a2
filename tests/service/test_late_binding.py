"""Binding by itself what was deployed before its App Configurations: only what fits, and never two at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agent.api import log_models, service_models
from agent.domain.app import Schema
from agent.domain.errors import FatalError
from agent.service.apps.chosen_bindings import BindingChoice
from agent.service.apps.late_binding import LateBinding
from agent.service.events import Hub
from agent.store.configurations import SAVED, VALIDATED, ConfigurationRow, ConfigurationStore
from agent.store.databases.database import Database
from agent.store.flows.deployments import Deployment, DeploymentStore
from agent.store.inbox.events import Delivery, EventStore
from agent.store.inbox.inboxes import EventInboxes
from agent.store.runs.runs import RunStore
from tests.helpers.flow_rig import DOCUMENT
from tests.helpers.scripted_apps import ScriptedConnection, ScriptedConnector, Steps, scripted_app
from tests.service.inside import Inside

NOW = datetime(2026, 6, 1, tzinfo=UTC)
EVENTS = Path(__file__).parents[2] / "resources/processflows/webhook-to-database.yaml"


class Picky(ScriptedConnector):
    """An app whose small accounts have no schemas."""

    def schema(self, name: str, values: Mapping[str, str] | None) -> Schema | None:
        return None if values and values.get("account") == "small" else super().schema(name, values)


class Journal:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def write(self, level: str, message: str, **_: Any) -> None:
        self.lines.append(f"{level}: {message}")


class Stand:
    """A deployment that waits for a source; its destination is bound."""

    def __init__(self, path: Path) -> None:
        self.database = Database.at(path / "agent.db")
        self.configurations, self.deployments = ConfigurationStore(self.database), DeploymentStore(self.database)
        self.journal, self.changes = Journal(), 0
        apps = {app: Picky(scripted_app(app), ScriptedConnection(Steps())) for app in ("source", "destination")}
        choice = BindingChoice(self.configurations, self.deployments, apps)
        hub = Hub(describe_run=lambda _: None, describe_log=lambda: log_models.LogBounds(first=0, last=0))
        self.late = LateBinding(
            deployments=self.deployments, configurations=self.configurations, hub=hub, clock=lambda: NOW,
            journal=self.journal,  # type: ignore[arg-type]  # it has what is used of a journal
            faults=choice.faults, changed=self.change,
        )  # fmt: skip
        self.save("d1", "destination")
        self.deployments.add(
            flow="flow", document=DOCUMENT, file="flow.yaml", bindings={"to": "d1"}, note="", deployed_at=NOW,
            deployed_by="greta", log=["1 Deployed"], waits_for={"from": "source"}, remarks=["As it was."],
        )  # fmt: skip

    def change(self) -> None:
        self.changes += 1

    def save(self, identity: str, app: str, *, state: str = VALIDATED, **values: str) -> None:
        self.configurations.save(
            ConfigurationRow(
                id=identity, app=app, name=identity.upper(), values=values, secret_hints={}, state=state, message="",
                facts=(), validated_at=NOW, saved_at=NOW,
            )
        )  # fmt: skip

    @property
    def version(self) -> int:
        return self.deployments.get("flow").version


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    made = Stand(tmp_path)
    yield made
    made.database.close()


def test_the_only_validated_configuration_is_bound_in_a_version_of_its_own(stand: Stand) -> None:
    stand.late.look()
    stand.save("s1", "source", state=SAVED)
    stand.late.look()
    assert (stand.version, stand.changes) == (1, 0)
    stand.save("s1", "source")
    stand.late.look()
    stand.late.look()
    bound = stand.deployments.get("flow")
    assert (bound.version, bound.bindings, bound.waits_for) == (2, {"to": "d1", "from": "s1"}, {})
    assert (bound.document, bound.remarks, bound.note) == (DOCUMENT, ("As it was.",), "Bound by itself: from to “S1”.")
    assert stand.deployments.version("flow", 1).bindings == {"to": "d1"}
    assert stand.changes == 1


def test_one_of_several_is_never_taken(stand: Stand) -> None:
    stand.save("s1", "source")
    stand.save("s2", "source", state=SAVED)
    stand.late.look()
    assert stand.version == 1


def test_one_that_does_not_offer_what_the_document_uses_is_not_bound_and_told_of_once(stand: Stand) -> None:
    stand.save("s1", "source", account="small")
    stand.late.look()
    stand.late.look()
    assert stand.version == 1
    (line,) = stand.journal.lines
    assert line.startswith("warning: It could not be bound. flow.yaml:")
    stand.save("s1", "source", account="large")
    stand.late.look()
    assert stand.version == 2


def test_one_that_cannot_be_looked_at_is_told_of_once_and_hinders_no_other(stand: Stand) -> None:
    stand.deployments.add(
        flow="a-broken-one", document=DOCUMENT, file="", bindings={}, note="", deployed_at=NOW, deployed_by="greta",
        log=[], waits_for={"from": "source"},
    )  # fmt: skip

    def broken(deployment: Deployment, _: Mapping[str, ConfigurationRow]) -> str:
        if deployment.flow == "a-broken-one":
            raise FatalError("It cannot be read.", code="unreadable", remedy="Deploy it again.")
        return ""

    stand.late._faults = broken
    stand.save("s1", "source")
    stand.late.look()
    stand.late.look()
    assert stand.version == 2
    assert [line for line in stand.journal.lines if line.startswith("warning")] == [
        "warning: It could not be bound. It cannot be read. Deploy it again."
    ]


def test_what_is_being_deployed_is_left_alone(stand: Stand) -> None:
    stand.save("s1", "source")
    assert stand.late.leave_alone("flow")
    assert not stand.late.leave_alone("flow"), "one deployment at a time"
    stand.late.look()
    assert stand.version == 1
    stand.late.may_bind("flow")
    stand.late.look()
    assert stand.version == 2


def test_no_run_of_events_starts_before_everything_is_bound(tmp_path: Path) -> None:
    inside = Inside(tmp_path)
    database, runs = inside.parts.database, inside.parts.events._runs
    document = EVENTS.read_text()
    name = document.partition("\nname: ")[2].partition("\n")[0]
    DeploymentStore(database).add(
        flow=name, document=document, file="flow.yaml", bindings={}, note="", deployed_at=NOW, deployed_by="greta",
        log=[], waits_for={"token": "bigcommerce"},
    )  # fmt: skip
    EventInboxes(database).renew(name, "hash", at=NOW, by="greta")
    EventStore(database).put([Delivery(name, "id:1", False, [("1", b"{}")], NOW)], most_bytes=1_000)
    runs._state = lambda: service_models.EnvironmentState.RUNNING
    runs.look()
    assert RunStore(database).page(flow=name, before="", limit=1) == []
    inside.close()


def test_what_is_undeployed_while_it_is_looked_at_stays_undeployed(stand: Stand) -> None:
    def undeployed_meanwhile(*_: Any) -> str:
        stand.deployments.withdraw("flow")
        return ""

    stand.save("s1", "source")
    stand.late._faults = undeployed_meanwhile
    stand.late.look()
    assert stand.deployments.names() == set()
    assert stand.deployments.newest("flow") == 1
    assert "undeployed meanwhile" in stand.journal.lines[-1]
