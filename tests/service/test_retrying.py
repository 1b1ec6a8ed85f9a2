"""Failed records are tried again by themselves: on a whole service in this process, whose clock the test sets."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.api import clearing_models, flow_models, run_models
from agent.api.alert_models import AlertCode
from agent.api.client import AgentClient
from agent.api.rerun_models import RetryPlanChange
from agent.domain.errors import ConfigurationError, NotFoundError
from agent.domain.packet import SyncState
from agent.domain.run import RunState, Trigger
from agent.domain.schedule import PlanKind
from agent.store.tables.flows import DEPLOYMENTS
from tests.service.asking import COPY, database_draft
from tests.service.inside import Inside, opened

REFUSE = "CREATE TRIGGER refuse BEFORE INSERT ON target WHEN NEW.id < 3 BEGIN SELECT RAISE(ABORT, 'no'); END"


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now = datetime(2026, 5, 4, 13, 50, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_minutes(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def agent(tmp_path: Path, clock: Clock) -> AsyncIterator[Inside]:
    async with opened(tmp_path / "agent", clock=clock) as made:
        yield made


@pytest.fixture
async def client(agent: Inside, tmp_path: Path) -> AsyncIterator[AgentClient]:
    """A processflow with a run in which two of three records failed."""
    run_sql(
        tmp_path, "CREATE TABLE source (id INTEGER PRIMARY KEY)", "CREATE TABLE target (id INTEGER PRIMARY KEY)",
        "INSERT INTO source VALUES (1), (2), (3)", REFUSE,
    )  # fmt: skip
    async with agent.client() as opened:
        await opened.change_setting("enable_environment", "true")
        await opened.save_configuration(database_draft(tmp_path / "shop.db"))
        await opened.deploy(flow_models.DocumentRequest(document=COPY))
        run = await opened.execute("copy")
        while not run.state.ended:
            run = await opened.run(run.id, wait_seconds=20)
        assert run.state is RunState.PARTIAL
        yield opened


def run_sql(folder: Path, *statements: str) -> None:
    with closing(sqlite3.connect(folder / "shop.db")) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def hourly(**more: Any) -> RetryPlanChange:
    return RetryPlanChange(kind=PlanKind.HOURS, every=1, zone="UTC", **more)


async def look(agent: Inside) -> float:
    """Let what is due be looked at now."""
    return await asyncio.to_thread(agent.parts.retrying.look)


async def retries(client: AgentClient, *, until_ended: bool = True) -> list[run_models.Run]:
    """The retries, oldest first, once all runs have ended."""
    found = []
    for one in reversed((await client.runs(flow="copy")).items):
        run = one
        while until_ended and not run.state.ended:
            run = await client.run(run.id, wait_seconds=20)
        found += [run] if run.trigger is Trigger.RETRY else []
    return found


async def tries(client: AgentClient) -> dict[str, tuple[SyncState, int]]:
    return {one.source_id: (one.state, one.tries) for one in (await client.sync_info("copy")).items}


async def test_a_record_is_tried_again_at_the_next_time_after_its_lapse(
    agent: Inside, client: AgentClient, clock: Clock, tmp_path: Path
) -> None:
    """It fails at 13:50 and has a lapse of 20 minutes: its turn has come at 14:10, and it is retried at 15:00."""
    found = await client.reruns.set_retry("copy", hourly(lapse_minutes=20))
    assert (found.text, found.next_at) == ("Every hour, at most 3 retries", datetime(2026, 5, 4, 14, 0, tzinfo=UTC))
    run_sql(tmp_path, "DROP TRIGGER refuse")
    clock.pass_minutes(11)
    await look(agent)
    assert await retries(client) == []
    clock.pass_minutes(59)
    await look(agent)
    (run,) = await retries(client)
    assert (run.state, run.plan, run.requested_by) == (
        RunState.SUCCESS, "Automatic retry of 2 records", "automatic retry"
    )  # fmt: skip
    assert await tries(client) == {
        "1": (SyncState.SUCCESS, 2), "2": (SyncState.SUCCESS, 2), "3": (SyncState.SUCCESS, 1),
    }  # fmt: skip
    clock.pass_minutes(60)
    await look(agent)
    assert len(await retries(client)) == 1, "nothing is left to be tried"
    assert (await client.reruns.retry("copy")).runs == 1


async def test_a_record_is_tried_again_three_times_with_growing_delays_and_then_left_to_a_person(
    agent: Inside, client: AgentClient, clock: Clock
) -> None:
    await client.reruns.set_retry("copy", hourly(lapse_minutes=50))
    times = []
    for hour in range(1, 13):
        clock.now = datetime(2026, 5, 4, 14, 0, 5, tzinfo=UTC) + timedelta(hours=hour)
        before = len(await retries(client))
        await look(agent)
        if len(await retries(client)) > before:
            times.append(hour)
    assert times == [1, 3, 7], "50, 100 and 200 minutes after the try before, at the next full hour"
    assert (await tries(client))["1"] == (SyncState.FAILED, 4)


async def test_a_retry_waits_for_a_run_that_is_busy_and_starts_right_after(
    agent: Inside, client: AgentClient, clock: Clock, tmp_path: Path
) -> None:
    await client.reruns.set_retry("copy", hourly(lapse_minutes=0))
    with closing(sqlite3.connect(tmp_path / "shop.db", isolation_level=None)) as lock:
        lock.execute("BEGIN IMMEDIATE")  # the run waits for it
        busy = await client.execute("copy")
        clock.pass_minutes(15)
        await look(agent)
        assert (await client.reruns.retry("copy")).due
        assert await retries(client, until_ended=False) == []
    while not busy.state.ended:
        busy = await client.run(busy.id, wait_seconds=20)
    await look(agent)
    assert len(await retries(client)) == 1
    assert not (await client.reruns.retry("copy")).due


async def test_one_run_tries_no_more_than_its_batch_and_the_oldest_first(
    agent: Inside, client: AgentClient, clock: Clock
) -> None:
    await client.reruns.set_retry("copy", hourly(lapse_minutes=0, batch=1))
    for count in (1, 2):
        clock.pass_minutes(60)
        await look(agent)
        assert [run.plan for run in await retries(client)] == ["Automatic retry of 1 record"] * count
    assert {one: count for one, (_, count) in (await tries(client)).items()} == {"1": 2, "2": 2, "3": 1}


async def held_up(client: AgentClient) -> list[str]:
    """What the alerts say of retries."""
    return [one.text for one in (await client.alerts.all()).items if one.code is AlertCode.RETRY_HELD]


async def test_retries_that_cannot_start_are_told_and_go_on_by_themselves(
    agent: Inside, client: AgentClient, clock: Clock
) -> None:
    await client.reruns.set_retry("copy", hourly(lapse_minutes=0))
    await client.change_setting("enable_environment", "false")
    clock.pass_minutes(60)
    await look(agent)
    assert await held_up(client) == [], "it may be about to start"
    await look(agent)
    told = "Its failed records should have been tried again and were not: the environment is stopped."
    assert (await client.reruns.retry("copy")).alert == told
    assert await held_up(client) == [f"copy: {told}"]
    await client.change_setting("enable_environment", "true")
    await look(agent)
    assert len(await retries(client)) == 1
    assert await held_up(client) == []


async def test_a_retry_keeps_its_turn_while_the_document_cannot_be_read(
    agent: Inside, client: AgentClient, clock: Clock
) -> None:
    await client.reruns.set_retry("copy", hourly(lapse_minutes=0))

    async def write(document: str) -> None:
        with agent.parts.database.write() as connection:
            connection.execute(DEPLOYMENTS.update().values(document=document))
        await client.clear(clearing_models.ClearTarget.CACHE)

    await write("of another agent")
    clock.pass_minutes(60)
    await look(agent)
    await look(agent)
    assert (await client.reruns.retry("copy")).due
    (told,) = await held_up(client)
    assert "copy: Its failed records should have been tried again and were not: its deployed version" in told
    await write(COPY)
    await look(agent)
    assert len(await retries(client)) == 1
    assert await held_up(client) == []


async def test_a_policy_outlives_undeployment_and_nothing_is_due_afterwards(
    agent: Inside, client: AgentClient, clock: Clock
) -> None:
    await client.reruns.set_retry("copy", hourly(lapse_minutes=0))
    await client.undeploy("copy")
    clock.pass_minutes(120)
    await look(agent)
    found = await client.reruns.retry("copy")
    assert (found.due, found.plan.every) == (False, 1)


async def test_a_policy_is_set_shown_and_cleared(client: AgentClient) -> None:
    daily = RetryPlanChange(kind=PlanKind.DAILY, at="03:30", zone="Europe/Berlin", retries=1, batch=50)
    found = await client.reruns.set_retry("copy", daily)
    assert found == await client.reruns.retry("copy")
    assert (found.text, found.plan.at, found.plan.batch) == (
        "Daily at 03:30, Europe/Berlin, at most 1 retry", "03:30", 50
    )  # fmt: skip
    assert (await client.reruns.clear_retry("copy")).text == "By hand"
    assert (await client.reruns.retry("copy")).plan.kind is PlanKind.MANUAL
    assert (await client.reruns.set_retry("copy", RetryPlanChange())).text == "By hand"


@pytest.mark.parametrize(
    ("plan", "code", "field"),
    [
        (RetryPlanChange(kind=PlanKind.MINUTES, every=5), "retry-policy-invalid", "kind"),
        (RetryPlanChange(kind=PlanKind.CRON), "retry-policy-invalid", "kind"),
        (RetryPlanChange(kind=PlanKind.HOURS, every=24), "schedule-invalid", "every"),
        (RetryPlanChange(kind=PlanKind.DAILY, at="25:00"), "schedule-invalid", "at"),
        (RetryPlanChange(kind=PlanKind.DAILY, at="02:00", zone="Mars"), "zone-unknown", "zone"),
        (RetryPlanChange(kind=PlanKind.HOURS, every=1, retries=0), "retry-policy-invalid", "retries"),
        (RetryPlanChange(kind=PlanKind.HOURS, every=1, retries=21), "retry-policy-invalid", "retries"),
        (RetryPlanChange(kind=PlanKind.HOURS, every=1, batch=0), "retry-policy-invalid", "batch"),
        (RetryPlanChange(kind=PlanKind.HOURS, every=1, lapse_minutes=-1), "retry-policy-invalid", "lapse_minutes"),
    ],
)
async def test_what_makes_no_sense_is_refused_at_its_field(
    client: AgentClient, plan: RetryPlanChange, code: str, field: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        await client.reruns.set_retry("copy", plan)
    assert (caught.value.code, caught.value.field) == (code, field)


async def test_a_processflow_that_is_not_there_has_no_policy(client: AgentClient) -> None:
    with pytest.raises(NotFoundError):
        await client.reruns.set_retry("other", hourly())
    with pytest.raises(NotFoundError):
        await client.reruns.retry("other")
