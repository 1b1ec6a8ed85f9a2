"""The scheduler on real rows: what it starts, counts, logs and tells, and what a crash or a failure leaves behind."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.api import log_models, schedule_models
from agent.api.service_models import EnvironmentState
from agent.domain.errors import ConfigurationError, ConflictError, CredentialsError, NotFoundError, TransientError
from agent.domain.run import RunState, Trigger
from agent.domain.schedule import PlanKind
from agent.engine.schedules.look import MISFIRES_UNTIL_ALERT
from agent.engine.walking.journal import Level
from agent.service.apps.chosen_bindings import UNBOUND
from agent.service.apps.trips import Trips
from agent.service.events import Hub, Listener
from agent.service.runs.environment import Environment
from agent.service.runs.runs import Runs
from agent.service.runs.scheduler import LOOK_SECONDS, Scheduler
from agent.service.runs.schedules import Schedules
from agent.store.configurations import SAVED, VALIDATED, ConfigurationRow, ConfigurationStore
from agent.store.databases.database import Database
from agent.store.flows.deployments import DeploymentStore
from agent.store.runs.retry_policies import RetryPolicies
from agent.store.runs.runs import NewRun, RunRow, RunStore, new_run_id
from agent.store.runs.schedules import ScheduleRow, ScheduleStore, new_schedule
from agent.store.runs.trips import TripStore, Used
from tests.helpers.queued_runs import queue_run

START = datetime(2026, 6, 1, 7, 58, tzinfo=UTC)
EVERY_QUARTER = schedule_models.ScheduleChange(kind=PlanKind.MINUTES, every=15, zone="UTC")


class CrashError(BaseException):
    """The process ends here."""


@dataclass
class HandedOver:
    """Stands in for the worker: notes what it is given, or fails."""

    runs: list[str] = field(default_factory=list)
    failure: BaseException | None = None
    is_open: bool = True
    active: int = 0

    def enqueue(self, run_id: str) -> None:
        if self.failure is not None:
            raise self.failure
        self.runs.append(run_id)

    def cancel(self, run_id: str) -> None: ...

    def wake(self, run_ids: Sequence[str]) -> None: ...

    def open_gate(self) -> None: ...

    def close_gate(self) -> None: ...


@dataclass
class Lines:
    """Stands in for the log."""

    written: list[str] = field(default_factory=list)

    def write(self, level: Level, message: str, *, flow: str = "", run: str = "", detail: str = "") -> None:
        assert not detail
        self.written.append(f"{level} {flow}{'/run' if run else ''}: {message}")


class Stand:
    """A scheduler, its database, and a clock and a world that the test sets. Its thread is not started."""

    def __init__(self, path: Path) -> None:
        self.path, self.now, self.state = path, START, EnvironmentState.RUNNING
        self.journal, self.worker = Lines(), HandedOver()
        self.open()

    def open(self) -> None:
        """Start, or start again after a crash: nothing is left but the database."""
        self.database = Database.at(self.path)
        self.store, self.rows = ScheduleStore(self.database), RunStore(self.database)
        self.deployments = DeploymentStore(self.database)
        self.worker = HandedOver()
        self.hub = Hub(describe_run=lambda _: None, describe_log=lambda: log_models.LogBounds(first=0, last=0))
        environment = Environment(self.worker, enabled=lambda: True, secrets_ready=lambda: True, changed=lambda: None)
        self.trip_store = TripStore(self.database)
        self.trips = Trips(
            store=self.trip_store, deployments=self.deployments, waker=self.worker, journal=self.journal,
            changed=lambda: None,
        )  # fmt: skip
        self.runs = Runs(
            store=self.rows, deployments=self.deployments, schedules=self.store, trips=self.trips,
            retries=RetryPolicies(self.database), queue=self.worker, environment=environment, hub=self.hub,
            require_bound=lambda _: None, clock=self.clock,
        )  # fmt: skip
        self.scheduler = Scheduler(
            store=self.store, deployments=self.deployments, runs=self.runs, rows=self.rows, hub=self.hub,
            clock=self.clock, state=lambda: self.state, hindrances=self.hindrances, journal=self.journal,
        )  # fmt: skip
        self.schedules = Schedules(
            store=self.store, deployments=self.deployments, hub=self.hub, clock=self.clock, zone="Europe/Berlin",
            changed=self.scheduler.wake, by_events=lambda _: False,
        )  # fmt: skip

    def clock(self) -> datetime:
        return self.now

    def hindrances(self) -> dict[str, str]:
        return {**self.trips.hindrances(), **dict.fromkeys(self.deployments.waiting(), UNBOUND)}

    def at(self, time: str) -> float:
        """Look at that time of the day."""
        self.now = datetime.fromisoformat(f"2026-06-01T{time}Z")
        return self.scheduler.look()

    def deploy(self, flow: str = "orders", **bindings: str) -> None:
        self.deployments.add(
            flow=flow,
            document="",
            file="",
            bindings=bindings,
            note="",
            deployed_at=self.now,
            deployed_by="greta",
            log=[],
        )

    def end_runs(self) -> None:
        for run in self.rows.active():
            self.rows.end(run.id, state=RunState.SUCCESS, message="", remedy="", at=self.now)

    def planned(self) -> list[str]:
        """The planned times of all runs, oldest first."""
        runs = reversed(self.rows.page(flow="", before="", limit=1_000))
        return [f"{run.planned_for:%H:%M}" if run.planned_for else "by hand" for run in runs]


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    made = Stand(tmp_path / "agent.db")
    made.deploy()
    made.schedules.put("orders", EVERY_QUARTER, by="greta")
    yield made
    made.database.close()


def busy_run(stand: Stand, trigger: Trigger = Trigger.MANUAL) -> RunRow:
    return queue_run(stand.database, new_run_id(stand.now), flow="orders", trigger=trigger, by="greta", at=stand.now)


# -- starting ---------------------------------------------------------------------------------------------------------


def test_a_run_that_is_started_while_somebody_deploys_is_of_the_new_version(stand: Stand) -> None:
    newer: list[int] = []

    def write(run: NewRun) -> None:
        if not newer:
            stand.deploy()
            newer.append(run.version + 1)
        stand.rows.add(run)

    run = stand.runs.start("orders", by="greta", write=write)
    assert [run.version] == newer == [2]
    assert stand.worker.runs == [run.id]


def test_a_run_that_is_started_while_somebody_undeploys_is_not_started(stand: Stand) -> None:
    def write(run: NewRun) -> None:
        stand.deployments.withdraw("orders")
        stand.rows.add(run)

    with pytest.raises(NotFoundError) as caught:
        stand.runs.start("orders", by="greta", write=write)
    assert caught.value.code == "flow-not-found"
    assert (stand.rows.active(), stand.worker.runs) == ([], [])


def test_a_run_is_started_at_its_time_and_handed_to_the_worker(stand: Stand) -> None:
    assert stand.at("07:59:50") == 10
    assert stand.worker.runs == []
    stand.at("08:00:04")
    (run,) = stand.rows.active()
    assert stand.worker.runs == [run.id]
    assert (run.trigger, run.requested_by, run.version, run.state) == (Trigger.SCHEDULE, "schedule", 1, RunState.QUEUED)
    assert run.planned_for == datetime(2026, 6, 1, 8, tzinfo=UTC)
    assert stand.journal.written == ["info orders/run: Started by its schedule for 2026-06-01 08:00."]
    stand.end_runs()
    stand.at("08:00:19")
    assert stand.planned() == ["08:00"]


def test_it_looks_every_15_seconds_or_when_the_next_time_comes(stand: Stand) -> None:
    assert stand.at("07:58:30") == LOOK_SECONDS
    assert stand.at("07:59:59.5") == 0.5
    stand.schedules.clear("orders")
    assert stand.at("08:00") == LOOK_SECONDS
    assert stand.planned() == []


def test_processflows_do_not_hinder_each_other(stand: Stand) -> None:
    stand.deploy("customers")
    stand.schedules.put("customers", EVERY_QUARTER, by="greta")
    busy_run(stand)
    stand.at("08:00")
    assert [run.flow for run in stand.rows.active() if run.trigger is Trigger.SCHEDULE] == ["customers"]


def test_a_new_version_runs_from_the_next_time_on(stand: Stand) -> None:
    stand.at("08:00")
    stand.end_runs()
    stand.deploy()
    stand.at("08:15")
    assert [run.version for run in stand.rows.active()] == [2]


# -- misfires, alerts -------------------------------------------------------------------------------------------------


def test_a_run_that_is_still_busy_is_a_misfire_that_is_counted_logged_and_shown(stand: Stand) -> None:
    busy = busy_run(stand)
    stand.at("08:00:02")
    shown = stand.schedules.get("orders")
    assert (shown.misfires, shown.misfires_in_a_row, shown.runs, shown.alert) == (1, 1, 0, "")
    assert stand.journal.written == [
        f"info orders: Misfire: it did not start at 2026-06-01 08:00, as run {busy.id} is busy since 2026-06-01 07:58."
    ]
    stand.end_runs()
    stand.at("08:15")
    assert stand.schedules.get("orders").misfires_in_a_row == 0


def test_misfires_in_a_row_raise_an_alert_that_heals(stand: Stand) -> None:
    busy_run(stand)
    for number in range(MISFIRES_UNTIL_ALERT + 3):
        stand.now = datetime(2026, 6, 1, 8, tzinfo=UTC) + number * timedelta(minutes=15)
        stand.scheduler.look()
    brief = stand.schedules.briefs()["orders"]
    assert brief.alert.startswith("It did not start 6 times in a row")
    assert sum(line.startswith("warning") for line in stand.journal.written) == 1
    stand.end_runs()
    stand.at("10:15")
    assert stand.schedules.briefs()["orders"].alert == ""
    assert stand.journal.written[-1] == "info orders/run: It runs as planned again."


def test_a_stopped_environment_starts_nothing_and_says_so_once(stand: Stand) -> None:
    stand.state = EnvironmentState.STOPPED
    for time in ("08:00", "08:05", "08:30", "09:30"):
        stand.at(time)
    assert stand.planned() == []
    shown = stand.schedules.get("orders")
    assert shown.alert == "It should have run at 2026-06-01 08:00 and did not: the environment is stopped."
    assert shown.next_run_at == datetime(2026, 6, 1, 9, 45, tzinfo=UTC), "what is over is not to come"
    assert stand.journal.written == [f"warning orders: {shown.alert}"]
    stand.state = EnvironmentState.RUNNING
    stand.at("09:31")
    assert stand.planned() == ["09:30"]
    assert stand.schedules.get("orders").alert == ""


def test_a_vault_that_stays_locked_is_told_as_the_reason(stand: Stand) -> None:
    stand.state = EnvironmentState.STARTING
    stand.at("08:05")
    assert stand.schedules.get("orders").alert.endswith("the environment is enabled but waits for the vault.")


async def test_listeners_hear_of_every_change(stand: Stand) -> None:
    with stand.hub.listen() as listener:
        stand.at("07:59")
        stand.at("08:00")
        assert await heard(listener) == ["orders"]
        stand.at("08:15")
        assert await heard(listener) == ["orders"], "a misfire"
        stand.schedules.put("orders", EVERY_QUARTER, by="greta")
        stand.schedules.clear("orders")
        assert await heard(listener) == ["orders"], "the same plan again is no change"


async def heard(listener: Listener) -> list[object]:
    """The processflows that were told of since the last time."""
    event = await listener.next(20)
    assert event is not None
    found = [event.data.get("name")]
    while True:
        try:
            event = await listener.next(0.05)
        except TimeoutError:
            return found
        assert event is not None
        found.append(event.data.get("name"))


# -- crashes and failures ---------------------------------------------------------------------------------------------


def test_after_a_crash_between_writing_down_and_handing_over_the_run_is_there_once(stand: Stand) -> None:
    stand.worker.failure = CrashError()
    with pytest.raises(CrashError):
        stand.at("08:00")
    stand.database.close()
    stand.open()
    stand.at("08:00:30")
    (run,) = stand.rows.active()  # what the worker takes up when it starts
    assert stand.planned() == ["08:00"]
    stand.rows.end(run.id, state=RunState.SUCCESS, message="", remedy="", at=stand.now)
    stand.at("08:01")
    assert stand.planned() == ["08:00"]


def test_a_crash_before_anything_was_written_down_loses_nothing(stand: Stand) -> None:
    stand.now = datetime(2026, 6, 1, 8, tzinfo=UTC)  # it has come, and nobody looks
    stand.database.close()
    stand.open()
    stand.at("08:00:30")
    assert stand.planned() == ["08:00"]


def test_a_run_that_cannot_be_handed_over_has_failed_and_the_next_time_comes(stand: Stand) -> None:
    stand.deploy("zebras")
    stand.schedules.put("zebras", EVERY_QUARTER, by="greta")
    stand.worker.failure = OSError("no")
    with pytest.raises(ConfigurationError) as caught:
        stand.at("08:00")
    assert caught.value.code == "not-queued"
    runs = stand.rows.page(flow="", before="", limit=9)
    assert {(run.flow, run.state, run.message) for run in runs} == {
        ("orders", RunState.FAILED, "The run could not be queued."),
        ("zebras", RunState.FAILED, "The run could not be queued."),
    }
    stand.worker.failure = None
    stand.at("08:15")
    assert stand.planned() == ["08:00", "08:00", "08:15", "08:15"]


def test_two_services_on_one_database_start_each_time_once(stand: Stand) -> None:
    other = Stand(stand.path)
    for number in range(8):
        now = datetime(2026, 6, 1, 8, tzinfo=UTC) + number * timedelta(minutes=15)
        stand.now = other.now = now
        threads = [threading.Thread(target=one.scheduler.look) for one in (stand, other)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        stand.end_runs()
    other.database.close()
    assert stand.planned() == ["08:00", "08:15", "08:30", "08:45", "09:00", "09:15", "09:30", "09:45"]
    assert len(stand.worker.runs) + len(other.worker.runs) == 8


def test_a_schedule_that_cannot_be_used_hinders_no_other_and_is_told_of_once(stand: Stand) -> None:
    stand.deploy("broken")
    row = stand.store.find("orders")
    assert row is not None
    stand.store.put(new_schedule(
        flow="broken", plan={**row.plan, "zone": "Mars/Olympus"}, anchor=row.anchor, since=row.since,
        changed_by="greta", progress=row.progress,
    ))  # fmt: skip
    stand.at("08:00")
    stand.at("08:00:15")
    assert [run.flow for run in stand.rows.active()] == ["orders"]
    assert sum("Its schedule cannot be used. There is no time zone" in line for line in stand.journal.written) == 1
    assert "Mars/Olympus" in stand.schedules.briefs()["broken"].alert
    assert stand.schedules.get("broken").next_times == []
    stand.schedules.put("broken", EVERY_QUARTER, by="greta")
    assert stand.schedules.get("broken").alert == ""


class FlakyStore(ScheduleStore):
    """Tells when it is asked, and does not answer while `failing`."""

    asked = threading.Semaphore(0)
    failing = True

    def all(self) -> list[ScheduleRow]:
        self.asked.release()
        if self.failing:
            raise TransientError("The disk is full.", code="disk-full")
        return []


def test_the_thread_looks_when_it_is_woken_survives_failures_and_ends(
    stand: Stand, caplog: pytest.LogCaptureFixture
) -> None:
    store = FlakyStore(stand.database)
    scheduler = Scheduler(
        store=store, deployments=stand.deployments, runs=stand.runs, rows=stand.rows, hub=stand.hub, clock=stand.clock,
        state=lambda: stand.state, hindrances=dict, journal=stand.journal,
    )  # fmt: skip
    caplog.set_level(logging.INFO, "agent.service.runs.scheduler")
    scheduler.start()
    for _ in range(3):
        assert store.asked.acquire(timeout=20)
        scheduler.wake()
    store.failing = False
    for _ in range(2):
        assert store.asked.acquire(timeout=20)
        scheduler.wake()
    scheduler.stop()
    assert [record.getMessage() for record in caplog.records] == [
        "The schedules cannot be looked at now; trying again.", "The schedules can be looked at again.",
    ]  # fmt: skip


def test_a_scheduler_that_never_started_stops(stand: Stand) -> None:
    stand.scheduler.stop()


# -- runs by hand -----------------------------------------------------------------------------------------------------


def test_a_run_by_hand_has_no_planned_time_and_still_is_one_at_a_time(stand: Stand) -> None:
    stand.at("08:00")
    with pytest.raises(ConflictError):
        busy_run(stand)
    stand.end_runs()
    assert busy_run(stand).planned_for is None


def test_what_waits_for_a_configuration_is_told_of_and_made_up_for_once_it_is_bound(stand: Stand) -> None:
    waiting: dict[str, Any] = {"flow": "orders", "document": "", "file": "", "note": "", "deployed_by": "greta"}
    stand.deployments.add(**waiting, bindings={}, deployed_at=stand.now, log=[], waits_for={"shop": "bigcommerce"})
    stand.at("08:00")
    stand.at("08:03")
    assert stand.rows.active() == []
    assert "did not: Source Application Not Found" in stand.schedules.briefs()["orders"].alert
    stand.deployments.add(**waiting, bindings={"shop": "c1"}, deployed_at=stand.now, log=[])
    stand.at("08:04")
    assert stand.planned() == ["08:00"]
    assert stand.schedules.briefs()["orders"].alert == ""


# -- a configuration that its app refuses -----------------------------------------------------------------------------


def test_what_uses_a_refused_configuration_is_not_started_and_makes_up_for_it_once_it_works(stand: Stand) -> None:
    configurations = ConfigurationStore(stand.database)
    store = ConfigurationRow(
        id="store", app="app", name="Store", values={}, secret_hints={}, state=SAVED, message="", facts=(),
        validated_at=None, saved_at=START,
    )  # fmt: skip
    configurations.save(store)
    for flow, bindings in (("orders", {"from": "store"}), ("others", {})):
        stand.deploy(flow, **bindings)
        stand.schedules.put(flow, EVERY_QUARTER, by="greta")
    refusal = CredentialsError("The token was rejected.", code="credentials-rejected", remedy="Enter it again.")
    assert stand.trip_store.trip(Used("store", "Store", START, None), refusal, at=START)
    for time in ("08:00", "08:15", "08:30", "09:00"):
        stand.at(f"{time}:01")
        stand.end_runs()
    assert {run.flow for run in stand.rows.page(flow="", before="", limit=50)} == {"others"}
    with pytest.raises(ConflictError) as caught:
        stand.runs.start("orders", by="greta")
    assert (caught.value.code, caught.value.field) == ("configuration-tripped", "store")
    assert "“Store” is refused by its app: The token was rejected." in caught.value.message
    said = [line for line in stand.journal.written if "orders" in line]
    assert len(said) == 1
    assert "did not: the App Configuration “Store” is refused by its app." in said[0]
    configurations.note_validation("store", state=VALIDATED, message="", facts=(), at=stand.now)
    stand.at("09:10:00")
    (made_up,) = stand.rows.page(flow="orders", before="", limit=50)
    assert made_up.trigger is Trigger.SCHEDULE
    stand.end_runs()
    stand.at("09:15:01")
    assert len(stand.rows.page(flow="orders", before="", limit=50)) == 2
