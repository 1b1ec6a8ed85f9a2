"""Bookmarks and variables of a pretended service: two GETs, and three variables of which one is encrypted."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from agent.api.bookmark_models import AuditPage, Bookmark
from agent.api.variable_models import Variable
from agent.domain.app import DataType

if TYPE_CHECKING:
    from tests.helpers.fake_client import FakeClient

_DOTS = "••••"


def bookmarks(now: datetime) -> dict[str, Bookmark]:
    """One that runs move, and one that nobody has moved yet."""
    read = Bookmark(
        flow="", node="get-orders", moment=now - timedelta(minutes=15), detail="", since=now - timedelta(minutes=14),
        run_id="r-good", set_by="",
    )  # fmt: skip
    never = Bookmark(flow="", node="get-refunds", moment=None, detail="", since=None, run_id="", set_by="")
    return {read.node: read, never.node: never}


def variables(now: datetime) -> dict[str, Variable]:
    """A constant, one that runs keep, and a secret."""
    found = [
        Variable(name="currency", type=DataType.TEXT, value="EUR", default="EUR"),
        Variable(
            name="last_number", type=DataType.INTEGER, value="12408", default="0", persistent=True,
            expression="$max(id)", changed_at=now - timedelta(minutes=14), run="r-good",
        ),
        Variable(name="api_key", type=DataType.TEXT, value=_DOTS, default=None, encrypted=True),
    ]  # fmt: skip
    return {one.name: one for one in found}


class FakeBookmarks:
    """`agent.api.bookmarks.Bookmarks`."""

    def __init__(self, client: FakeClient) -> None:
        self._client = client

    async def all(self, flow: str) -> list[Bookmark]:
        await self._client._enter("bookmarks")
        return list(self._client.bookmarked.values())

    async def set(
        self, flow: str, node: str, moment: datetime | None, *, reason: str, dry_run: bool = False
    ) -> Bookmark:
        await self._client._enter("set_bookmark")
        changed = {"moment": moment, "set_by": f"anna: {reason}", "since": self._client.now, "run_id": ""}
        self._client.bookmarked[node] = self._client.bookmarked[node].model_copy(update=changed)
        return self._client.bookmarked[node]

    async def audit(self, *, flow: str = "", before: int | None = None, limit: int = 50) -> AuditPage:
        await self._client._enter("audit")
        return AuditPage(items=[], next=None)


class FakeVariables:
    """`agent.api.variables.Variables`."""

    def __init__(self, client: FakeClient) -> None:
        self._client = client

    async def all(self, flow: str) -> list[Variable]:
        await self._client._enter("variables")
        return list(self._client.variable_values.values())

    async def set(self, flow: str, name: str, value: str, *, reason: str) -> Variable:
        await self._client._enter("set_variable")
        if self._client.variable_values[name].encrypted:
            self._client.stored_secrets[flow, name] = value
            value = _DOTS
        return self._change(name, value=value, changed_at=self._client.now, changed_by="anna", reason=reason, run="")

    async def reset(self, flow: str, name: str, *, reason: str) -> Variable:
        await self._client._enter("reset_variable")
        default = self._client.variable_values[name].default
        return self._change(name, value=default, changed_at=None, changed_by="", reason="", run="")

    def _change(self, name: str, **changed: object) -> Variable:
        found = self._client.variable_values[name].model_copy(update=changed)
        self._client.variable_values[name] = found
        return found
