"""Fetches the addresses of V2 customers: the API lists them customer by customer alone, so each customer costs a
request. A page has the addresses of a page of customers; what is filtered are the customers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime

from agent.connectors.bigcommerce.by_id import V2Pages
from agent.connectors.bigcommerce.client import Query, StoreClient
from agent.connectors.bigcommerce.passes import Page, Place
from agent.connectors.bigcommerce.records import MOST_RECORDS, identified

_AT_ONCE = 3
_MOST_PAGES = 1_000
_GONE = frozenset({404})


class LegacyAddressPages:
    """The addresses of the customers that an operator's clauses select.

    Args:
        client: The store.
        query: The clauses' parameters, which select customers.
        headers: The clauses' headers.
    """

    narrows = False
    """A customer's date does not change with an address, so that all of them are read each time."""

    def __init__(self, *, client: StoreClient, query: Query, headers: Query) -> None:
        self._client, self._headers = client, headers
        self._customers = V2Pages(client=client, resource="customers", query=query, headers=headers)

    async def fetch(self, place: Place, *, since: datetime | None) -> Page:
        """The addresses of the customers after `place.last_id`."""
        page = await self._customers.fetch(place, since=None)
        places = asyncio.Semaphore(_AT_ONCE)

        async def of(number: str) -> tuple[Sequence[int], Sequence[bytes]]:
            async with places:
                return await self._addresses(number)

        tasks = [asyncio.ensure_future(of(number)) for number in page.ids]
        try:
            found = await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return Page(
            [str(number) for numbers, _ in found for number in numbers],
            [document for _, documents in found for document in documents],
            page.following,
            page.began,
        )

    async def store_time(self) -> datetime:
        """The store's time now."""
        return await self._customers.store_time()

    async def close(self) -> None:
        """Drop what is under way."""
        await self._customers.close()

    async def _addresses(self, number: str) -> tuple[Sequence[int], Sequence[bytes]]:
        ids: list[int] = []
        documents: list[bytes] = []
        address = self._client.v2(f"customers/{number}/addresses")
        for page in range(1, _MOST_PAGES):
            paging = [("page", str(page)), ("limit", str(MOST_RECORDS))]
            answer = await self._client.get(address, paging, headers=self._headers, accept=_GONE)
            if answer.status in _GONE:
                break  # somebody has deleted the customer meanwhile
            more, texts = identified(answer.content)
            ids += more
            documents += texts
            if len(more) < MOST_RECORDS:
                break
        return ids, documents
