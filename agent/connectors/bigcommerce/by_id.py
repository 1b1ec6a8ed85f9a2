"""Fetches pages of V2 resources by id: a record that changes meanwhile cannot shift others across a page border.

Orders come with their line items and shipping addresses; what the store cut off is filled in by `order_lines`. Where
ids are dense, `ahead` has several pages under way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from agent.connectors.bigcommerce.ahead import Ahead, at_once
from agent.connectors.bigcommerce.client import Query, StoreClient
from agent.connectors.bigcommerce.order_lines import completed, is_cut
from agent.connectors.bigcommerce.order_parts import with_parts
from agent.connectors.bigcommerce.passes import Page, Place, asked_at
from agent.connectors.bigcommerce.records import MOST_RECORDS, PageSize, identified, moment_parameter, store_time
from agent.domain.errors import ConfigurationError

_LINE_ITEMS = "consignments.line_items"
_COMPLETED_AT_ONCE = 3


@dataclass(frozen=True, slots=True)
class _Fetched:
    """The records from `first` on, up to `last` if that is given. `cut` says that there may be more before `last`."""

    ids: Sequence[int]
    documents: Sequence[bytes]
    last: int | None
    cut: bool
    began: datetime | None


class V2Pages:
    """The records of a V2 resource that an operator's clauses select, page by page.

    Args:
        client: The store.
        resource: `orders`, `customers` or `products`.
        query: The clauses' parameters.
        headers: The clauses' headers.
        parts: What else comes with each order.
    """

    def __init__(
        self, *, client: StoreClient, resource: str, query: Query, headers: Query, parts: Sequence[str] = ()
    ) -> None:
        self._parts = parts
        self._client = client
        self._headers = headers
        self._resource = resource
        self._orders = resource == "orders"
        self._size = PageSize()
        given = dict(query)
        self._least_id = _number("min_id", given.pop("min_id", "0"))
        self._modified_since = given.pop("min_date_modified", None)
        self._shape: dict[str, str] = {}
        if self._orders:
            more = [part for part in given.pop("include", "").split(",") if part == "fees"]
            include = ",".join([_LINE_ITEMS, *more])
            self._shape = {"include": include, "consignment_structure": "object", "sort": "id:asc"}
        self._given = given
        self._since: datetime | None = None
        self._completing = asyncio.Semaphore(_COMPLETED_AT_ONCE)
        self._ahead = Ahead[_Fetched](
            fetch=self._range, highest=self._highest_id, at_once=lambda: at_once(client.gate.quota)
        )

    @property
    def narrows(self) -> bool:
        """It can be asked for what changed since a moment."""
        return True

    async def fetch(self, place: Place, *, since: datetime | None) -> Page:
        """The records after `place.last_id`, those changed since a moment alone if one is given."""
        if since != self._since:
            await self._ahead.close()
            self._since = since
        first = max(self._least_id, place.last_id + 1)
        planned = self._ahead.take(first)
        if planned is not None:
            fetched = await planned.fetched
        else:
            begins = self._ahead.begins
            fetched = await self._range(first, None if begins is None else begins - 1)
        following = _following(fetched, place)
        if following is not None and self._orders:
            healthy = self._size.records == MOST_RECORDS
            self._ahead.saw(fetched.ids if healthy else (), following=following.last_id + 1)
        return Page([str(number) for number in fetched.ids], fetched.documents, following, fetched.began)

    async def between(self, first: int, last: int) -> list[tuple[int, bytes]]:
        """All records from one id to another, each with its id."""
        found: list[tuple[int, bytes]] = []
        while True:
            fetched = await self._range(first, last)
            found += zip(fetched.ids, fetched.documents, strict=True)
            reached = max(fetched.ids, default=last)
            if not fetched.cut or reached >= last or reached < first:
                return found
            first = reached + 1

    async def store_time(self) -> datetime:
        """The store's time now."""
        return await store_time(self._client)

    async def close(self) -> None:
        """Drop what is under way."""
        await self._ahead.close()

    async def _range(self, first: int, last: int | None) -> _Fetched:
        """The records from the first id on, up to the last one if there is one, as far as a page goes."""
        asked = self._size.records

        def query() -> Query:
            nonlocal asked
            asked = self._size.records
            return [*self._query(first, last), *self._shape.items(), ("limit", str(asked))]

        answer = await self._client.get(
            self._client.v2(self._resource), query, headers=self._headers, on_failure=self._size.shrink
        )
        self._size.grow()
        ids, documents = identified(answer.content)
        cut = len(ids) >= asked
        if last is not None and max(ids, default=0) > last:
            # A store that takes no notice of `max_id` gives records of the next range, too.
            documents = [document for number, document in zip(ids, documents, strict=True) if number <= last]
            ids, cut = [number for number in ids if number <= last], False
        await self._complete(ids, documents)
        return _Fetched(ids, documents, last, cut, asked_at(answer.server_time, answer.seconds))

    async def _highest_id(self) -> int:
        query = [*self._query(self._least_id, None), ("sort", "id:desc"), ("limit", "1")]
        answer = await self._client.get(self._client.v2(self._resource), query, headers=self._headers)
        return max(identified(answer.content)[0], default=0)

    def _query(self, first: int, last: int | None) -> Query:
        given = dict(self._given)
        if first > 1:
            given["min_id"] = str(first)
        if last is not None:
            given["max_id"] = str(last)
        if modified := moment_parameter(self._modified_since, self._since):
            given["min_date_modified"] = modified
        return list(given.items())

    async def _complete(self, ids: Sequence[int], documents: list[bytes]) -> None:
        """Put whole orders in the place of those whose lines were cut off, with what else comes with them."""
        cut = [index for index, document in enumerate(documents) if is_cut(document)] if self._orders else []
        if cut:
            orders = [(ids[index], documents[index]) for index in cut]
            whole = await completed(self._client, orders, places=self._completing)
            for index, document in zip(cut, whole, strict=True):
                documents[index] = document
        if self._parts:
            documents[:] = await with_parts(self._client, ids, documents, self._parts)


def _following(fetched: _Fetched, place: Place) -> Place | None:
    reached = max(fetched.ids, default=0)
    # A store that takes no notice of `min_id` must not lead us round in circles.
    if fetched.cut and reached > place.last_id and reached != fetched.last:
        return Place(last_id=reached)
    return None if fetched.last is None else Place(last_id=fetched.last)


def _number(key: str, text: str) -> int:
    try:
        return int(text or 0)
    except ValueError as error:
        raise ConfigurationError(
            f"The filter {key} needs a whole number.", code="filter-value", remedy="Correct the filter.", field=key
        ) from error
