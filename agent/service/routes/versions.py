"""Versions of processflows, going back to one, binding later, and the history."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request

from agent.api import deployment_models as models
from agent.api.flow_models import Deployed
from agent.service.routes.asking import PROBLEMS, Agent, DryRun, Name, Who
from agent.service.routes.leaving import while_heard

router = APIRouter(responses=PROBLEMS, tags=["versions"])

Number = Annotated[int, Path(ge=1, le=2**31 - 1, description="The version's number.")]
Other = Annotated[int, Query(ge=1, le=2**31 - 1, description="The number of the version to compare with.")]
Entries = Annotated[int, Query(ge=1, le=100, description="How many at most.")]


@router.get("/flows/{name}/versions")
def versions(agent: Agent, name: Name) -> list[models.Version]:
    """Every version, the newest first."""
    return agent.documents.versions.all(name)


@router.get("/flows/{name}/versions/{version}")
def version(agent: Agent, name: Name, version: Number) -> models.VersionDetail:
    """One version with its document."""
    return agent.documents.versions.get(name, version)


@router.get("/flows/{name}/versions/{version}/diff")
def version_diff(agent: Agent, name: Name, version: Number, after: Other) -> models.VersionDiff:
    """What is not the same in two versions."""
    return agent.documents.versions.diff(name, version, after)


@router.post("/flows/{name}/roll-back")
async def roll_back(request: Request, agent: Agent, who: Who, name: Name, wanted: models.RollBack) -> Deployed:
    """Deploy an old version again, as a new one. Closing the connection cancels it."""
    deployed = await while_heard(request, agent.documents.versions.roll_back(name, wanted, by=who))
    agent.journal.write("info", f"{who} rolled back to version {wanted.version}: {deployed.flow.version}.", flow=name)
    return deployed


@router.post("/flows/{name}/bindings")
async def bind(request: Request, agent: Agent, who: Who, name: Name, wanted: models.BindRequest) -> Deployed:
    """Bind credential tokens of a deployed processflow. Closing the connection cancels it."""
    deployed = await while_heard(request, agent.documents.deploying.bind(name, wanted, by=who))
    agent.journal.write("info", f"{who} bound it: version {deployed.flow.version}.", flow=name)
    return deployed


@router.get("/flows/{name}/deployment-log")
def deployment_log(agent: Agent, name: Name, limit: Entries = 20) -> list[models.DeploymentEntry]:
    """What was deployed and undeployed, and what failed; the newest first."""
    return agent.documents.versions.log(name, limit=limit)


@router.get("/past-flows")
def past_flows(agent: Agent) -> list[models.PastFlow]:
    """Processflows that are not deployed any more, and whose history is kept."""
    return agent.documents.versions.past()


@router.get("/flows/{name}/history")
def flow_history(agent: Agent, name: Name) -> models.FlowHistory:
    """How much is kept of a processflow, and what deleting it means."""
    return agent.documents.histories.get(name)


@router.delete("/flows/{name}/history")
def forget_flow(agent: Agent, who: Who, name: Name, dry_run: DryRun = False) -> models.FlowHistory:
    """Delete all that is kept of an undeployed processflow."""
    if dry_run:
        return agent.documents.histories.forgettable(name)
    forgotten = agent.documents.histories.forget(name, by=who)
    agent.journal.write("warning", f"{who} deleted its history.", flow=name, detail=forgotten.text)
    return forgotten
