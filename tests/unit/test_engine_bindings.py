"""From a credential token to a connection: with the right values and secrets, or with the cause and the cure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.connectors.contract import Connector
from agent.domain.errors import ConfigurationError
from agent.domain.processflow import AppNode, Processflow
from agent.domain.secret import Secret
from agent.engine.running.bindings import Bindings
from agent.store.databases.database import Database
from tests.helpers.flow_rig import NoSecrets, Rig
from tests.helpers.scripted_apps import ScriptedConnector


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    database = Database.at(tmp_path / "agent.db")
    rig = Rig(database)
    row = rig.configurations.get("flow-source")
    rig.configurations.save(replace(row, values={"host": "store.test"}, secret_hints={"token": "••••"}))
    yield rig
    database.close()


def bindings(rig: Rig, *, connectors: dict[str, Connector] | None = None, **secrets: str) -> Bindings:
    return Bindings(
        configurations=rig.configurations,
        secrets=NoSecrets(**secrets),
        connectors=rig.connectors if connectors is None else connectors,
    )


def node_and_flow(rig: Rig) -> tuple[AppNode, Processflow]:
    flow = rig.parse(rig.deploy())
    return flow.stages[0].source, flow


BOUND = {"from": "flow-source", "to": "flow-destination"}


def test_a_connection_gets_the_values_and_secrets_of_its_configuration(rig: Rig) -> None:
    node, flow = node_and_flow(rig)
    connector = rig.connectors["source"]
    assert isinstance(connector, ScriptedConnector)
    connection = bindings(rig, token="t0ken").connection(node, flow, BOUND)
    assert connection.keeps_receipts is connector.connection.keeps_receipts
    assert connector.opened_with == [({"host": "store.test"}, {"token": Secret("t0ken")})]
    assert rig.steps.seen == []  # not entered yet


@pytest.mark.parametrize(
    ("spoil", "cause", "cure"),
    [
        ("unbound", "“from” is not bound", "opagent flow bind"),
        ("removed", "was removed", "Add one under App Configurations"),
        ("no secret", "the vault holds no secret for “flow source”", "press Validate and Save"),
        ("no connector", "no connector for the app “source”", "Install it"),
    ],
)
def test_what_is_missing_is_named_with_its_cure(rig: Rig, spoil: str, cause: str, cure: str) -> None:
    node, flow = node_and_flow(rig)
    if spoil == "removed":
        rig.configurations.remove("flow-source")
    parts = bindings(
        rig,
        connectors={} if spoil == "no connector" else None,
        **({} if spoil == "no secret" else {"token": "t0ken"}),
    )
    with pytest.raises(ConfigurationError) as caught:
        parts.connection(node, flow, {} if spoil == "unbound" else BOUND)
    assert caught.value.code == "source-application-not-found"
    assert caught.value.message.startswith("Source Application Not Found: ")
    assert cause in caught.value.message
    assert cure in caught.value.remedy
    assert "t0ken" not in str(caught.value)


def test_an_app_that_cannot_be_loaded_is_said_to_be_so(rig: Rig) -> None:
    node, flow = node_and_flow(rig)
    made = Bindings(
        configurations=rig.configurations,
        secrets=NoSecrets(token="t0ken"),
        connectors={},
        unloadable={"source": "It was made for contract 9 of OP Agent."},
    )
    with pytest.raises(ConfigurationError) as caught:
        made.connection(node, flow, BOUND)
    assert caught.value.message == (
        "Source Application Not Found: the app “source” cannot be loaded. It was made for contract 9 of OP Agent."
    )
