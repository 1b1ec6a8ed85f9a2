"""A real service that is killed at each step of a deployment: the old version, its bindings and its schedule stay."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import pytest

from agent.api import flow_models, run_models, schedule_models
from agent.api.client import AgentClient
from agent.api.deployment_models import DeployRequest
from agent.api.launch import running_service
from agent.domain.deployment import Outcome
from agent.domain.errors import AgentError
from agent.domain.run import RunState
from agent.domain.schedule import PlanKind
from tests.helpers.running_service import RunningService
from tests.service.asking import COPY, database_draft

TESTED = """
tests:
  - {name: Ids stay, records: [{id: 1}], expect: {write: [{id: 1}]}}
"""
OLD = COPY + TESTED
NEW = OLD.replace("title: Copy", "title: Copied again")
DAILY = schedule_models.ScheduleChange(kind=PlanKind.DAILY, at="02:30", zone="Europe/Berlin")
HOURLY = schedule_models.ScheduleChange(kind=PlanKind.HOURS, every=1, zone="UTC")
_PATIENCE_SECONDS = 60


@pytest.mark.slow
def test_killed_at_any_step_of_a_deployment_nothing_is_half_done(service: RunningService, tmp_path: Path) -> None:
    service.start()
    lines = service.ask(lambda client: prepare(client, tmp_path))
    assert service.stop()
    done, version, interrupted = True, 1, 0
    # The closing lines are told after the transaction.
    before = len(lines) - 3
    for step in [*map(str, range(1, before + 1)), "before-commit", "committed", str(len(lines))]:
        with dying_service(service, step) as process:
            # How the one before has left it.
            service.ask(partial(look, done=done, version=version))
            wanted = DeployRequest(document=NEW, bindings={"database": "Other"}, schedule=HOURLY)
            with pytest.raises(AgentError) as caught:
                service.ask(partial(deploy, wanted=wanted))
            assert caught.value.code == "service-unreachable"
            assert process.wait(_PATIENCE_SECONDS) != 0
        done = step in ("committed", str(len(lines)))
        version, interrupted = version + done, interrupted + (not done)
    service.start()
    service.ask(lambda client: look(client, done=True, version=version))
    entries = service.ask(lambda client: client.versions.log("copy", limit=100))
    assert [one.outcome for one in entries].count(Outcome.INTERRUPTED) == interrupted
    assert [one.outcome for one in entries].count(Outcome.DEPLOYED) == version
    assert {one.code for one in entries if one.outcome is Outcome.INTERRUPTED} == {"service-ended"}
    run = service.ask(execute)
    assert (run.state, run.version) == (RunState.SUCCESS, version)
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection:
        assert connection.execute("SELECT count(*) FROM target").fetchone() == (3,)


async def prepare(client: AgentClient, folder: Path) -> list[str]:
    """Deploy the old version with its schedule; returns what a deployment reports."""
    with closing(sqlite3.connect(folder / "shop.db")) as connection, connection:
        connection.execute("CREATE TABLE source (id INTEGER PRIMARY KEY)")
        connection.execute("CREATE TABLE target (id INTEGER PRIMARY KEY)")
        connection.execute("INSERT INTO source VALUES (1), (2), (3)")
    await client.change_setting("enable_environment", "true")
    for name in ("Shop", "Other"):
        await client.save_configuration(database_draft(folder / "shop.db", name=name))
    first = DeployRequest(document=OLD, bindings={"database": "Shop"}, schedule=DAILY)
    return (await client.deploy(first)).lines


@contextmanager
def dying_service(service: RunningService, step: str) -> Iterator[subprocess.Popen[bytes]]:
    """A service that is killed at that step of its first deployment."""
    command = [sys.executable, "-m", "tests.service.deployment_killed", str(service.home), step]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with subprocess.Popen(command, env=environ) as process:
        try:
            end = time.monotonic() + _PATIENCE_SECONDS
            while running_service(service.folders) is None:
                assert process.poll() is None
                assert time.monotonic() < end
                time.sleep(0.02)
            yield process
        finally:
            process.kill()


async def look(client: AgentClient, *, done: bool, version: int) -> None:
    """All of the new version is there, or nothing of it."""
    flow, schedule = await client.flow("copy"), await client.schedule("copy")
    newest = (await client.versions.all("copy"))[0]
    new = version > 1
    assert (flow.version, newest.version, newest.active) == (version, version, True)
    assert flow.title == ("Copied again" if new else "Copy")
    assert [one.configuration_name for one in flow.bindings] == ["Other" if new else "Shop"]
    assert schedule.plan.kind is (PlanKind.HOURS if new else PlanKind.DAILY)
    assert newest.schedule == schedule.text
    (entry,) = await client.versions.log("copy", limit=1)
    assert entry.outcome is (Outcome.DEPLOYED if done else Outcome.INTERRUPTED)
    assert entry.ended_at is not None


async def execute(client: AgentClient) -> run_models.Run:
    run = await client.execute("copy")
    while not run.state.ended:
        run = await client.run(run.id, wait_seconds=20)
    return run


async def deploy(client: AgentClient, *, wanted: DeployRequest) -> flow_models.Deployed:
    """Deploy, to the end or to the service's."""
    return await client.deploy(wanted)
