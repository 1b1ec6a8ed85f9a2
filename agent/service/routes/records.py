"""Sync Info: what became of each record."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from agent.api import models
from agent.domain.packet import SyncState
from agent.service.routes.asking import PROBLEMS, After, Agent, Name

router = APIRouter(responses=PROBLEMS, tags=["records"])

Limit = Annotated[int, Query(ge=1, le=1_000, description="How many at most.")]
StateFilter = Annotated[SyncState | None, Query(description="Only records in this state.")]
Search = Annotated[str, Query(max_length=1_000, description="Looked for in ids and messages.")]


@router.get("/flows/{name}/sync-info")
def sync_info(
    agent: Agent, name: Name, state: StateFilter = None, search: Search = "", after: After = "", limit: Limit = 100
) -> models.SyncPage:
    """A processflow's records, the latest touched first."""
    return agent.records.page(name, state=state, search=search, after=after, limit=limit)
