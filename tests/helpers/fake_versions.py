"""`agent.api.versions.Versions` of a pretended service: five versions of each processflow, one of them deployed."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from agent.api import deployment_models as versions
from agent.api import flow_models, schedule_models
from agent.domain.deployment import Outcome
from agent.domain.errors import NotFoundError

if TYPE_CHECKING:
    from tests.helpers.fake_client import FakeClient

_NOTES = ("", "Taxes per line", "", "Only shipped orders", "First version")


class FakeVersions:
    """The document of version n has n lines of mapping; the connection of version 2 was another one."""

    def __init__(self, client: FakeClient) -> None:
        self._client = client

    async def all(self, name: str) -> list[versions.Version]:
        await self._client._enter("versions")
        return self._versions(name)

    async def get(self, name: str, version: int) -> versions.VersionDetail:
        await self._client._enter("version")
        found = next(one for one in self._versions(name) if one.version == version)
        plan = schedule_models.SchedulePlan()
        return versions.VersionDetail(
            **found.model_dump(), document=_document(version), file=f"{name}.yaml", plan=plan, lines=[]
        )

    async def diff(self, name: str, before: int, after: int) -> versions.VersionDiff:
        await self._client._enter("diff")
        lines = [f"--- version {before}", f"+++ version {after}", "@@ -12,4 +12,6 @@", "       - attribute: total"]
        lines += ["-        value: total", "+        value: total_inc_tax"]
        lines += [f"+      - attribute: tax_{number}" for number in range(before, after)]
        changes = [versions.Change(name="warehouse", before="Old database", after="Warehouse database")]
        schedule = versions.Change(name="schedule", before="Manual", after="Every 15 minutes, Europe/Berlin")
        return versions.VersionDiff(
            flow=name, before=before, after=after, same=False, document="\n".join(lines),
            bindings=changes if before <= 2 else [], schedule=schedule if before <= 2 else None,
            functions=[versions.Change(name="without_tax", before="1", after="2")] if before <= 1 else [], lookups=[],
        )  # fmt: skip

    async def roll_back(self, name: str, request: versions.RollBack) -> flow_models.Deployed:
        await self._client._enter("roll_back")
        self._client.asked.append(request)
        insisted = request.anyway or request.without_tests
        if self._client.refuse is not None and not insisted:
            raise self._client.refuse
        return self._client.deploy_again(name, note=f"Version {request.version} again")

    async def bind(self, name: str, request: versions.BindRequest) -> flow_models.Deployed:
        await self._client._enter("bind")
        self._client.asked.append(request)
        return self._client.deploy_again(name, note="Bound.")

    async def log(self, name: str, *, limit: int = 20) -> list[versions.DeploymentEntry]:
        await self._client._enter("deployment_log")
        now = self._client.now
        failed = versions.DeploymentEntry(
            started_at=now - timedelta(hours=1), ended_at=now, asked_by="anna", note="", outcome=Outcome.FAILED,
            version=None, code="configuration-failed", message="The App Configuration “Old store” failed its check.",
            remedy="Correct it, press Validate and Save, then deploy again.", lines=["1 Processflow Publish Started"],
        )  # fmt: skip
        done = [
            versions.DeploymentEntry(
                started_at=one.deployed_at, ended_at=one.deployed_at, asked_by=one.deployed_by, note=one.note,
                outcome=Outcome.DEPLOYED, version=one.version, code="", message="", remedy="",
                lines=["1 Processflow Publish Started", "2 Deployed"],
            )
            for one in self._versions(name)
        ]  # fmt: skip
        return [failed, *done][:limit]

    async def past(self) -> list[versions.PastFlow]:
        await self._client._enter("past")
        return [
            versions.PastFlow(name=name, last_version=3, deployed_at=self._client.now, deployed_by="anna")
            for name in self._client.past
        ]

    async def history(self, name: str) -> versions.FlowHistory:
        await self._client._enter("history")
        return versions.FlowHistory(
            name=name, deployed=False, versions=3, runs=412, records=12_408, bookmarks=1, scheduled=False,
            waiting_events=0,
            text="3 versions, 412 runs, 12,408 records of Sync Info and 1 bookmark are deleted.",
        )  # fmt: skip

    async def forget(self, name: str) -> versions.FlowHistory:
        found = await self.history(name)
        self._client.past.remove(name)
        return found

    def _versions(self, name: str) -> list[versions.Version]:
        flow = self._client.deployed.get(name)
        newest = flow.version if flow is not None else 3
        if flow is None and name not in self._client.past:
            raise NotFoundError(f"There is no processflow “{name}”.", code="flow-not-found")
        found = []
        for number in range(newest, 0, -1):
            bound = [
                versions.VersionBinding(token="store", configuration="c-main", configuration_name="Demo Outdoor"),
                versions.VersionBinding(token="warehouse", configuration="c-db", configuration_name="Database"),
            ]  # fmt: skip
            found.append(
                versions.Version(
                    flow=name,
                    version=number,
                    deployed_at=self._client.now - timedelta(days=2 + 9 * (newest - number)),
                    deployed_by="anna" if number % 2 else "ben",
                    note=_NOTES[number % len(_NOTES)],
                    active=flow is not None and number == newest,
                    restored_from=None,
                    bindings=bound,
                    schedule="Every 15 minutes, Europe/Berlin" if number > 2 else "Manual",
                    remarks=["“Old store” failed its check when this version was deployed"] if number == 2 else [],
                )
            )
        return found


def _document(version: int) -> str:
    return "name: orders-to-database\n" + "".join(f"  - attribute: tax_{number}\n" for number in range(version))
