"""Fetches pages of V2 resources by id: a record that changes meanwhile cannot shift others across a page border.

Orders come with their line items and shipping addresses; what the store cut off is filled in by `order_lines`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from agent.connectors.bigcommerce.client import Query, StoreClient
from agent.connectors.bigcommerce.order_lines import completed, is_cut
from agent.connectors.bigcommerce.passes import Page, Place, asked_at
from agent.connectors.bigcommerce.records import KEY, PageSize, decoded, moment_parameter, split, store_time
from agent.domain.errors import ConfigurationError

_LINE_ITEMS = "consignments.line_items"


class V2Pages:
    """The records of a V2 resource that an operator's clauses select, page by page.

    Args:
        client: The store.
        resource: `orders` or `customers`.
        query: The clauses' parameters.
        headers: The clauses' headers.
    """

    def __init__(self, *, client: StoreClient, resource: str, query: Query, headers: Query) -> None:
        self._client = client
        self._headers = headers
        self._resource = resource
        self._orders = resource == "orders"
        self._size = PageSize()
        given = dict(query)
        self._least_id = _number("min_id", given.pop("min_id", "0"))
        self._modified_since = given.pop("min_date_modified", None)
        if self._orders:
            more = [part for part in given.pop("include", "").split(",") if part == "fees"]
            given |= {"include": ",".join([_LINE_ITEMS, *more]), "consignment_structure": "object", "sort": "id:asc"}
        self._given = given

    async def fetch(self, place: Place, *, since: datetime | None) -> Page:
        """The records after `place.last_id`, those changed since a moment alone if one is given."""
        asked = self._size.records

        def query() -> Query:
            nonlocal asked
            asked = self._size.records
            return self._query(place, since, asked)

        answer = await self._client.get(
            self._client.v2(self._resource), query, headers=self._headers, on_failure=self._size.shrink
        )
        self._size.grow()
        records = split(answer.content)
        ids = [decoded(KEY, record).id for record in records]
        documents = await self._whole(ids, [bytes(record) for record in records])
        last = max(ids, default=0)
        # A store that ignores `min_id` must not lead us round in circles.
        following = Place(last_id=last) if len(records) >= asked and last > place.last_id else None
        return Page([str(number) for number in ids], documents, following, asked_at(answer.server_time, answer.seconds))

    async def store_time(self) -> datetime:
        """The store's time now."""
        return await store_time(self._client)

    def _query(self, place: Place, since: datetime | None, records: int) -> Query:
        query = list(self._given.items())
        if (least := max(self._least_id, place.last_id + 1)) > 1:
            query.append(("min_id", str(least)))
        if modified := moment_parameter(self._modified_since, since):
            query.append(("min_date_modified", modified))
        return [*query, ("limit", str(records))]

    async def _whole(self, ids: Sequence[int], documents: list[bytes]) -> list[bytes]:
        cut = [index for index, document in enumerate(documents) if is_cut(document)] if self._orders else []
        if cut:
            whole = await completed(self._client, [(ids[index], documents[index]) for index in cut])
            for index, document in zip(cut, whole, strict=True):
                documents[index] = document
        return documents


def _number(key: str, text: str) -> int:
    try:
        return int(text or 0)
    except ValueError as error:
        raise ConfigurationError(
            f"The filter {key} needs a whole number.", code="filter-value", remedy="Correct the filter.", field=key
        ) from error
