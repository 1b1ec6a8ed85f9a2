"""Previews through the client: what a run would do, before it does it."""

from __future__ import annotations

from agent.api.calls import Calls
from agent.api.preview_models import Preview, PreviewPage, PreviewRequest
from agent.domain.preview import Outcome


class Previews:
    """The previews of one service."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def start(self, request: PreviewRequest) -> Preview:
        """Start a preview; its progress arrives as events and through `get`."""
        return await self._calls.send("POST", "/previews", Preview, request)

    async def list(self) -> list[Preview]:
        """The previews that are kept, newest first."""
        return await self._calls.get_list("/previews", Preview)

    async def get(self, preview_id: str, *, wait_seconds: float = 0) -> Preview:
        """A preview; waits for its next progress or its end for up to `wait_seconds` (at most 20)."""
        return await self._calls.get(f"/previews/{preview_id}", Preview, wait_seconds=wait_seconds)

    async def stop(self, preview_id: str) -> Preview:
        """Cancel a preview that goes on; forget one that has ended."""
        return await self._calls.send("DELETE", f"/previews/{preview_id}", Preview)

    async def records(
        self, preview_id: str, *, outcome: Outcome | None = None, node: str = "", after: str = "", limit: int = 100
    ) -> PreviewPage:
        """What would become of records, those of an outcome or a node alone if one is given."""
        return await self._calls.get(
            f"/previews/{preview_id}/records", PreviewPage, outcome=outcome or "", node=node, after=after, limit=limit
        )
