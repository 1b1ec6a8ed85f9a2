"""Asks the service about variables of processflows: what they hold, since when, and to let them hold something else."""

from __future__ import annotations

from pydantic import SecretStr

from agent.api.calls import Calls
from agent.api.variable_models import Variable, VariableChange, VariableReset


class Variables:
    """The variables of every processflow. `AgentClient.variables`."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def all(self, flow: str) -> list[Variable]:
        """The variables of a deployed processflow."""
        return await self._calls.get_list(f"/flows/{flow}/variables", Variable)

    async def set(self, flow: str, name: str, value: str, *, reason: str) -> Variable:
        """Set a variable for the runs to come. Refused while the processflow is running."""
        change = VariableChange(value=SecretStr(value), reason=reason)
        return await self._calls.send("PUT", f"/flows/{flow}/variables/{name}", Variable, change)

    async def reset(self, flow: str, name: str, *, reason: str) -> Variable:
        """Let the default of the document count again. Refused while the processflow is running."""
        request = VariableReset(reason=reason)
        return await self._calls.send("POST", f"/flows/{flow}/variables/{name}/reset", Variable, request)
