"""The function library."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from agent.api.function_models import Function, FunctionDetail, FunctionDraft, FunctionSaved, FunctionTest
from agent.service.routes.asking import PROBLEMS, Agent, Name, Who

router = APIRouter(responses=PROBLEMS, tags=["functions"])

Version = Annotated[int | None, Query(ge=1, le=1_000_000_000, description="A version; without it the newest.")]


@router.get("/functions")
def functions(agent: Agent) -> list[Function]:
    """Every function of the library, by name."""
    return agent.functions.all()


@router.post("/functions/test")
def try_function(agent: Agent, draft: FunctionDraft) -> FunctionTest:
    """What is wrong with a function, and what its examples give. Nothing is saved."""
    return agent.functions.test(draft)


@router.get("/functions/{name}")
def function(agent: Agent, name: Name, version: Version = None) -> FunctionDetail:
    """A function in its newest version, or in another one."""
    return agent.functions.get(name, version)


@router.put("/functions/{name}")
def save_function(agent: Agent, who: Who, name: Name, draft: FunctionDraft) -> FunctionSaved:
    """Save a function as a new version. Its examples have to come true."""
    saved = agent.functions.save(name, draft, by=who)
    if saved.changed:
        agent.journal.write("info", f"{who} saved version {saved.function.version} of the function ${name}.")
    return saved


@router.delete("/functions/{name}", status_code=204, response_class=Response)
def remove_function(agent: Agent, who: Who, name: Name) -> Response:
    """Take a function out of the library. Refused while something uses it."""
    agent.functions.remove(name)
    agent.journal.write("info", f"{who} removed the function ${name}.")
    return Response(status_code=204)
