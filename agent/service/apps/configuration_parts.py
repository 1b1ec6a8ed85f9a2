"""App Configurations and what processflows have of them, put together."""

from __future__ import annotations

from collections.abc import Callable

from agent.service.apps.chosen_bindings import UNBOUND, BindingChoice
from agent.service.apps.configuration_checks import ConfigurationChecks
from agent.service.apps.configurations import Configurations
from agent.service.apps.late_binding import LateBinding
from agent.service.apps.permission_checks import PermissionChecks
from agent.service.apps.trips import Trips
from agent.service.apps.validations import Validations
from agent.service.basics import Basics
from agent.service.runs.engine_parts import EngineParts


class ConfigurationParts:
    """These parts of one service. `changed` is told when a processflow may run that could not, or the other way."""

    def __init__(self, basics: Basics, engine: EngineParts, *, changed: Callable[[], None]) -> None:
        stores = basics.stores
        self._deployments = stores.deployments
        self.choice = BindingChoice(stores.configurations, stores.deployments, engine.connectors)
        self.late_binding = LateBinding(
            deployments=stores.deployments, configurations=stores.configurations, journal=basics.journal,
            hub=basics.hub, clock=basics.clock, faults=self.choice.faults, changed=changed,
        )  # fmt: skip
        self.trips = Trips(
            store=stores.trips, deployments=stores.deployments, waker=engine.worker, journal=basics.journal,
            changed=changed,
        )  # fmt: skip
        self.configurations = Configurations(
            store=stores.configurations, deployments=stores.deployments, secrets=basics.secrets,
            connectors=engine.connectors, unloadable=engine.unloadable, trips=self.trips, hub=basics.hub,
            clock=basics.clock, proven=self.late_binding.look,
        )  # fmt: skip
        self.validations = Validations(self.configurations, basics.hub, basics.clock, basics.secrets)
        self.checks = ConfigurationChecks(self.validations, basics.secrets)
        self.permissions = PermissionChecks(engine.connections)

    def hindrances(self) -> dict[str, str]:
        """Why processflows cannot run, of those that cannot."""
        return {**self.trips.hindrances(), **dict.fromkeys(self._deployments.waiting(), UNBOUND)}
