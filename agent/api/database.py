"""The client's part for the agent's own database."""

from __future__ import annotations

from agent.api.calls import Calls
from agent.api.database_models import AgentDatabase, ServerChoice

_TRY_SECONDS = 90.0


class DatabaseCalls:
    """Asks where the agent's own database is, and chooses another place."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def report(self) -> AgentDatabase:
        """Where it is."""
        return await self._calls.get("/database", AgentDatabase)

    async def use_server(self, choice: ServerChoice) -> AgentDatabase:
        """Use a server from the next start on."""
        return await self._calls.send("PUT", "/database", AgentDatabase, choice, timeout_seconds=_TRY_SECONDS)
