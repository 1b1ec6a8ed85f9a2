"""Reads customers in pages, one packet each. A position is the id after which the next page begins."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from datetime import datetime
from typing import Any

import msgspec
from agent.connectors.contract import ReadRequest, SentClause
from agent.domain.errors import ConfigurationError
from agent.domain.packet import Bookmark, Packet

from opagent_acme.client import Client
from opagent_acme.schema import APP, GET

MOST_RECORDS = 250
"""As many as Acme gives at once."""


class Page(msgspec.Struct):
    """A page of customers, in the order of their ids, and the time at Acme when it was made."""

    customers: list[dict[str, Any]]
    time: datetime


async def packets(client: Client, request: ReadRequest) -> AsyncGenerator[Packet, None]:
    """All customers that a request asks for.

    The new bookmark is the time at Acme when the first page was made: whatever changes while the others are read is
    read again the next time, rather than never.
    """
    query = _query(request)
    if request.ids:
        page = await client.get("/v1/customers", Page, {**query, "id": ",".join(request.ids)})
        yield Packet(_ids(page), _documents(page), {}, Bookmark())
        return
    # A position comes from this connector alone, through the agent's database.
    position = dict(request.position or {})
    query["limit"] = str(min(request.packet_records, MOST_RECORDS))
    while True:
        page = await client.get("/v1/customers", Page, {**query, "after": str(position.get("after", 0))})
        position.setdefault("began", page.time.isoformat())
        last = len(page.customers) < int(query["limit"])
        if page.customers:
            position["after"] = page.customers[-1]["id"]
        bookmark = Bookmark(datetime.fromisoformat(str(position["began"]))) if last else None
        yield Packet(_ids(page), _documents(page), dict(position), bookmark)
        if last:
            return


def _query(request: ReadRequest) -> dict[str, str]:
    """The filter clauses as query parameters."""
    schema = APP.schema(request.schema)
    action = schema.action(request.action) if schema is not None else None
    if action is None or action.name != GET:
        raise ConfigurationError(
            f"Acme offers no {request.schema} {request.action} to read.",
            code="unknown-action",
            remedy=f"Known is {', '.join(one.name for one in APP.schemas)} {GET}.",
            field="action",
        )
    query: dict[str, str] = {}
    for clause in request.clauses:
        # Groups of clauses do not come: the action does not say that it can combine them.
        if not isinstance(clause, SentClause) or clause.key not in action.filters or clause.operator not in {"=", ">="}:
            raise ConfigurationError(
                f"Acme does not take this filter on {request.schema}.",
                code="filter-unknown",
                remedy=f"It takes {', '.join(sorted(action.filters))}, with =.",
                field=clause.key if isinstance(clause, SentClause) else None,
            )
        query[clause.key] = clause.value
    return query


def _ids(page: Page) -> list[str]:
    return [str(one["id"]) for one in page.customers]


def _documents(page: Page) -> list[bytes]:
    return [msgspec.json.encode(one) for one in page.customers]


def by_email(page: Page) -> Mapping[str, dict[str, Any]]:
    """The customers of a page by their email."""
    return {str(one["email"]).casefold(): one for one in page.customers}
