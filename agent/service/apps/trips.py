"""Tripped App Configurations, for the service: what they hold up, why, and that everything goes on once they work."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from agent.domain.errors import ConflictError
from agent.engine.walking.journal import Level
from agent.store.flows.deployments import Deployment, DeploymentStore
from agent.store.runs.trips import Trip, TripStore


class Waker(Protocol):
    """The worker, as far as it is needed here."""

    def wake(self, run_ids: Sequence[str]) -> None: ...


class Journal(Protocol):
    """The log, as far as it is needed here."""

    def write(self, level: Level, message: str, *, detail: str = "") -> None: ...


class Trips:
    """The trips of this agent.

    Args:
        store: The trips.
        deployments: Tells what uses a configuration.
        waker: Lets runs go on.
        journal: Hears once that a configuration works again.
        changed: Called when something that waited may go on.
    """

    def __init__(
        self,
        *,
        store: TripStore,
        deployments: DeploymentStore,
        waker: Waker,
        journal: Journal,
        changed: Callable[[], None],
    ) -> None:
        self._store, self._deployments, self._waker = store, deployments, waker
        self._journal, self._changed = journal, changed

    def all(self) -> Mapping[str, Trip]:
        """Every trip, by the configuration's id."""
        return self._store.all()

    def waiting(self) -> Mapping[str, int]:
        """How many runs wait for each configuration."""
        return self._store.waiting()

    def hindrances(self) -> Mapping[str, str]:
        """Why processflows cannot run, of those that cannot."""
        trips = self._store.all()
        if not trips:
            return {}
        found: dict[str, str] = {}
        for flow, bindings in self._deployments.bindings().items():
            trip = self._of(bindings, trips)
            if trip is not None:
                found[flow] = f"the App Configuration “{trip.name}” is refused by its app"
        return found

    def require(self, deployment: Deployment) -> None:
        """Refuse to start what would be refused.

        Raises:
            ConflictError: code `configuration-tripped`, with the cause and the way out.
        """
        self.require_bindings(deployment.bindings)

    def require_bindings(self, bindings: Mapping[str, str]) -> None:
        """The same for configurations by credential token. Raises ConflictError."""
        trip = self._of(bindings, self._store.all())
        if trip is not None:
            raise ConflictError(
                f"The App Configuration “{trip.name}” is refused by its app: {trip.message}",
                code="configuration-tripped",
                remedy=f"{trip.remedy} Correct it under App Configurations and press Validate: then all that waits "
                "goes on by itself.",
                field=trip.configuration,
            )

    def released(self, name: str, runs: Sequence[str]) -> None:
        """A configuration works again, and these runs, which waited for it, may go on."""
        went_on = {0: "", 1: " A run that waited goes on."}.get(len(runs), f" {len(runs):,} runs that waited go on.")
        self._journal.write("info", f"“{name}” works again.{went_on}")
        self._waker.wake(runs)
        self._changed()

    @staticmethod
    def _of(bindings: Mapping[str, str], trips: Mapping[str, Trip]) -> Trip | None:
        found = [trips[one] for one in bindings.values() if one in trips]
        return min(found, key=lambda trip: trip.since) if found else None
