"""One list of what needs a person, made out of what is wrong now. Nothing has to be cleared: causes go, alerts go.

A thread looks when something may have changed, so that listeners hear of it, and now and then in any case.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from agent.api.alert_models import Alert, AlertCode, Alerts
from agent.api.live_models import EventKind
from agent.domain.errors import AgentError, NotFoundError
from agent.domain.run import RunState
from agent.service.apps.trips import Trips
from agent.service.events import Hub
from agent.service.looking import Looker
from agent.service.upkeep.disk_room import ShortOfRoom
from agent.store.alerts import AlertStore, Noted
from agent.store.flows.deployments import DeploymentStore
from agent.store.records.sync_info import SyncInfo
from agent.store.runs.retry_policies import RetryPolicies
from agent.store.runs.runs import RunStore
from agent.store.runs.schedules import ScheduleStore

_LOOK_SECONDS = 30.0
_LEAST_SECONDS = 0.5
_STOP_SECONDS = 30.0
_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Cause:
    """Something that is wrong. `measure` is how much of it: an acknowledgement is for that much."""

    code: AlertCode
    subject: str
    text: str
    remedy: str
    target: str
    flow: str = ""
    since: datetime | None = None
    measure: str = ""

    @property
    def id(self) -> str:
        return f"{self.code.value}:{self.subject}"

    def covered_by(self, noted: Noted) -> bool:
        """Whether what was acknowledged is all there is."""
        if noted.acknowledged_at is None:
            return False
        if self.code is AlertCode.RECORDS_FAILED:
            return int(self.measure) <= int(noted.measure)
        return self.measure == noted.measure


class AlertDesk:
    """The alerts of this agent. Thread-safe.

    Args:
        store: Remembers since when, and who acknowledged.
        trips: App Configurations that are refused.
        deployments: Only what is deployed needs anybody.
        schedules: What should have run and did not.
        retries: What should have been tried again and was not.
        runs: How runs ended.
        sync_info: How many records failed.
        trouble: Why the agent cannot write down what it does, if it cannot.
        room: Disks that are almost full.
        hub: Told when the list changes.
        clock: Gives the present, aware and in UTC.
    """

    def __init__(
        self,
        *,
        store: AlertStore,
        trips: Trips,
        deployments: DeploymentStore,
        schedules: ScheduleStore,
        retries: RetryPolicies,
        runs: RunStore,
        sync_info: SyncInfo,
        trouble: Callable[[], AgentError | None],
        room: Callable[[], Sequence[ShortOfRoom]],
        hub: Hub,
        clock: Callable[[], datetime],
    ) -> None:
        self._store, self._trips, self._deployments, self._schedules = store, trips, deployments, schedules
        self._retries, self._runs, self._sync_info, self._hub, self._clock = retries, runs, sync_info, hub, clock
        self._trouble, self._room = trouble, room
        self._looking = threading.Lock()
        self._told: Alerts | None = None
        self._looker = Looker(
            self._look, name="alerts", again_seconds=_LOOK_SECONDS, rest_seconds=_LEAST_SECONDS,
            fails=lambda error: _logger.warning(
                "What needs a person cannot be found out now; trying again.", exc_info=error
            ),
            heals=lambda: _logger.info("What needs a person can be found out again."), stop_seconds=_STOP_SECONDS,
        )  # fmt: skip

    def start(self) -> None:
        """Begin to look."""
        self._looker.start()

    def stop(self) -> None:
        """Look no more."""
        self._looker.stop()

    def wake(self) -> None:
        """Something may have changed. Callable from any thread."""
        self._looker.wake()

    def all(self) -> Alerts:
        """Everything that needs a person now; whoever listens hears of what is new."""
        with self._looking:
            causes = {cause.id: cause for cause in self._causes()}
            noted = self._noted(causes)
            items = [_alert(cause, noted[key]) for key, cause in causes.items()]
            items.sort(key=lambda alert: alert.since, reverse=True)
            items.sort(key=lambda alert: alert.acknowledged_at is not None)
            found = Alerts(items=items, unacknowledged=sum(alert.acknowledged_at is None for alert in items))
            if found != self._told:
                self._told = found
                self._hub.publish(EventKind.ALERTS, found)
        return found

    def _noted(self, causes: Mapping[str, _Cause]) -> Mapping[str, Noted]:
        """What is remembered of them. Where nothing can be written, all of them are new."""
        now = self._clock()
        try:
            return self._store.follow({key: cause.since or now for key, cause in causes.items()})
        except AgentError:
            if self._trouble() is None:
                raise
            before = {} if self._told is None else {one.id: one.since for one in self._told.items}
            return {key: Noted(cause.since or before.get(key, now)) for key, cause in causes.items()}

    def acknowledge(self, alert_id: str, *, by: str) -> Alerts:
        """Note that somebody has seen it. Raises NotFoundError where it is gone."""
        self.all()
        cause = next((one for one in self._causes() if one.id == alert_id), None)
        if cause is None or not self._store.acknowledge(alert_id, by=by, at=self._clock(), measure=cause.measure):
            raise NotFoundError(
                f"There is no alert {alert_id} any more.", code="alert-not-found", remedy="Its cause was mended."
            )
        return self.all()

    def _storage(self) -> Iterator[_Cause]:
        """What keeps the agent from writing down what it does, or soon will."""
        if (trouble := self._trouble()) is not None:
            yield _Cause(AlertCode.DATABASE, trouble.code, trouble.message, trouble.remedy, "")
        for short in self._room():
            left = f"Only {short.free_bytes / 1e6:,.0f} MB are left"
            yield _Cause(
                AlertCode.DISK, short.what, f"{left} on the disk with the agent's {short.what}: {short.folder}",
                "Make room, for instance with Agent → Clear Temp. While it is full, runs wait, and then go on.",
                "",
            )  # fmt: skip

    def _causes(self) -> Iterator[_Cause]:
        yield from self._storage()
        deployed = self._deployments.bindings()
        yield from self._tripped(deployed)
        # Where a configuration has tripped, that is what has to be mended.
        yield from self._held(deployed.keys() - self._trips.hindrances().keys())
        failed, latest = self._sync_info.failed(), self._runs.latest_of_deployed()
        for flow in deployed:
            run = latest.get(flow)
            if run is not None and run.state is RunState.FAILED:
                yield _Cause(
                    AlertCode.RUN_FAILED, flow, f"The last run of {flow} failed. {run.message}", run.remedy,
                    run.fault.cure or f"run:{run.id}", flow, run.ended_at, run.id,
                )  # fmt: skip
            if count := failed.get(flow, 0):
                yield _Cause(
                    AlertCode.RECORDS_FAILED, flow, f"{count:,} record{'' if count == 1 else 's'} of {flow} failed.",
                    "Sync Info says of each why, and what to do.",
                    f"sync-info:{flow}", flow, measure=str(count),
                )  # fmt: skip

    def _held(self, flows: Collection[str]) -> Iterator[_Cause]:
        for schedule in self._schedules.all():
            if schedule.progress.alert and schedule.flow in flows:
                yield _Cause(
                    AlertCode.SCHEDULE_HELD, schedule.flow, f"{schedule.flow}: {schedule.progress.alert}",
                    "Look at its schedule, and at what kept it from running.", f"schedule:{schedule.flow}",
                    schedule.flow, measure=schedule.progress.alert,
                )  # fmt: skip
        for policy in self._retries.all():
            if policy.progress.alert and policy.flow in flows:
                yield _Cause(
                    AlertCode.RETRY_HELD, policy.flow, f"{policy.flow}: {policy.progress.alert}",
                    "Mend that, and they are tried again by themselves; “opagent retry” shows its policy.",
                    f"retry:{policy.flow}", policy.flow, measure=policy.progress.alert,
                )  # fmt: skip

    def _tripped(self, deployed: Mapping[str, Mapping[str, str]]) -> Iterator[_Cause]:
        waiting = self._trips.waiting()
        for trip in self._trips.all().values():
            flows = sorted(flow for flow, bindings in deployed.items() if trip.configuration in bindings.values())
            count = waiting.get(trip.configuration, 0)
            runs = {0: "", 1: " 1 run waits."}.get(count, f" {count:,} runs wait.")
            held = f" It holds up {', '.join(flows)}." if flows else ""
            yield _Cause(
                AlertCode.CONFIGURATION_TRIPPED, trip.configuration,
                f"The App Configuration “{trip.name}” is refused by its app: {trip.message}{held}{runs}",
                f"{trip.remedy} Correct it under App Configurations and press Validate.",
                f"app-configuration:{trip.configuration}", since=trip.since, measure=trip.since.isoformat(),
            )  # fmt: skip

    def _look(self) -> float:
        self.all()
        return _LOOK_SECONDS


def _alert(cause: _Cause, noted: Noted) -> Alert:
    seen = cause.covered_by(noted)
    return Alert(
        id=cause.id, code=cause.code, flow=cause.flow, since=noted.since, text=cause.text, remedy=cause.remedy,
        target=cause.target, acknowledged_by=noted.acknowledged_by if seen else "",
        acknowledged_at=noted.acknowledged_at if seen else None,
    )  # fmt: skip
