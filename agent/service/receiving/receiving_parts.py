"""Receiving events, put together: the listener, what takes events in, and what starts their runs."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping

from agent.engine.walking.journal import Level
from agent.service.basics import Basics
from agent.service.receiving.desk import EventDesk
from agent.service.receiving.door import EventDoor
from agent.service.receiving.doors import EventDoors
from agent.service.receiving.intake import EventIntake
from agent.service.receiving.real_time import RealTime
from agent.service.receiving.starting import EventRuns
from agent.service.runs.engine_parts import EngineParts
from agent.service.runs.runs import Runs
from agent.store.inbox.inboxes import EventInboxes
from agent.store.runs.ledger import Ledger


class EventParts:
    """Everything about events of one service."""

    def __init__(
        self, basics: Basics, engine: EngineParts, *, runs: Runs, hindrances: Callable[[], Mapping[str, str]]
    ) -> None:
        self._environment, self._settings, self._clock = engine.environment, basics.settings, basics.clock
        self._deployments, self._parse = basics.stores.deployments, engine.compiled.get
        self._secrets, self._journal = basics.secrets, basics.journal
        self._changes = itertools.count(1)
        self._changed = 0
        self._inboxes, events, settings = EventInboxes(basics.database), basics.stores.events, basics.settings
        self._runs = EventRuns(
            inboxes=self._inboxes, events=events, deployments=self._deployments, parse=self._parse,
            ledger=Ledger(basics.database), rows=basics.stores.runs, runs=runs,
            state=lambda: engine.environment.state, hindrances=hindrances,
            days=lambda: settings.number("event_days"), megabytes=lambda: settings.number("event_megabytes"),
            clock=basics.clock,
        )  # fmt: skip
        self._intake = EventIntake(
            events, self._inboxes, engine.senders, megabytes=lambda: settings.number("event_megabytes"),
            stored=self._runs.wake, full=self._runs.clean,
        )  # fmt: skip
        self._real_time = RealTime(settings, door=self._door, tell=basics.journal.write)
        self.desk = EventDesk(
            inboxes=self._inboxes, deployments=self._deployments, parse=self._parse, secrets=basics.secrets,
            real_time=self._real_time, changed=self._note_change, clock=basics.clock,
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
