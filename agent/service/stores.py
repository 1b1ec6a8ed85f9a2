"""What the agent's database holds, by area: one of each store, shared by all who work with it."""

from __future__ import annotations

from collections.abc import Callable

from agent.service.secrets import Secrets
from agent.store.configurations import ConfigurationStore
from agent.store.databases.database import Database
from agent.store.flows.deployments import DeploymentStore
from agent.store.inbox.events import EventStore
from agent.store.library.functions import FunctionStore
from agent.store.library.lookups import LookupStore
from agent.store.library.variables import VariableStore
from agent.store.records.sync_info import SyncInfo
from agent.store.runs.retry_policies import RetryPolicies
from agent.store.runs.runs import RunStore
from agent.store.runs.schedules import ScheduleStore
from agent.store.runs.trips import TripStore
from agent.store.vaults.sealing import Sealer


class Stores:
    """The stores that several areas of the service work with.

    Args:
        database: The agent's database.
        redact: Takes secrets out of what apps say.
        secrets: For values that are kept sealed.
        tripped: Told of an App Configuration that has tripped, after it is written down.
    """

    def __init__(
        self,
        database: Database,
        *,
        redact: Callable[[str], str],
        secrets: Secrets,
        tripped: Callable[[str], None],
    ) -> None:
        self.configurations, self.deployments = ConfigurationStore(database), DeploymentStore(database)
        self.runs, self.sync_info = RunStore(database, redact=redact), SyncInfo(database)
        self.schedules, self.retries = ScheduleStore(database), RetryPolicies(database)
        self.functions, self.lookups = FunctionStore(database), LookupStore(database)
        self.variables = VariableStore(database, Sealer(secrets))
        self.trips = TripStore(database, redact=redact, changed=tripped)
        self.events = EventStore(database)

    def expect_secrets(self) -> bool:
        """Whether something is stored that cannot be used without the vault."""
        return any(row.secret_hints for row in self.configurations.all()) or self.variables.sealed_any()
