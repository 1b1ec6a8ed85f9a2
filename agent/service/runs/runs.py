"""Executing processflows, and following their runs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from agent.api import live_models, run_models
from agent.domain.errors import AgentError, ConfigurationError, ConflictError
from agent.domain.run import RunState, Trigger
from agent.domain.run_classes import RunClass, RunFault
from agent.domain.run_plan import NORMAL, Retry, RunPlan, trigger_of
from agent.domain.schedule import Progress
from agent.service import answers
from agent.service.apps.trips import Trips
from agent.service.events import Hub, Listener
from agent.service.runs.environment import Environment
from agent.store.databases.at_rest import OVERTAKEN
from agent.store.flows.deployments import Deployment, DeploymentStore
from agent.store.runs.plan_records import Choice
from agent.store.runs.retry_policies import RetryPolicies, RetryProgress, RetryRow
from agent.store.runs.runs import NewRun, RunRow, RunStore, new_run_id
from agent.store.runs.schedules import ScheduleRow, ScheduleStore


class Queue(Protocol):
    """The worker, as far as it is needed here."""

    def enqueue(self, run_id: str) -> None: ...

    def cancel(self, run_id: str) -> None: ...


class Runs:
    """The runs of this agent.

    Args:
        require_bound: Refuses what waits for App Configurations.
    """

    def __init__(
        self,
        *,
        store: RunStore,
        deployments: DeploymentStore,
        schedules: ScheduleStore,
        retries: RetryPolicies,
        trips: Trips,
        queue: Queue,
        environment: Environment,
        hub: Hub,
        require_bound: Callable[[Deployment], None],
        clock: Callable[[], datetime],
    ) -> None:
        self._store, self._deployments, self._schedules, self._trips = store, deployments, schedules, trips
        self._retries = retries
        self._queue, self._environment, self._hub, self._clock = queue, environment, hub, clock
        self._require_bound = require_bound

    def start(
        self, flow: str, plan: RunPlan = NORMAL, *, by: str, write: Callable[[NewRun], object] | None = None
    ) -> run_models.Run:
        """Start a run now.

        Args:
            flow: The processflow.
            plan: What the run is to do.
            by: Who asked for it.
            write: Writes the run down together with what belongs to its plan; without it, the run alone.

        Raises:
            ConflictError: code `environment-not-enabled`, `configuration-tripped`, `already-running`, or
                `source-application-not-found` where an App Configuration is still missing.
            NotFoundError: code `flow-not-found`.
            AgentError: whatever `write` raises.
        """
        while True:
            run = self._allowed(flow, plan, by=by)
            try:
                (write or self._store.add)(run)
            except ConflictError as error:
                if error.code != OVERTAKEN:
                    raise
                continue  # with the version that replaced it; there may be none
            self._hand_over(run.id)
            return answers.run(self._store.get(run.id))

    def _allowed(self, flow: str, plan: RunPlan, *, by: str) -> NewRun:
        """A run of the version that is deployed now. Raises what `start` raises."""
        deployment = self._deployments.get(flow)
        self._require_bound(deployment)
        self._environment.require()
        self._trips.require(deployment)
        at = self._clock()
        return NewRun(
            id=new_run_id(at), flow=flow, version=deployment.version, trigger=trigger_of(plan), requested_by=by, at=at,
            plan=plan,
        )  # fmt: skip

    def start_planned(
        self, row: ScheduleRow, progress: Progress, *, planned_for: datetime
    ) -> tuple[ScheduleRow | None, str]:
        """Start the run of a planned time, once: it is written down together with the progress of its schedule.

        Returns the schedule after it, and the run's id; None where nothing was started, as `ScheduleStore.advance`.

        Raises:
            NotFoundError: code `flow-not-found`.
            AgentError: the run could not be queued; it has failed.
        """
        at = self._clock()
        run = NewRun(
            id=new_run_id(at), flow=row.flow, version=self._deployments.get(row.flow).version, trigger=Trigger.SCHEDULE,
            requested_by="schedule", at=at, planned_for=planned_for,
        )  # fmt: skip
        changed = self._schedules.advance(row, progress, run=run)
        if changed is not None:
            self._hand_over(run.id)
        return changed, run.id

    def start_retry(self, row: RetryRow, progress: RetryProgress, choice: Choice) -> tuple[RetryRow | None, str]:
        """Start the retry that is due, once: it is written down together with the progress of its policy.

        Returns the policy after it, and the run's id; None where nothing was started, as `RetryPolicies.start`.

        Raises:
            NotFoundError: code `flow-not-found`.
            AgentError: the run could not be queued; it has failed.
        """
        at = self._clock()
        run = NewRun(
            id=new_run_id(at), flow=row.flow, version=self._deployments.get(row.flow).version, trigger=Trigger.RETRY,
            requested_by="automatic retry", at=at, plan=Retry({}, automatic=True),
        )  # fmt: skip
        changed = self._retries.start(row, progress, run, choice)
        if changed is not None:
            self._hand_over(run.id)
        return changed, run.id

    def start_by_event(self, deployment: Deployment) -> None:
        """Start the run of a processflow for which events wait.

        Raises:
            ConflictError: code `already-running` or `deployment-overtaken`.
            AgentError: the run could not be queued; it has failed.
        """
        at = self._clock()
        run = NewRun(
            id=new_run_id(at), flow=deployment.flow, version=deployment.version, trigger=Trigger.EVENT,
            requested_by="event", at=at,
        )  # fmt: skip
        self._hand_over(self._store.add(run).id)

    def _hand_over(self, run_id: str) -> None:
        """Let the worker have a run that is written down. After a crash before it, the next start does so."""
        try:
            self._queue.enqueue(run_id)
        except Exception as error:
            self._store.end(
                run_id, state=RunState.FAILED, message="The run could not be queued.", remedy="Execute it again.",
                at=self._clock(), fault=RunFault(RunClass.AGENT),
            )  # fmt: skip
            raise error if isinstance(error, AgentError) else _not_queued(error) from error
        self._hub.run_changed(run_id)

    def require(self, run_id: str) -> None:
        """Refuse an id that no run has. Raises NotFoundError."""
        self._store.get(run_id)

    def cancel(self, run_id: str) -> run_models.Run:
        """Cancel a run; one that has ended stays as it is. Raises NotFoundError."""
        self._store.get(run_id)
        row = self._store.request_cancel(run_id, at=self._clock())
        self._queue.cancel(run_id)
        self._hub.run_changed(run_id)
        return answers.run(row)

    def page(self, *, flow: str, after: str, limit: int) -> run_models.RunPage:
        """Runs, newest first. Raises NotFoundError where nobody knows that processflow."""
        if flow:
            self._deployments.require_kept(flow)
        rows = self._store.page(flow=flow, before=after, limit=limit + 1)
        following = rows[limit - 1].id if len(rows) > limit else None
        return run_models.RunPage(items=[answers.run(row) for row in rows[:limit]], next=following)

    async def get(self, run_id: str, *, wait_seconds: float) -> run_models.Run:
        """One run; waits for its end. Raises NotFoundError."""
        end = time.monotonic() + wait_seconds
        with self._hub.listen() as listener:
            while True:
                row = await asyncio.to_thread(self._store.get, run_id)
                left = end - time.monotonic()
                if row.state.ended or left <= 0 or not await _heard_of(run_id, listener, left):
                    return answers.run(await self._latest(row))

    async def _latest(self, row: RunRow) -> RunRow:
        return row if row.state.ended else await asyncio.to_thread(self._store.get, row.id)


async def _heard_of(run_id: str, listener: Listener, seconds: float) -> bool:
    """Wait until something is told of the run; False when the time is up or the service ends."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        try:
            event = await listener.next(left)
        except TimeoutError:
            return False
        if event is None:
            return False
        if event.kind is live_models.EventKind.RUN and event.data.get("id") == run_id:
            return True
    return False


def _not_queued(error: Exception) -> AgentError:
    return ConfigurationError(
        "The run could not be queued.",
        code="not-queued",
        remedy="Restart the service, then execute the processflow again.",
        detail=type(error).__name__,
    )
