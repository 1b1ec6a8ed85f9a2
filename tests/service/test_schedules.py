"""Schedules through the contract, on a whole service whose clock the test sets."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.api import flow_models, live_models, log_models, run_models, schedule_models
from agent.api.client import AgentClient
from agent.domain.errors import ConfigurationError, NotFoundError
from agent.domain.run import RunState, Trigger
from agent.domain.schedule import MissedTimes, PlanEnd, PlanKind
from agent.service.machine_zone import machine_zone
from tests.service.asking import COPY, database_draft
from tests.service.inside import Inside, opened

# Half an hour before the clocks are put forward in Berlin.
BEFORE_THE_CHANGE = datetime(2026, 3, 29, 0, 30, 20, tzinfo=UTC)


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now = BEFORE_THE_CHANGE

    def __call__(self) -> datetime:
        return self.now

    def set(self, time: str) -> None:
        """Set it to a time of 29 March, in UTC, or of another day: "30 08:00"."""
        day, _, clock = time.rpartition(" ")
        self.now = datetime.fromisoformat(f"2026-03-{day or '29'}T{clock}Z")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def agent(tmp_path: Path, clock: Clock) -> AsyncIterator[Inside]:
    async with opened(tmp_path / "agent", clock=clock) as made:
        yield made


def plan(kind: PlanKind = PlanKind.DAILY, **fields: Any) -> schedule_models.ScheduleChange:
    """A plan: daily at 02:30 in Berlin, unless told otherwise."""
    defaults = {"at": "02:30"} if kind is PlanKind.DAILY else {}
    return schedule_models.ScheduleChange(**{"kind": kind, "zone": "Europe/Berlin", **defaults, **fields})


async def deploy(client: AgentClient, folder: Path) -> None:
    """A processflow that copies three rows."""
    with closing(sqlite3.connect(folder / "shop.db")) as connection, connection:
        connection.execute("CREATE TABLE source (id INTEGER PRIMARY KEY)")
        connection.execute("CREATE TABLE target (id INTEGER PRIMARY KEY)")
        connection.execute("INSERT INTO source VALUES (1), (2), (3)")
    await client.change_setting("enable_environment", "true")
    await client.save_configuration(database_draft(folder / "shop.db"))
    await client.deploy(flow_models.DocumentRequest(document=COPY))


async def look(agent: Inside) -> None:
    """Let the scheduler look now."""
    await asyncio.to_thread(agent.parts.scheduler.look)


async def ended_runs(client: AgentClient) -> list[run_models.Run]:
    """All runs, oldest first, once they have ended."""
    page = await client.runs(flow="copy")
    runs = []
    for run in reversed(page.items):
        found = run
        while not found.state.ended:
            found = await client.run(run.id, wait_seconds=20)
        runs.append(found)
    return runs


# -- firing -----------------------------------------------------------------------------------------------------------


async def test_a_daily_run_comes_in_the_night_of_the_change_and_shows_what_it_stands_for(
    agent: Inside, clock: Clock, tmp_path: Path
) -> None:
    async with agent.client() as client:
        await deploy(client, tmp_path)
        schedule = await client.set_schedule("copy", plan())
        assert schedule.next_run_at == datetime(2026, 3, 29, 1, 0, tzinfo=UTC), "03:00 in Berlin, as there is no 02:30"
        flow = await client.flow("copy")
        assert (flow.schedule, flow.next_run_at, flow.alert) == (
            "Daily at 02:30, Europe/Berlin",
            schedule.next_run_at,
            "",
        )

        clock.set("01:00:02")
        await look(agent)
        (run,) = await ended_runs(client)
        assert (run.state, run.trigger, run.planned_for) == (RunState.SUCCESS, Trigger.SCHEDULE, schedule.next_run_at)
        assert run.counts.written == 3

        clock.set("30 00:30:01")
        await look(agent)
        planned = [run.planned_for for run in await ended_runs(client)]
        assert planned == [datetime(2026, 3, 29, 1, 0, tzinfo=UTC), datetime(2026, 3, 30, 0, 30, tzinfo=UTC)]
        after = await client.schedule("copy")
        assert (after.runs, after.misfires, after.missed) == (2, 0, 0)


async def test_the_thread_of_the_service_fires_by_itself(agent: Inside, clock: Clock, tmp_path: Path) -> None:
    async with agent.client() as client:
        await deploy(client, tmp_path)
        await client.set_schedule("copy", plan(PlanKind.MINUTES, every=1))
        with agent.parts.hub.listen() as listener:
            clock.set("00:31:05")
            agent.parts.scheduler.wake()
            state = None
            while state != RunState.SUCCESS:
                event = await listener.next(30)
                assert event is not None
                state = event.data.get("state") if event.kind is live_models.EventKind.RUN else state


async def test_after_enabling_again_one_run_makes_up_for_all_and_the_alert_heals(
    agent: Inside, clock: Clock, tmp_path: Path
) -> None:
    async with agent.client() as client:
        await deploy(client, tmp_path)
        await client.set_schedule("copy", plan(PlanKind.MINUTES, every=15))
        await client.change_setting("enable_environment", "false")
        clock.set("04:10")
        await look(agent)
        (flow,) = await client.flows()
        assert flow.alert == "It should have run at 2026-03-29 01:45 and did not: the environment is stopped."
        await client.change_setting("enable_environment", "true")
        await look(agent)
        (run,) = await ended_runs(client)
        assert run.planned_for == datetime(2026, 3, 29, 4, 0, tzinfo=UTC)
        assert (await client.flows())[0].alert == ""
        found = await client.search_log(log_models.LogSearch(flow="copy", level=log_models.LogLevel.WARNING))
        first, second = [line.message for line in (await client.log_hits(found.id, 0)).items]
        assert first == flow.alert
        assert second.startswith("It missed 14 times from 2026-03-29 01:45 to 2026-03-29 06:00, as the agent was off")


async def test_undeployment_keeps_the_schedule_and_redeployment_goes_on(
    agent: Inside, clock: Clock, tmp_path: Path
) -> None:
    async with agent.client() as client:
        await deploy(client, tmp_path)
        await client.set_schedule("copy", plan(PlanKind.MINUTES, every=15))
        await client.undeploy("copy")
        clock.set("05:20")
        await look(agent)
        kept = await client.schedule("copy")
        assert (kept.text, kept.runs, kept.missed, kept.alert) == ("Every 15 minutes, Europe/Berlin", 0, 0, "")
        await client.deploy(flow_models.DocumentRequest(document=COPY))
        await look(agent)
        assert (await client.runs()).items == [], "what passed meanwhile is not made up for"
        clock.set("05:30:03")
        await look(agent)
        assert [run.planned_for for run in await ended_runs(client)] == [datetime(2026, 3, 29, 5, 30, tzinfo=UTC)]


async def test_after_a_restart_the_service_makes_up_for_what_it_missed(clock: Clock, tmp_path: Path) -> None:
    async with opened(tmp_path / "agent", clock=clock) as first, first.client() as client:
        await deploy(client, tmp_path)
        await client.set_schedule("copy", plan(PlanKind.HOURS, every=1, missed=MissedTimes.ALL, missed_cap=2))
    clock.set("30 09:30")
    async with opened(tmp_path / "agent", clock=clock) as second, second.client() as client:
        while len(runs := await ended_runs(client)) < 2:
            await look(second)
        await look(second)
        assert await ended_runs(client) == runs
        assert sorted(run.planned_for.hour for run in runs if run.planned_for is not None) == [8, 9]
        schedule = await client.schedule("copy")
        assert (schedule.runs, schedule.waiting) == (2, 0)
        assert schedule.missed == 33 - 2, "from 01:00 on the 29th until 09:00 on the 30th, but for two"


# -- setting it -------------------------------------------------------------------------------------------------------


@pytest.fixture
async def client(agent: Inside, tmp_path: Path) -> AgentClient:
    made = agent.client()
    await deploy(made, tmp_path)
    return made


async def test_a_processflow_is_manual_until_it_has_a_schedule_and_again_afterwards(client: AgentClient) -> None:
    manual = await client.schedule("copy")
    assert (manual.text, manual.plan.kind, manual.next_times) == ("Manual", PlanKind.MANUAL, [])
    assert manual.plan.zone == machine_zone({})
    assert (await client.flow("copy")).schedule == "Manual"
    await client.set_schedule("copy", plan())
    assert await client.clear_schedule("copy") == manual
    assert await client.clear_schedule("copy") == manual
    await client.set_schedule("copy", plan())
    assert await client.set_schedule("copy", plan(PlanKind.MANUAL)) == manual
    assert (await client.flow("copy")).next_run_at is None


async def test_what_is_set_is_read_back_with_its_next_times(client: AgentClient) -> None:
    wanted = plan(
        PlanKind.CRON, cron="0 6 * * mon-fri", zone="America/New_York", end=PlanEnd.ON, end_on="2026-04-02",
        missed=MissedTimes.ALL, missed_cap=3,
    )  # fmt: skip
    found = await client.set_schedule("copy", wanted)
    assert found == await client.schedule("copy")
    assert schedule_models.ScheduleChange(**found.plan.model_dump()) == wanted
    assert found.text == "Cron 0 6 * * mon-fri, America/New_York, until 2026-04-02"
    assert found.next_times == [datetime(2026, 3, day, 10, tzinfo=UTC) for day in (30, 31)] + [
        datetime(2026, 4, day, 10, tzinfo=UTC) for day in (1, 2)
    ]
    assert (found.since, found.over, found.changed_by != "") == (BEFORE_THE_CHANGE, False, True)


async def test_a_change_takes_effect_at_once_and_does_not_look_back(
    client: AgentClient, agent: Inside, clock: Clock
) -> None:
    await client.set_schedule("copy", plan(PlanKind.HOURS, every=23))
    clock.set("12:00:30")
    changed = await client.set_schedule("copy", plan(PlanKind.MINUTES, every=10))
    assert changed.next_run_at == datetime(2026, 3, 29, 12, 10, tzinfo=UTC)
    await look(agent)
    assert (await client.runs()).items == []
    clock.set("12:10:01")
    await look(agent)
    assert len(await ended_runs(client)) == 1


async def test_the_same_plan_again_changes_nothing_and_another_policy_keeps_the_times(
    client: AgentClient, agent: Inside, clock: Clock
) -> None:
    first = await client.set_schedule("copy", plan(PlanKind.MINUTES, every=7))
    clock.set("00:36")
    await look(agent)
    await ended_runs(client)
    clock.set("30 12:00")
    again = await client.set_schedule("copy", plan(PlanKind.MINUTES, every=7))
    assert (again.since, again.runs) == (first.since, 1)
    skipping = plan(PlanKind.MINUTES, every=7, missed=MissedTimes.SKIP)
    changed = await client.set_schedule("copy", skipping)
    assert (changed.since, changed.runs) == (clock.now, 0)
    assert changed.next_run_at is not None
    assert (changed.next_run_at - first.next_times[0]) % timedelta(minutes=7) == timedelta()
    assert (await client.preview_schedule(skipping, flow="copy")).times == changed.next_times


async def test_a_plan_that_has_ended_can_be_set_again(client: AgentClient, agent: Inside, clock: Clock) -> None:
    once = plan(PlanKind.MINUTES, every=5, end=PlanEnd.AFTER, end_after=1)
    await client.set_schedule("copy", once)
    clock.set("00:35:01")
    await look(agent)
    await ended_runs(client)
    over = await client.schedule("copy")
    assert (over.over, over.next_run_at, over.runs) == (True, None, 1)
    again = await client.set_schedule("copy", once)
    assert (again.over, again.runs, again.next_run_at is not None) == (False, 0, True)


@pytest.mark.parametrize(
    ("wrong", "code", "field"),
    [
        (plan(PlanKind.MINUTES), "schedule-invalid", "every"),
        (plan(PlanKind.HOURS, every=24), "schedule-invalid", "every"),
        (plan(at="2.30"), "schedule-invalid", "at"),
        (plan(PlanKind.CRON, cron="0 25 * * *"), "schedule-invalid", "cron"),
        (plan(PlanKind.CRON, cron="0 0 30 2 *"), "schedule-never", "cron"),
        (plan(end=PlanEnd.ON, end_on="2026-03-28"), "schedule-never", "end_on"),
        (plan(end=PlanEnd.AFTER), "schedule-invalid", "end_after"),
        (plan(zone="Europe/Berlim"), "zone-unknown", "zone"),
        (plan(missed_cap=0), "schedule-invalid", "missed_cap"),
    ],
)
async def test_what_is_wrong_is_refused_with_its_field_and_the_old_one_stays(
    client: AgentClient, wrong: schedule_models.ScheduleChange, code: str, field: str
) -> None:
    before = await client.set_schedule("copy", plan())
    for attempt in (client.set_schedule("copy", wrong), client.preview_schedule(wrong)):
        with pytest.raises(ConfigurationError) as caught:
            await attempt
        assert (caught.value.code, caught.value.field, caught.value.remedy != "") == (code, field, True)
    assert await client.schedule("copy") == before


async def test_a_processflow_that_was_never_deployed_has_no_schedule(client: AgentClient) -> None:
    for attempt in (
        client.schedule("nowhere"), client.set_schedule("nowhere", plan()), client.clear_schedule("nowhere"),
    ):  # fmt: skip
        with pytest.raises(NotFoundError) as caught:
            await attempt
        assert caught.value.code == "flow-not-found"


async def test_a_preview_changes_nothing(client: AgentClient) -> None:
    preview = await client.preview_schedule(plan())
    assert preview.text == "Daily at 02:30, Europe/Berlin"
    berlin = [f"{moment:%d %H:%M}" for moment in preview.times]
    assert berlin == ["29 01:00", "30 00:30", "31 00:30", "01 00:30", "02 00:30"]
    assert await client.preview_schedule(plan(PlanKind.MANUAL)) == schedule_models.SchedulePreview(
        text="Manual", times=[]
    )
    assert (await client.schedule("copy")).text == "Manual"


async def test_a_misspelt_field_is_refused(client: AgentClient, agent: Inside) -> None:
    async with agent.http() as http:
        answer = await http.put("/api/v1/flows/copy/schedule", json={"kind": "daily", "at": "02:30", "zoen": "UTC"})
    assert (answer.status_code, answer.json()["code"]) == (422, "request-invalid")


async def test_the_log_says_who_changed_it(client: AgentClient) -> None:
    await client.sign_in("anna", "correct horse")
    await client.set_schedule("copy", plan())
    await client.clear_schedule("copy")
    found = await client.search_log(log_models.LogSearch(flow="copy", text="schedule"))
    lines = [line.message for line in (await client.log_hits(found.id, 0)).items]
    assert lines == ["anna set its schedule: Daily at 02:30, Europe/Berlin.", "anna took its schedule away."]
