"""One list of what needs a person: each entry goes away with its cause, and an acknowledgement holds as long."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from agent.api.alert_models import AlertCode
from agent.api.live_models import EventKind
from agent.domain.errors import CredentialsError, NotFoundError
from agent.domain.run import RunState
from agent.store.configurations import SAVED, VALIDATED, ConfigurationRow, ConfigurationStore
from agent.store.flows.deployments import DeploymentStore
from agent.store.records.sync_edits import Chosen, Deed, SyncEdits
from agent.store.records.sync_filter import RecordFilter
from agent.store.runs.runs import RunStore
from agent.store.runs.trips import TripStore, Used
from tests.helpers.filled_records import FLOW, fill
from tests.helpers.queued_runs import queue_run
from tests.helpers.sample_flow import GOOD
from tests.service.inside import Inside

NOW = datetime(2026, 6, 2, tzinfo=UTC)


@pytest.fixture
def deployed(inside: Inside) -> Inside:
    DeploymentStore(inside.parts.database).add(
        flow=FLOW, document=GOOD, file="flow.yaml", bindings={"store": "s1"}, note="", deployed_at=NOW, deployed_by="",
        log=[],
    )  # fmt: skip
    ConfigurationStore(inside.parts.database).save(
        ConfigurationRow(
            id="s1", app="bigcommerce", name="Store", values={}, secret_hints={}, state=SAVED, message="", facts=(),
            validated_at=None, saved_at=NOW,
        )
    )  # fmt: skip
    return inside


def run(inside: Inside, run_id: str, state: RunState) -> None:
    """A run that ended so."""
    runs = RunStore(inside.parts.database)
    queue_run(inside.parts.database, run_id, flow=FLOW, at=NOW)
    runs.end(run_id, state=state, message="The disk is full.", remedy="Make room.", at=NOW)


async def test_a_refused_configuration_is_one_alert_until_it_is_proven(deployed: Inside) -> None:
    refusal = CredentialsError("The token was rejected.", code="credentials-rejected", remedy="Enter it again.")
    TripStore(deployed.parts.database).trip(Used("s1", "Store", NOW, None), refusal, at=NOW)
    async with deployed.client() as client:
        (alert,) = (await client.alerts.all()).items
        assert (alert.code, alert.since, alert.target) == (
            AlertCode.CONFIGURATION_TRIPPED, NOW, "app-configuration:s1",
        )  # fmt: skip
        assert "The token was rejected. It holds up orders." in alert.text
        ConfigurationStore(deployed.parts.database).note_validation(
            "s1", state=VALIDATED, message="", facts=(), at=NOW + timedelta(hours=1)
        )
        assert (await client.alerts.all()).items == []


async def test_a_failed_run_is_an_alert_until_the_next_one_works(deployed: Inside) -> None:
    run(deployed, "run-a", RunState.FAILED)
    async with deployed.client() as client:
        (alert,) = (await client.alerts.all()).items
        assert (alert.code, alert.text, alert.remedy, alert.target, alert.since) == (
            AlertCode.RUN_FAILED, "The last run of orders failed. The disk is full.", "Make room.", "run:run-a", NOW,
        )  # fmt: skip
        run(deployed, "run-b", RunState.SUCCESS)
        assert (await client.alerts.all()).items == []


async def test_an_acknowledgement_has_a_name_and_holds_until_another_run_fails(deployed: Inside) -> None:
    run(deployed, "run-a", RunState.FAILED)
    async with deployed.client() as client:
        (alert,) = (await client.alerts.all()).items
        seen = await client.alerts.acknowledge(alert.id)
        assert seen.unacknowledged == 0
        assert seen.items[0].acknowledged_by == deployed.parts.account()
        assert (await client.alerts.all()) == seen
        run(deployed, "run-b", RunState.FAILED)
        again = await client.alerts.all()
        assert (again.unacknowledged, again.items[0].acknowledged_by) == (1, "")
        with pytest.raises(NotFoundError):
            await client.alerts.acknowledge("run-failed:unheard-of")


async def test_failed_records_are_told_until_they_are_dealt_with_and_anew_when_there_are_more(deployed: Inside) -> None:
    database = deployed.parts.database
    fill(database, 9)
    async with deployed.client() as client:
        (alert,) = (await client.alerts.all()).items
        assert (alert.code, alert.text, alert.target) == (
            AlertCode.RECORDS_FAILED, "6 records of orders failed.", "sync-info:orders",
        )  # fmt: skip
        assert (await client.alerts.acknowledge(alert.id)).unacknowledged == 0
        list(
            SyncEdits(database).batches(
                Chosen(FLOW, [("post", "order-1")]), Deed("skip", reason="x", by="greta"), at=NOW
            )
        )
        fewer = await client.alerts.all()
        assert (fewer.items[0].text, fewer.unacknowledged) == ("5 records of orders failed.", 0)
        fill(database, 9, node="other")
        assert (await client.alerts.all()).unacknowledged == 1
        everything = Chosen(FLOW, wanted=RecordFilter())
        list(SyncEdits(database).batches(everything, Deed("skip", reason="x", by="greta"), at=NOW))
        assert (await client.alerts.all()).items == []


async def test_what_is_not_deployed_needs_nobody(inside: Inside) -> None:
    fill(inside.parts.database, 9)
    run(inside, "run-a", RunState.FAILED)
    async with inside.client() as client:
        assert (await client.alerts.all()).items == []


async def test_listeners_hear_when_the_list_changes_and_only_then(deployed: Inside) -> None:
    alerts = deployed.parts.alerts
    with deployed.parts.hub.listen() as listener:
        await asyncio.to_thread(alerts.all)
        first = await listener.next(20)
        run(deployed, "run-a", RunState.FAILED)
        await asyncio.to_thread(alerts.all)
        await asyncio.to_thread(alerts.all)
        second = await listener.next(20)
        assert first is not None
        assert second is not None
        assert (first.kind, first.data["unacknowledged"]) == (EventKind.ALERTS, 0)
        assert (second.kind, second.data["unacknowledged"]) == (EventKind.ALERTS, 1)
        with pytest.raises(TimeoutError):
            await listener.next(0.01)


async def test_however_many_processflows_there_are_a_look_asks_the_same_few_questions(deployed: Inside) -> None:
    """It looks whenever anything may have changed: it reads no document, and asks for none one by one."""
    database = deployed.parts.database
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        asked.append(statement)

    run(deployed, "run-a", RunState.FAILED)
    trip = CredentialsError("No.", code="credentials-rejected", remedy="Enter it again.")
    TripStore(database).trip(Used("s1", "Store", NOW, None), trip, at=NOW)
    await asyncio.to_thread(deployed.parts.alerts.all)
    sa.event.listen(database.engine, "before_cursor_execute", note)
    await asyncio.to_thread(deployed.parts.alerts.all)
    questions = len(asked)
    for number in range(20):
        DeploymentStore(database).add(
            flow=f"more-{number}", document=GOOD, file="", bindings={}, note="", deployed_at=NOW, deployed_by="", log=[]
        )
    asked.clear()
    await asyncio.to_thread(deployed.parts.alerts.all)
    sa.event.remove(database.engine, "before_cursor_execute", note)
    assert len(asked) == questions
    assert not any("deployments.document" in statement for statement in asked)
