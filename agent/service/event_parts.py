"""Receiving events, put together: the listener, what takes events in, and what starts their runs."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from datetime import datetime

from agent.domain.processflow import Processflow
from agent.engine.journal import Level
from agent.service.environment import Environment
from agent.service.event_answers import EventAnswers
from agent.service.event_desk import EventDesk
from agent.service.event_door import EventDoor
from agent.service.event_doors import EventDoors
from agent.service.event_intake import EventIntake
from agent.service.event_runs import EventRuns
from agent.service.journal import ServiceJournal
from agent.service.real_time import RealTime
from agent.service.runs import Runs
from agent.service.secrets import Secrets
from agent.store.database import Database
from agent.store.deployments import Deployment, DeploymentStore
from agent.store.event_inboxes import EventInboxes
from agent.store.events import EventStore
from agent.store.ledger import Ledger
from agent.store.runs import RunStore
from agent.store.settings import Settings


class EventParts:
    """Everything about events of one service."""

    def __init__(
        self,
        *,
        database: Database,
        answers: EventAnswers,
        deployments: DeploymentStore,
        parse: Callable[[Deployment], Processflow],
        rows: RunStore,
        runs: Runs,
        hindrances: Callable[[], Mapping[str, str]],
        environment: Environment,
        secrets: Secrets,
        settings: Settings,
        journal: ServiceJournal,
        clock: Callable[[], datetime],
    ) -> None:
        self._environment, self._settings, self._journal, self._clock = environment, settings, journal, clock
        self._deployments, self._parse, self._secrets = deployments, parse, secrets
        self._changes = itertools.count(1)
        self._changed = 0
        self._inboxes, events = EventInboxes(database), EventStore(database)
        self._runs = EventRuns(
            inboxes=self._inboxes, events=events, deployments=deployments, parse=parse, ledger=Ledger(database),
            rows=rows, runs=runs, state=lambda: environment.state, hindrances=hindrances,
            days=lambda: settings.number("event_days"), megabytes=lambda: settings.number("event_megabytes"),
            clock=clock,
        )  # fmt: skip
        self._intake = EventIntake(
            events, self._inboxes, answers, megabytes=lambda: settings.number("event_megabytes"),
            stored=self._runs.wake, full=self._runs.clean,
        )  # fmt: skip
        self._real_time = RealTime(settings, door=self._door, tell=journal.write)
        self.desk = EventDesk(
            inboxes=self._inboxes, deployments=deployments, parse=parse, secrets=secrets, real_time=self._real_time,
            changed=self._note_change, clock=clock,
        )  # fmt: skip

    def start(self) -> None:
        """Receive events where the settings say so, and start the runs of those that wait."""
        self._intake.start()
        self._runs.start()
        self._real_time.follow()

    def stop(self) -> None:
        """Receive nothing more. What was received is stored when this returns."""
        self._real_time.stop()
        self._intake.stop()
        self._runs.stop()

    def follow_settings(self) -> None:
        """Listen where the settings say so now."""
        self._real_time.follow()

    def wake(self) -> None:
        """Look at once whether events wait that a run may take now, and who may send some."""
        self._note_change()
        self._runs.wake()

    def _door(self) -> EventDoor:
        return EventDoor(
            doors=EventDoors(
                inboxes=self._inboxes, deployments=self._deployments, parse=self._parse, secrets=self._secrets,
                changes=lambda: self._changed,
            ),
            intake=self._intake, state=lambda: self._environment.state,
            rate=lambda: self._settings.number("event_rate"), tell=self._tell, clock=self._clock,
        )  # fmt: skip

    def _note_change(self) -> None:
        self._changed = next(self._changes)

    def _tell(self, level: Level, message: str, flow: str) -> None:
        self._journal.write(level, message, flow=flow)
