"""The function library, as clients ask for it."""

from __future__ import annotations

from agent.api.calls import Calls
from agent.api.function_models import Function, FunctionDetail, FunctionDraft, FunctionSaved, FunctionTest


class Functions:
    """The function library of a service."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def list(self) -> list[Function]:
        """Every function, by name."""
        return await self._calls.get_list("/functions", Function)

    async def get(self, name: str, *, version: int | None = None) -> FunctionDetail:
        """A function in its newest version, or in another one."""
        return await self._calls.get(f"/functions/{name}", FunctionDetail, version=version)

    async def test(self, draft: FunctionDraft) -> FunctionTest:
        """What is wrong with a function, and what its examples give. Nothing is saved."""
        return await self._calls.send("POST", "/functions/test", FunctionTest, draft)

    async def save(self, draft: FunctionDraft) -> FunctionSaved:
        """Save a function as a new version. Its examples have to come true."""
        return await self._calls.send("PUT", f"/functions/{draft.name}", FunctionSaved, draft)

    async def remove(self, name: str) -> None:
        """Take a function out of the library. Refused while something uses it."""
        await self._calls.call("DELETE", f"/functions/{name}")
