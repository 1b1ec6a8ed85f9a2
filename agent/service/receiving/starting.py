"""Starts the runs of processflows for which events wait, and removes old events for good.

A thread looks when an event was stored, when a run has ended and every 15 seconds: an event that arrives while a run
works is taken by it, or by the one that follows at once. A run that fails is tried again later and later.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

from agent.api.service_models import EnvironmentState
from agent.domain.errors import AgentError, ConflictError
from agent.domain.processflow import Processflow
from agent.domain.run import RunState
from agent.engine.events.succession import EventSuccession
from agent.engine.walking.verdict import conclusion
from agent.service.looking import Looker
from agent.service.runs.runs import Runs
from agent.store.flows.deployments import Deployment, DeploymentStore
from agent.store.inbox.events import EventStore
from agent.store.inbox.inboxes import EventInboxes, InboxRow
from agent.store.runs.ledger import Ledger
from agent.store.runs.runs import RunRow, RunStore

LOOK_SECONDS: Final = 15.0
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 30.0, 900.0
_CLEAN_SECONDS: Final = 600.0
_MEGABYTE: Final = 1_000_000
_KEPT_SHARE: Final = 0.8
"""How much of the room processed events may fill, so that there is some for new ones."""
_VAIN = frozenset({RunState.FAILED, RunState.CANCELLED})
_logger = logging.getLogger(__name__)


class EventRuns:
    """Looks after events again and again.

    Args:
        inboxes: What has arrived.
        events: The events.
        deployments: Which processflows there are.
        parse: Their documents, understood.
        ledger: How far they have come.
        rows: What runs already.
        runs: Starts runs.
        state: The state of the environment.
        hindrances: Why processflows cannot run, of those that cannot.
        days: How long processed events are kept, now.
        megabytes: How much all events may take up, now.
        clock: The present, aware and in UTC.
    """

    def __init__(
        self,
        *,
        inboxes: EventInboxes,
        events: EventStore,
        deployments: DeploymentStore,
        parse: Callable[[Deployment], Processflow],
        ledger: Ledger,
        rows: RunStore,
        runs: Runs,
        state: Callable[[], EnvironmentState],
        hindrances: Callable[[], Mapping[str, str]],
        days: Callable[[], int],
        megabytes: Callable[[], int],
        clock: Callable[[], datetime],
    ) -> None:
        self._inboxes, self._events, self._deployments, self._parse = inboxes, events, deployments, parse
        self._rows, self._runs, self._state = rows, runs, state
        self._succession = EventSuccession(events, ledger, rows, deployments, parse)
        self._hindrances, self._days, self._megabytes, self._clock = hindrances, days, megabytes, clock
        self._looker = Looker(
            self.look, name="event-runs", again_seconds=LOOK_SECONDS,
            fails=lambda error: _logger.warning("Events cannot be looked after now; trying again.", exc_info=error),
            heals=lambda: _logger.info("Events can be looked after again."),
        )  # fmt: skip
        self._vain: dict[str, tuple[str, int]] = {}
        self._clean_at: datetime | None = None

    def start(self) -> None:
        """Begin to look."""
        self._looker.start()

    def stop(self) -> None:
        """Look no more; returns when the last look is over."""
        self._looker.stop()

    def wake(self) -> None:
        """Look at once. Callable from any thread."""
        self._looker.wake()

    def clean(self) -> None:
        """Remove processed events at once, as there is no room. Callable from any thread."""
        self._clean_at = None
        self._looker.wake()

    def look(self) -> float:
        """Look at every inbox, and start what is to be started. Returns in how many seconds to look again.

        Raises:
            AgentError: something could not be done; nothing is lost by it.
        """
        self._clean_up()
        inboxes = [inbox for inbox in self._inboxes.all() if inbox.waiting]
        if not inboxes or self._state() is not EnvironmentState.RUNNING:
            return LOOK_SECONDS
        busy = {run.flow for run in self._rows.active()}
        hindered = self._hindrances()
        deployed = {deployment.flow: deployment for deployment in self._deployments.active()}
        trouble: AgentError | None = None
        for inbox in inboxes:
            deployment = deployed.get(inbox.flow)
            if deployment is None:
                continue
            try:
                waits = self._waits(inbox, deployment)
                if waits and not (inbox.flow in busy or inbox.flow in hindered or self._pauses(inbox.flow)):
                    self._runs.start_by_event(deployment)
            except ConflictError:
                continue  # somebody was faster
            except AgentError as error:
                trouble = error
        if trouble is not None:
            raise trouble
        return LOOK_SECONDS

    def _waits(self, inbox: InboxRow, deployment: Deployment) -> bool:
        """Whether records wait for any source. What every source has processed is noted on the way."""
        sources = self._parse(deployment).event_sources
        if not sources:
            return False
        done = min(self._succession.reached(inbox.flow, sources))
        if done > inbox.processed:
            self._events.note_processed(inbox.flow, done)
        return inbox.processed + inbox.waiting > done

    def _pauses(self, flow: str) -> bool:
        """Whether the last run was in vain, and it is too soon for another one."""
        last = self._rows.latest(flow)
        if last is None or last.state not in _VAIN or last.ended_at is None or _concluded(last):
            self._vain.pop(flow, None)
            return False
        run, times = self._vain.get(flow, ("", 0))
        if run != last.id:
            times += 1
            self._vain[flow] = (last.id, times)
        seconds = min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2.0 ** min(times - 1, 10))
        return self._clock() < last.ended_at + timedelta(seconds=seconds)

    def _clean_up(self) -> None:
        now = self._clock()
        if self._clean_at is not None and now < self._clean_at:
            return
        self._clean_at = now + timedelta(seconds=_CLEAN_SECONDS)
        self._events.remove_processed(
            before=now - timedelta(days=self._days()), most_bytes=int(self._megabytes() * _MEGABYTE * _KEPT_SHARE)
        )


def _concluded(run: RunRow) -> bool:
    """Whether it processed all that waited, although every record failed: the next events have nothing to wait for."""
    return conclusion(run.counts, run.plan) == (run.state, run.message, run.remedy)
