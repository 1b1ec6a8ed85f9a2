"""Processflows: check, list, withdraw. Deploying them is `deploying`'s business, executing them that of `runs`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from agent.api import flow_models, live_models
from agent.connectors.contract import Connector
from agent.domain.errors import AgentError
from agent.domain.processflow import Problem
from agent.engine.checking.check import check
from agent.engine.documents.document import parse
from agent.engine.expressions.vocabularies import Vocabularies, pins
from agent.service import answers
from agent.service.apps.chosen_bindings import BindingChoice, way_out
from agent.service.apps.trips import Trips
from agent.service.deployment import describing
from agent.service.deployment.companions import Companions
from agent.service.deployment.compiled import CompiledFlows
from agent.service.events import Hub
from agent.service.library.functions import FunctionLibrary
from agent.service.runs.schedules import Brief, Schedules
from agent.store.configurations import ConfigurationRow, ConfigurationStore
from agent.store.flows.deployment_log import noting_undeployed
from agent.store.flows.deployments import Deployment, DeploymentStore
from agent.store.records.sync_info import SyncInfo
from agent.store.runs.runs import RunRow, RunStore


class Flows:
    """The processflows of this agent."""

    def __init__(
        self,
        *,
        deployments: DeploymentStore,
        configurations: ConfigurationStore,
        runs: RunStore,
        sync_info: SyncInfo,
        schedules: Schedules,
        choice: BindingChoice,
        connectors: Mapping[str, Connector],
        compiled: CompiledFlows,
        trips: Trips,
        vocabularies: Vocabularies,
        library: FunctionLibrary,
        companions: Companions,
        hub: Hub,
        clock: Callable[[], datetime],
    ) -> None:
        self._deployments, self._configurations = deployments, configurations
        self._runs, self._sync_info, self._schedules = runs, sync_info, schedules
        self._choice, self._connectors, self._compiled, self._trips = choice, connectors, compiled, trips
        self._vocabularies, self._library, self._companions = vocabularies, library, companions
        self._hub, self._clock = hub, clock

    def check(self, request: flow_models.DocumentRequest) -> flow_models.CheckResult:
        """Everything that is wrong with a document. Executes nothing.

        Raises:
            ConfigurationError: code `configuration-unknown`: a token is bound to what does not exist.
        """
        document = parse(request.document.encode(), file=request.file)
        bound = self._choice.named(request.bindings) if request.bindings else None
        flow, there = document.flow, self._vocabularies.known()
        known = self._companions.coming(request.document, there).beside(there)
        problems = check(document, self._connectors, bound, known=known, lookups=request.lookups)
        return flow_models.CheckResult(
            ok=not problems, name=flow.name if flow else "", title=flow.title if flow else "",
            tokens=dict(flow.credentials) if flow else {}, problems=[_problem(problem) for problem in problems],
            lookups={**flow.lookups, **request.lookups} if flow else {},
            notes=self._library.older_uses(pins(flow, {}, there).functions) if flow else [],
        )  # fmt: skip

    def all(self) -> list[flow_models.Flow]:
        """Every deployed processflow."""
        active = {run.flow: run for run in self._runs.active()}
        failed, briefs, latest = self._sync_info.failed(), self._schedules.briefs(), self._runs.latest_of_deployed()
        held_up = self._trips.hindrances()
        return [
            self._flow(
                one,
                active=active.get(one.flow),
                last=latest.get(one.flow),
                failed=failed.get(one.flow, 0),
                brief=briefs.get(one.flow, Brief()),
                held_up=held_up.get(one.flow, ""),
            )
            for one in self._deployments.active()
        ]

    def get(self, name: str) -> flow_models.FlowDetail:
        """One deployed processflow. Raises NotFoundError."""
        return self.describe(self._deployments.get(name))

    def undeploy(self, name: str, *, by: str) -> flow_models.Undeployed:
        """Withdraw a processflow; its history stays.

        Raises:
            NotFoundError: it is not deployed.
            ConflictError: code `already-running`: a run of it has not ended.
        """
        self._deployments.withdraw(name, together=[noting_undeployed(name, by=by, at=self._clock())])
        self._hub.publish(live_models.EventKind.FLOW, {"name": name})
        return flow_models.Undeployed(
            name=name,
            message=f"{name} is undeployed. Its versions, runs, bookmarks and Sync Info stay, and are there when it is "
            "deployed again.",
        )

    def describe(self, deployment: Deployment) -> flow_models.FlowDetail:
        """A deployed version as clients see it."""
        active = next((run for run in self._runs.active() if run.flow == deployment.flow), None)
        failed, brief = self._sync_info.failed().get(deployment.flow, 0), self._schedules.briefs().get(deployment.flow)
        held_up = self._trips.hindrances().get(deployment.flow, "")
        last = self._runs.latest(deployment.flow)
        flow = self._flow(
            deployment, active=active, last=last, failed=failed, brief=brief or Brief(), held_up=held_up
        )  # fmt: skip
        return flow_models.FlowDetail(
            **flow.model_dump(), document=deployment.document, deployment_log=list(deployment.log),
            functions=dict(deployment.functions), lookups=dict(deployment.lookups),
        )  # fmt: skip

    def _flow(
        self,
        deployment: Deployment,
        *,
        active: RunRow | None,
        last: RunRow | None,
        failed: int,
        brief: Brief,
        held_up: str,
    ) -> flow_models.Flow:
        title, description, nodes, apps = deployment.flow, "", list[flow_models.Node](), dict[str, str]()
        by_events = False
        try:
            compiled = self._compiled.get(deployment)
        except AgentError as error:
            description = str(error)
        else:
            title, description, apps = compiled.title, compiled.description, dict(compiled.credentials)
            nodes, by_events = describing.nodes(compiled), compiled.start.event is not None
        return flow_models.Flow(
            name=deployment.flow, title=title, description=description, version=deployment.version,
            deployed_at=deployment.deployed_at, deployed_by=deployment.deployed_by,
            bindings=[self._binding(token, bound, apps) for token, bound in deployment.bindings.items()], nodes=nodes,
            waits_for=dict(deployment.waits_for), note=deployment.note,
            by_events=by_events,
            active_run=answers.run(active) if active is not None else None,
            last_run=answers.run(last) if last is not None else None, failed_records=failed,
            next_run_at=brief.next_at, schedule=brief.text,
            alert=self._waiting(deployment) or (f"It waits: {held_up}. Validate that." if held_up else brief.alert),
        )  # fmt: skip

    def _waiting(self, deployment: Deployment) -> str:
        """Why it cannot run before something is bound; empty where everything is."""
        waits_for = deployment.waits_for
        return f"{self._choice.cause(waits_for)} {way_out(deployment.flow, waits_for)}" if waits_for else ""

    def _binding(self, token: str, configuration_id: str, apps: Mapping[str, str]) -> flow_models.Binding:
        row = self._configurations.find(configuration_id)
        return flow_models.Binding(
            token=token, app=row.app if row is not None else apps.get(token, ""), configuration=configuration_id,
            configuration_name=row.name if row is not None else "removed",
            state=answers.state(row) if row is not None else None,
        )  # fmt: skip

    def bindings(
        self, name: str, credentials: Mapping[str, str], asked: Mapping[str, str]
    ) -> Mapping[str, ConfigurationRow]:
        """The App Configurations that a deployment would bind. Raises ConfigurationError, as that does."""
        return self._choice.choose(name, credentials, asked, bind_later=False).bound


def _problem(problem: Problem) -> flow_models.DocumentProblem:
    return flow_models.DocumentProblem(
        message=problem.message, suggestion=problem.suggestion, file=problem.file, line=problem.line,
        column=problem.column, code=problem.code,
    )  # fmt: skip
