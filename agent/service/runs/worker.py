"""Durable runs: everything that knows DBOS. One generic workflow whose steps are slices of the engine's runner.

DBOS supplies the queue, recovery after a crash and the rule that a finished step is not repeated; what was written and
booked is the ledger's business. The *gate* stands before every slice: closed, runs stop at their next checkpoint and
wait; open, they go on. It is what *Enable Environment* turns.

DBOS writes down what its workflows do, in a file that may be on a full disk; a workflow whose step was done and could
not be written down goes on. Should one be lost in spite of that, it is missed at the next look, and taken up again.

A run that a Delay holds back is *parked*: its workflow ends, so that it holds no worker, and another one is started
when its moment has come. The run's row counts these *legs*, so that of two workflows of one run only the newer works.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from dbos import DBOS, DBOSConfig, SetWorkflowID

from agent.domain.errors import FatalError, TransientError
from agent.engine.running.control import RunControl
from agent.engine.running.runner import Runner, Then
from agent.store.databases.server import ServerAccess
from agent.store.runs.runs import RunStore

_SLICE_SECONDS = 20.0
_POLL_SECONDS = 0.25  # each look costs 4 ms of processor time, also while nothing is to do
_QUEUE = "runs"
_logger = logging.getLogger(__name__)
# Fixed for good: a run belongs to the version it was started under, and an upgrade must strand none.
_APPLICATION_VERSION = "op-agent-1"
_RECOVERIES = 1_000
_LOST = {"CANCELLED", "ERROR", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"}
_RETRY_SECONDS = 5.0
_LOOK_SECONDS = 15.0


class _Stopping(BaseException):
    """Ends a workflow's thread without ending the workflow: it is recovered at the next start."""


class Worker:
    """Runs processflows durably. One in a process, since DBOS is.

    Args:
        runner: Runs slices.
        runs: The runs.
        database: Where DBOS keeps its tables: a SQLite file of its own, or a server.
        executor_id: Stable and unique for this installation.
        changed: Called, from any thread, when the gate or the number of active slices changed.
        clock: Gives the present, aware and in UTC.
    """

    def __init__(
        self,
        *,
        runner: Runner,
        runs: RunStore,
        database: Path | ServerAccess,
        executor_id: str,
        changed: Callable[[], None],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._runner = runner
        self._runs = runs
        self._database = database
        self._engine = database.engine() if isinstance(database, ServerAccess) else None
        self._executor_id = executor_id
        self._changed = changed
        self._condition = threading.Condition()
        self._open = False
        self._stopping = False
        self._launched = False
        self._turns = 0
        self._controls: dict[str, RunControl] = {}
        self._clock = clock
        self._parked: dict[str, datetime] = {}
        self._carried: set[str] = set()
        self._missed: set[str] = set()
        self._waker: threading.Thread | None = None

    def start(self) -> None:
        """Launch DBOS and take up what was left behind. The gate is closed at first.

        Raises:
            FatalError: code `engine-broken`: DBOS could not be started.
        """
        global _current  # noqa: PLW0603 - DBOS keeps its workflows and its instance in globals
        # With a handler there it makes none of its own, which would write to the console what nobody has redacted.
        logging.getLogger("dbos").addHandler(logging.NullHandler())
        _current = self
        try:
            DBOS(
                config=DBOSConfig(
                    name="op-agent",
                    system_database_url=self._url(),
                    system_database_engine=self._engine,
                    executor_id=self._executor_id,
                    application_version=_APPLICATION_VERSION,
                    log_level="ERROR",
                    scheduler_polling_interval_sec=3_600.0,
                    # Nothing of ours is notified; but ending waits until its listener wakes up.
                    notification_listener_polling_interval_sec=0.3,
                )
            )
            DBOS.launch()
            DBOS.register_queue(_QUEUE, worker_concurrency=4, polling_interval_sec=_POLL_SECONDS)
            for run in self._runs.active():
                if run.resume_at is not None and run.resume_at > self._clock() and not run.cancel_requested:
                    self._parked[run.id] = run.resume_at
                else:
                    self._take_up(run.id, run.parks)
        except Exception as error:
            self._destroy()
            raise FatalError(
                "The engine that runs processflows could not be started.",
                code="engine-broken",
                remedy="Restart the service; if it happens again, send the log to your support.",
                detail=f"{type(error).__name__}",
            ) from error
        self._launched = True
        self._waker = threading.Thread(target=self._wake_parked, name="waker", daemon=True)
        self._waker.start()

    def enqueue(self, run_id: str) -> None:
        """Let a queued run start when the gate is open and a worker is free. Doing it twice is harmless."""
        self._enqueue(run_id, 0)

    def _enqueue(self, run_id: str, leg: int) -> None:
        with SetWorkflowID(_workflow_id(run_id, leg)):
            DBOS.enqueue_workflow(_QUEUE, _run_processflow, run_id, leg)

    def cancel(self, run_id: str) -> None:
        """Cancel a run that a slice is working on; others see the request in their row before they start."""
        with self._condition:
            if (control := self._controls.get(run_id)) is not None:
                control.cancel()
            if run_id in self._parked:
                self._parked[run_id] = self._clock()
            self._turn()

    def wake(self, run_ids: Sequence[str]) -> None:
        """Let parked runs go on at once; their rows say so already."""
        with self._condition:
            now = self._clock()
            self._parked.update({run_id: now for run_id in run_ids if run_id in self._parked})
            self._turn()

    def open_gate(self) -> None:
        """Let runs go on."""
        with self._condition:
            self._open = True
            self._turn()
        self._changed()

    def close_gate(self) -> None:
        """Let runs stop at their next checkpoint. Returns at once; `active` falls to 0."""
        with self._condition:
            self._open = False
            for control in self._controls.values():
                control.pause()
        self._changed()

    @property
    def is_open(self) -> bool:
        """Whether the gate is open."""
        return self._open

    @property
    def active(self) -> int:
        """How many slices are being worked on."""
        return len(self._controls)

    def stop(self, *, timeout_seconds: float) -> bool:
        """Drain and shut down: runs stop at their next checkpoint and go on after the next start.

        Returns whether every run reached its checkpoint in time; one that did not is taken up as after a crash.
        """
        self.close_gate()
        with self._condition:
            drained = self._condition.wait_for(lambda: not self._controls, timeout_seconds)
            self._stopping = True
            self._turn()
        if self._launched:
            if self._waker is not None:
                self._waker.join()
            self._destroy()
        return drained

    def work(self, run_id: str, leg: int) -> Then:
        """Work on one slice of a run. Called by the workflow's step. Raises _Stopping when the service ends."""
        try:
            if self._runs.get(run_id).parks != leg:
                return Then.ENDED  # a newer workflow of this run goes on with it
            then = self._work(run_id)
            if then is Then.PARKED:
                self._park(run_id)
        except TransientError:
            # Our own database is busy. Whatever the row says in a moment, nothing was lost.
            with self._condition:
                self._condition.wait_for(lambda: self._stopping, _RETRY_SECONDS)
            return Then.GO_ON
        return then

    @contextmanager
    def carrying(self, workflow_id: str) -> Iterator[None]:
        """Note that a workflow is under way here for the length of a block."""
        with self._condition:
            self._carried.add(workflow_id)
        try:
            yield
        finally:
            with self._condition:
                self._carried.discard(workflow_id)

    def rest(self, error: Exception) -> None:
        """Wait a little before a slice that could not be written down. Raises _Stopping when the service ends."""
        _logger.debug("What a run did could not be written down yet: %s", type(error).__name__)
        with self._condition:
            if self._condition.wait_for(lambda: self._stopping, _RETRY_SECONDS):
                raise _Stopping

    def _work(self, run_id: str) -> Then:
        control = RunControl()
        with self._condition:
            if self._stopping:
                raise _Stopping
            self._controls[run_id] = control
            if not self._open:
                control.pause()
        self._changed()
        try:
            return self._runner.run_slice(run_id, control, budget_seconds=_SLICE_SECONDS)
        finally:
            with self._condition:
                del self._controls[run_id]
                self._turn()
            self._changed()

    def wait_at_gate(self, run_id: str) -> None:
        """Wait until the gate opens or the run is to be cancelled. Raises _Stopping when the service ends."""
        while True:
            with self._condition:
                if self._stopping:
                    raise _Stopping
                if self._open:
                    return
                seen = self._turns
            if self._is_cancelled(run_id):
                return
            with self._condition:
                while self._turns == seen:
                    self._condition.wait()

    def _park(self, run_id: str) -> None:
        with self._condition:
            # Read under the lock: whoever wakes or cancels it writes the row first and then looks here.
            row = self._runs.get(run_id)
            now = self._clock()
            self._parked[run_id] = now if row.cancel_requested or row.resume_at is None else row.resume_at
            self._turn()

    def _wake_parked(self) -> None:
        """Start the next leg of each parked run when its moment has come. The wall clock counts, also after sleep."""
        looked = time.monotonic()
        while True:
            if time.monotonic() - looked > _LOOK_SECONDS:
                looked = time.monotonic()
                self._look_for_lost()
            with self._condition:
                if self._stopping:
                    return
                now = self._clock()
                due = [run_id for run_id, until in self._parked.items() if until <= now]
                if not due:
                    left = [(until - now).total_seconds() for until in self._parked.values()]
                    self._condition.wait(min([*left, _LOOK_SECONDS]))
                    continue
                for run_id in due:
                    del self._parked[run_id]
            for run_id in due:
                self._wake(run_id)

    def _wake(self, run_id: str) -> None:
        try:
            self._enqueue(run_id, self._runs.get(run_id).parks)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is tried again, and no other run waits for it
            _logger.warning("A run that waited could not go on yet: %s", type(error).__name__)
            with self._condition:
                self._parked[run_id] = self._clock() + timedelta(seconds=_RETRY_SECONDS)

    def _look_for_lost(self) -> None:
        """Take up runs that nothing carries any more. One that was missed once may just be about to begin."""
        try:
            active = {_workflow_id(run.id, run.parks): run for run in self._runs.active()}
            with self._condition:
                parked, carried = set(self._parked), set(self._carried)
            missed = {one for one, run in active.items() if one not in carried and run.id not in parked}
            for workflow_id in missed & self._missed:
                self._take_up(active[workflow_id].id, active[workflow_id].parks, pending_is_lost=True)
            self._missed = missed - self._missed
        except Exception as error:  # noqa: BLE001 - whatever it is, the next look tries again
            _logger.debug("Lost runs could not be looked for: %s", type(error).__name__)

    def _turn(self) -> None:
        """Let everybody who waits look again. Under the condition's lock."""
        self._turns += 1
        self._condition.notify_all()

    def _is_cancelled(self, run_id: str) -> bool:
        try:
            return self._runs.get(run_id).cancel_requested
        except TransientError:
            return False

    def _destroy(self) -> None:
        DBOS.destroy()
        if self._engine is not None:
            self._engine.dispose()
        self._launched = False

    def _url(self) -> str | None:
        """Where its tables are; None where they are reached through connections of ours."""
        if isinstance(self._database, ServerAccess):
            return None
        _use_wal(self._database)
        return f"sqlite:///{self._database.as_posix()}"

    def _take_up(self, run_id: str, leg: int, *, pending_is_lost: bool = False) -> None:
        """Make sure that DBOS knows a run that has not ended; at a start it recovers those it had begun by itself."""
        workflow_id = _workflow_id(run_id, leg)
        status = DBOS.get_workflow_status(workflow_id)
        if status is None:
            self._enqueue(run_id, leg)
        elif status.status in _LOST or (pending_is_lost and status.status == "PENDING"):
            DBOS.resume_workflow(workflow_id)


_current: Worker | None = None


def _worker() -> Worker:
    if _current is None:
        raise _Stopping
    return _current


def _workflow_id(run_id: str, leg: int) -> str:
    return f"{run_id}.{leg}" if leg else run_id


@DBOS.step(name="run_slice")
def _run_slice(run_id: str, leg: int) -> str:
    return _worker().work(run_id, leg).value


@DBOS.workflow(name="run_processflow", max_recovery_attempts=_RECOVERIES)
def _run_processflow(run_id: str, leg: int) -> str:
    with _worker().carrying(_workflow_id(run_id, leg)):
        while True:
            _worker().wait_at_gate(run_id)
            try:
                then = _run_slice(run_id, leg)
            except Exception as error:  # noqa: BLE001 - DBOS could not write it down: what is done is in our ledger
                _worker().rest(error)
                continue
            if then in {Then.ENDED.value, Then.PARKED.value}:
                return then


def _use_wal(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
    finally:
        connection.close()
