"""When processflows run by themselves."""

from __future__ import annotations

from fastapi import APIRouter

from agent.api import schedule_models
from agent.service.routes.asking import PROBLEMS, Agent, Name, Who

router = APIRouter(responses=PROBLEMS, tags=["schedules"])


@router.get("/flows/{name}/schedule")
def schedule(agent: Agent, name: Name) -> schedule_models.Schedule:
    """The schedule of a processflow; its plan is manual where it has none."""
    return agent.schedules.get(name)


@router.put("/flows/{name}/schedule")
def set_schedule(agent: Agent, who: Who, name: Name, plan: schedule_models.ScheduleChange) -> schedule_models.Schedule:
    """Change when a processflow runs by itself, at once."""
    changed = agent.schedules.put(name, plan, by=who)
    agent.journal.write("info", f"{who} set its schedule: {changed.text}.", flow=name)
    return changed


@router.delete("/flows/{name}/schedule")
def clear_schedule(agent: Agent, who: Who, name: Name) -> schedule_models.Schedule:
    """Let a processflow run by hand only."""
    cleared = agent.schedules.clear(name)
    agent.journal.write("info", f"{who} took its schedule away.", flow=name)
    return cleared


@router.post("/schedules/preview")
def preview_schedule(agent: Agent, request: schedule_models.SchedulePreviewRequest) -> schedule_models.SchedulePreview:
    """What a plan means, without changing anything."""
    return agent.schedules.preview(request)
