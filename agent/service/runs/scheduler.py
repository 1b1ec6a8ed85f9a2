"""Starts processflows at their times: a thread that looks at the schedules every 15 seconds and at each next time.

It compares with the wall clock at each look instead of sleeping until a time, so that sleep of the machine and changes
of the clock are noticed. What follows from a look is `engine.schedule_look`'s; that a time fires once, the store's.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol

from agent.api import live_models
from agent.api.service_models import EnvironmentState
from agent.domain.errors import AgentError, ConfigurationError
from agent.engine.schedules.look import Busy, World, look
from agent.engine.walking.journal import Level
from agent.service.events import Hub
from agent.service.looking import Looker
from agent.service.runs.runs import Runs
from agent.service.runs.schedules import stored_plan
from agent.store.flows.deployments import DeploymentStore
from agent.store.runs.runs import RunRow, RunStore
from agent.store.runs.schedules import ScheduleRow, ScheduleStore

LOOK_SECONDS = 15.0
_LEAST_SECONDS = 0.05
_logger = logging.getLogger(__name__)


class Journal(Protocol):
    """The log, as far as it is needed here."""

    def write(self, level: Level, message: str, *, flow: str = "", run: str = "") -> None: ...


class Scheduler:
    """Looks at the schedules again and again.

    Args:
        runs: Starts runs.
        rows: What runs already.
        state: The state of the environment.
        hindrances: Why processflows cannot run although the environment is running, of those that cannot.
        retries: Looks at what is to be tried again, after the schedules; returns in how many seconds to look again.
    """

    def __init__(
        self,
        *,
        store: ScheduleStore,
        deployments: DeploymentStore,
        runs: Runs,
        rows: RunStore,
        state: Callable[[], EnvironmentState],
        hindrances: Callable[[], Mapping[str, str]],
        journal: Journal,
        hub: Hub,
        clock: Callable[[], datetime],
        retries: Callable[[], float] = lambda: LOOK_SECONDS,
    ) -> None:
        self._store, self._deployments, self._runs, self._rows = store, deployments, runs, rows
        self._state, self._hindrances = state, hindrances
        self._journal, self._hub, self._clock, self._retries = journal, hub, clock, retries
        self._looker = Looker(
            lambda: min(self.look(), self._retries()), name="scheduler", again_seconds=LOOK_SECONDS,
            fails=lambda error: _logger.warning("The schedules cannot be looked at now; trying again.", exc_info=error),
            heals=lambda: _logger.info("The schedules can be looked at again."),
        )  # fmt: skip
        self._troubled: set[str] = set()

    def start(self) -> None:
        """Begin to look."""
        self._looker.start()

    def stop(self) -> None:
        """Look no more; returns when the last look is over."""
        self._looker.stop()

    def wake(self) -> None:
        """Look at once: a schedule, the environment or what runs has changed. Callable from any thread."""
        self._looker.wake()

    def look(self) -> float:
        """Look at every schedule, and do what follows. Returns in how many seconds to look again.

        Raises:
            AgentError: something could not be done, for instance as the database does not answer. Nothing is lost by
                it, and it hinders no other schedule.
        """
        rows = self._store.all()
        if not rows:
            return LOOK_SECONDS
        deployed = self._deployments.names()
        busy = {run.flow: run for run in self._rows.active()}
        hindrances = self._hindrances()
        ahead: list[float] = []
        trouble: AgentError | None = None
        for row in rows:
            try:
                next_at = self._look_at(row, self._world(row.flow, deployed, busy, hindrances)).progress.next_at
            except AgentError as error:
                trouble = error
            else:
                ahead += [(next_at - self._clock()).total_seconds()] if next_at is not None else []
        if trouble is not None:
            raise trouble
        return max(_LEAST_SECONDS, min([LOOK_SECONDS, *(seconds for seconds in ahead if seconds > 0)]))

    def _world(self, flow: str, deployed: set[str], busy: Mapping[str, RunRow], hindrances: Mapping[str, str]) -> World:
        run = busy.get(flow)
        return World(
            now=self._clock(),
            deployed=flow in deployed,
            hindrance=hindrance_of(self._state()) or hindrances.get(flow, ""),
            busy=Busy(run.id, run.started_at or run.queued_at) if run is not None else None,
        )

    def _look_at(self, row: ScheduleRow, world: World) -> ScheduleRow:
        """Look at one schedule; returns it as it is afterwards."""
        try:
            plan = stored_plan(row)
        except ConfigurationError as error:
            self._complain(row, error)
            return row
        self._troubled.discard(row.stamp)
        decision = look(plan, row.anchor, row.progress, world)
        if decision.progress == row.progress:
            return row
        run = ""
        if decision.fire is None:
            changed = self._store.advance(row, decision.progress)
        else:
            changed, run = self._runs.start_planned(row, decision.progress, planned_for=decision.fire)
        if changed is None:
            return row
        for remark in decision.remarks:
            self._journal.write(remark.level, remark.message, flow=row.flow, run=run)
        self._hub.publish(live_models.EventKind.FLOW, {"name": row.flow})
        return changed

    def _complain(self, row: ScheduleRow, error: AgentError) -> None:
        """A plan that cannot be used is told of once."""
        if row.stamp not in self._troubled:
            self._troubled.add(row.stamp)
            self._journal.write("warning", f"Its schedule cannot be used. {error}", flow=row.flow)


def hindrance_of(state: EnvironmentState) -> str:
    """Why nothing can run in that state of the environment; empty where it can."""
    return _HINDRANCES[state]


_HINDRANCES = {
    EnvironmentState.RUNNING: "",
    EnvironmentState.STARTING: "the environment is enabled but waits for the vault",
    EnvironmentState.STOPPING: "the environment is stopped",
    EnvironmentState.STOPPED: "the environment is stopped",
}
