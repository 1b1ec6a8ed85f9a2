"""Runs a deployed processflow, slice by slice. Knows nothing of its caller: any durable engine can call it, or a test.

A slice goes on from the ledger's cursors, works for its budget, and leaves everything booked. Killing the process
between or inside slices costs at most the packet in flight, which is settled by the next slice.
"""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from agent.domain.errors import AgentError, TransientError
from agent.domain.processflow import Processflow
from agent.domain.run import RunState
from agent.domain.run_classes import NO_FAULT, RunClass, RunFault
from agent.engine.events.answers import Answers
from agent.engine.events.succession import EventSuccession
from agent.engine.expressions.vocabulary import PLAIN, Vocabulary
from agent.engine.filters.plans import stages_of
from agent.engine.running.bindings import Bindings
from agent.engine.running.carrying import ParkedError
from agent.engine.running.control import RunControl
from agent.engine.running.guarded import RefusedError
from agent.engine.running.patience import Patience, duration
from agent.engine.running.run_faults import fault_of
from agent.engine.running.stage_runs import StageParts, Stages
from agent.engine.walking.blame import blamed
from agent.engine.walking.journal import Journal, Level, RunJournal
from agent.engine.walking.verdict import conclusion
from agent.store.flows.deployments import Deployment, DeploymentStore
from agent.store.inbox.events import EventStore
from agent.store.library.variables import VariableStore
from agent.store.runs.ledger import FENCED, Ledger
from agent.store.runs.runs import RunRow, RunStore
from agent.store.runs.trips import TripStore

_LEVELS: Mapping[RunState, Level] = {RunState.FAILED: "error", RunState.PARTIAL: "warning"}


class Then(Enum):
    """What a slice's caller does next."""

    GO_ON = "go on"
    PAUSED = "paused"
    PARKED = "parked"
    """Nothing before the moment in the run's row."""
    ENDED = "ended"
    """Nothing: the run has ended, or another worker has taken it over."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a runner works with. `vocabulary` gives what the expressions of a deployment may name, as it is now."""

    deployments: DeploymentStore
    runs: RunStore
    ledger: Ledger
    bindings: Bindings
    trips: TripStore
    journal: Journal
    clock: Callable[[], datetime]
    events: EventStore
    answers: Answers
    parse: Callable[[Deployment], Processflow]
    vocabulary: Callable[[Deployment], Vocabulary] = lambda _: PLAIN
    variables: VariableStore | None = None
    """Needed where processflows have variables."""


class Runner:
    """Runs slices. One instance serves all runs; a slice blocks its thread and has an event loop of its own."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._patience = Patience()
        self._warned: dict[str, set[tuple[str, str]]] = {}
        self._succession = EventSuccession(parts.events, parts.ledger, parts.runs, parts.deployments, parts.parse)

    def run_slice(self, run_id: str, control: RunControl, *, budget_seconds: float) -> Then:
        """Work on a run until it ended, the budget is used, or it was paused or cancelled. Never raises for the run's
        own faults: they end in the run's row, in the log, and in a wait where trying again may help.

        Raises:
            NotFoundError: there is no such run.
        """
        try:
            return self._run_slice(run_id, control, budget_seconds)
        except TransientError as error:
            # The agent's own database: not even the run's row can say what is wrong.
            return self._wait_unnoted(run_id, control, error)

    def _run_slice(self, run_id: str, control: RunControl, budget_seconds: float) -> Then:
        parts = self._parts
        row = parts.runs.get(run_id)
        if row.resume_at is not None and row.resume_at > parts.clock() and not row.cancel_requested:
            return Then.PARKED
        row = parts.runs.start(run_id, at=parts.clock())
        if row.state.ended:
            return Then.ENDED
        journal = RunJournal(parts.journal, flow=row.flow, run=run_id)
        if control.cancelled() or row.cancel_requested:
            return self._end_cancelled(row, journal)
        journal.progressed()
        try:
            if (trip := self._tripped(row)) is not None and self._let_wait(row, journal, trip):
                return Then.PARKED
            done = asyncio.run(self._slice(row, journal, control, budget_seconds))
        except Exception as error:  # noqa: BLE001 - whatever it is, the run ends with a reason and the service goes on
            return self._faulted(row, journal, control, error)
        if self._patience.healed(run_id):
            journal.write("info", "It works again.")
        if done:
            state, message, remedy = conclusion(parts.runs.get(run_id).counts, row.plan)
            # Read to its end and failed all the same: every record did.
            fault = RunFault(RunClass.RECORDS, f"sync-info:{row.flow}") if state is RunState.FAILED else NO_FAULT
            return self._end(row, journal, state, message, remedy, fault=fault)
        if control.cancelled():
            return self._end_cancelled(row, journal)
        return Then.PAUSED if control.paused() else Then.GO_ON

    def _faulted(self, row: RunRow, journal: RunJournal, control: RunControl, error: Exception) -> Then:
        """What follows from what ended a slice."""
        if isinstance(error, ParkedError):
            return self._park(row, journal, error)
        self._note_fault(row, error)
        match error:
            case RefusedError():
                return self._refused(row, journal, control, error)
            case TransientError():
                return self._wait(row, journal, control, error)
            case AgentError():
                return self._end_failed(row, journal, error)
        journal.write("error", "Something unexpected went wrong in this run.", detail=_where(error))
        return self._end(
            row, journal, RunState.FAILED, _unexpected(error),
            "Execute it again. If it fails again, send the log to your support.", fault=self._fault(row, error),
        )  # fmt: skip

    def _note_fault(self, row: RunRow, error: Exception) -> None:
        """Let the snapshot say which node it was."""
        node = blamed(error)
        if not node or (isinstance(error, AgentError) and error.code == FENCED):
            return
        fault = error.message if isinstance(error, AgentError) else _unexpected(error)
        with suppress(TransientError):  # where it is the database that cannot be written
            self._parts.ledger.note_fault(row.id, node, fault=fault, at=self._parts.clock())

    async def _slice(self, row: RunRow, journal: RunJournal, control: RunControl, budget_seconds: float) -> bool:
        control.attach()
        try:
            deployment = self._parts.deployments.version(row.flow, row.version)
            flow = self._parts.parse(deployment)
            self._succession.reached(row.flow, flow.event_sources)
            end = time.monotonic() + budget_seconds
            stages = Stages(
                parts=StageParts(
                    runs=self._parts.runs, ledger=self._parts.ledger, bindings=self._parts.bindings,
                    clock=self._parts.clock, events=self._parts.events, answers=self._parts.answers,
                    variables=self._parts.variables, warned=self._warned.setdefault(row.id, set()),
                ),
                row=row, bindings=deployment.bindings, flow=flow, journal=journal, control=control,
                time_is_up=lambda: time.monotonic() >= end, vocabulary=self._parts.vocabulary(deployment),
            )  # fmt: skip
            return await stages.run(stages_of(row.plan, flow))
        finally:
            control.detach()

    def _wait(self, row: RunRow, journal: RunJournal, control: RunControl, error: TransientError) -> Then:
        """Wait before the next try, unless too many were in vain."""
        if control.cancelled():
            return self._end_cancelled(row, journal)
        read = self._parts.runs.get(row.id).counts.read
        wait = self._patience.after(error, run=row.id, progress=read)
        if wait.tries == 1:
            journal.write("warning", error.message, detail=error.detail)
        if wait.seconds is None:
            journal.write("error", error.message, detail=f"Gave up after {wait.tries} tries. {error.detail}".strip())
            return self._end(row, journal, RunState.FAILED, error.message, error.remedy, fault=self._fault(row, error))
        with suppress(TransientError):  # where it is the database that cannot be written
            self._parts.runs.progress(
                row.id, state=RunState.WAITING, activity=f"Trying again in {wait.text}", message=error.message,
                remedy=error.remedy,
            )  # fmt: skip
        journal.progressed()
        asyncio.run(_sleep(control, wait.seconds))
        if control.cancelled():
            return self._end_cancelled(row, journal)
        return Then.PAUSED if control.paused() else Then.GO_ON

    def _wait_unnoted(self, run_id: str, control: RunControl, error: TransientError) -> Then:
        wait = self._patience.after(error, run=run_id, progress=None)
        if wait.tries == 1:
            detail = f"{error.remedy} {error.detail}".strip()
            self._parts.journal.write("error", error.message, run=run_id, detail=detail)
        asyncio.run(_sleep(control, wait.seconds or 0))
        return Then.PAUSED if control.paused() else Then.GO_ON

    def _park(self, row: RunRow, journal: RunJournal, error: ParkedError) -> Then:
        """Let go of the worker: somebody else wakes the run up."""
        seconds = max(0.0, (error.until - self._parts.clock()).total_seconds())
        row = self._parts.runs.park(
            row.id, until=error.until, activity=f"The delay {error.node} goes on in {duration(seconds)}"
        )
        journal.write("debug", f"Held back by the delay {error.node} for {duration(seconds)}.", node=error.node)
        journal.progressed()
        return Then.PARKED if not row.cancel_requested else Then.GO_ON

    def _refused(self, row: RunRow, journal: RunJournal, control: RunControl, error: RefusedError) -> Then:
        """The app refuses the credentials: the configuration trips, and the run waits where it is."""
        if control.cancelled():
            return self._end_cancelled(row, journal)
        used = error.used
        if self._parts.trips.trip(used, error, at=self._parts.clock()):
            journal.write(
                "error", f"“{used.name}” is refused by its app: {error.message} Its processflows wait until it works.",
                detail=f"{error.remedy} Correct it under App Configurations, press Validate, and Save. {error.detail} "
                f"[{error.code}]",
            )  # fmt: skip
        # Where it was changed meanwhile, the next slice tries the new one.
        return Then.PARKED if self._let_wait(row, journal, used.id) else Then.GO_ON

    def _tripped(self, row: RunRow) -> str | None:
        """The configuration that stops a run before it has begun to work."""
        deployment = self._parts.deployments.version(row.flow, row.version)
        trip = self._parts.trips.among(deployment.bindings.values())
        return trip.configuration if trip is not None else None

    def _let_wait(self, row: RunRow, journal: RunJournal, configuration: str) -> bool:
        waits = self._parts.trips.wait(row.id, configuration, at=self._parts.clock())
        if waits:
            self._patience.forget(row.id)
            journal.progressed()
        return waits

    def _end_cancelled(self, row: RunRow, journal: RunJournal) -> Then:
        return self._end(row, journal, RunState.CANCELLED, "Cancelled by the operator.", "")

    def _end_failed(self, row: RunRow, journal: RunJournal, error: AgentError) -> Then:
        if error.code == FENCED:
            self._patience.forget(row.id)
            journal.write("warning", error.message, detail=error.detail)
            return Then.ENDED
        journal.write("error", error.message, detail=f"{error.remedy} {error.detail} [{error.code}]".strip())
        return self._end(row, journal, RunState.FAILED, error.message, error.remedy, fault=self._fault(row, error))

    def _fault(self, row: RunRow, error: Exception) -> RunFault:
        deployment = self._parts.deployments.version(row.flow, row.version)
        try:
            flow = self._parts.parse(deployment)
        except AgentError:
            flow = None  # what cannot be read any more has no nodes to blame
        return fault_of(error, deployment, flow)

    def _end(
        self,
        row: RunRow,
        journal: RunJournal,
        state: RunState,
        message: str,
        remedy: str,
        *,
        fault: RunFault = NO_FAULT,
    ) -> Then:
        at = self._parts.clock()
        self._parts.runs.end(row.id, state=state, message=message, remedy=remedy, at=at, fault=fault)
        self._patience.forget(row.id)
        self._warned.pop(row.id, None)
        journal.write(_LEVELS.get(state, "info"), f"{row.flow} ended: {state.value}. {message}")
        journal.progressed()
        return Then.ENDED


async def _sleep(control: RunControl, seconds: float) -> None:
    control.attach()
    try:
        await control.sleep(seconds)
    finally:
        control.detach()


def _unexpected(error: Exception) -> str:
    return f"Something unexpected went wrong ({type(error).__name__})."


def _where(error: Exception) -> str:
    """Type and place of an unexpected error. Its text is left out: it could quote data."""
    frames = traceback.extract_tb(error.__traceback__)
    places = [f"{frame.filename.rsplit('agent', 1)[-1]}:{frame.lineno} {frame.name}" for frame in frames[-6:]]
    return f"{type(error).__name__} at {' > '.join(places)}"
