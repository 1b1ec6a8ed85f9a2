"""Runs that do something else than read on."""

from __future__ import annotations

from fastapi import APIRouter

from agent.api import run_models
from agent.api.rerun_models import Execution, ReplayWindow, Resync, RetryPlanChange, RetrySchedule
from agent.service.routes.asking import PROBLEMS, Agent, Name, Who

router = APIRouter(responses=PROBLEMS, tags=["runs"])


@router.post("/flows/{name}/runs")
def execute(agent: Agent, who: Who, name: Name, execution: Execution | None = None) -> run_models.Run:
    """Start a run now; with a filter, one that reads what it selects and leaves the bookmark."""
    run = agent.reruns.execute(name, execution, by=who)
    agent.journal.write("info", f"{who} executed it.", flow=name, run=run.id, detail=run.plan)
    return run


@router.post("/flows/{name}/resync")
def resync(agent: Agent, who: Who, name: Name, which: Resync) -> run_models.Run:
    """Try records again: they are read at their source by id, and walk the whole processflow. The bookmark stays."""
    run = agent.reruns.resync(name, which, by=who)
    agent.journal.write("info", f"{who} asked to try records again: {run.plan}.", flow=name, run=run.id)
    return run


@router.post("/flows/{name}/replay")
def replay(agent: Agent, who: Who, name: Name, window: ReplayWindow) -> run_models.Run:
    """Read once more what changed in a window of time. The bookmark stays."""
    run = agent.reruns.replay(name, window, by=who)
    agent.journal.write("info", f"{who} asked to read a window again: {run.plan}.", flow=name, run=run.id)
    return run


@router.get("/flows/{name}/retry")
def retry_policy(agent: Agent, name: Name) -> RetrySchedule:
    """How a processflow tries failed records again by itself; by hand where nothing was set."""
    return agent.retrying.get(name)


@router.put("/flows/{name}/retry")
def set_retry_policy(agent: Agent, who: Who, name: Name, plan: RetryPlanChange) -> RetrySchedule:
    """Change how a processflow tries failed records again by itself, at once."""
    changed = agent.retrying.put(name, plan, by=who)
    agent.journal.write("info", f"{who} set how records are tried again: {changed.text}.", flow=name)
    return changed


@router.delete("/flows/{name}/retry")
def clear_retry_policy(agent: Agent, who: Who, name: Name) -> RetrySchedule:
    """Let failed records be tried again by hand alone."""
    cleared = agent.retrying.clear(name)
    agent.journal.write("info", f"{who} let records be tried again by hand alone.", flow=name)
    return cleared
