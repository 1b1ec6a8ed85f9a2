"""What the variables of processflows hold, and changing it."""

from __future__ import annotations

from fastapi import APIRouter

from agent.api import variable_models as models
from agent.service.routes.asking import PROBLEMS, Agent, Name, Who

router = APIRouter(responses=PROBLEMS, tags=["variables"])


@router.get("/flows/{name}/variables")
def variables(agent: Agent, name: Name) -> list[models.Variable]:
    """The variables of a deployed processflow, and what they hold for the next run."""
    return agent.variables.all(name)


@router.put("/flows/{name}/variables/{variable}")
def set_variable(agent: Agent, who: Who, name: Name, variable: Name, change: models.VariableChange) -> models.Variable:
    """Set a variable for the runs to come. Refused while the processflow is running."""
    return agent.variables.set(name, variable, change, by=who)


@router.post("/flows/{name}/variables/{variable}/reset")
def reset_variable(
    agent: Agent, who: Who, name: Name, variable: Name, request: models.VariableReset
) -> models.Variable:
    """Let the default of the document count again. Refused while the processflow is running."""
    return agent.variables.reset(name, variable, request, by=who)
