"""Runs as rows: one at a time for each processflow, whatever comes in between."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.domain.errors import ConflictError, NotFoundError
from agent.domain.run import Counts, RunState, Trigger
from agent.store.databases.database import Database
from agent.store.flows.deployments import DeploymentStore
from agent.store.runs.runs import NewRun, RunRow, RunStore, new_run_id
from tests.helpers.agent_database import BOTH_KINDS, opened

NOW = datetime(2026, 11, 24, 9, 30, 15, 123_000, tzinfo=UTC)
LATER = NOW + timedelta(seconds=5)


@pytest.fixture(params=BOTH_KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    with opened(request, tmp_path) as database:
        deploy(database)
        deploy(database, "customers")
        yield database


@pytest.fixture
def runs(database: Database) -> RunStore:
    return RunStore(database)


def new_run(flow: str = "orders", *, version: int = 1, at: datetime = NOW) -> NewRun:
    return NewRun(
        id=new_run_id(at), flow=flow, version=version, trigger=Trigger.MANUAL, requested_by="greta", at=at
    )  # fmt: skip


def deploy(database: Database, flow: str = "orders") -> int:
    """A new version of a processflow; returns its number."""
    return (
        DeploymentStore(database)
        .add(flow=flow, document="", file="", bindings={}, note="", deployed_at=NOW, deployed_by="greta", log=[])
        .version
    )


def queue(runs: RunStore, flow: str = "orders", *, at: datetime = NOW) -> RunRow:
    return runs.add(new_run(flow, at=at))


def end(runs: RunStore, run: RunRow, state: RunState = RunState.SUCCESS) -> RunRow:
    return runs.end(run.id, state=state, message="Done.", remedy="", at=LATER)


def test_a_queued_run_is_read_back_as_it_was_written(runs: RunStore) -> None:
    run = queue(runs)
    assert run == runs.get(run.id)
    assert (run.flow, run.version, run.trigger, run.state) == ("orders", 1, Trigger.MANUAL, RunState.QUEUED)
    assert (run.queued_at, run.started_at, run.ended_at) == (NOW, None, None)
    assert (run.counts, run.requested_by, run.cancel_requested) == (Counts(), "greta", False)


def test_ids_sort_by_time_and_never_meet() -> None:
    moments = [datetime(1999, 1, 1, tzinfo=UTC), NOW, NOW + timedelta(milliseconds=1), datetime(2300, 1, 1, tzinfo=UTC)]
    ids = [new_run_id(moment) for moment in moments]
    assert ids == sorted(ids)
    assert len({new_run_id(NOW) for _ in range(1_000)}) == 1_000


def test_a_processflow_has_one_run_at_a_time_and_the_next_one_when_it_ended(runs: RunStore) -> None:
    first = queue(runs)
    queue(runs, "customers")
    with pytest.raises(ConflictError) as caught:
        queue(runs, at=LATER)
    assert caught.value.code == "already-running"
    end(runs, first)
    assert queue(runs, at=LATER).state is RunState.QUEUED


def test_of_many_who_ask_at_once_one_gets_the_run(runs: RunStore) -> None:
    outcomes: list[str] = []

    def ask() -> None:
        try:
            queue(runs)
        except ConflictError as error:
            outcomes.append(error.code)
        else:
            outcomes.append("queued")

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["already-running"] * 7 + ["queued"]


def test_neither_an_undeployed_nor_a_replaced_version_gets_a_run(database: Database, runs: RunStore) -> None:
    deploy(database)
    with pytest.raises(ConflictError) as caught:
        runs.add(new_run(version=1))
    assert caught.value.code == "deployment-overtaken"
    assert end(runs, runs.add(new_run(version=2))).state is RunState.SUCCESS
    DeploymentStore(database).withdraw("orders")
    with pytest.raises(ConflictError) as caught:
        runs.add(new_run(version=2))
    assert caught.value.code == "deployment-overtaken"
    assert runs.active() == []


def test_a_processflow_with_a_run_under_way_stays_deployed(database: Database, runs: RunStore) -> None:
    deployments, run = DeploymentStore(database), queue(runs)
    told: list[int] = []
    with pytest.raises(ConflictError) as caught:
        deployments.withdraw("orders", together=[lambda _, version: told.append(version)])
    assert caught.value.code == "already-running"
    assert (deployments.get("orders").version, told) == (1, [])
    end(runs, run)
    deployments.withdraw("orders", together=[lambda _, version: told.append(version)])
    assert (deployments.names(), told) == ({"customers"}, [1])


def test_of_a_start_and_an_undeployment_at_once_one_is_refused(database: Database, runs: RunStore) -> None:
    deployments = DeploymentStore(database)
    for _ in range(10):
        version, started, outcomes = deployments.get("orders").version, threading.Barrier(2), list[str]()

        def start(version: int = version, started: threading.Barrier = started) -> None:
            started.wait()
            runs.add(new_run(version=version))

        def withdraw(started: threading.Barrier = started) -> None:
            started.wait()
            deployments.withdraw("orders")

        def noted(work: Callable[[], None], outcomes: list[str] = outcomes) -> None:
            try:
                work()
            except ConflictError as error:
                outcomes.append(error.code)

        threads = [threading.Thread(target=noted, args=(work,)) for work in (start, withdraw)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(outcomes) == 1, outcomes
        for run in runs.active():
            end(runs, run)
        if "orders" not in deployments.names():
            deploy(database)


def test_the_time_of_the_first_start_stays_when_a_waiting_run_goes_on(runs: RunStore) -> None:
    run = queue(runs)
    assert runs.start(run.id, at=NOW).state is RunState.RUNNING
    runs.progress(run.id, state=RunState.WAITING, activity="Trying again in 5 s", message="No answer.", remedy="Wait.")
    waiting = runs.get(run.id)
    assert (waiting.state, waiting.activity, waiting.message) == (RunState.WAITING, "Trying again in 5 s", "No answer.")
    again = runs.start(run.id, at=LATER)
    assert (again.state, again.started_at) == (RunState.RUNNING, NOW)


def test_a_run_that_is_taken_up_again_after_a_crash_keeps_running(runs: RunStore) -> None:
    run = queue(runs)
    runs.start(run.id, at=NOW)
    assert runs.start(run.id, at=LATER) == runs.get(run.id)
    assert (runs.get(run.id).state, runs.get(run.id).started_at) == (RunState.RUNNING, NOW)


def test_a_parked_run_waits_for_its_moment_and_counts_how_often(runs: RunStore) -> None:
    run = queue(runs)
    assert (run.resume_at, run.parks) == (None, 0)
    runs.start(run.id, at=NOW)
    parked = runs.park(run.id, until=LATER, activity="The delay wait goes on in 5 s")
    assert (parked.state, parked.resume_at, parked.parks) == (RunState.WAITING, LATER, 1)
    assert parked.activity == "The delay wait goes on in 5 s"
    assert runs.active() == [parked]
    started = runs.start(run.id, at=LATER)
    assert (started.state, started.resume_at, started.parks, started.started_at) == (RunState.RUNNING, None, 1, NOW)
    assert runs.park(run.id, until=LATER, activity="").parks == 2


def test_a_run_that_is_being_cancelled_or_has_ended_is_not_parked(runs: RunStore) -> None:
    run = queue(runs)
    runs.start(run.id, at=NOW)
    runs.request_cancel(run.id, at=NOW)
    cancelling = runs.park(run.id, until=LATER, activity="no")
    assert (cancelling.state, cancelling.resume_at, cancelling.parks) == (RunState.CANCELLING, None, 0)
    ended = end(runs, run, RunState.CANCELLED)
    assert runs.park(run.id, until=LATER, activity="no") == ended


def test_cancelling_a_run_that_never_started_ends_it_at_once(runs: RunStore) -> None:
    run = queue(runs)
    cancelled = runs.request_cancel(run.id, at=LATER)
    assert (cancelled.state, cancelled.ended_at) == (RunState.CANCELLED, LATER)
    assert cancelled.message == "Cancelled before it started."
    # A worker that was about to take it finds it ended.
    assert runs.start(run.id, at=LATER).state is RunState.CANCELLED
    assert queue(runs, at=LATER).state is RunState.QUEUED


@pytest.mark.parametrize("state", [RunState.RUNNING, RunState.WAITING])
def test_cancelling_a_run_at_work_is_remembered_until_it_ended(runs: RunStore, state: RunState) -> None:
    run = queue(runs)
    runs.start(run.id, at=NOW)
    runs.progress(run.id, state=state, activity="busy")
    assert runs.request_cancel(run.id, at=LATER).state is RunState.CANCELLING
    runs.progress(run.id, state=RunState.RUNNING, activity="still busy")
    runs.start(run.id, at=LATER)
    cancelling = runs.get(run.id)
    assert (cancelling.state, cancelling.cancel_requested, cancelling.ended_at) == (RunState.CANCELLING, True, None)
    assert end(runs, run, RunState.CANCELLED).state is RunState.CANCELLED


def test_what_has_ended_is_never_changed(runs: RunStore) -> None:
    run = queue(runs)
    ended = end(runs, run, RunState.PARTIAL)
    runs.request_cancel(run.id, at=LATER)
    runs.progress(run.id, state=RunState.RUNNING, activity="no")
    runs.start(run.id, at=LATER)
    runs.end(run.id, state=RunState.FAILED, message="no", remedy="no", at=LATER)
    assert runs.get(run.id) == ended
    assert (ended.state, ended.message, ended.ended_at, ended.activity) == (RunState.PARTIAL, "Done.", LATER, "")


def test_an_unknown_run_is_told_as_such(runs: RunStore) -> None:
    with pytest.raises(NotFoundError) as caught:
        runs.get("nowhere")
    assert caught.value.code == "run-not-found"
    with pytest.raises(NotFoundError):
        runs.request_cancel("nowhere", at=NOW)


def test_pages_hold_every_run_once_newest_first(runs: RunStore) -> None:
    expected: list[str] = []
    for number in range(10):
        run = queue(runs, "orders" if number % 2 else "customers", at=NOW + timedelta(minutes=number))
        end(runs, run)
        expected.insert(0, run.id)
    found: list[str] = []
    while page := runs.page(flow="", before=found[-1] if found else "", limit=3):
        found += [run.id for run in page]
    assert found == expected
    assert [run.flow for run in runs.page(flow="orders", before="", limit=99)] == ["orders"] * 5


def test_the_latest_run_is_the_newest_that_ended_and_active_are_those_that_did_not(runs: RunStore) -> None:
    assert runs.latest("orders") is None
    first = end(runs, queue(runs))
    second = queue(runs, at=LATER)
    other = queue(runs, "customers", at=LATER + timedelta(seconds=1))
    latest = runs.latest("orders")
    assert latest is not None
    assert latest.id == first.id
    assert [run.id for run in runs.active()] == [second.id, other.id]


def test_active_runs_are_found_without_reading_the_history(tmp_path: Path) -> None:
    Database.at(tmp_path / "agent.db").close()
    query = "SELECT * FROM runs WHERE flow = 'orders' AND ended_at IS NULL"
    with closing(sqlite3.connect(tmp_path / "agent.db")) as connection:
        plan = connection.execute(f"EXPLAIN QUERY PLAN {query}").fetchall()
    assert any("runs_active" in str(step) for step in plan)
