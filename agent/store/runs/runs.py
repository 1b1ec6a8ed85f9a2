"""Runs as rows: who asked for them, how far they are, how they ended. Their ids sort by time."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from agent.domain.errors import ConfigurationError, ConflictError, NotFoundError
from agent.domain.run import Counts, RunState, Trigger
from agent.domain.run_classes import NO_FAULT, RunFault, known_run_class
from agent.domain.run_plan import NORMAL, Resend, Retry, RunPlan, parse_run_plan, plan_form
from agent.store.databases.at_rest import require_deployed
from agent.store.databases.database import Database
from agent.store.moments import to_milliseconds
from agent.store.records import corrections
from agent.store.records.corrections import NewCorrection, Sent
from agent.store.runs import plan_records
from agent.store.runs.plan_records import Choice
from agent.store.tables.flows import DEPLOYMENTS
from agent.store.tables.runs import HOLDS, PLAN_RECORDS, RUNS

# Built once: a run is asked for again and again, and building takes as long as asking.
_ONE = sa.select(RUNS).where(RUNS.c.id == sa.bindparam("wanted"))


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run as it stands."""

    id: str
    flow: str
    version: int
    trigger: Trigger
    state: RunState
    cancel_requested: bool
    queued_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    counts: Counts
    activity: str
    message: str
    remedy: str
    requested_by: str
    planned_for: datetime | None = None
    """The time of its schedule that it stands for."""
    resume_at: datetime | None = None
    """Before this moment there is nothing to do: a Delay holds its packets back."""
    parks: int = 0
    """How often it waited so."""
    plan: RunPlan = NORMAL
    """What it is to do."""
    fault: RunFault = NO_FAULT
    """Why it failed as a whole."""


@dataclass(frozen=True, slots=True)
class NewRun:
    """A run that is to be written down in state Queued."""

    id: str
    flow: str
    version: int
    trigger: Trigger
    requested_by: str
    at: datetime
    planned_for: datetime | None = None
    plan: RunPlan = NORMAL


def new_run_id(at: datetime) -> str:
    """A run id that sorts by time: 12 hexadecimal digits of milliseconds, then 8 random ones."""
    return f"{to_milliseconds(at):012x}{secrets.token_hex(4)}"


def insert_run(connection: sa.Connection, run: NewRun) -> None:
    """Write a new run down in a transaction that has begun, and does more.

    Raises:
        ConflictError: code `already-running`: a run of this processflow has not ended yet; `deployment-overtaken`: the
            version is not deployed any more. Roll the transaction back.
    """
    require_deployed(connection, run.flow, run.version)
    row = {
        "id": run.id, "flow": run.flow, "version": run.version, "trigger": run.trigger.value,
        "state": RunState.QUEUED.value, "cancel_requested": False, "queued_at": run.at, "read_count": 0,
        "unchanged_count": 0, "written_count": 0, "failed_count": 0, "skipped_count": 0, "activity": "", "message": "",
        "remedy": "", "requested_by": run.requested_by, "planned_for": run.planned_for,
        "plan": plan_form(run.plan),
    }  # fmt: skip
    try:
        connection.execute(RUNS.insert().values(row))
    except sa.exc.IntegrityError as error:
        raise ConflictError(
            f"{run.flow} is running already.", code="already-running", remedy="Wait until it ends, or cancel it."
        ) from error


def insert_retry(connection: sa.Connection, run: NewRun, choice: Choice) -> None:
    """Write a retry down with the records that it tries, in a transaction that has begun, and may do more.

    `run.plan` is a `Retry`, whose records are counted here.

    Raises:
        ConflictError: code `already-running` or `deployment-overtaken`.
        ConfigurationError: code `record-unknown`, or `nothing-to-retry`. Roll the transaction back.
    """
    insert_run(connection, run)
    if unknown := plan_records.unknown(connection, choice):
        more = f" and {len(unknown) - 1:,} more" if len(unknown) > 1 else ""
        raise ConfigurationError(
            f"Sync Info has no record {unknown[0][:100]}{more} at these nodes.",
            code="record-unknown",
            remedy="Look in Sync Info for its source id. To fetch a record that never came, use a runtime filter.",
            field="ids",
        )
    records = plan_records.choose(connection, run.id, choice)
    if not records:
        raise plan_records.nothing_to_retry()
    assert isinstance(run.plan, Retry), "only a retry tries records"
    plan = plan_form(replace(run.plan, records=records))
    connection.execute(RUNS.update().where(RUNS.c.id == run.id).values(plan=plan))


class RunStore:
    """The runs of this agent.

    Args:
        database: The agent's database.
        redact: Takes secrets out of what a run has to say: apps may repeat what they were sent.
    """

    def __init__(self, database: Database, *, redact: Callable[[str], str] = str) -> None:
        self._database = database
        self._redact = redact

    def add(self, run: NewRun) -> RunRow:
        """Write down a new run with its plan, in state Queued.

        Raises:
            ConflictError: code `already-running` or `deployment-overtaken`.
        """
        with self._database.write() as connection:
            insert_run(connection, run)
        return self.get(run.id)

    def retry(self, run: NewRun, choice: Choice) -> RunRow:
        """Write down a new retry, in state Queued, with the records that it tries.

        Raises:
            ConflictError: code `already-running` or `deployment-overtaken`.
            ConfigurationError: code `record-unknown` or `nothing-to-retry`.
        """
        with self._database.write() as connection:
            insert_retry(connection, run, choice)
        return self.get(run.id)

    def correct(self, run: NewRun, correction: NewCorrection) -> RunRow:
        """Write down a new run that sends a correction, in state Queued, and the correction. `run.plan` is a `Resend`.

        Raises:
            ConflictError: code `already-running`, `deployment-overtaken` or `record-changed`.
        """
        with self._database.write() as connection:
            number = corrections.add(
                connection, correction, run=run.id, flow=run.flow, made_by=run.requested_by, made_at=run.at
            )
            insert_run(connection, replace(run, plan=Resend(number, correction.node, correction.source_id)))
        return self.get(run.id)

    def correction(self, number: int) -> Sent:
        """What a correction sends. Raises NotFoundError."""
        with self._database.read() as connection:
            return corrections.sent(connection, number)

    def would_retry(self, choice: Choice) -> bool:
        """Whether there is any record that a choice would find."""
        with self._database.read() as connection:
            return plan_records.waiting(connection, choice)

    def chosen(self, run_id: str, nodes: Sequence[str], *, after: str, limit: int) -> list[str]:
        """The ids of the records that a retry tries at any of these POST nodes, in order, behind the id `after`."""
        with self._database.read() as connection:
            return plan_records.page(connection, run_id, nodes, after=after, limit=limit)

    def chosen_at(self, run_id: str, node: str, source_ids: Sequence[str]) -> frozenset[str]:
        """Those of these records that a retry tries at this POST node."""
        with self._database.read() as connection:
            return plan_records.at_node(connection, run_id, node, source_ids)

    def get(self, run_id: str) -> RunRow:
        """One run. Raises NotFoundError."""
        with self._database.read() as connection:
            row = connection.execute(_ONE, {"wanted": run_id}).first()
        if row is None:
            raise NotFoundError(
                f"There is no run {run_id}.", code="run-not-found",
                remedy="Choose one of the list of runs, as “opagent runs” shows it, with all its signs.",
            )  # fmt: skip
        return _run(row)

    def page(self, *, flow: str, before: str, limit: int) -> list[RunRow]:
        """Runs, newest first, after the run with the id `before` (empty: from the newest)."""
        query = _select().order_by(RUNS.c.id.desc()).limit(limit)
        if flow:
            query = query.where(RUNS.c.flow == flow)
        if before:
            query = query.where(RUNS.c.id < before)
        with self._database.read() as connection:
            return [_run(row) for row in connection.execute(query)]

    def active(self) -> list[RunRow]:
        """Runs that have not ended, oldest first."""
        with self._database.read() as connection:
            query = _select().where(RUNS.c.ended_at.is_(None)).order_by(RUNS.c.id)
            return [_run(row) for row in connection.execute(query)]

    def latest(self, flow: str) -> RunRow | None:
        """The newest run of a processflow that has ended."""
        query = _select().where(RUNS.c.flow == flow, RUNS.c.ended_at.is_not(None)).order_by(RUNS.c.id.desc()).limit(1)
        with self._database.read() as connection:
            row = connection.execute(query).first()
        return _run(row) if row is not None else None

    def latest_of_deployed(self) -> dict[str, RunRow]:
        """The newest run that has ended of each deployed processflow, in one question however many there are."""
        newest = (
            sa.select(RUNS.c.id)
            .where(RUNS.c.flow == DEPLOYMENTS.c.flow, RUNS.c.ended_at.is_not(None))
            .order_by(RUNS.c.id.desc())
            .limit(1)
            .correlate(DEPLOYMENTS)
            .scalar_subquery()
        )
        query = sa.select(RUNS).join(DEPLOYMENTS, RUNS.c.id == newest).where(DEPLOYMENTS.c.active)
        with self._database.read() as connection:
            return {row.flow: _run(row) for row in connection.execute(query)}

    def request_cancel(self, run_id: str, *, at: datetime) -> RunRow:
        """Remember that the operator wants this run to end. A run that never started ends at once."""
        with self._database.write() as connection:
            waiting = RUNS.c.state == RunState.QUEUED.value
            connection.execute(
                RUNS.update()
                .where(RUNS.c.id == run_id, RUNS.c.ended_at.is_(None))
                .values(
                    cancel_requested=True,
                    state=sa.case((waiting, RunState.CANCELLED.value), else_=RunState.CANCELLING.value),
                    ended_at=sa.case((waiting, sa.literal(at, RUNS.c.ended_at.type)), else_=None),
                    message=sa.case((waiting, "Cancelled before it started."), else_=RUNS.c.message),
                )
            )
            ended = sa.exists().where(RUNS.c.id == run_id, RUNS.c.ended_at.is_not(None))
            connection.execute(PLAN_RECORDS.delete().where(PLAN_RECORDS.c.run == run_id, ended))
        return self.get(run_id)

    def progress(self, run_id: str, *, state: RunState, activity: str, message: str = "", remedy: str = "") -> None:
        """Note what a run is doing. A run that is being cancelled stays so."""
        with self._database.write() as connection:
            connection.execute(
                RUNS.update()
                .where(RUNS.c.id == run_id, RUNS.c.ended_at.is_(None), RUNS.c.state != RunState.CANCELLING.value)
                .values(
                    state=state.value, activity=activity, message=self._redact(message), remedy=self._redact(remedy)
                )
            )

    def start(self, run_id: str, *, at: datetime) -> RunRow:
        """Note that a worker has taken the run; the time of the first start stays."""
        with self._database.write() as connection:
            connection.execute(
                RUNS.update()
                .where(RUNS.c.id == run_id, RUNS.c.state.in_([RunState.QUEUED.value, RunState.WAITING.value]))
                .values(
                    state=RunState.RUNNING.value,
                    resume_at=None,
                    waits_for="",
                    started_at=sa.func.coalesce(RUNS.c.started_at, sa.literal(at, RUNS.c.started_at.type)),
                )
            )
        return self.get(run_id)

    def park(self, run_id: str, *, until: datetime, activity: str) -> RunRow:
        """Note that a run has nothing to do before that moment. One that is being cancelled stays so."""
        with self._database.write() as connection:
            connection.execute(
                RUNS.update()
                .where(RUNS.c.id == run_id, RUNS.c.ended_at.is_(None), RUNS.c.state != RunState.CANCELLING.value)
                .values(state=RunState.WAITING.value, activity=activity, resume_at=until, parks=RUNS.c.parks + 1)
            )
        return self.get(run_id)

    def end(
        self, run_id: str, *, state: RunState, message: str, remedy: str, at: datetime, fault: RunFault = NO_FAULT
    ) -> RunRow:
        """End a run for good; ending an ended run changes nothing. `fault` says why it failed as a whole."""
        with self._database.write() as connection:
            connection.execute(
                RUNS.update()
                .where(RUNS.c.id == run_id, RUNS.c.ended_at.is_(None))
                .values(
                    state=state.value, message=self._redact(message), remedy=self._redact(remedy), activity="",
                    ended_at=at, error_class=fault.error_class.value, cure=fault.cure,
                )
            )  # fmt: skip
            connection.execute(HOLDS.delete().where(HOLDS.c.run == run_id))
            connection.execute(PLAN_RECORDS.delete().where(PLAN_RECORDS.c.run == run_id))
        return self.get(run_id)


def _select() -> sa.Select[Any]:
    return sa.select(RUNS)


def _run(row: sa.Row[Any]) -> RunRow:
    return RunRow(
        id=row.id, flow=row.flow, version=row.version, trigger=Trigger(row.trigger), state=RunState(row.state),
        cancel_requested=row.cancel_requested, queued_at=row.queued_at, started_at=row.started_at,
        ended_at=row.ended_at,
        counts=Counts(row.read_count, row.unchanged_count, row.written_count, row.failed_count, row.skipped_count),
        activity=row.activity, message=row.message, remedy=row.remedy, requested_by=row.requested_by,
        planned_for=row.planned_for, resume_at=row.resume_at, parks=row.parks, plan=parse_run_plan(row.plan),
        fault=RunFault(known_run_class(row.error_class), row.cure),
    )  # fmt: skip
