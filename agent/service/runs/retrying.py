"""How processflows try failed records again by themselves: what operators see and set, and the looks that start it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from agent.api import live_models
from agent.api.rerun_models import RetryPlan, RetryPlanChange, RetrySchedule
from agent.domain.errors import AgentError, ConfigurationError
from agent.domain.packet import SyncState
from agent.domain.processflow import Processflow
from agent.domain.retry_policy import RetryPolicy, parse_retry_policy, retry_policy_form
from agent.engine.filters.plans import check_by_id, reads_by_id
from agent.engine.schedules.retry_look import RetryWorld, first_retry, look_at_retry
from agent.engine.schedules.times import anchor_of
from agent.engine.walking.journal import Level
from agent.service.deployment.compiled import CompiledFlows
from agent.service.events import Hub
from agent.service.runs.runs import Runs
from agent.store.flows.deployments import DeploymentStore
from agent.store.runs.plan_records import Choice
from agent.store.runs.retry_policies import RetryPolicies, RetryRow
from agent.store.runs.runs import RunStore

MANUAL = "By hand"
_LOOK_SECONDS = 15.0
_LEAST_SECONDS = 0.05


class Journal(Protocol):
    """The log, as far as it is needed here."""

    def write(self, level: Level, message: str, *, flow: str = "", run: str = "") -> None: ...


@dataclass(frozen=True, slots=True)
class PreparedRetry:
    """A change of a policy that is still to be written: for people, and the row; None where it is taken away."""

    text: str
    row: RetryRow | None


class Retrying:
    """The retry policies of this agent.

    Args:
        zone: The time zone where none is given.
        hindrance: Why a processflow cannot run; empty where it can.
        changed: Called when a policy was changed, so that it is looked at at once.
    """

    def __init__(
        self,
        *,
        store: RetryPolicies,
        deployments: DeploymentStore,
        compiled: CompiledFlows,
        runs: Runs,
        rows: RunStore,
        hindrance: Callable[[str], str],
        journal: Journal,
        hub: Hub,
        clock: Callable[[], datetime],
        zone: str,
        changed: Callable[[], None],
    ) -> None:
        self._store, self._deployments, self._compiled = store, deployments, compiled
        self._runs, self._rows, self._hindrance = runs, rows, hindrance
        self._journal, self._hub, self._clock, self._zone, self._changed = journal, hub, clock, zone, changed

    def get(self, flow: str) -> RetrySchedule:
        """How a processflow tries again, deployed or not. Raises NotFoundError."""
        row = self._store.find(flow)
        if row is None:
            self._deployments.get(flow)
        return self._answer(flow, row)

    def put(self, flow: str, change: RetryPlanChange, *, by: str) -> RetrySchedule:
        """Set it, at once.

        Raises:
            NotFoundError: code `flow-not-found`.
            ConfigurationError: code `retry-policy-invalid`, `schedule-invalid`, `zone-unknown`, or
                `retry-filter-missing` where nothing of the processflow can be read again by id.
        """
        deployment = self._deployments.get(flow)
        prepared = self.prepare(flow, self._compiled.get(deployment), change, by=by)
        if prepared.row is None:
            return self.clear(flow)
        row = self._store.put(prepared.row)
        self.tell(flow)
        return self._answer(flow, row)

    def prepare(self, flow: str, compiled: Processflow, change: RetryPlan, *, by: str) -> PreparedRetry:
        """A change that is to be written together with something else.

        Raises:
            ConfigurationError: as `put`.
        """
        policy = parse_retry_policy(change.model_dump(), default_zone=self._zone)
        if policy is None:
            return PreparedRetry(MANUAL, None)
        stages = [stage for stage in compiled.all_stages if stage.posts]
        if stages and not any(reads_by_id(stage.source) for stage in stages):
            check_by_id(stages[0].source)
        now = self._clock()
        anchor = anchor_of(policy.plan, now)
        form = retry_policy_form(policy)
        row = RetryRow(flow, "", form, anchor, now, by, first_retry(policy, anchor, now))
        return PreparedRetry(policy.text, row)

    def clear(self, flow: str) -> RetrySchedule:
        """Let records be tried again by hand alone. Raises NotFoundError."""
        if self._store.remove(flow):
            self.tell(flow)
        else:
            self._deployments.get(flow)
        return self._answer(flow, None)

    def look(self) -> float:
        """Look at every policy, and start what is due. Returns in how many seconds to look again.

        Raises:
            AgentError: something could not be done. Nothing is lost by it, and it hinders no other policy.
        """
        rows = self._store.all()
        if not rows:
            return _LOOK_SECONDS
        deployed, busy = self._deployments.names(), {run.flow for run in self._rows.active()}
        ahead: list[float] = []
        trouble: AgentError | None = None
        for row in rows:
            try:
                after = self._look_at(row, deployed=row.flow in deployed, busy=row.flow in busy)
            except AgentError as error:
                trouble = error
            else:
                ahead.append((after.progress.next_at - self._clock()).total_seconds())
        if trouble is not None:
            raise trouble
        return max(_LEAST_SECONDS, min([_LOOK_SECONDS, *(seconds for seconds in ahead if seconds > 0)]))

    def _look_at(self, row: RetryRow, *, deployed: bool, busy: bool) -> RetryRow:
        try:
            policy = _stored(row)
        except ConfigurationError as error:
            return self._complain(row, str(error))
        now = self._clock()
        hindrance, choice = self._hindrance(row.flow), None
        if deployed and not busy and not hindrance:
            try:
                choice = self._choice(row.flow, policy, now)
            except ConfigurationError as error:
                hindrance = f"its deployed version cannot be read any more ({error.message})"
        world = RetryWorld(
            now=now, deployed=deployed, hindrance=hindrance, busy=busy,
            ripe=lambda: choice is not None and self._rows.would_retry(choice),
        )  # fmt: skip
        progress, start = look_at_retry(policy, row.anchor, row.progress, world)
        if progress == row.progress:
            return row
        if not start or choice is None:
            if progress.alert and progress.alert != row.progress.alert:
                self._journal.write("warning", progress.alert, flow=row.flow)
            return self._store.advance(row, progress) or row
        changed, run = self._runs.start_retry(row, progress, choice)
        if changed is None:
            return row
        self._journal.write("info", "Records that failed are tried again, as planned.", flow=row.flow, run=run)
        self._hub.publish(live_models.EventKind.FLOW, {"name": row.flow})
        return changed

    def _choice(self, flow: str, policy: RetryPolicy, now: datetime) -> Choice:
        """The records whose turn has come, of the stages that can read them again. Raises ConfigurationError."""
        compiled = self._compiled.get(self._deployments.get(flow))
        nodes = [post.id for stage in compiled.all_stages if reads_by_id(stage.source) for post in stage.posts]
        return Choice(flow, nodes, states=[SyncState.FAILED], ripe=policy.ripe(now), most=policy.batch)

    def _complain(self, row: RetryRow, message: str) -> RetryRow:
        """A policy that cannot be used is told of once."""
        if row.progress.alert == message:
            return row
        self._journal.write("warning", f"Its retry policy cannot be used. {message}", flow=row.flow)
        return self._store.advance(row, replace(row.progress, alert=message)) or row

    def tell(self, flow: str) -> None:
        """A policy was changed: it is looked at, and listeners hear of it."""
        self._changed()
        self._hub.publish(live_models.EventKind.FLOW, {"name": flow})

    def _answer(self, flow: str, row: RetryRow | None) -> RetrySchedule:
        if row is None:
            return RetrySchedule(flow=flow, plan=RetryPlan(zone=self._zone), text=MANUAL)
        try:
            text = _stored(row).text
        except ConfigurationError:
            text = "Not usable"
        return RetrySchedule(
            flow=flow, plan=RetryPlan.model_validate(row.policy), text=text, since=row.since,
            changed_by=row.changed_by, next_at=row.progress.next_at, due=row.progress.due, runs=row.progress.runs,
            alert=row.progress.alert,
        )  # fmt: skip


def _stored(row: RetryRow) -> RetryPolicy:
    policy = parse_retry_policy(row.policy, default_zone="UTC")
    assert policy is not None, "a policy without times has no row"
    return policy
