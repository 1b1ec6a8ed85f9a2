"""Processflows and their runs."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request

from agent.api import flow_models, run_models
from agent.api.deployment_models import DeployRequest
from agent.api.flow_test_models import FlowTestReport
from agent.service.deployment.samples import samples as shipped_samples
from agent.service.routes.asking import PROBLEMS, After, Agent, FlowFilter, Name, WaitSeconds, Who
from agent.service.routes.leaving import while_heard

router = APIRouter(responses=PROBLEMS, tags=["processflows"])

Limit = Annotated[int, Query(ge=1, le=1_000, description="How many at most.")]


@router.get("/samples")
def samples() -> list[flow_models.Sample]:
    """The processflows that ship with the agent."""
    return list(shipped_samples())


@router.post("/flows/check")
def check_flow(agent: Agent, request: flow_models.DocumentRequest) -> flow_models.CheckResult:
    """Check a document without executing anything."""
    return agent.flows.check(request)


@router.post("/flows/test")
async def test_flow(request: Request, agent: Agent, wanted: flow_models.DocumentRequest) -> FlowTestReport:
    """Run the tests of a document; no app is asked. Closing the connection ends them."""
    return await while_heard(request, agent.documents.testing.test(wanted))


@router.post("/flows/{name}/test")
async def test_deployed_flow(request: Request, agent: Agent, name: Name) -> FlowTestReport:
    """Run the tests of a deployed processflow; no app is asked. Closing the connection ends them."""
    return await while_heard(request, agent.documents.testing.test_deployed(name))


@router.post("/flows")
async def deploy(request: Request, agent: Agent, who: Who, wanted: DeployRequest) -> flow_models.Deployed:
    """Deploy or redeploy a document, all or nothing. Closing the connection cancels it."""
    deployed = await while_heard(request, agent.documents.deploying.deploy(wanted, by=who))
    agent.journal.write("info", f"{who} deployed version {deployed.flow.version}.", flow=deployed.flow.name)
    return deployed


@router.get("/flows")
def flows(agent: Agent) -> list[flow_models.Flow]:
    """Every deployed processflow."""
    return agent.flows.all()


@router.get("/flows/{name}")
def flow(agent: Agent, name: Name) -> flow_models.FlowDetail:
    """One deployed processflow."""
    return agent.flows.get(name)


@router.delete("/flows/{name}")
def undeploy(agent: Agent, who: Who, name: Name) -> flow_models.Undeployed:
    """Withdraw a processflow; its history stays."""
    undeployed = agent.flows.undeploy(name, by=who)
    agent.journal.write("info", f"{who} undeployed it.", flow=name)
    return undeployed


@router.get("/runs")
def runs(agent: Agent, flow: FlowFilter = "", after: After = "", limit: Limit = 50) -> run_models.RunPage:
    """Runs, newest first."""
    return agent.runs.page(flow=flow, after=after, limit=limit)


@router.get("/runs/{run_id}")
async def run(agent: Agent, run_id: Name, wait_seconds: WaitSeconds = 0) -> run_models.Run:
    """One run; waits for its end, or returns it as it is when the time is up."""
    return await agent.runs.get(run_id, wait_seconds=wait_seconds)


@router.post("/runs/{run_id}/cancel")
def cancel_run(agent: Agent, who: Who, run_id: Name) -> run_models.Run:
    """Cancel a run."""
    cancelled = agent.runs.cancel(run_id)
    agent.journal.write("info", f"{who} asked to cancel the run.", flow=cancelled.flow, run=run_id)
    return cancelled
