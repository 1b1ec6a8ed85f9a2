"""How far sources have been read, moving that by hand, and the audit trail."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from agent.api.bookmark_models import AuditPage, Bookmark, BookmarkChange
from agent.service.routes.asking import PROBLEMS, Agent, DryRun, FlowFilter, Name, Who

router = APIRouter(responses=PROBLEMS, tags=["bookmarks"])

Before = Annotated[int | None, Query(ge=0, le=2**53, description="`next` of the page before; none: the first page.")]
Limit = Annotated[int, Query(ge=1, le=1_000, description="How many at most.")]


@router.get("/flows/{name}/bookmarks")
def bookmarks(agent: Agent, name: Name) -> list[Bookmark]:
    """The bookmarks of a processflow's GET nodes."""
    return agent.bookmarks.all(name)


@router.put("/flows/{name}/bookmarks/{node}")
def set_bookmark(
    agent: Agent, who: Who, name: Name, node: Name, change: BookmarkChange, dry_run: DryRun = False
) -> Bookmark:
    """Set a bookmark, or clear it: the next run reads from there on."""
    if dry_run:
        agent.bookmarks.require_movable(name, node, change)
        return next(one for one in agent.bookmarks.all(name) if one.node == node)
    moved = agent.bookmarks.move(name, node, change, by=who)
    where = f"to {moved.moment:%Y-%m-%d %H:%M:%S} UTC" if moved.moment is not None else "back to the beginning"
    agent.journal.write("warning", f"{who} moved the bookmark {where}: {change.reason}", flow=name, node=node)
    return moved


@router.get("/audit")
def audit(agent: Agent, flow: FlowFilter = "", before: Before = None, limit: Limit = 50) -> AuditPage:
    """What was changed by hand, newest first. Nothing clears it."""
    return agent.bookmarks.audit(flow=flow, before=before, limit=limit)
