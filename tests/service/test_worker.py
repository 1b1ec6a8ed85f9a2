"""Durable runs on the real DBOS: the gate, stopping in the middle, starting again, and what goes wrong on the way."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.domain.errors import FatalError
from agent.domain.run import RunState
from agent.engine.running.control import RunControl
from agent.engine.running.runner import Then
from agent.service.runs.worker import Worker
from agent.store.databases.database import Database
from agent.store.runs.runs import RunStore
from tests.helpers.queued_runs import queue_run
from tests.helpers.small_disk import small_disk

NOW = datetime(2026, 6, 1, tzinfo=UTC)
RUN = "0000000000010000aaaa"


class SlowRunner:
    """Works on a slice until it is told to stop, or until the test lets it end the run."""

    def __init__(self, store: RunStore) -> None:
        self._store = store
        self.begun = threading.Semaphore(0)
        self.slices = 0
        self.may_end = threading.Event()
        self.deaf = False

    def run_slice(self, run_id: str, control: RunControl, *, budget_seconds: float) -> Then:
        assert budget_seconds > 0
        self.slices += 1
        self.begun.release()
        while not self.may_end.wait(0.01):
            if control.paused() and not self.deaf:
                return Then.PAUSED
            if control.cancelled():
                break
        cancelled = control.cancelled() or self._store.get(run_id).cancel_requested
        state = RunState.CANCELLED if cancelled else RunState.SUCCESS
        self._store.end(run_id, state=state, message="", remedy="", at=NOW)
        return Then.ENDED


class Stand:
    """A worker that can be stopped and started again on the same files."""

    def __init__(self, folder: Path, engine: Path | None = None) -> None:
        self.folder, self.engine = folder, engine or folder / "engine.db"
        self.database = Database.at(folder / "agent.db")
        self.store = RunStore(self.database)
        self.changes = 0
        self.runner = SlowRunner(self.store)
        self.worker = self.make()

    def make(self) -> Worker:
        def changed() -> None:
            self.changes += 1

        self.runner = SlowRunner(self.store)
        self.worker = Worker(
            runner=self.runner,  # type: ignore[arg-type]  # it has what a worker uses of a runner
            runs=self.store,
            database=self.engine,
            executor_id="stand",
            changed=changed,
        )
        return self.worker

    def queue(self) -> None:
        queue_run(self.database, RUN, flow="copy", by="test", at=NOW)
        self.worker.enqueue(RUN)

    def wait_until_ended(self) -> RunState:
        ended = threading.Event()
        for _ in range(2_000):
            if self.store.get(RUN).state.ended:
                return self.store.get(RUN).state
            ended.wait(0.01)
        raise AssertionError("the run does not end")

    def wait_until_begun(self) -> None:
        assert self.runner.begun.acquire(timeout=20), "no slice begins"


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    made = Stand(tmp_path)
    yield made
    made.runner.may_end.set()
    made.worker.stop(timeout_seconds=20)
    made.database.close()


def test_a_run_waits_at_the_gate_and_pauses_when_it_closes(stand: Stand) -> None:
    stand.worker.start()
    stand.queue()
    assert not stand.runner.begun.acquire(timeout=0.4)
    stand.worker.open_gate()
    stand.wait_until_begun()
    assert stand.worker.active == 1
    stand.worker.close_gate()
    while stand.worker.active:
        threading.Event().wait(0.01)
    assert stand.store.get(RUN).ended_at is None
    stand.worker.open_gate()
    stand.wait_until_begun()
    stand.runner.may_end.set()
    assert stand.wait_until_ended() is RunState.SUCCESS
    assert stand.changes >= 6


def test_a_run_goes_on_after_a_stop_in_the_middle(stand: Stand) -> None:
    stand.worker.start()
    stand.worker.open_gate()
    stand.queue()
    stand.wait_until_begun()
    assert stand.worker.stop(timeout_seconds=20) is True
    assert stand.worker.active == 0
    assert stand.store.get(RUN).ended_at is None

    stand.make().start()
    assert not stand.runner.begun.acquire(timeout=0.4), "it has to wait for the gate of the new service"
    stand.worker.open_gate()
    stand.wait_until_begun()
    stand.runner.may_end.set()
    assert stand.wait_until_ended() is RunState.SUCCESS


def test_a_run_that_reaches_no_checkpoint_is_reported(stand: Stand) -> None:
    stand.worker.start()
    stand.worker.open_gate()
    stand.runner.deaf = True
    stand.queue()
    stand.wait_until_begun()
    assert stand.worker.stop(timeout_seconds=0.1) is False
    stand.runner.may_end.set()


def test_a_run_is_cancelled_at_a_closed_gate_and_at_work(stand: Stand) -> None:
    stand.worker.start()
    stand.worker.open_gate()
    stand.queue()
    stand.wait_until_begun()
    stand.worker.close_gate()
    while stand.worker.active:
        threading.Event().wait(0.01)
    stand.store.start(RUN, at=NOW)
    stand.store.request_cancel(RUN, at=NOW)
    stand.worker.cancel(RUN)
    stand.runner.may_end.set()
    assert stand.wait_until_ended() is RunState.CANCELLED


def test_a_run_that_was_noted_but_never_handed_over_is_taken_up(stand: Stand) -> None:
    queue_run(stand.database, RUN, flow="copy", by="test", at=NOW)
    stand.worker.start()  # the service died between noting it and handing it over
    stand.worker.open_gate()
    stand.wait_until_begun()
    stand.runner.may_end.set()
    assert stand.wait_until_ended() is RunState.SUCCESS


def test_a_worker_that_never_started_stops(stand: Stand) -> None:
    assert stand.worker.stop(timeout_seconds=1) is True


def test_a_broken_engine_is_told_and_works_once_it_is_whole(stand: Stand) -> None:
    engine = stand.folder / "engine.db"
    engine.write_bytes(b"no database" * 1_000)
    with pytest.raises(FatalError) as raised:
        stand.worker.start()
    assert raised.value.code == "engine-broken"
    assert stand.worker.stop(timeout_seconds=1) is True
    engine.unlink()
    stand.make().start()
    stand.worker.open_gate()
    stand.queue()
    stand.wait_until_begun()
    stand.runner.may_end.set()
    assert stand.wait_until_ended() is RunState.SUCCESS


class ParkingRunner(SlowRunner):
    """Parks its run for a day; an operator cancels it in the very moment before the worker lets go of it."""

    cancel_now = True

    def run_slice(self, run_id: str, control: RunControl, *, budget_seconds: float) -> Then:
        row = self._store.get(run_id)
        if row.cancel_requested:
            self._store.end(run_id, state=RunState.CANCELLED, message="", remedy="", at=NOW)
            return Then.ENDED
        self._store.start(run_id, at=NOW)
        self._store.park(run_id, until=datetime.now(UTC) + timedelta(days=1), activity="")
        if self.cancel_now:
            self._store.request_cancel(run_id, at=NOW)
        self.begun.release()
        return Then.PARKED


def test_a_run_that_is_cancelled_while_it_is_being_parked_ends(stand: Stand) -> None:
    stand.worker._runner = ParkingRunner(stand.store)  # type: ignore[assignment]  # as in the stand
    stand.worker.start()
    stand.worker.open_gate()
    stand.queue()
    assert stand.wait_until_ended() is RunState.CANCELLED


def test_a_parked_run_that_was_cancelled_before_a_crash_ends_after_it(stand: Stand) -> None:
    runner = ParkingRunner(stand.store)
    runner.cancel_now = False
    stand.worker._runner = runner  # type: ignore[assignment]  # as in the stand
    stand.worker.start()
    stand.worker.open_gate()
    stand.queue()
    assert runner.begun.acquire(timeout=20)
    assert stand.worker.stop(timeout_seconds=20)
    stand.store.request_cancel(RUN, at=NOW)
    stand.make()._runner = ParkingRunner(stand.store)  # type: ignore[assignment]  # as in the stand
    stand.worker.start()
    stand.worker.open_gate()
    assert stand.wait_until_ended() is RunState.CANCELLED


def test_a_run_goes_on_after_its_engine_could_not_write_down_what_it_did(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", "agent.service.runs.worker")
    with small_disk(tmp_path / "small", megabytes=4) as disk:
        stand = Stand(tmp_path, tmp_path / "small" / "engine.db")
        try:
            stand.worker.start()
            stand.worker.open_gate()
            stand.queue()
            stand.wait_until_begun()
            disk.fill()
            stand.worker.close_gate()  # the slice ends, and cannot be written down
            while "could not be written down" not in caplog.text:
                threading.Event().wait(0.01)
            disk.empty()
            stand.worker.open_gate()
            stand.wait_until_begun()
            stand.runner.may_end.set()
            assert stand.wait_until_ended() is RunState.SUCCESS
        finally:
            stand.runner.may_end.set()
            stand.worker.stop(timeout_seconds=20)
            stand.database.close()
