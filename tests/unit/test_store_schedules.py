"""Schedules as rows: of several that look, one acts, and a run is there exactly when its time is dealt with."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest

from agent.domain.plan_form import parse_plan, plan_form
from agent.domain.run import RunState, Trigger
from agent.domain.schedule import Progress
from agent.engine.schedules.look import Busy, World, begin, look
from agent.engine.schedules.times import anchor_of
from agent.store.databases.database import Database
from agent.store.flows.deployments import DeploymentStore
from agent.store.runs.runs import NewRun, RunRow, RunStore, new_run_id
from agent.store.runs.schedules import ScheduleRow, ScheduleStore, new_schedule
from tests.helpers import schedule_oracle
from tests.helpers.agent_database import BOTH_KINDS, opened
from tests.helpers.queued_runs import queue_run
from tests.helpers.schedule_oracle import Gap

NOW = datetime(2026, 6, 1, 8, 0, tzinfo=UTC)
PLAN = {"kind": "minutes", "every": 15, "zone": "UTC", "missed": "once", "missed_cap": 10, "end": "never"}


@pytest.fixture(params=BOTH_KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    with opened(request, tmp_path) as database:
        deploy(database)
        yield database


def deploy(database: Database, flow: str = "orders") -> None:
    DeploymentStore(database).add(
        flow=flow, document="", file="", bindings={}, note="", deployed_at=NOW, deployed_by="greta", log=[]
    )


def put(store: ScheduleStore, flow: str = "orders") -> ScheduleRow:
    progress = Progress(looked_at=NOW, next_at=NOW + timedelta(minutes=15))
    return store.put(new_schedule(flow=flow, plan=PLAN, anchor=NOW, since=NOW, changed_by="greta", progress=progress))


def new_run(planned_for: datetime, version: int = 1, *, at: datetime | None = None) -> NewRun:
    return NewRun(
        id=new_run_id(at or planned_for), flow="orders", version=version, trigger=Trigger.SCHEDULE,
        requested_by="schedule", at=at or planned_for, planned_for=planned_for,
    )  # fmt: skip


def fired(row: ScheduleRow) -> Progress:
    """The progress after the next time was fired."""
    assert row.progress.next_at is not None
    return replace(
        row.progress, looked_at=row.progress.next_at, next_at=row.progress.next_at + timedelta(minutes=15),
        runs=row.progress.runs + 1,
    )  # fmt: skip


def test_a_schedule_is_read_back_as_it_was_written(database: Database) -> None:
    store = ScheduleStore(database)
    row = put(store)
    progress = Progress(
        looked_at=NOW, next_at=None, owed=(NOW, NOW + timedelta(hours=1)), runs=3, misfires=4, misfires_in_a_row=2,
        missed=5, alert="It did not run.",
    )  # fmt: skip
    advanced = store.advance(row, progress)
    assert advanced == store.find("orders")
    assert advanced is not None
    assert (advanced.progress, advanced.plan, advanced.since, advanced.changed_by) == (progress, PLAN, NOW, "greta")
    assert store.find("customers") is None


def test_a_new_plan_takes_the_place_of_the_old_one(database: Database) -> None:
    store = ScheduleStore(database)
    old = put(store)
    put(store, "customers")
    new = store.put(
        new_schedule(
            flow="orders", plan={**PLAN, "every": 30}, anchor=NOW, since=NOW, changed_by="anna", progress=old.progress
        )
    )
    assert [row.flow for row in store.all()] == ["customers", "orders"]
    assert store.find("orders") == new
    assert store.advance(old, fired(old)) is None, "what was about to happen is off"


def test_a_schedule_that_was_taken_away_does_nothing_more_even_if_the_same_is_set_again(database: Database) -> None:
    store = ScheduleStore(database)
    row = put(store)
    assert store.remove("orders")
    assert not store.remove("orders")
    assert store.advance(row, fired(row), run=new_run(NOW)) is None
    put(store)
    assert store.advance(row, fired(row), run=new_run(NOW)) is None
    assert RunStore(database).active() == []


def test_a_run_and_the_progress_of_its_schedule_are_written_together(database: Database) -> None:
    store, runs = ScheduleStore(database), RunStore(database)
    row = put(store)
    run = new_run(NOW + timedelta(minutes=15))
    advanced = store.advance(row, fired(row), run=run)
    assert advanced is not None
    assert advanced.progress.runs == 1
    written = runs.get(run.id)
    assert (written.trigger, written.state, written.planned_for) == (Trigger.SCHEDULE, RunState.QUEUED, run.planned_for)


def test_while_a_run_has_not_ended_neither_is_written(database: Database) -> None:
    store, runs = ScheduleStore(database), RunStore(database)
    row = put(store)
    busy = queue_run(database, "b", flow="orders", by="greta", at=NOW)
    assert store.advance(row, fired(row), run=new_run(NOW)) is None
    assert store.find("orders") == row
    runs.end(busy.id, state=RunState.SUCCESS, message="", remedy="", at=NOW)
    assert store.advance(row, fired(row), run=new_run(NOW)) is not None


def test_a_version_that_is_not_deployed_any_more_is_not_started(database: Database) -> None:
    store = ScheduleStore(database)
    row = put(store)
    deploy(database)
    assert store.advance(row, fired(row), run=new_run(NOW, version=1)) is None
    DeploymentStore(database).withdraw("orders")
    assert store.advance(row, fired(row), run=new_run(NOW, version=2)) is None
    assert (store.find("orders"), RunStore(database).active()) == (row, [])


def test_of_many_services_that_look_at_once_one_fires(database: Database) -> None:
    services, times = 4, 12
    put(ScheduleStore(database))
    started = threading.Barrier(services)
    won: list[datetime] = []

    def serve() -> None:
        store = ScheduleStore(database)
        for number in range(1, times + 1):
            row = store.find("orders")
            started.wait(30)
            assert row is not None
            assert row.progress.next_at == NOW + number * timedelta(minutes=15)
            run = new_run(row.progress.next_at)
            if store.advance(row, fired(row), run=run) is not None:
                won.append(row.progress.next_at)
                RunStore(database).end(run.id, state=RunState.SUCCESS, message="", remedy="", at=NOW)
            started.wait(30)

    threads = [threading.Thread(target=serve) for _ in range(services)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert won == [NOW + number * timedelta(minutes=15) for number in range(1, times + 1)]
    assert planned_times(database) == won


def test_a_year_in_the_database_with_rivals_and_restarts_has_every_time_once(tmp_path: Path) -> None:
    """Two services look at the same rows, and are started again now and then."""
    zone, dice = "Europe/Berlin", random.Random(5)
    start, end = (schedule_oracle.midnight(zone, date(year, 1, 1)) for year in (2026, 2027))
    plan = parse_plan(
        {"kind": "daily", "at": "02:30", "zone": zone, "missed": "all", "missed_cap": 3}, default_zone="UTC"
    )
    assert plan is not None
    databases = [Database.at(tmp_path / "agent.db") for _ in range(2)]
    deploy(databases[0])
    ScheduleStore(databases[0]).put(new_schedule(
        flow="orders", plan=plan_form(plan), anchor=anchor_of(plan, start), since=start, changed_by="greta",
        progress=begin(plan, anchor_of(plan, start), start),
    ))  # fmt: skip
    now, gaps = start, list[Gap]()
    while now < end:
        for database in databases:
            store, runs = ScheduleStore(database), RunStore(database)
            row, busy = store.find("orders"), runs.active()
            assert row is not None
            if dice.random() < 0.1:
                other = databases[0] if database is databases[1] else databases[1]
                act(ScheduleStore(other), row, now, runs.active())
            act(store, row, now, busy)
        if dice.random() < 0.1:
            databases.append(databases.pop(0))
            databases[1].close()
            databases[1] = Database.at(tmp_path / "agent.db")
        for run in RunStore(databases[0]).active():
            RunStore(databases[0]).end(run.id, state=RunState.SUCCESS, message="", remedy="", at=now)
        row = ScheduleStore(databases[0]).find("orders")
        assert row is not None
        assert row.progress.next_at is not None
        following = now + timedelta(seconds=1) if row.progress.owed else row.progress.next_at + timedelta(seconds=9)
        if not row.progress.owed and dice.random() < 0.05:
            gaps.append(Gap(now, now + timedelta(hours=dice.uniform(20, 200))))
            following = gaps[-1].end
        now = following
    times = schedule_oracle.once_a_day(schedule_oracle.steps(zone, start, end), [time(2, 30)], lambda _: True)
    expected = schedule_oracle.fired(times, gaps, missed="all", cap=3)
    found = planned_times(databases[0])
    for database in databases:
        database.close()
    assert len(gaps) > 5
    assert [moment for moment in found if moment < end] == [moment for moment in expected if moment <= found[-1]]
    assert end - found[-1] < timedelta(days=9)


def act(store: ScheduleStore, row: ScheduleRow, now: datetime, busy: list[RunRow]) -> None:
    """Look, and write down what follows."""
    plan = parse_plan(row.plan, default_zone="UTC")
    assert plan is not None
    hinders = Busy(busy[0].id, busy[0].queued_at) if busy else None
    decision = look(plan, row.anchor, row.progress, World(now=now, deployed=True, hindrance="", busy=hinders))
    if decision.progress != row.progress:
        store.advance(row, decision.progress, run=new_run(decision.fire, at=now) if decision.fire else None)


def planned_times(database: Database) -> list[datetime]:
    """The planned times of all runs, in the order in which they started."""
    page = RunStore(database).page(flow="orders", before="", limit=1_000)
    found = [run.planned_for for run in reversed(page)]
    assert None not in found
    return [moment for moment in found if moment is not None]
