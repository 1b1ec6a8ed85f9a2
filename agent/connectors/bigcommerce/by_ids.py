"""Fetches chosen records by their ids, many with one request: V3 takes a list of ids, V2 takes ranges.

A range also gives the records between the chosen ones. That costs less than a further request as long as there are few
of them, so ids that are close together are fetched together.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Sequence
from typing import Any

from agent.connectors.bigcommerce.ahead import at_once
from agent.connectors.bigcommerce.by_id import V2Pages
from agent.connectors.bigcommerce.client import Query, StoreClient
from agent.connectors.bigcommerce.credentials import AccountKind
from agent.connectors.bigcommerce.customers import CustomerPages
from agent.connectors.bigcommerce.listing import ListPages
from agent.connectors.bigcommerce.passes import Place
from agent.connectors.bigcommerce.records import MOST_RECORDS
from agent.connectors.bigcommerce.resources import RESOURCES
from agent.connectors.bigcommerce.schema import CUSTOMERS
from agent.domain.packet import Bookmark, Packet

_LISTED = 40
"""How many ids go into one address: longer lists were seen to be cut by the store, without a word."""

_WIDEST_GAP = 25
"""So many orders that nobody wants take about as long to send as a further request."""

_Found = dict[str, bytes]


async def chosen(
    client: StoreClient, schema: str, ids: Sequence[str], query: Query, headers: Query, *, parts: Sequence[str] = ()
) -> Packet:
    """The records with these ids, as far as they are there, in one packet.

    Args:
        client: The store.
        schema: One whose records can be read by their ids.
        ids: What is not a number is not there.
        query: The parameters that say what comes with a record.
        headers: The clauses' headers.
        parts: What else comes with each order.
    """
    numbers = sorted({int(one) for one in ids if one.isascii() and one.isdecimal() and len(one) < 19})
    work: list[Coroutine[Any, Any, _Found]]
    lists = [numbers[start : start + _LISTED] for start in range(0, len(numbers), _LISTED)]
    if (resource := RESOURCES.get((schema, client.account.kind))) is not None:
        work = [
            _listed(
                ListPages(
                    client=client, resource=resource, query=[*query, _wanted(resource.ids, some)], headers=headers
                )
            )
            for some in lists
        ]
    elif schema == CUSTOMERS and client.account.kind is AccountKind.OAUTH:
        work = [
            _listed(CustomerPages(client=client, query=[*query, _wanted("id:in", some)], headers=headers))
            for some in lists
        ]
    else:
        pages = V2Pages(client=client, resource=schema, query=query, headers=headers, parts=parts)
        work = [_between(pages, some) for some in _close_together(numbers)]
    found: _Found = {}
    for some in await _together(work, at_once(client.gate.quota)):
        found.update(some)
    return Packet(list(found), list(found.values()), {}, Bookmark())


def _wanted(name: str, numbers: Sequence[int]) -> tuple[str, str]:
    return name, ",".join(map(str, numbers))


async def _listed(pages: CustomerPages | ListPages) -> _Found:
    found: _Found = {}
    place: Place | None = Place()
    while place is not None:
        page = await pages.fetch(place, since=None)
        found.update(zip(page.ids, page.documents, strict=True))
        place = page.following
    return found


async def _between(pages: V2Pages, numbers: Sequence[int]) -> _Found:
    wanted = frozenset(numbers)
    return {
        str(number): document for number, document in await pages.between(numbers[0], numbers[-1]) if number in wanted
    }


def _close_together(numbers: Sequence[int]) -> list[list[int]]:
    """Sorted ids in groups, each of which one request fetches."""
    groups: list[list[int]] = []
    for number in numbers:
        last = groups[-1] if groups else None
        if last is not None and number - last[-1] <= _WIDEST_GAP + 1 and number - last[0] < MOST_RECORDS:
            last.append(number)
        else:
            groups.append([number])
    return groups


async def _together(work: Iterable[Coroutine[Any, Any, _Found]], most: int) -> list[_Found]:
    """The results, with at most so many under way. When one fails, the others are dropped."""
    places = asyncio.Semaphore(most)

    async def one(part: Coroutine[Any, Any, _Found]) -> _Found:
        async with places:
            return await part

    tasks = [asyncio.ensure_future(one(part)) for part in work]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
