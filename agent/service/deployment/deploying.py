"""Deploys: one request from the document to the version that runs, told line by line, and all or nothing.

Everything that can be refused is looked at before anything is written; the version, its bindings and its schedule are
then written in one transaction. A deployment that fails, is cancelled or killed leaves what was there before, and stays
in the deployment log with its reason.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from agent.api import base_models, deployment_models, flow_models, live_models
from agent.api.flow_test_models import FlowTestReport
from agent.connectors.contract import Connector
from agent.domain.deployment import Outcome
from agent.domain.errors import AgentError, ConfigurationError, ConflictError
from agent.domain.processflow import Processflow
from agent.engine.checking.check import check
from agent.engine.documents.document import Document, parse
from agent.engine.documents.loading import load
from agent.engine.documents.tree import Leaf
from agent.engine.expressions.vocabularies import Pins, Vocabularies, pins
from agent.service import answers
from agent.service.apps.chosen_bindings import BindingChoice, Chosen
from agent.service.apps.configuration_checks import ConfigurationChecks
from agent.service.apps.late_binding import LateBinding
from agent.service.apps.permission_checks import PermissionChecks
from agent.service.deployment import describing
from agent.service.deployment.companions import Brought, Companions
from agent.service.deployment.document_problems import invalid
from agent.service.deployment.flow_testing import FlowTesting
from agent.service.events import Hub
from agent.service.runs.environment import Environment
from agent.service.runs.retrying import PreparedRetry, Retrying
from agent.service.runs.schedules import Prepared, Schedules
from agent.store.configurations import ConfigurationRow
from agent.store.flows.deployment_log import DeploymentLog, noting_deployed
from agent.store.flows.deployments import Deployment, DeploymentStore
from agent.store.runs import retry_policies
from agent.store.runs.schedules import putting, removing

_UNBOUND = "unbound-credential"


@dataclass(frozen=True, slots=True)
class _Attempt:
    """A deployment on its way. `entry` is that of the deployment log."""

    document: Document
    request: deployment_models.DeployRequest
    by: str
    like: Deployment | None
    restored_from: int | None
    entry: int
    lines: _Lines


@dataclass(frozen=True, slots=True)
class _Looked:
    """What was found out without asking an app. `after` is the newest version at that time."""

    flow: Processflow
    after: int
    chosen: Chosen
    pins: Pins
    brought: Brought
    schedule: Prepared | None
    retry: PreparedRetry | None


class Deploying:
    """The deployments of this agent, one at a time for each processflow. Belongs to the server's event loop.

    Args:
        describe: A deployment as clients see it.
        late: Binds what waits; it leaves alone what is being deployed.
    """

    def __init__(
        self,
        *,
        deployments: DeploymentStore,
        log: DeploymentLog,
        choice: BindingChoice,
        testing: FlowTesting,
        checks: ConfigurationChecks,
        permissions: PermissionChecks,
        schedules: Schedules,
        retrying: Retrying,
        connectors: Mapping[str, Connector],
        vocabularies: Vocabularies,
        companions: Companions,
        environment: Environment,
        late: LateBinding,
        hub: Hub,
        clock: Callable[[], datetime],
        describe: Callable[[Deployment], flow_models.FlowDetail],
    ) -> None:
        self._deployments, self._log, self._choice = deployments, log, choice
        self._testing, self._checks, self._permissions = testing, checks, permissions
        self._schedules, self._retrying = schedules, retrying
        self._connectors, self._environment = connectors, environment
        self._vocabularies, self._companions = vocabularies, companions
        self._late, self._hub, self._clock, self._describe = late, hub, clock, describe

    async def deploy(
        self,
        request: deployment_models.DeployRequest,
        *,
        by: str,
        like: Deployment | None = None,
        restored_from: int | None = None,
    ) -> flow_models.Deployed:
        """Make a document runnable here, or replace its version. Cancelling the task leaves everything as it was.

        Args:
            request: What is wanted.
            by: Who asked for it.
            like: A version with the same document whose versions of functions are kept.
            restored_from: The version that it is a copy of, where somebody rolls back.

        Raises:
            ConflictError: code `environment-not-enabled`, `already-deploying` or `deployment-overtaken`.
            ConfigurationError: code `processflow-invalid`, `tests-failed`, `configuration-failed`,
                `permission-missing`, `source-application-not-found`, or what is wrong with a binding or the schedule.
        """
        await asyncio.to_thread(self._environment.require)
        document = await asyncio.to_thread(parse, request.document.encode(), file=request.file)
        name = document.flow.name if document.flow is not None else _name_in(document)
        if not name:
            raise invalid(list(document.problems))
        try:
            with self._alone(name):
                lines = _Lines(name, self._hub)
                entry = await asyncio.to_thread(self._log.begin, name, by=by, note=request.note, at=self._clock())
                return await self._logged(_Attempt(document, request, by, like, restored_from, entry, lines))
        finally:
            await asyncio.to_thread(self._late.look)

    async def bind(self, name: str, request: deployment_models.BindRequest, *, by: str) -> flow_models.Deployed:
        """Bind credential tokens of a deployed processflow: a new version with the same document.

        Raises:
            NotFoundError: code `flow-not-found`.
            AgentError: as `deploy`.
        """
        before = await asyncio.to_thread(self._deployments.get, name)
        again = deployment_models.DeployRequest(
            document=before.document, file=before.file, bindings={**before.bindings, **request.bindings},
            lookups=dict(before.lookups), note=request.note or "Bound.", anyway=request.anyway, bind_later=True,
        )  # fmt: skip
        return await self.deploy(again, by=by, like=before)

    async def _logged(self, attempt: _Attempt) -> flow_models.Deployed:
        """Deploy, and write down why it came to nothing where it did."""
        try:
            return await self._deploy(attempt)
        except asyncio.CancelledError:
            await asyncio.shield(self._fail(attempt, Outcome.CANCELLED, _cancelled()))
            raise
        except AgentError as error:
            await self._fail(attempt, Outcome.FAILED, error)
            raise
        except Exception as error:
            await self._fail(attempt, Outcome.FAILED, _unexpected(error))
            raise

    async def _deploy(self, attempt: _Attempt) -> flow_models.Deployed:
        lines = attempt.lines
        lines.add("ProcessFlow Publish Started")
        looked = await asyncio.to_thread(self._look_at, attempt)
        await asyncio.to_thread(self._log.note, attempt.entry, lines.numbered)
        remarks = await self._run_tests(looked, attempt)
        remarks += await self._check_configurations(looked.chosen, looked.flow, attempt)
        await asyncio.to_thread(self._log.note, attempt.entry, lines.numbered)
        closing = ["Publish Completed", *_sync_and_retry(looked), "Deployed"]
        written = lines.with_more(closing)
        writing = asyncio.ensure_future(asyncio.to_thread(self._write, attempt, looked, remarks, written))
        try:
            deployment = await asyncio.shield(writing)
        except asyncio.CancelledError:
            await writing  # too late: what is being written is written, or fails, as a whole
            raise
        for line in closing:
            lines.add(line)
        if looked.schedule is not None:
            self._schedules.tell(deployment.flow)
        if looked.retry is not None:
            self._retrying.tell(deployment.flow)
        self._hub.publish(live_models.EventKind.FLOW, {"name": deployment.flow})
        detail = await asyncio.to_thread(self._describe, deployment)
        return flow_models.Deployed(flow=detail, lines=lines.numbered)

    def _look_at(self, attempt: _Attempt) -> _Looked:
        """Everything that can be looked at without asking an app."""
        request, document, lines = attempt.request, attempt.document, attempt.lines
        flow = document.flow
        if flow is None:
            raise invalid(list(document.problems))
        after = self._deployments.newest(flow.name)
        chosen = self._choice.choose(flow.name, flow.credentials, request.bindings, bind_later=request.bind_later)
        for line in chosen.lines:
            lines.add(line)
        there = self._vocabularies.known()
        brought = self._companions.coming(request.document, there)
        self._companions.require(brought)
        known = brought.beside(there)
        for line in brought.lines:
            lines.add(line)
        before = next((one for one in self._deployments.active() if one.flow == flow.name), None)
        tables = self._vocabularies.chosen(flow, request.lookups, before)
        problems = check(document, self._connectors, dict(chosen.bound), known=known, lookups=tables)
        if chosen.waits_for:
            problems = [problem for problem in problems if problem.code != _UNBOUND]
        if problems:
            raise invalid(problems)
        flow = load(request.document.encode(), file=request.file, apps=self._connectors, bindings=chosen.bound)
        lines.add(f"The document is right: {len(describing.nodes(flow))} nodes")
        for token, row in chosen.bound.items():
            lines.add(f"{token} is bound to “{row.name}” ({answers.state(row).value})")
        kept = pins(flow, tables, known)
        if attempt.like is not None:
            kept = Pins({**kept.functions, **attempt.like.functions}, kept.lookups)
        for name, table in kept.lookups.items():
            lines.add(f"The lookup {name} is bound to the table {table}")
        for name, version in kept.functions.items():
            lines.add(f"The function ${name} is used in version {version}")
        schedule = None
        if request.schedule is not None:
            schedule = self._schedules.prepare(
                flow.name, request.schedule, by=attempt.by, by_events=flow.starts_by_events
            )
        retry = None
        if request.retry is not None:
            retry = self._retrying.prepare(flow.name, flow, request.retry, by=attempt.by)
        return _Looked(flow, after, chosen, kept, brought, schedule, retry)

    async def _run_tests(self, looked: _Looked, attempt: _Attempt) -> list[str]:
        """Refuse what does not do as its own tests say; returns the remark where they are not to be run."""
        lines, count = attempt.lines, len(looked.flow.tests)
        if not count:
            return []
        if attempt.request.without_tests:
            lines.add("The tests of the document are not run, as asked")
            return [f"This version was deployed without running its {count} {'tests' if count > 1 else 'test'}."]
        vocabulary = await asyncio.to_thread(looked.brought.vocabulary, looked.pins, self._vocabularies)
        report = await self._testing.run(looked.flow, vocabulary)
        for result in report.results:
            lines.add(f"Test “{result.name}”: {'passed' if result.passed else 'failed'}")
        if not report.passed:
            raise _tests_failed(report)
        return []

    async def _check_configurations(self, chosen: Chosen, flow: Processflow, attempt: _Attempt) -> list[str]:
        """Refuse configurations that do not work or lack a permission; returns the remarks where they are to be taken
        anyway."""
        failed = await self._checks.check(chosen.bound.values(), attempt.lines.add)
        remarks = []
        for token, row in chosen.bound.items():
            if (problem := failed.get(row.id)) is None:
                continue
            if not attempt.request.anyway:
                raise _failed_check(token, row, problem)
            remarks.append(f"“{row.name}” failed its check when this version was deployed: {problem.title}")
            attempt.lines.add(f"“{row.name}” failed its check; deployed anyway, as asked")
        good = {token: row for token, row in chosen.bound.items() if row.id not in failed}
        for lacking in await self._permissions.lacking(flow, good):
            if not attempt.request.anyway:
                raise lacking
            remarks.append(lacking.message.replace("was not deployed", "was deployed all the same", 1))
            attempt.lines.add(f"{lacking.field} lacks a permission; deployed anyway, as asked")
        return remarks

    def _write(self, attempt: _Attempt, looked: _Looked, remarks: Sequence[str], lines: Sequence[str]) -> Deployment:
        at, flow, schedule, request = self._clock(), looked.flow.name, looked.schedule, attempt.request
        together = [noting_deployed(attempt.entry, at=at, lines=lines), *looked.brought.writing(by=attempt.by, at=at)]
        if schedule is not None and schedule.row is not None:
            together.append(putting(schedule.row))
        elif schedule is not None and schedule.plan is None:
            together.append(removing(flow))
        if (retry := looked.retry) is not None:
            together.append(
                retry_policies.putting(retry.row) if retry.row is not None else retry_policies.removing(flow)
            )
        return self._deployments.add(
            flow=flow, document=request.document, file=request.file,
            bindings={token: row.id for token, row in looked.chosen.bound.items()}, note=request.note,
            deployed_at=at, deployed_by=attempt.by, log=lines, waits_for=looked.chosen.waits_for,
            schedule=schedule.plan if schedule is not None else self._schedules.plan(flow),
            restored_from=attempt.restored_from, remarks=remarks, after=looked.after, together=together,
            functions=looked.pins.functions, lookups=looked.pins.lookups,
        )  # fmt: skip

    async def _fail(self, attempt: _Attempt, outcome: Outcome, error: AgentError) -> None:
        await asyncio.to_thread(
            self._log.fail, attempt.entry, outcome=outcome, at=self._clock(), lines=attempt.lines.numbered,
            code=error.code, message=error.message, remedy=error.remedy,
        )  # fmt: skip

    @contextmanager
    def _alone(self, name: str) -> Iterator[None]:
        """No other deployment of the processflow at the same time."""
        if not self._late.leave_alone(name):
            raise ConflictError(
                f"{name} is being deployed already.", code="already-deploying", remedy="Wait until that has ended."
            )
        try:
            yield
        finally:
            self._late.may_bind(name)


class _Lines:
    """The numbered lines of a deployment, told as they come."""

    def __init__(self, name: str, hub: Hub) -> None:
        self._name, self._hub = name, hub
        self.numbered: list[str] = []

    def add(self, line: str) -> None:
        number = len(self.numbered) + 1
        self.numbered.append(f"{number} {line}")
        self._hub.publish(
            live_models.EventKind.DEPLOYMENT, live_models.DeploymentLine(name=self._name, number=number, line=line)
        )

    def with_more(self, more: Sequence[str]) -> list[str]:
        """The lines as they are once these have come."""
        return self.numbered + [f"{number} {line}" for number, line in enumerate(more, len(self.numbered) + 1)]


def _name_in(document: Document) -> str:
    """The name in a document that is not right, where it is one."""
    leaf = document.find("name")
    name = leaf.text.strip() if isinstance(leaf, Leaf) else ""
    return name if len(name) <= 100 and name.replace("-", "").isalnum() and name.isascii() else ""


def _sync_and_retry(looked: _Looked) -> list[str]:
    lines = []
    if looked.schedule is not None:
        lines.append(f"Workflow scheduling successful: {looked.schedule.text}")
    if looked.retry is not None:
        lines.append(f"Failed records are tried again: {looked.retry.text}")
    return lines


def _tests_failed(report: FlowTestReport) -> ConfigurationError:
    failed = [result for result in report.results if not result.passed]
    first = failed[0]
    more = f" {len(failed) - 1} more failed as well." if len(failed) > 1 else ""
    return ConfigurationError(
        f"The processflow was not deployed: its test “{first.name}” failed, {first.differences[0]}.{more}",
        code="tests-failed",
        remedy="“opagent flow test” shows everything. Correct the mapping or the test, then deploy again; or deploy "
        "without the tests.",
        detail="; ".join(f"{one.name}: {one.differences[0]}" for one in failed[:10]),
    )


def _failed_check(token: str, row: ConfigurationRow, problem: base_models.Problem) -> ConfigurationError:
    return ConfigurationError(
        f"The processflow was not deployed: the App Configuration “{row.name}” failed its check. {problem.title}",
        code="configuration-failed",
        remedy=f"{problem.remedy} Open App Configurations → “{row.name}”, correct it, press Validate and Save, then "
        "deploy again; or deploy it anyway.".strip(),
        detail=f"{problem.code} {problem.detail}".strip(),
        field=token,
    )


def _cancelled() -> ConfigurationError:
    return ConfigurationError(
        "The deployment was cancelled. Nothing was changed.", code="cancelled", remedy="Deploy it again."
    )


def _unexpected(error: Exception) -> ConfigurationError:
    return ConfigurationError(
        f"Something unexpected went wrong ({type(error).__name__}). Nothing was changed.",
        code="unexpected",
        remedy="Deploy it again. If it fails again, send the log to your support.",
    )
