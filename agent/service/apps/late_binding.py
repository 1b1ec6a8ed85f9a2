"""Binds what was deployed before its App Configurations were there, once there is exactly one that fits and works.

The binding is a version of its own with the same document, so that each version stays what it was.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import datetime

from agent.api import live_models
from agent.domain.errors import AgentError
from agent.service.events import Hub
from agent.service.upkeep.journal import ServiceJournal
from agent.store.configurations import VALIDATED, ConfigurationRow, ConfigurationStore
from agent.store.flows.deployment_log import noting_bound
from agent.store.flows.deployments import Deployment, DeploymentStore

BY = "the agent"


class LateBinding:
    """Looks at what waits whenever a configuration was proven. Thread-safe.

    Args:
        faults: What keeps a deployment from being bound to these configurations; empty where nothing does.
        changed: Called when a processflow can run that could not before.
    """

    def __init__(
        self,
        *,
        deployments: DeploymentStore,
        configurations: ConfigurationStore,
        journal: ServiceJournal,
        hub: Hub,
        clock: Callable[[], datetime],
        faults: Callable[[Deployment, Mapping[str, ConfigurationRow]], str],
        changed: Callable[[], None],
    ) -> None:
        self._deployments, self._configurations = deployments, configurations
        self._journal, self._hub, self._clock = journal, hub, clock
        self._faults, self._changed = faults, changed
        self._told: dict[str, str] = {}
        self._looking, self._lock = threading.Lock(), threading.Lock()
        self._left_alone: set[str] = set()

    def leave_alone(self, flow: str) -> bool:
        """A processflow is being deployed: do not bind it. Returns False where it is already."""
        with self._lock:
            free = flow not in self._left_alone
            self._left_alone.add(flow)
            return free

    def may_bind(self, flow: str) -> None:
        """Its deployment has ended."""
        with self._lock:
            self._left_alone.discard(flow)

    def look(self) -> None:
        """Bind what can be bound now.

        What cannot be bound is left for the next look and hinders no other one; nothing is raised for it.
        """
        with self._looking:
            try:
                waiting = self._deployments.waiting()
            except AgentError as error:
                self._tell("", f"What waits for App Configurations could not be looked at. {error}")
                return
            for flow in waiting:
                with self._lock:
                    left_alone = flow in self._left_alone
                if left_alone:
                    continue
                try:
                    self._look_at(self._deployments.get(flow))
                except AgentError as error:
                    self._tell(flow, f"It could not be bound. {error}")

    def _tell(self, flow: str, message: str) -> None:
        """Warn of a processflow once, until there is something else to warn of."""
        if self._told.get(flow) != message:
            self._told[flow] = message
            self._journal.write("warning", message, flow=flow)

    def _look_at(self, waiting: Deployment) -> None:
        found = self._found(waiting.waits_for)
        if not found:
            return
        if fault := self._faults(waiting, found):
            self._tell(waiting.flow, f"It could not be bound. {fault}")
            return
        said = ", ".join(f"{token} to “{row.name}”" for token, row in found.items())
        note, at = f"Bound by itself: {said}.", self._clock()
        lines = [*waiting.log, f"{len(waiting.log) + 1} Bound by itself: {said}"]
        bound = self._deployments.add(
            flow=waiting.flow, document=waiting.document, file=waiting.file,
            bindings={**waiting.bindings, **{token: row.id for token, row in found.items()}},
            note=note, deployed_at=at, deployed_by=BY, log=lines,
            waits_for={token: app for token, app in waiting.waits_for.items() if token not in found},
            schedule=waiting.schedule, remarks=waiting.remarks, after=waiting.version, only_deployed=True,
            functions=waiting.functions, lookups=waiting.lookups,
            together=[noting_bound(waiting.flow, by=BY, note=note, at=at, lines=lines)],
        )  # fmt: skip
        self._told.pop(bound.flow, None)
        self._journal.write("info", f"Version {bound.version}: bound {said}, as it is validated now.", flow=bound.flow)
        self._hub.publish(live_models.EventKind.FLOW, {"name": bound.flow})
        self._changed()

    def _found(self, waits_for: Mapping[str, str]) -> dict[str, ConfigurationRow]:
        rows = self._configurations.all()
        found = {}
        for token, app in waits_for.items():
            fitting = [row for row in rows if row.app == app]
            if len(fitting) == 1 and fitting[0].state == VALIDATED:
                found[token] = fitting[0]
        return found
