"""What has to do with documents and their versions, put together: testing, deploying, versions, packages."""

from __future__ import annotations

from agent.service.apps.configuration_parts import ConfigurationParts
from agent.service.basics import Basics
from agent.service.deployment.deploying import Deploying
from agent.service.deployment.flow_histories import FlowHistories
from agent.service.deployment.flow_testing import FlowTesting
from agent.service.deployment.flows import Flows
from agent.service.deployment.versions import Versions
from agent.service.library.library_parts import LibraryParts
from agent.service.packages.kinds import FlowKind, FunctionKind, LookupKind
from agent.service.packages.packages import Packages
from agent.service.packages.templates import TemplateKind
from agent.service.runs.engine_parts import EngineParts
from agent.service.runs.run_parts import RunParts
from agent.store.flows.deployment_log import DeploymentLog
from agent.store.flows.flow_history import FlowHistory
from agent.store.library.documents import LibraryStore


class DeploymentParts:
    """These parts of one service."""

    def __init__(
        self,
        basics: Basics,
        engine: EngineParts,
        connected: ConfigurationParts,
        library: LibraryParts,
        *,
        runs: RunParts,
    ) -> None:
        stores, deployments, clock = basics.stores, basics.stores.deployments, basics.clock
        self.flows = Flows(
            deployments=deployments, configurations=stores.configurations, runs=stores.runs,
            sync_info=stores.sync_info, schedules=runs.schedules, choice=connected.choice,
            connectors=engine.connectors, compiled=engine.compiled, trips=connected.trips,
            vocabularies=engine.vocabularies, library=library.functions, companions=library.companions,
            hub=basics.hub, clock=clock,
        )  # fmt: skip
        self.log = DeploymentLog(basics.database)
        self.testing = FlowTesting(
            choice=connected.choice, connectors=engine.connectors, vocabularies=engine.vocabularies,
            companions=library.companions, deployments=deployments, compiled=engine.compiled,
        )  # fmt: skip
        self.deploying = Deploying(
            deployments=deployments, log=self.log, choice=connected.choice, testing=self.testing,
            checks=connected.checks, permissions=connected.permissions,
            schedules=runs.schedules, retrying=runs.retrying, connectors=engine.connectors,
            vocabularies=engine.vocabularies, companions=library.companions, environment=engine.environment,
            late=connected.late_binding, hub=basics.hub, clock=clock, describe=self.flows.describe,
        )  # fmt: skip
        self.versions = Versions(
            deployments=deployments, configurations=stores.configurations, log=self.log,
            deploying=self.deploying,
        )  # fmt: skip
        self.histories = FlowHistories(
            deployments=deployments, log=self.log, history=FlowHistory(basics.database), secrets=basics.secrets,
            diagnosis=basics.diagnosis, journal=basics.journal, clock=clock,
        )  # fmt: skip
        documents = LibraryStore(basics.database)
        templates = TemplateKind(library.filter_templates)
        self.packages = Packages(
            flows=FlowKind(deployments, documents, engine.vocabularies, templates),
            others=[
                LookupKind(library.lookups), FunctionKind(library.functions), templates,
            ],
            library=documents, deployments=deployments, clock=clock,
        )  # fmt: skip
