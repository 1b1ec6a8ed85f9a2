"""Previews: what a run would do, before it does it."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query

from agent.api import preview_models as models
from agent.domain.preview import Outcome
from agent.service.routes.asking import PROBLEMS, After, Agent, Name, WaitSeconds, Who

router = APIRouter(responses=PROBLEMS, tags=["previews"])

Limit = Annotated[int, Query(ge=1, le=1_000, description="How many at most.")]
OutcomeFilter = Annotated[Outcome | None, Query(description="Only records of which this would become.")]
NodeFilter = Annotated[str, Query(max_length=100, description="Only records at this node; empty: all.")]


@router.post("/previews", status_code=202)
def start_preview(agent: Agent, who: Who, request: models.PreviewRequest) -> models.Preview:
    """Start a preview of a deployed processflow or of a document. Nothing is written anywhere."""
    preview = agent.previews.start(request, by=who)
    agent.journal.write("info", f"{who} started a preview.", flow=preview.flow)
    return preview


@router.get("/previews")
def previews(agent: Agent) -> list[models.Preview]:
    """The previews that are kept, newest first."""
    return agent.previews.all()


@router.get("/previews/{preview_id}")
async def preview(agent: Agent, preview_id: Name, wait_seconds: WaitSeconds = 0) -> models.Preview:
    """A preview; waits for its next progress or its end."""
    return await agent.previews.get(preview_id, wait_seconds=wait_seconds)


@router.delete("/previews/{preview_id}")
async def stop_preview(agent: Agent, preview_id: Name) -> models.Preview:
    """Cancel a preview that goes on; forget one that has ended."""
    return await asyncio.shield(agent.previews.stop(preview_id))


@router.get("/previews/{preview_id}/records")
def preview_records(
    agent: Agent,
    preview_id: Name,
    outcome: OutcomeFilter = None,
    node: NodeFilter = "",
    after: After = "",
    limit: Limit = 100,
) -> models.PreviewPage:
    """What would become of records, in the order in which they came."""
    return agent.previews.records(preview_id, outcome=outcome, node=node, after=after, limit=limit)
