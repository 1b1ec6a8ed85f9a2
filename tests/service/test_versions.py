"""Deploying and its history through the contract: versions, the way back, either order, refusals without a trace."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from agent.api import configuration_models, flow_models, live_models, run_models, schedule_models
from agent.api.client import AgentClient
from agent.api.deployment_models import BindRequest, DeployRequest, RollBack
from agent.api.function_models import FunctionDraft, FunctionExample
from agent.api.lookup_models import LookupRow
from agent.api.rerun_models import RetryPlanChange
from agent.domain.deployment import Outcome
from agent.domain.errors import AgentError, ConfigurationError, ConflictError, NotFoundError
from agent.domain.run import RunState
from agent.domain.schedule import PlanKind
from tests.helpers.silent_server import silent_server
from tests.service.asking import COPY, database_draft, validated
from tests.service.inside import Inside

TWICE = COPY.replace("{value: id, type: integer, key: true}", "{value: id * 2, type: integer, key: true}")
DAILY = schedule_models.ScheduleChange(kind=PlanKind.DAILY, at="02:30", zone="Europe/Berlin")
HOURLY = schedule_models.ScheduleChange(kind=PlanKind.HOURS, every=1, zone="UTC")
# A database server on a port where nobody listens.
BROKEN = {"kind": "PostgreSQL", "host": "127.0.0.1", "port": "9", "database": "shop", "username": "anna"}


@pytest.fixture
async def client(running_inside: Inside, tmp_path: Path) -> AsyncIterator[AgentClient]:
    """An enabled service whose database has three rows to copy."""
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection, connection:
        connection.execute("CREATE TABLE source (id INTEGER PRIMARY KEY)")
        connection.execute("CREATE TABLE target (id INTEGER PRIMARY KEY)")
        connection.execute("INSERT INTO source VALUES (1), (2), (3)")
    async with running_inside.client() as made:
        await made.change_setting("enable_environment", "true")
        yield made


@pytest.fixture
async def configured(client: AgentClient, tmp_path: Path) -> str:
    """The id of a configuration of the database."""
    return (await client.save_configuration(database_draft(tmp_path / "shop.db"))).configuration.id


def request(document: str = COPY, **more: Any) -> DeployRequest:
    return DeployRequest(document=document, file="copy.yaml", **more)


async def refused(work: Any) -> AgentError:
    with pytest.raises(AgentError) as caught:
        await work
    return caught.value


def copied(folder: Path) -> list[int]:
    with closing(sqlite3.connect(folder / "shop.db")) as connection:
        return [row[0] for row in connection.execute("SELECT id FROM target ORDER BY id")]


async def run(client: AgentClient) -> run_models.Run:
    return await client.run((await client.execute("copy")).id, wait_seconds=20)


# -- versions -----------------------------------------------------------------------------------------------------


async def test_every_version_is_kept_with_who_when_and_why(client: AgentClient, configured: str) -> None:
    await client.deploy(request(note="First."))
    await client.deploy(request(TWICE, note="Ids are doubled.", schedule=DAILY))
    newest, oldest = await client.versions.all("copy")
    assert [(one.version, one.note, one.active) for one in (newest, oldest)] == [
        (2, "Ids are doubled.", True),
        (1, "First.", False),
    ]
    assert newest.deployed_by
    assert newest.deployed_at >= oldest.deployed_at
    assert (newest.schedule, oldest.schedule) == ("Daily at 02:30, Europe/Berlin", "Manual")
    assert [(one.token, one.configuration_name) for one in oldest.bindings] == [("database", "Database")]
    first = await client.versions.get("copy", 1)
    assert (first.document, first.file) == (COPY, "copy.yaml")
    assert first.lines[-1].endswith("Deployed")
    assert (await client.versions.get("copy", 2)).plan.at == "02:30"


async def test_a_difference_shows_document_bindings_and_schedule(
    client: AgentClient, configured: str, tmp_path: Path
) -> None:
    await client.deploy(request())
    await client.save_configuration(database_draft(tmp_path / "other.db", name="Other"))
    await client.deploy(request(TWICE, bindings={"database": "Other"}, schedule=HOURLY))
    found = await client.versions.diff("copy", 1, 2)
    changed = [line for line in found.document.splitlines() if line.startswith(("-", "+"))]
    assert changed[:2] == ["--- copy version 1", "+++ copy version 2"]
    assert [("id * 2" in line, line[0]) for line in changed[2:]] == [(False, "-"), (True, "+")]
    assert [(one.name, one.before, one.after) for one in found.bindings] == [("database", "Database", "Other")]
    assert found.schedule is not None
    assert (found.schedule.before, found.schedule.after) == ("Manual", "Every hour, UTC")
    assert not found.same
    same = await client.versions.diff("copy", 2, 2)
    assert (same.same, same.document, same.bindings, same.schedule) == (True, "", [], None)


async def test_a_difference_shows_functions_and_lookup_tables_where_the_document_is_the_same(
    client: AgentClient, configured: str
) -> None:
    draft = FunctionDraft(name="same", parameters=["n"], body="$n", examples=[FunctionExample(arguments=[2], result=2)])
    await client.functions.save(draft)
    for table in ("sizes", "other-sizes"):
        await client.lookups.change(table, put=[LookupRow(source="2", destination="S")])
    mapped = "{value: $same(id), type"
    calling = COPY.replace("{value: id, type", mapped) + "lookups: {size: sizes}\n"
    assert mapped in calling
    await client.deploy(request(calling))
    await client.functions.save(draft.model_copy(update={"body": "$n * 1"}))
    await client.deploy(request(calling, lookups={"size": "other-sizes"}))
    found = await client.versions.diff("copy", 1, 2)
    assert (found.same, found.document, found.bindings) == (False, "", [])
    assert [(one.name, one.before, one.after) for one in found.functions] == [("same", "version 1", "version 2")]
    assert [(one.name, one.before, one.after) for one in found.lookups] == [("size", "sizes", "other-sizes")]


async def test_rolling_back_makes_a_new_version_of_the_old_one_and_says_so(
    client: AgentClient, configured: str, tmp_path: Path
) -> None:
    await client.deploy(request())
    await client.deploy(request(TWICE, schedule=HOURLY))
    back = await client.versions.roll_back("copy", RollBack(version=1, note="Doubling was wrong."))
    assert (back.flow.version, back.flow.document) == (3, COPY)
    newest = (await client.versions.all("copy"))[0]
    assert (newest.restored_from, newest.note) == (1, "Rolled back to version 1. Doubling was wrong.")
    assert newest.schedule == "Every hour, UTC", "the schedule is left alone"
    assert (await run(client)).state is RunState.SUCCESS
    assert copied(tmp_path) == [1, 2, 3]
    error = await refused(client.versions.roll_back("copy", RollBack(version=3)))
    assert (type(error), error.code) == (ConflictError, "already-active")


async def test_rolling_back_is_checked_like_any_deployment(client: AgentClient, configured: str) -> None:
    await client.deploy(request())
    await client.deploy(request(TWICE))
    await client.save_configuration(
        configuration_models.ConfigurationDraft(id=configured, app="sql", name="Database", values=BROKEN)
    )
    error = await refused(client.versions.roll_back("copy", RollBack(version=1)))
    assert error.code == "configuration-failed"
    assert (await client.flow("copy")).version == 2


async def test_numbers_go_on_after_an_undeployment_whose_history_is_kept(client: AgentClient, configured: str) -> None:
    await client.deploy(request())
    await client.undeploy("copy")
    assert await client.flows() == []
    (past,) = await client.versions.past()
    assert (past.name, past.last_version) == ("copy", 1)
    assert [one.active for one in await client.versions.all("copy")] == [False]
    assert (await client.versions.roll_back("copy", RollBack(version=1))).flow.version == 2
    assert await client.versions.past() == []
    outcomes = [(one.outcome, one.version) for one in await client.versions.log("copy")]
    assert outcomes == [(Outcome.DEPLOYED, 2), (Outcome.UNDEPLOYED, 1), (Outcome.DEPLOYED, 1)]


async def test_the_history_of_an_undeployed_processflow_goes_as_a_whole_and_says_what_goes(
    client: AgentClient, configured: str, tmp_path: Path, running_inside: Inside
) -> None:
    await client.deploy(request(schedule=DAILY))
    await client.deploy(request(COPY.replace("name: copy", "name: other")))
    await run(client)
    error = await refused(client.versions.forget("copy"))
    assert (error.code, error.remedy) == ("still-deployed", "Undeploy it first, if its history may go.")
    await client.undeploy("copy")
    found = await client.versions.history("copy")
    assert (found.versions, found.runs, found.records, found.scheduled) == (1, 1, 3, True)
    assert "1 version, 1 run with its packets and samples, 3 records of Sync Info" in found.text
    assert "reads from the beginning" in found.text
    assert await client.versions.forget("copy") == found
    assert [one.what for one in (await client.bookmarks.audit(flow="copy")).items] == ["history-deleted"]
    for question in (client.versions.all, client.versions.history, client.versions.log):
        assert isinstance(await refused(question("copy")), NotFoundError)
    assert (await refused(client.runs(flow="copy"))).code == "flow-not-found"
    assert (await refused(client.sync_info("copy"))).code == "flow-not-found"
    assert [one.flow for one in (await client.runs()).items if one.flow == "copy"] == []
    assert [one.flow for one in await client.versions.all("other")] == ["other"]
    again = await client.deploy(request())
    assert again.flow.version == 1
    ended = await run(client)
    assert (ended.counts.read, ended.counts.written, copied(tmp_path)) == (3, 3, [1, 2, 3])


async def test_what_does_not_exist_is_told_as_such(client: AgentClient, configured: str) -> None:
    await client.deploy(request())
    for question in (
        client.versions.all("nothing"), client.versions.get("copy", 9), client.versions.diff("copy", 1, 9),
        client.versions.roll_back("copy", RollBack(version=9)), client.versions.log("nothing"),
        client.versions.bind("nothing", BindRequest(bindings={"database": "Database"})),
    ):  # fmt: skip
        assert isinstance(await refused(question), NotFoundError)


# -- one call, all or nothing -------------------------------------------------------------------------------------


async def test_a_deployment_tests_each_configuration_and_tells_every_step(
    client: AgentClient, configured: str, running_inside: Inside
) -> None:
    with running_inside.parts.hub.listen() as listener:
        deployed = await client.deploy(request(schedule=DAILY))
        told: list[live_models.DeploymentLine] = []
        while not told or told[-1].line != "Deployed":
            event = await listener.next(10)
            assert event is not None
            if event.kind is live_models.EventKind.DEPLOYMENT:
                told.append(live_models.DeploymentLine.model_validate(event.data))
    assert [f"{line.number} {line.line}" for line in told] == deployed.lines
    said = [line.line for line in told]
    assert said[0] == "ProcessFlow Publish Started"
    assert "“Database”: Test Connection Successful" in said
    assert said[-3:] == [
        "Publish Completed",
        "Workflow scheduling successful: Daily at 02:30, Europe/Berlin",
        "Deployed",
    ]
    assert (await client.schedule("copy")).text == "Daily at 02:30, Europe/Berlin"
    (configuration,) = await client.configurations()
    assert configuration.state is configuration_models.ConfigurationState.VALIDATED
    assert (await client.versions.log("copy"))[0].lines == deployed.lines


async def test_a_configuration_that_fails_its_check_is_named_and_nothing_changes(
    client: AgentClient, configured: str, tmp_path: Path
) -> None:
    await client.deploy(request(schedule=DAILY))
    await client.save_configuration(configuration_models.ConfigurationDraft(app="sql", name="Broken", values=BROKEN))
    error = await refused(client.deploy(request(TWICE, bindings={"database": "Broken"}, schedule=HOURLY)))
    assert (type(error), error.code, error.field) == (ConfigurationError, "configuration-failed", "database")
    assert "“Broken” failed its check" in error.message
    assert "App Configurations → “Broken”" in error.remedy
    flow = await client.flow("copy")
    assert (flow.version, flow.document, flow.schedule) == (1, COPY, "Daily at 02:30, Europe/Berlin")
    assert [one.configuration_name for one in flow.bindings] == ["Database"]
    (failed, _) = await client.versions.log("copy")
    assert (failed.outcome, failed.code, failed.version) == (Outcome.FAILED, "configuration-failed", None)
    assert failed.message == error.message
    assert failed.lines[0] == "1 ProcessFlow Publish Started"
    assert (await run(client)).state is RunState.SUCCESS
    assert copied(tmp_path) == [1, 2, 3]


async def test_whoever_says_so_deploys_anyway_and_the_version_remembers(client: AgentClient) -> None:
    await client.save_configuration(configuration_models.ConfigurationDraft(app="sql", name="Broken", values=BROKEN))
    deployed = await client.deploy(request(anyway=True))
    assert any("deployed anyway, as asked" in line for line in deployed.lines)
    (remark,) = (await client.versions.all("copy"))[0].remarks
    assert remark.startswith("“Broken” failed its check when this version was deployed")


@pytest.mark.parametrize(
    ("document", "code"), [(COPY.replace("schema: source, action: GET", "schema: source"), "processflow-invalid")]
)
async def test_a_document_that_is_wrong_is_in_the_log_and_changes_nothing(
    client: AgentClient, configured: str, document: str, code: str
) -> None:
    await client.deploy(request(schedule=DAILY))
    assert (await refused(client.deploy(request(document, schedule=HOURLY)))).code == code
    never = schedule_models.ScheduleChange(kind=PlanKind.CRON, cron="0 0 30 2 *")
    assert (await refused(client.deploy(request(TWICE, schedule=never)))).code.startswith("schedule-")
    flow = await client.flow("copy")
    assert (flow.version, flow.schedule) == (1, "Daily at 02:30, Europe/Berlin")
    assert [one.outcome for one in await client.versions.log("copy")] == [
        Outcome.FAILED,
        Outcome.FAILED,
        Outcome.DEPLOYED,
    ]
    assert (await client.deploy(request(TWICE))).flow.version == 2


async def test_a_deployment_can_be_cancelled_while_an_app_does_not_answer(
    client: AgentClient, configured: str, running_inside: Inside
) -> None:
    await client.deploy(request(schedule=DAILY))
    async with silent_server() as (port, asked):
        draft = configuration_models.ConfigurationDraft(app="sql", name="Silent", values={**BROKEN, "port": str(port)})
        await client.save_configuration(draft)
        wanted = request(TWICE, bindings={"database": "Silent"}, schedule=HOURLY)
        deploying = asyncio.create_task(running_inside.parts.documents.deploying.deploy(wanted, by="anna"))
        await asyncio.wait_for(asked.wait(), 20)
        again = await refused(client.deploy(request(TWICE)))
        assert (type(again), again.code) == (ConflictError, "already-deploying")
        deploying.cancel()
        with pytest.raises(asyncio.CancelledError):
            await deploying
    assert (await client.versions.log("copy"))[0].outcome is Outcome.CANCELLED
    flow = await client.flow("copy")
    assert (flow.version, flow.schedule) == (1, "Daily at 02:30, Europe/Berlin")
    assert (await client.deploy(request(TWICE, bindings={"database": "Database"}))).flow.version == 2


async def test_how_records_are_tried_again_is_part_of_the_deployment(client: AgentClient, configured: str) -> None:
    by_id = COPY.replace("options: {key: id}", 'options: {key: id}, retry_filter: [{key: id, value: "{$}"}]')
    daily = RetryPlanChange(kind=PlanKind.DAILY, at="04:00", zone="UTC", retries=5)
    deployed = await client.deploy(request(by_id, retry=daily))
    assert deployed.lines[-2].endswith("Failed records are tried again: Daily at 04:00, UTC, at most 5 retries")
    assert (await client.reruns.retry("copy")).plan.at == "04:00"
    wrong = daily.model_copy(update={"at": "25:00"})
    assert (await refused(client.deploy(request(TWICE, retry=wrong)))).code in (
        "retry-policy-invalid",
        "schedule-invalid",
    )
    await client.deploy(request(by_id))
    assert (await client.reruns.retry("copy")).plan.at == "04:00", "it stays where nothing is said of it"
    await client.deploy(request(by_id, retry=RetryPlanChange()))
    assert (await client.reruns.retry("copy")).plan.kind is PlanKind.MANUAL


async def test_two_deployments_at_once_do_not_mix(client: AgentClient, configured: str) -> None:
    done = await asyncio.gather(
        *(client.deploy(request(document)) for document in (COPY, TWICE)), return_exceptions=True
    )
    deployed = [one for one in done if isinstance(one, flow_models.Deployed)]
    errors = [one for one in done if isinstance(one, AgentError)]
    assert len(deployed) + len(errors) == 2
    assert {error.code for error in errors} <= {"already-deploying"}
    assert (await client.flow("copy")).version == len(deployed)


# -- either order -------------------------------------------------------------------------------------------------


async def test_without_a_configuration_it_says_what_is_missing_and_both_ways(client: AgentClient) -> None:
    error = await refused(client.deploy(request()))
    assert error.message.startswith("Source Application Not Found: the credential token “database”")
    assert error.code == "source-application-not-found"
    assert "App Configurations" in error.remedy
    assert "bind later" in error.remedy


async def test_deployed_first_it_waits_says_for_what_and_is_bound_once_the_configuration_is_validated(
    client: AgentClient, tmp_path: Path
) -> None:
    deployed = await client.deploy(request(bind_later=True, schedule=DAILY))
    assert deployed.flow.waits_for == {"database": "sql"}
    assert deployed.flow.alert.startswith("Source Application Not Found: the credential token “database”")
    assert "opagent flow bind copy --bind database=NAME" in deployed.flow.alert
    error = await refused(client.execute("copy"))
    assert (type(error), error.code) == (ConflictError, "source-application-not-found")

    draft = database_draft(tmp_path / "shop.db")
    saved = await client.save_configuration(draft)
    assert (await client.flow("copy")).waits_for == {"database": "sql"}, "not validated yet"
    stored = draft.model_copy(update={"id": saved.configuration.id})
    assert (await validated(client, stored)).state is configuration_models.ValidationState.SUCCESS
    flow = await client.flow("copy")
    assert (flow.version, flow.waits_for, flow.alert) == (2, {}, "")
    assert flow.note == "Bound by itself: database to “Database”."
    assert (await run(client)).state is RunState.SUCCESS
    assert copied(tmp_path) == [1, 2, 3]
    newest, oldest = await client.versions.all("copy")
    assert (newest.deployed_by, newest.schedule) == ("the agent", "Daily at 02:30, Europe/Berlin")
    assert [one.configuration for one in oldest.bindings] == [""], "the first version stays what it was"
    entry, first = await client.versions.log("copy")
    assert (entry.outcome, entry.version, entry.asked_by) == (Outcome.DEPLOYED, 2, "the agent")
    assert entry.note == "Bound by itself: database to “Database”."
    assert entry.lines[-1].endswith("Bound by itself: database to “Database”")
    assert first.version == 1


async def test_of_several_configurations_none_is_taken_by_itself_but_the_one_that_is_named(
    client: AgentClient, tmp_path: Path
) -> None:
    await client.deploy(request(bind_later=True))
    for name in ("One", "Two"):
        await client.save_configuration(database_draft(tmp_path / "none" / f"{name}.db", name=name))
    await client.save_configuration(database_draft(tmp_path / "shop.db", name="Three"))
    assert (await client.flow("copy")).version == 1
    bound = await client.versions.bind("copy", BindRequest(bindings={"database": "Three"}, note="The right one."))
    assert (bound.flow.version, bound.flow.waits_for) == (2, {})
    assert [one.configuration_name for one in bound.flow.bindings] == ["Three"]
    assert (await run(client)).state is RunState.SUCCESS


# -- tests inside the document ------------------------------------------------------------------------------------

TESTED = (
    COPY
    + """
tests:
  - name: Ids stay as they are
    records: [{id: 1}, {id: 2}]
    expect: {write: [{id: 1}, {id: 2}]}
  - {name: Nothing comes of nothing, records: [], expect: {write: []}}
"""
)
WRONG = TESTED.replace("{value: id, type", "{value: id + 1, type")


def document(text: str) -> flow_models.DocumentRequest:
    return flow_models.DocumentRequest(document=text, file="copy.yaml")


async def test_a_deployment_runs_the_tests_of_its_document_and_is_refused_where_one_fails(
    client: AgentClient, configured: str
) -> None:
    deployed = await client.deploy(request(TESTED))
    told = [line.partition(" ")[2] for line in deployed.lines if "Test “" in line]
    assert told == ["Test “Ids stay as they are”: passed", "Test “Nothing comes of nothing”: passed"]
    error = await refused(client.deploy(request(WRONG)))
    assert (type(error), error.code) == (ConfigurationError, "tests-failed")
    assert "its test “Ids stay as they are” failed, write: record 1: “id” is 2, expected 1" in error.message
    assert (await client.flow("copy")).version == 1
    assert (await client.versions.log("copy"))[0].code == "tests-failed"


async def test_whoever_says_so_deploys_without_the_tests_and_the_version_remembers(
    client: AgentClient, configured: str
) -> None:
    await client.deploy(request(WRONG, without_tests=True))
    assert (await client.versions.get("copy", 1)).remarks == ["This version was deployed without running its 2 tests."]
    await client.deploy(request(TESTED))
    assert (await client.versions.get("copy", 2)).remarks == []
    assert (await refused(client.versions.roll_back("copy", RollBack(version=1)))).code == "tests-failed"
    back = await client.versions.roll_back("copy", RollBack(version=1, without_tests=True))
    assert back.flow.version == 3


async def test_tests_are_run_without_deploying_and_without_an_environment(shared_inside: Inside) -> None:
    async with shared_inside.client() as client:
        report = await client.test_flow(document(WRONG))
        assert (report.flow, report.passed) == ("copy", False)
        failed, passed = report.results
        assert (failed.name, failed.line, failed.passed) == ("Ids stay as they are", 15, False)
        assert failed.differences == [
            "write: record 1: “id” is 2, expected 1",
            "write: record 2: “id” is 3, expected 2",
        ]
        assert (passed.passed, passed.differences) == (True, [])
        assert (await client.test_flow(document(COPY))).results == []
        assert (await refused(client.test_flow(document("name: x")))).code == "processflow-invalid"
        assert isinstance(await refused(client.test_deployed("copy")), NotFoundError)


async def test_what_a_sample_brings_along_is_there_for_its_tests_before_it_is_deployed(shared_inside: Inside) -> None:
    async with shared_inside.client() as client:
        samples = await client.samples()
        assert len(samples) >= 7
        for sample in samples:
            report = await client.test_flow(flow_models.DocumentRequest(document=sample.document, file=sample.file))
            assert report.results, f"{sample.file} has no tests"
            assert report.passed, f"{sample.file}: {report}"


async def test_a_version_that_goes_back_keeps_the_versions_of_its_functions(
    client: AgentClient, configured: str
) -> None:
    draft = FunctionDraft(name="same", parameters=["n"], body="$n", examples=[FunctionExample(arguments=[2], result=2)])
    await client.functions.save(draft)
    calling = TESTED.replace("{value: id, type", "{value: $same(id), type")
    await client.deploy(request(calling))
    more = [FunctionExample(arguments=[2], result=3)]
    await client.functions.save(draft.model_copy(update={"body": "$n + 1", "examples": more}))
    assert (await client.test_flow(document(calling))).passed is False
    assert (await client.test_deployed("copy")).passed is True, "it runs with the version that it was deployed with"
    await client.deploy(request(calling, without_tests=True))
    assert (await client.flow("copy")).functions == {"same": 2}
    back = await client.versions.roll_back("copy", RollBack(version=1))
    assert (back.flow.version, back.flow.functions) == (3, {"same": 1})
