"""The client's part for bookmarks and the audit trail."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import quote

from agent.api.bookmark_models import AuditPage, Bookmark, BookmarkChange
from agent.api.calls import Calls


class Bookmarks:
    """Asks about bookmarks, and moves them."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def all(self, flow: str) -> list[Bookmark]:
        """Those of a processflow's GET nodes."""
        return await self._calls.get_list(_place(flow), Bookmark)

    async def set(
        self, flow: str, node: str, moment: datetime | None, *, reason: str, dry_run: bool = False
    ) -> Bookmark:
        """Let the next run read from that moment on; None: from the beginning. Refused while a run has not ended.

        With `dry_run` it is only refused where it would be, and nothing is changed.
        """
        change = BookmarkChange(moment=moment, reason=reason)
        path = f"{_place(flow)}/{quote(node, safe='')}"
        return await self._calls.send("PUT", path, Bookmark, change, dry_run=dry_run)

    async def audit(self, *, flow: str = "", before: int | None = None, limit: int = 50) -> AuditPage:
        """The audit trail, newest first."""
        return await self._calls.get("/audit", AuditPage, flow=flow, before=before, limit=limit)


def _place(flow: str) -> str:
    return f"/flows/{quote(flow, safe='')}/bookmarks"
