"""Runs that do something else than read on, asked of the service."""

from __future__ import annotations

from collections.abc import Sequence

from agent.api import run_models
from agent.api.calls import Calls
from agent.api.rerun_models import (
    Execution,
    FilterClause,
    ReplayWindow,
    Resync,
    RetryPlanChange,
    RetrySchedule,
)


class Reruns:
    """Starts them, through the contract."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def resync(self, flow: str, which: Resync) -> run_models.Run:
        """Try records again: they are read at their source by id, and the bookmark stays."""
        return await self._calls.send("POST", f"/flows/{flow}/resync", run_models.Run, which)

    async def filtered(
        self, flow: str, clauses: Sequence[FilterClause], *, node: str = "", template: str = ""
    ) -> run_models.Run:
        """Run once with a filter in the place of the action filter; the bookmark stays. The clauses of a filter
        template have to hold as well."""
        execution = Execution(filter=list(clauses), node=node, template=template)
        return await self._calls.send("POST", f"/flows/{flow}/runs", run_models.Run, execution)

    async def replay(self, flow: str, window: ReplayWindow) -> run_models.Run:
        """Read once more what changed in a window of time; the bookmark stays."""
        return await self._calls.send("POST", f"/flows/{flow}/replay", run_models.Run, window)

    async def retry(self, flow: str) -> RetrySchedule:
        """How a processflow tries failed records again by itself."""
        return await self._calls.get(f"/flows/{flow}/retry", RetrySchedule)

    async def set_retry(self, flow: str, plan: RetryPlanChange) -> RetrySchedule:
        """Change how it does so, at once."""
        return await self._calls.send("PUT", f"/flows/{flow}/retry", RetrySchedule, plan)

    async def clear_retry(self, flow: str) -> RetrySchedule:
        """Let records be tried again by hand alone."""
        return await self._calls.send("DELETE", f"/flows/{flow}/retry", RetrySchedule)
