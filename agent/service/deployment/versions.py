"""The versions of processflows: list, show, compare, go back to one."""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Mapping
from typing import Any

from agent.api import deployment_models as models
from agent.api.flow_models import Deployed
from agent.api.schedule_models import SchedulePlan
from agent.domain.errors import AgentError, ConflictError
from agent.domain.plan_form import parse_plan
from agent.service.deployment.deploying import Deploying
from agent.service.runs.schedules import MANUAL
from agent.store.configurations import ConfigurationStore
from agent.store.flows.deployment_log import DeploymentLog
from agent.store.flows.deployments import Deployment, DeploymentStore


class Versions:
    """The versions of every processflow."""

    def __init__(
        self,
        *,
        deployments: DeploymentStore,
        configurations: ConfigurationStore,
        log: DeploymentLog,
        deploying: Deploying,
    ) -> None:
        self._deployments, self._configurations = deployments, configurations
        self._log, self._deploying = log, deploying

    def all(self, flow: str) -> list[models.Version]:
        """Every version of a processflow, the newest first. Raises NotFoundError."""
        names = self._names()
        self._deployments.require_kept(flow)
        return [models.Version(**_version(one, names)) for one in self._deployments.versions(flow)]

    def get(self, flow: str, version: int) -> models.VersionDetail:
        """One version. Raises NotFoundError."""
        found = self._deployments.version(flow, version)
        plan = SchedulePlan.model_validate(found.schedule) if found.schedule is not None else SchedulePlan()
        return models.VersionDetail(
            **_version(found, self._names()), document=found.document, file=found.file, plan=plan,
            lines=list(found.log),
        )  # fmt: skip

    def diff(self, flow: str, before: int, after: int) -> models.VersionDiff:
        """What is not the same in two versions. Raises NotFoundError."""
        one, other = self._deployments.version(flow, before), self._deployments.version(flow, after)
        names = self._names()
        document = "\n".join(
            difflib.unified_diff(
                one.document.splitlines(), other.document.splitlines(), f"{flow} version {before}",
                f"{flow} version {after}", lineterm="",
            )
        )  # fmt: skip
        bindings = [
            models.Change(name=token, before=_bound(one, token, names), after=_bound(other, token, names))
            for token in sorted({**one.bindings, **other.bindings, **one.waits_for, **other.waits_for})
            if one.bindings.get(token) != other.bindings.get(token)
        ]
        schedule = None
        if one.schedule != other.schedule:
            schedule = models.Change(name="schedule", before=_plan_text(one.schedule), after=_plan_text(other.schedule))
        functions = _changes(_function_versions(one), _function_versions(other))
        lookups = _changes(one.lookups, other.lookups)
        return models.VersionDiff(
            flow=flow, before=before, after=after, document=document, bindings=bindings, functions=functions,
            lookups=lookups, schedule=schedule, same=not (document or bindings or functions or lookups or schedule),
        )  # fmt: skip

    async def roll_back(self, flow: str, request: models.RollBack, *, by: str) -> Deployed:
        """Deploy an old version again: checked like any deployment, and a version of its own.

        A token whose configuration is gone is bound as a new deployment binds it.

        Raises:
            NotFoundError: there is no such version.
            ConflictError: code `already-active`: it is the one that is deployed.
            AgentError: as `Deploying.deploy`.
        """
        old = await asyncio.to_thread(self._deployments.version, flow, request.version)
        if old.active:
            raise ConflictError(
                f"Version {old.version} of {flow} is the one that is deployed.",
                code="already-active",
                remedy="Choose another version to go back to.",
            )
        known = await asyncio.to_thread(self._names)
        again = models.DeployRequest(
            document=old.document, file=old.file, lookups=dict(old.lookups),
            bindings={token: bound for token, bound in old.bindings.items() if bound in known},
            note=f"Rolled back to version {old.version}. {request.note}".strip()[:1_000], anyway=request.anyway,
            without_tests=request.without_tests,
        )  # fmt: skip
        return await self._deploying.deploy(again, by=by, like=old, restored_from=old.version)

    def log(self, flow: str, *, limit: int) -> list[models.DeploymentEntry]:
        """What was deployed and undeployed, and what failed; the newest first. Raises NotFoundError."""
        entries = self._log.page(flow, limit=limit)
        if not entries:
            self._deployments.require_kept(flow)
        return [
            models.DeploymentEntry(
                started_at=one.started_at, ended_at=one.ended_at, asked_by=one.asked_by, note=one.note,
                outcome=one.outcome, version=one.version, code=one.code, message=one.message, remedy=one.remedy,
                lines=list(one.lines),
            )
            for one in entries
        ]  # fmt: skip

    def past(self) -> list[models.PastFlow]:
        """Processflows that are not deployed any more."""
        return [
            models.PastFlow(
                name=one.flow, last_version=one.version, deployed_at=one.deployed_at, deployed_by=one.deployed_by
            )
            for one in self._deployments.withdrawn()
        ]

    def _names(self) -> dict[str, str]:
        return {row.id: row.name for row in self._configurations.all()}


def _version(one: Deployment, names: Mapping[str, str]) -> dict[str, Any]:
    bindings = [
        models.VersionBinding(token=token, configuration=bound, configuration_name=names.get(bound, ""))
        for token, bound in {**one.bindings, **dict.fromkeys(one.waits_for, "")}.items()
    ]
    return {
        "flow": one.flow, "version": one.version, "deployed_at": one.deployed_at, "deployed_by": one.deployed_by,
        "note": one.note, "active": one.active, "restored_from": one.restored_from, "bindings": bindings,
        "schedule": _plan_text(one.schedule), "remarks": list(one.remarks),
    }  # fmt: skip


def _bound(one: Deployment, token: str, names: Mapping[str, str]) -> str:
    if token in one.waits_for:
        return "not bound yet"
    bound = one.bindings.get(token, "")
    return names.get(bound, f"a removed configuration ({bound})") if bound else ""


def _changes(before: Mapping[str, str], after: Mapping[str, str]) -> list[models.Change]:
    return [
        models.Change(name=name, before=before.get(name, ""), after=after.get(name, ""))
        for name in sorted({**before, **after})
        if before.get(name) != after.get(name)
    ]


def _function_versions(one: Deployment) -> dict[str, str]:
    return {name: f"version {version}" for name, version in one.functions.items()}


def _plan_text(form: Mapping[str, Any] | None) -> str:
    try:
        plan = parse_plan(form, default_zone="UTC") if form is not None else None
    except AgentError:
        return "Not usable"
    return plan.text if plan is not None else MANUAL
