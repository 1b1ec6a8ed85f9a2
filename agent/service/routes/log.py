"""The log: bounds, pages, and searches that end when nobody waits for them any more."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Query, Request

from agent.api import log_models
from agent.domain.errors import CancelledError
from agent.service.routes.asking import PROBLEMS, Agent, Name
from agent.service.routes.leaving import until_gone

router = APIRouter(responses=PROBLEMS, tags=["log"])

First = Annotated[int, Query(ge=0, le=2**53, description="The first id, or row number.")]
Count = Annotated[int, Query(ge=1, le=1_000, description="How many at most.")]


@router.get("/log/bounds")
def log_bounds(agent: Agent) -> log_models.LogBounds:
    """The first and last id of the log."""
    return agent.log.bounds()


@router.get("/log")
def log_page(agent: Agent, first: First = 0, count: Count = 256) -> log_models.LogPage:
    """Lines by id, oldest first."""
    return agent.log.page(first, count)


@router.post("/log/searches")
async def search_log(request: Request, agent: Agent, search: log_models.LogSearch) -> log_models.LogHits:
    """Search the whole log. Closing the connection stops the search."""
    begun = await asyncio.to_thread(agent.log.begin, search)
    running = asyncio.create_task(asyncio.to_thread(begun.run))
    gone = asyncio.create_task(until_gone(request))
    try:
        await asyncio.wait({running, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not running.done():
            await asyncio.to_thread(begun.cancel)
        await running
    finally:
        gone.cancel()
        with suppress(asyncio.CancelledError):
            await gone
        if not running.done():
            begun.cancel()
            with suppress(CancelledError):
                await running
    return await asyncio.to_thread(agent.log.keep, begun)


@router.get("/log/searches/{search_id}")
def log_hits(agent: Agent, search_id: Name, first: First = 0, count: Count = 256) -> log_models.LogPage:
    """Hits of a search by row number."""
    return agent.log.hits(search_id, first, count)


@router.post("/log/searches/{search_id}/extend")
def extend_search(agent: Agent, search_id: Name) -> log_models.LogHits:
    """Add the hits that were logged since the search."""
    return agent.log.extend(search_id)
