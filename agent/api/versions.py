"""Asks the service about versions of processflows: what there is, what differs, back to an old one, away with all."""

from __future__ import annotations

from agent.api import deployment_models as models
from agent.api.calls import Calls
from agent.api.flow_models import Deployed

DEPLOY_SECONDS = 180.0
"""How long a deployment may take: each App Configuration is tested."""


class Versions:
    """The versions of every processflow. `AgentClient.versions`."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def all(self, name: str) -> list[models.Version]:
        """Every version, the newest first; also of a processflow that is not deployed any more."""
        return await self._calls.get_list(f"/flows/{name}/versions", models.Version)

    async def get(self, name: str, version: int) -> models.VersionDetail:
        """One version with its document."""
        return await self._calls.get(f"/flows/{name}/versions/{version}", models.VersionDetail)

    async def diff(self, name: str, before: int, after: int) -> models.VersionDiff:
        """What is not the same in two versions."""
        return await self._calls.get(f"/flows/{name}/versions/{before}/diff", models.VersionDiff, after=after)

    async def roll_back(self, name: str, request: models.RollBack) -> Deployed:
        """Deploy an old version again, as a new one."""
        path = f"/flows/{name}/roll-back"
        return await self._calls.send("POST", path, Deployed, request, timeout_seconds=DEPLOY_SECONDS)

    async def bind(self, name: str, request: models.BindRequest) -> Deployed:
        """Bind credential tokens of a deployed processflow: a new version with the same document."""
        path = f"/flows/{name}/bindings"
        return await self._calls.send("POST", path, Deployed, request, timeout_seconds=DEPLOY_SECONDS)

    async def log(self, name: str, *, limit: int = 20) -> list[models.DeploymentEntry]:
        """What was deployed and undeployed, and what failed; the newest first."""
        return await self._calls.get_list(f"/flows/{name}/deployment-log", models.DeploymentEntry, limit=limit)

    async def past(self) -> list[models.PastFlow]:
        """Processflows that are not deployed any more."""
        return await self._calls.get_list("/past-flows", models.PastFlow)

    async def history(self, name: str) -> models.FlowHistory:
        """How much is kept of a processflow."""
        return await self._calls.get(f"/flows/{name}/history", models.FlowHistory)

    async def forget(self, name: str, *, dry_run: bool = False) -> models.FlowHistory:
        """Delete all that is kept of an undeployed processflow. Returns what there was.

        With `dry_run` it is only refused where it would be, and nothing is deleted.
        """
        return await self._calls.send("DELETE", f"/flows/{name}/history", models.FlowHistory, dry_run=dry_run)
