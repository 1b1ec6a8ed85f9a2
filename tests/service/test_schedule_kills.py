"""A real service that is killed again and again while it makes up for missed times: each is run once, none twice."""

from __future__ import annotations

import random
import sqlite3
import time
from collections import Counter
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.api import flow_models, run_models, schedule_models
from agent.api.client import AgentClient
from agent.domain.run import RunState, Trigger
from agent.domain.schedule import MissedTimes, PlanKind
from agent.store.databases.database import Database
from agent.store.runs.schedules import ScheduleStore
from tests.helpers.running_service import RunningService
from tests.service.asking import COPY, database_draft

MISSED = 30
MINUTE = timedelta(minutes=1)
_PATIENCE_SECONDS = 120


@pytest.mark.slow
def test_a_service_that_is_killed_while_it_starts_runs_starts_each_once(
    service: RunningService, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    dice = random.Random(3)
    service.start()
    service.ask(lambda client: prepare(client, tmp_path))
    service.kill()
    first = let_it_have_slept(service)
    for _ in range(pytestconfig.getoption("--kills")):
        service.start()
        # At its start nearly all is decided: most of the kills come soon.
        time.sleep(dice.choice([0.0, 0.1, 0.3, 0.5, 1.0]) * dice.random())
        service.kill()
    service.start()
    schedule, runs = service.ask(until_nothing_is_left)
    planned = [run.planned_for for run in runs if run.trigger is Trigger.SCHEDULE]
    assert [moment for moment, count in Counter(planned).items() if count > 1] == []
    assert {first + number * MINUTE for number in range(MISSED)} <= set(planned)
    assert {run.state for run in runs} == {RunState.SUCCESS}
    assert schedule.runs == len(planned)
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection:
        assert connection.execute("SELECT count(*) FROM target").fetchone() == (3,)


async def prepare(client: AgentClient, folder: Path) -> None:
    """A processflow that runs every minute, and makes up for every minute."""
    with closing(sqlite3.connect(folder / "shop.db")) as connection, connection:
        connection.execute("CREATE TABLE source (id INTEGER PRIMARY KEY)")
        connection.execute("CREATE TABLE target (id INTEGER PRIMARY KEY)")
        connection.execute("INSERT INTO source VALUES (1), (2), (3)")
    await client.change_setting("enable_environment", "true")
    await client.save_configuration(database_draft(folder / "shop.db"))
    await client.deploy(flow_models.DocumentRequest(document=COPY))
    plan = schedule_models.ScheduleChange(
        kind=PlanKind.MINUTES, every=1, zone="UTC", missed=MissedTimes.ALL, missed_cap=100
    )
    await client.set_schedule("copy", plan)


def let_it_have_slept(service: RunningService) -> datetime:
    """Let the last look have been so long ago that many minutes were missed; returns the first of them."""
    database = Database.at(service.folders.database)
    try:
        store = ScheduleStore(database)
        row = store.find("copy")
        assert row is not None
        first = datetime.now(UTC).replace(second=0, microsecond=0) - (MISSED + 3) * MINUTE
        progress = replace(row.progress, looked_at=first - MINUTE / 2, next_at=first, runs=0)
        assert store.advance(row, progress) is not None
    finally:
        database.close()
    return first


async def until_nothing_is_left(client: AgentClient) -> tuple[schedule_models.Schedule, list[run_models.Run]]:
    """Wait until nothing is owed any more, take the schedule away and return how it stood, with all runs."""
    end = time.monotonic() + _PATIENCE_SECONDS
    while (schedule := await client.schedule("copy")).waiting or schedule.runs < MISSED:
        assert time.monotonic() < end, f"{schedule.waiting} times are still owed"
        for run in (await client.runs(limit=1)).items:
            await client.run(run.id, wait_seconds=1)
    await client.change_setting("enable_environment", "false")
    schedule = await client.schedule("copy")
    await client.clear_schedule("copy")
    await client.change_setting("enable_environment", "true")
    runs = (await client.runs(limit=1_000)).items
    return schedule, [await client.run(run.id, wait_seconds=20) for run in runs]
