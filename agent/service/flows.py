"""Processflows: check, deploy, list, withdraw. Executing them is `runs`' business."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import datetime

from agent.api import models
from agent.connectors.contract import Connector
from agent.domain.errors import AgentError, ConfigurationError, ConflictError
from agent.domain.processflow import Problem, Processflow
from agent.engine.check import check
from agent.engine.document import parse
from agent.engine.vocabularies import Vocabularies
from agent.service import answers, describing
from agent.service.companions import Companions
from agent.service.compiled import CompiledFlows
from agent.service.environment import Environment
from agent.service.events import Hub
from agent.service.functions import FunctionLibrary
from agent.service.schedules import Brief, Schedules
from agent.service.trips import Trips
from agent.store.configurations import ConfigurationRow, ConfigurationStore
from agent.store.deployments import Deployment, DeploymentStore
from agent.store.runs import RunRow, RunStore
from agent.store.sync_info import SyncInfo


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
        connectors: Mapping[str, Connector],
        compiled: CompiledFlows,
        trips: Trips,
        environment: Environment,
        vocabularies: Vocabularies,
        library: FunctionLibrary,
        companions: Companions,
        hub: Hub,
        clock: Callable[[], datetime],
    ) -> None:
        self._deployments, self._configurations = deployments, configurations
        self._runs, self._sync_info, self._schedules = runs, sync_info, schedules
        self._connectors, self._compiled, self._trips = connectors, compiled, trips
        self._environment, self._hub, self._clock = environment, hub, clock
        self._vocabularies, self._library, self._companions = vocabularies, library, companions
        self._deploying = threading.Lock()

    def check(self, request: models.DocumentRequest) -> models.CheckResult:
        """Everything that is wrong with a document. Executes nothing.

        Raises:
            ConfigurationError: code `configuration-unknown`: a token is bound to what does not exist.
        """
        document = parse(request.document.encode(), file=request.file)
        bound = self._bound(request.bindings) if request.bindings else None
        flow, known = document.flow, self._companions.beside(request.document, self._vocabularies.known())
        problems = check(document, self._connectors, bound, known=known, lookups=request.lookups)
        return models.CheckResult(
            ok=not problems, name=flow.name if flow else "", title=flow.title if flow else "",
            tokens=dict(flow.credentials) if flow else {}, problems=[_problem(problem) for problem in problems],
            lookups={**flow.lookups, **request.lookups} if flow else {},
            notes=self._library.older_uses(self._vocabularies.pins(flow, {}).functions) if flow else [],
        )  # fmt: skip

    def deploy(self, request: models.DocumentRequest, *, by: str) -> models.Deployed:
        """Make a document runnable here, or replace its version. A deployment that fails leaves the old version.

        Raises:
            ConflictError: code `environment-not-enabled`.
            ConfigurationError: code `processflow-invalid`, or what is wrong with a binding.
        """
        self._environment.require()
        with self._deploying:
            return self._deploy(request, by)

    def _deploy(self, request: models.DocumentRequest, by: str) -> models.Deployed:
        document = parse(request.document.encode(), file=request.file)
        flow = document.flow
        if flow is None:
            raise _invalid(list(document.problems))
        lines = _Lines(flow.name, self._hub)
        lines.add("ProcessFlow Publish Started")
        bound = self._bindings(flow.name, flow.credentials, request.bindings, lines.add)
        for line in self._companions.bring(request.document, by=by):
            lines.add(line)
        tables = self._vocabularies.chosen(flow, request.lookups, self._active(flow.name))
        problems = check(document, self._connectors, bound, known=self._vocabularies.known(), lookups=tables)
        if problems:
            raise _invalid(problems)
        lines.add(f"The document is right: {_nodes(flow)} nodes")
        for token, row in bound.items():
            lines.add(f"{token} is bound to “{row.name}” ({answers.state(row).value})")
        pins = self._vocabularies.pins(flow, tables)
        for name, table in pins.lookups.items():
            lines.add(f"The lookup {name} is bound to the table {table}")
        for name, version in pins.functions.items():
            lines.add(f"The function ${name} is used in version {version}")
        lines.add("Deployed")
        deployment = self._deployments.add(
            flow=flow.name, document=request.document, file=request.file,
            bindings={token: row.id for token, row in bound.items()}, note=request.note, deployed_at=self._clock(),
            deployed_by=by, log=lines.numbered, functions=pins.functions, lookups=pins.lookups,
        )  # fmt: skip
        self._hub.publish(models.EventKind.FLOW, {"name": flow.name})
        return models.Deployed(flow=self._detail(deployment), lines=lines.numbered)

    def all(self) -> list[models.Flow]:
        """Every deployed processflow."""
        active = {run.flow: run for run in self._runs.active()}
        failed, briefs = self._sync_info.failed(), self._schedules.briefs()
        held_up = self._trips.hindrances()
        return [
            self._flow(
                one,
                active.get(one.flow),
                failed.get(one.flow, 0),
                briefs.get(one.flow, Brief()),
                held_up.get(one.flow, ""),
            )
            for one in self._deployments.active()
        ]

    def get(self, name: str) -> models.FlowDetail:
        """One deployed processflow. Raises NotFoundError."""
        return self._detail(self._deployments.get(name))

    def undeploy(self, name: str) -> models.Undeployed:
        """Withdraw a processflow; its history stays.

        Raises:
            NotFoundError: it is not deployed.
            ConflictError: code `already-running`: a run of it has not ended.
        """
        self._deployments.get(name)
        if any(run.flow == name for run in self._runs.active()):
            raise ConflictError(
                f"{name} is running.", code="already-running", remedy="Wait until it ends, or cancel it, first."
            )
        self._deployments.withdraw(name)
        self._hub.publish(models.EventKind.FLOW, {"name": name})
        return models.Undeployed(
            name=name,
            message=f"{name} is undeployed. Its runs, bookmarks and Sync Info stay, and are there when it is deployed "
            "again.",
        )

    def _detail(self, deployment: Deployment) -> models.FlowDetail:
        active = next((run for run in self._runs.active() if run.flow == deployment.flow), None)
        failed, brief = self._sync_info.failed().get(deployment.flow, 0), self._schedules.briefs().get(deployment.flow)
        held_up = self._trips.hindrances().get(deployment.flow, "")
        flow = self._flow(deployment, active, failed, brief or Brief(), held_up)
        return models.FlowDetail(
            **flow.model_dump(), document=deployment.document, deployment_log=list(deployment.log),
            functions=dict(deployment.functions), lookups=dict(deployment.lookups),
        )  # fmt: skip

    def _flow(
        self, deployment: Deployment, active: RunRow | None, failed: int, brief: Brief, held_up: str
    ) -> models.Flow:
        last = self._runs.latest(deployment.flow)
        title, description, nodes, apps = deployment.flow, "", list[models.Node](), dict[str, str]()
        try:
            compiled = self._compiled.get(deployment)
        except AgentError as error:
            description = str(error)
        else:
            title, description, apps = compiled.title, compiled.description, dict(compiled.credentials)
            nodes = describing.nodes(compiled)
        return models.Flow(
            name=deployment.flow, title=title, description=description, version=deployment.version,
            deployed_at=deployment.deployed_at, deployed_by=deployment.deployed_by,
            bindings=[self._binding(token, bound, apps) for token, bound in deployment.bindings.items()], nodes=nodes,
            active_run=answers.run(active) if active is not None else None,
            last_run=answers.run(last) if last is not None else None, failed_records=failed,
            next_run_at=brief.next_at, schedule=brief.text,
            alert=f"It waits: {held_up}. Validate that." if held_up else brief.alert,
        )  # fmt: skip

    def _binding(self, token: str, configuration_id: str, apps: Mapping[str, str]) -> models.Binding:
        row = self._configurations.find(configuration_id)
        return models.Binding(
            token=token, app=row.app if row is not None else apps.get(token, ""), configuration=configuration_id,
            configuration_name=row.name if row is not None else "removed",
            state=answers.state(row) if row is not None else None,
        )  # fmt: skip

    def _bindings(
        self, name: str, credentials: Mapping[str, str], asked: Mapping[str, str], say: Callable[[str], None]
    ) -> dict[str, ConfigurationRow]:
        """What was asked for; else what the version before had; else the only configuration of the app."""
        bound = self._bound(asked)
        active = self._active(name)
        before = active.bindings if active is not None else {}
        rows = self._configurations.all()
        for token, app in credentials.items():
            fitting = [row for row in rows if row.app == app]
            kept = next((row for row in fitting if row.id == before.get(token)), None)
            if token in bound:
                continue
            if kept is not None:
                bound[token] = kept
                say(f"{token} stays bound as in the version before")
            elif len(fitting) == 1:
                bound[token] = fitting[0]
                say(f"{token} is bound to the only configuration of its app")
            elif not fitting and app in self._connectors:
                raise ConfigurationError(
                    f"Source Application Not Found: the credential token “{token}” needs an App Configuration of "
                    f"{self._connectors[app].app.name}, and there is none.",
                    code="source-application-not-found",
                    remedy="Add one under App Configurations, press Validate and Save, then deploy again.",
                )
        return {token: row for token, row in bound.items() if token in credentials}

    def bindings(
        self, name: str, credentials: Mapping[str, str], asked: Mapping[str, str]
    ) -> dict[str, ConfigurationRow]:
        """The App Configurations that a deployment would bind. Raises ConfigurationError, as that does."""
        return self._bindings(name, credentials, asked, lambda _line: None)

    def _active(self, name: str) -> Deployment | None:
        """The version that is to be replaced."""
        return next((one for one in self._deployments.active() if one.flow == name), None)

    def _bound(self, bindings: Mapping[str, str]) -> dict[str, ConfigurationRow]:
        """Bindings by id or by name."""
        if not bindings:
            return {}
        rows = self._configurations.all()
        bound = {}
        for token, wanted in bindings.items():
            found = [row for row in rows if row.id == wanted] or [row for row in rows if row.name == wanted]
            if len(found) != 1:
                several = "There is more than one" if found else "There is no"
                raise ConfigurationError(
                    f"{several} App Configuration “{wanted}”, to which “{token}” is to be bound.",
                    code="configuration-unknown",
                    remedy="Use its id, as “opagent app list --json” shows it."
                    if found
                    else "Add it under App Configurations, or choose another one.",
                    field=token,
                )
            bound[token] = found[0]
        return bound


class _Lines:
    """The numbered lines of a deployment, told as they come."""

    def __init__(self, name: str, hub: Hub) -> None:
        self._name, self._hub = name, hub
        self.numbered: list[str] = []

    def add(self, line: str) -> None:
        number = len(self.numbered) + 1
        self.numbered.append(f"{number} {line}")
        self._hub.publish(models.EventKind.DEPLOYMENT, models.DeploymentLine(name=self._name, number=number, line=line))


def _nodes(flow: Processflow) -> int:
    return len(describing.nodes(flow))


def _problem(problem: Problem) -> models.DocumentProblem:
    return models.DocumentProblem(
        message=problem.message, suggestion=problem.suggestion, file=problem.file, line=problem.line,
        column=problem.column, code=problem.code,
    )  # fmt: skip


def _invalid(problems: list[Problem]) -> ConfigurationError:
    more = f" {len(problems) - 1} more problems follow it." if len(problems) > 1 else ""
    return ConfigurationError(
        f"The processflow was not deployed. {problems[0]}{more}",
        code="processflow-invalid",
        remedy="Correct the document, then deploy it again; “opagent flow check” lists everything.",
        detail="; ".join(str(problem) for problem in problems[:10]),
    )
