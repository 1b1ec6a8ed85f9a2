"""What has to do with documents and their versions, put together: testing, deploying, versions, packages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from agent.api import flow_models
from agent.connectors.contract import Connector
from agent.engine.vocabularies import Vocabularies
from agent.service.chosen_bindings import BindingChoice
from agent.service.companions import Companions
from agent.service.compiled import CompiledFlows
from agent.service.configuration_checks import ConfigurationChecks
from agent.service.deploying import Deploying
from agent.service.environment import Environment
from agent.service.events import Hub
from agent.service.flow_testing import FlowTesting
from agent.service.functions import FunctionLibrary
from agent.service.late_binding import LateBinding
from agent.service.lookups import LookupTables
from agent.service.package_kinds import FlowKind, FunctionKind, LookupKind
from agent.service.packages import Packages
from agent.service.retrying import Retrying
from agent.service.schedules import Schedules
from agent.service.versions import Versions
from agent.store.configurations import ConfigurationStore
from agent.store.database import Database
from agent.store.deployment_log import DeploymentLog
from agent.store.deployments import Deployment, DeploymentStore
from agent.store.flow_history import FlowHistory
from agent.store.library import LibraryStore


class DeploymentParts:
    """These parts of one service."""

    def __init__(
        self,
        database: Database,
        *,
        deployments: DeploymentStore,
        configurations: ConfigurationStore,
        choice: BindingChoice,
        checks: ConfigurationChecks,
        connectors: Mapping[str, Connector],
        compiled: CompiledFlows,
        vocabularies: Vocabularies,
        companions: Companions,
        functions: FunctionLibrary,
        lookups: LookupTables,
        schedules: Schedules,
        retrying: Retrying,
        environment: Environment,
        late: LateBinding,
        hub: Hub,
        clock: Callable[[], datetime],
        describe: Callable[[Deployment], flow_models.FlowDetail],
    ) -> None:
        self.log = DeploymentLog(database)
        self.testing = FlowTesting(
            choice=choice, connectors=connectors, vocabularies=vocabularies, companions=companions,
            deployments=deployments, compiled=compiled,
        )  # fmt: skip
        self.deploying = Deploying(
            deployments=deployments, log=self.log, choice=choice, testing=self.testing, checks=checks,
            schedules=schedules, retrying=retrying, connectors=connectors, vocabularies=vocabularies,
            companions=companions, environment=environment, late=late, hub=hub, clock=clock, describe=describe,
        )  # fmt: skip
        self.versions = Versions(
            deployments=deployments, configurations=configurations, log=self.log, history=FlowHistory(database),
            deploying=self.deploying, clock=clock,
        )  # fmt: skip
        documents = LibraryStore(database)
        self.packages = Packages(
            flows=FlowKind(deployments, documents, vocabularies),
            others=[LookupKind(lookups), FunctionKind(functions)],
            library=documents, deployments=deployments, clock=clock,
        )  # fmt: skip
