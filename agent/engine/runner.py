"""Runs a deployed processflow, slice by slice. Knows nothing of its caller: any durable engine can call it, or a test.

A slice goes on from the ledger's cursors, works for its budget, and leaves everything booked. Killing the process
between or inside slices costs at most the packet in flight, which is settled by the next slice.
"""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from agent.connectors.contract import ReadRequest, WriteTarget
from agent.domain.errors import AgentError, FatalError, TransientError
from agent.domain.processflow import Chain, Processflow
from agent.domain.run import RunState
from agent.engine.bindings import Bindings
from agent.engine.control import RunControl
from agent.engine.delivery import Delivery
from agent.engine.filters import render
from agent.engine.journal import Journal, Level, RunJournal
from agent.engine.mapping import Mapper
from agent.engine.patience import Patience
from agent.engine.pipeline import Pipeline
from agent.engine.preparation import Preparation
from agent.engine.verdict import FailureLimit, conclusion
from agent.store.deployments import Deployment, DeploymentStore
from agent.store.ledger import FENCED, Ledger
from agent.store.runs import RunRow, RunStore

_LEVELS: Mapping[RunState, Level] = {RunState.FAILED: "error", RunState.PARTIAL: "warning"}


class Then(Enum):
    """What a slice's caller does next."""

    GO_ON = "go on"
    PAUSED = "paused"
    ENDED = "ended"
    """Nothing: the run has ended, or another worker has taken it over."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a runner works with."""

    deployments: DeploymentStore
    runs: RunStore
    ledger: Ledger
    bindings: Bindings
    journal: Journal
    clock: Callable[[], datetime]
    parse: Callable[[Deployment], Processflow]


class Runner:
    """Runs slices. One instance serves all runs; a slice blocks its thread and has an event loop of its own."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._patience = Patience()

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
        row = parts.runs.start(run_id, at=parts.clock())
        if row.state.ended:
            return Then.ENDED
        journal = RunJournal(parts.journal, flow=row.flow, run=run_id)
        if control.cancelled() or row.cancel_requested:
            return self._end_cancelled(row, journal)
        journal.progressed()
        try:
            done = asyncio.run(self._slice(row, journal, control, budget_seconds))
        except TransientError as error:
            return (
                self._end_cancelled(row, journal) if control.cancelled() else self._wait(row, journal, control, error)
            )
        except AgentError as error:
            return self._end_failed(row, journal, error)
        except Exception as error:  # noqa: BLE001 - whatever it is, the run ends with a reason and the service goes on
            journal.write("error", "Something unexpected went wrong in this run.", detail=_where(error))
            return self._end(
                row, journal, RunState.FAILED, f"Something unexpected went wrong ({type(error).__name__}).",
                "Execute it again. If it fails again, send the log to your support.",
            )  # fmt: skip
        if self._patience.healed(run_id):
            journal.write("info", "It works again.")
        if done:
            state, message, remedy = conclusion(parts.runs.get(run_id).counts)
            return self._end(row, journal, state, message, remedy)
        if control.cancelled():
            return self._end_cancelled(row, journal)
        return Then.PAUSED if control.paused() else Then.GO_ON

    async def _slice(self, row: RunRow, journal: RunJournal, control: RunControl, budget_seconds: float) -> bool:
        control.attach()
        try:
            deployment = self._parts.deployments.version(row.flow, row.version)
            flow = self._parts.parse(deployment)
            end = time.monotonic() + budget_seconds
            for chain in flow.chains:
                if control.cancelled() or control.paused():
                    return False
                slice_ = _ChainSlice(
                    parts=self._parts,
                    row=row,
                    deployment=deployment,
                    flow=flow,
                    chain=chain,
                    journal=journal,
                    control=control,
                )
                if not await slice_.run(lambda: time.monotonic() >= end):
                    return False
            return True
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
            return self._end(row, journal, RunState.FAILED, error.message, error.remedy)
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

    def _end_cancelled(self, row: RunRow, journal: RunJournal) -> Then:
        return self._end(row, journal, RunState.CANCELLED, "Cancelled by the operator.", "")

    def _end_failed(self, row: RunRow, journal: RunJournal, error: AgentError) -> Then:
        if error.code == FENCED:
            self._patience.forget(row.id)
            journal.write("warning", error.message, detail=error.detail)
            return Then.ENDED
        journal.write("error", error.message, detail=f"{error.remedy} {error.detail} [{error.code}]".strip())
        return self._end(row, journal, RunState.FAILED, error.message, error.remedy)

    def _end(self, row: RunRow, journal: RunJournal, state: RunState, message: str, remedy: str) -> Then:
        self._parts.runs.end(row.id, state=state, message=message, remedy=remedy, at=self._parts.clock())
        self._patience.forget(row.id)
        journal.write(_LEVELS.get(state, "info"), f"{row.flow} ended: {state.value}. {message}")
        journal.progressed()
        return Then.ENDED


@dataclass(frozen=True, slots=True)
class _ChainSlice:
    """One chain's share of one slice."""

    parts: Parts
    row: RunRow
    deployment: Deployment
    flow: Processflow
    chain: Chain
    journal: RunJournal
    control: RunControl

    async def run(self, time_is_up: Callable[[], bool]) -> bool:
        """Carry packets. Returns whether the chain is finished."""
        ledger, chain, row = self.parts.ledger, self.chain, self.row
        stream = ledger.stream(flow=row.flow, node=chain.post.id)
        if ledger.cursor(run=row.id, stream=stream).finished:
            return True
        bindings = self.deployment.bindings
        async with AsyncExitStack() as stack:
            destination = await stack.enter_async_context(
                self.parts.bindings.connection(chain.post, self.flow, bindings)
            )
            target = WriteTarget(
                schema=chain.post.schema, action=chain.post.action, options=chain.post.options,
                ledger_key=f"{row.flow}/{chain.post.id}",
            )  # fmt: skip
            delivery = Delivery(
                destination=destination, target=target, ledger=ledger, run=row.id, stream=stream, number=0,
                journal=self.journal, node=chain.post.id, clock=self.parts.clock,
                limit=FailureLimit(row.counts),
            )  # fmt: skip
            await delivery.settle()
            cursor = ledger.cursor(run=row.id, stream=stream)
            if cursor.finished:
                return True
            delivery.continue_from(cursor.number)
            source = await stack.enter_async_context(self.parts.bindings.connection(chain.get, self.flow, bindings))
            preparation = Preparation(
                mapper=Mapper(chain.mapper), ledger=ledger, stream=stream, version=row.version, journal=self.journal,
                nodes=(chain.get.id, chain.mapper.id), first_number=cursor.number + 1,
            )  # fmt: skip
            pipeline = Pipeline(
                source=source, preparation=preparation, delivery=delivery, control=self.control,
                journal=self.journal, time_is_up=time_is_up,
            )  # fmt: skip
            records = destination.packet_records(chain.post.schema, chain.post.action)
            request = self._request(stream, cursor.position, records)
            self._note(f"Reading {chain.get.schema}, writing {chain.post.schema}")
            return await pipeline.run(request)

    def _request(self, stream: int, position: object, packet_records: int) -> ReadRequest:
        chain = self.chain
        bookmark = self.parts.ledger.bookmark(stream)
        rendered = render(
            chain.get.filters,
            moment=bookmark.moment if bookmark is not None else None,
            start_from=chain.get.start_from,
            variables=self.flow.variables,
        )
        if position is None:
            self.journal.write(
                "info", "Starting data pulling from source application.", node=chain.get.id,
                detail=f"Action Filter {chain.get.schema} {chain.get.action}: {rendered.text}",
            )  # fmt: skip
        if position is not None and not isinstance(position, dict):
            raise FatalError("The run's position is damaged.", code="ledger-broken", remedy="Execute it again.")
        return ReadRequest(
            schema=chain.get.schema, action=chain.get.action, clauses=rendered.clauses, options=chain.get.options,
            bookmark=bookmark, position=position, packet_records=packet_records,
        )  # fmt: skip

    def _note(self, activity: str) -> None:
        self.parts.runs.progress(self.row.id, state=RunState.RUNNING, activity=activity)
        self.journal.progressed()


async def _sleep(control: RunControl, seconds: float) -> None:
    control.attach()
    try:
        await control.sleep(seconds)
    finally:
        control.detach()


def _where(error: Exception) -> str:
    """Type and place of an unexpected error. Its text is left out: it could quote data."""
    frames = traceback.extract_tb(error.__traceback__)
    places = [f"{frame.filename.rsplit('agent', 1)[-1]}:{frame.lineno} {frame.name}" for frame in frames[-6:]]
    return f"{type(error).__name__} at {' > '.join(places)}"
