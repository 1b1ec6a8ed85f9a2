"""What the routes share: the parts behind them, who asks, and the answer of a problem."""

from __future__ import annotations

from typing import Annotated, Any, cast

from fastapi import Depends, Query, Request

from agent.api import base_models
from agent.service.agent_parts import AgentParts

PROBLEMS: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "What failed, and what to do (RFC 9457).",
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
}


def _parts(request: Request) -> AgentParts:
    return cast("AgentParts", request.app.state.parts)


def _who(request: Request) -> str:
    return request.scope.get("operator") or _parts(request).account()


Agent = Annotated[AgentParts, Depends(_parts)]
Who = Annotated[str, Depends(_who)]
"""The operator who is signed in, or the account that owns the token's file."""

DryRun = Annotated[bool, Query(description="Refuse what would be refused, and change nothing.")]
WaitSeconds = Annotated[float, Query(ge=0, le=20, description="How long to wait for a change, in seconds.")]
FlowFilter = Annotated[str, Query(max_length=100, description="The name of a processflow; empty: all.")]
After = Annotated[str, Query(max_length=1_000, description="`next` of the page before; empty: the first page.")]
Name = base_models.Name
