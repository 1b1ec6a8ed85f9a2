"""The small tables: App Configurations, deployments, operators, named values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.domain.errors import ConflictError, NotFoundError
from agent.store.configurations import FAILED, SAVED, VALIDATED, ConfigurationRow, ConfigurationStore
from agent.store.databases.database import Database
from agent.store.flows.deployments import Deployment, DeploymentStore
from agent.store.key_values import KeyValues
from agent.store.operators import OperatorStore
from tests.helpers.agent_database import BOTH_KINDS, opened

NOW = datetime(2026, 11, 24, 9, 30, 15, 123_000, tzinfo=UTC)
LATER = NOW + timedelta(seconds=5)


@pytest.fixture(params=BOTH_KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    with opened(request, tmp_path) as database:
        yield database


# -- App Configurations ------------------------------------------------------------------------------------------------

ROW = ConfigurationRow(
    id="c1", app="bigcommerce", name="Main store", values={"api_path": "https://api.test/v3"},
    secret_hints={"api_token": "•••• 7f3a"}, state=SAVED, message="", facts=(), validated_at=None, saved_at=NOW,
)  # fmt: skip


@pytest.fixture
def configurations(database: Database) -> ConfigurationStore:
    store = ConfigurationStore(database)
    store.save(ROW)
    return store


def test_a_configuration_is_read_back_as_it_was_saved(configurations: ConfigurationStore) -> None:
    assert configurations.get("c1") == ROW
    assert configurations.find("c1") == ROW
    assert ROW.secret_name("api_token") == "configuration/c1/api_token"


def test_saving_a_configuration_again_replaces_it(configurations: ConfigurationStore) -> None:
    changed = replace(ROW, name="Second store", values={"api_path": "other"}, saved_at=LATER)
    configurations.save(changed)
    assert configurations.all() == [changed]


def test_two_configurations_of_an_app_cannot_have_one_name(configurations: ConfigurationStore) -> None:
    with pytest.raises(ConflictError) as caught:
        configurations.save(replace(ROW, id="c2"))
    assert (caught.value.code, caught.value.field) == ("name-taken", "name")
    configurations.save(replace(ROW, id="c2", app="sql"))
    configurations.save(replace(ROW, id="c3", name="Another store"))
    assert [row.id for row in configurations.all()] == ["c3", "c1", "c2"]


def test_a_validation_is_noted_and_a_failed_one_keeps_when_it_last_worked(configurations: ConfigurationStore) -> None:
    facts = (("Store", "Demo"), ("Plan", "Plus"))
    assert configurations.note_validation("c1", state=VALIDATED, message="Fine.", facts=facts, at=LATER) is None
    noted = configurations.get("c1")
    assert (noted.state, noted.facts, noted.validated_at) == (VALIDATED, facts, LATER)
    configurations.note_validation("c1", state=FAILED, message="No.", facts=(), at=LATER + timedelta(days=1))
    later = configurations.get("c1")
    assert (later.state, later.message, later.validated_at) == (FAILED, "No.", LATER)


def test_a_removed_configuration_is_gone(configurations: ConfigurationStore) -> None:
    configurations.remove("c1")
    configurations.remove("c1")
    assert configurations.find("c1") is None
    with pytest.raises(NotFoundError) as caught:
        configurations.get("c1")
    assert caught.value.code == "configuration-not-found"
    with pytest.raises(NotFoundError):
        configurations.note_validation("c1", state=VALIDATED, message="", facts=(), at=NOW)


# -- deployments -------------------------------------------------------------------------------------------------------


@pytest.fixture
def deployments(database: Database) -> DeploymentStore:
    return DeploymentStore(database)


def deploy(deployments: DeploymentStore, flow: str = "orders", document: str = "v1") -> Deployment:
    return deployments.add(
        flow=flow, document=document, file="orders.yaml", bindings={"store": "c1"}, note="first", deployed_at=NOW,
        deployed_by="greta", log=["one", "two"],
    )  # fmt: skip


def test_a_deployment_is_read_back_as_it_was_made(deployments: DeploymentStore) -> None:
    made = deploy(deployments)
    assert made == deployments.get("orders") == deployments.version("orders", 1)
    assert made == Deployment(
        flow="orders", version=1, document="v1", file="orders.yaml", bindings={"store": "c1"}, note="first",
        deployed_at=NOW, deployed_by="greta", log=("one", "two"), active=True,
    )  # fmt: skip


def test_a_new_version_replaces_the_active_one_and_the_old_one_stays_readable(deployments: DeploymentStore) -> None:
    deploy(deployments)
    deploy(deployments, "customers")
    second = deploy(deployments, document="v2")
    assert second.version == 2
    assert deployments.get("orders") == second
    old = deployments.version("orders", 1)
    assert (old.document, old.active) == ("v1", False)
    assert [one.flow for one in deployments.active()] == ["customers", "orders"]


def test_an_undeployed_processflow_keeps_its_versions_and_goes_on_counting(deployments: DeploymentStore) -> None:
    deploy(deployments)
    deployments.withdraw("orders")
    assert deployments.active() == []
    with pytest.raises(NotFoundError) as caught:
        deployments.get("orders")
    assert caught.value.code == "flow-not-found"
    with pytest.raises(NotFoundError):
        deployments.withdraw("orders")
    assert deployments.version("orders", 1).document == "v1"
    assert deploy(deployments).version == 2
    with pytest.raises(NotFoundError):
        deployments.version("orders", 3)


# -- operators ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def operators(database: Database) -> OperatorStore:
    return OperatorStore(database)


def test_the_first_operator_is_created_once(operators: OperatorStore) -> None:
    assert not operators.exists()
    assert operators.create_first("Greta", "hash", at=NOW)
    assert operators.exists()
    assert not operators.create_first("Mallory", "other", at=NOW)
    assert operators.find("Mallory") is None


@pytest.mark.parametrize(("created", "typed"), [("Greta", "gReTa"), ("Änne", "änne"), ("ŞEYMA", "şeyma"), ("Ω", "ω")])
def test_operators_are_found_however_their_name_is_written(operators: OperatorStore, created: str, typed: str) -> None:
    operators.create_first(created, "hash", at=NOW)
    for name in (created, typed):
        found = operators.find(name)
        assert found is not None
        assert (found.name, found.password_hash) == (created, "hash")
    assert operators.find(f"{typed}x") is None


def test_failures_are_counted_until_one_try_succeeds(operators: OperatorStore) -> None:
    operators.create_first("Greta", "hash", at=NOW)
    operators.note_failure("Greta", at=NOW)
    operators.note_failure("Greta", at=LATER)
    found = operators.find("Greta")
    assert found is not None
    assert (found.failures, found.last_failure_at) == (2, LATER)
    operators.note_success("Greta")
    found = operators.find("Greta")
    assert found is not None
    assert found.failures == 0


# -- named values ------------------------------------------------------------------------------------------------------


def test_named_values_stay_in_their_area(database: Database) -> None:
    settings, memory = KeyValues(database, "settings"), KeyValues(database, "memory")
    settings.save("theme", "dark")
    memory.save("theme", "a song")
    settings.save("theme", "light")
    settings.save("empty", "")
    assert settings.load() == {"theme": "light", "empty": ""}
    assert memory.load() == {"theme": "a song"}
