"""Fetches the pages of a list of the API: after an id where the list can be sorted by it, else by page number."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from agent.connectors.bigcommerce.client import Query, StoreClient
from agent.connectors.bigcommerce.passes import Page, Place, asked_at
from agent.connectors.bigcommerce.records import (
    KEY,
    PageSize,
    V3Page,
    decoded,
    moment_parameter,
    split,
    split_v3,
    store_time,
)
from agent.connectors.bigcommerce.resources import Resource
from agent.domain.errors import TransientError

_CAPPED_RECORDS = 10
_MOST_RESTARTS = 3


class _Identified(msgspec.Struct, frozen=True):
    identity: dict[str, msgspec.Raw]


_IDENTIFIED = msgspec.json.Decoder(_Identified)


class ListPages:
    """The records of a list that an operator's clauses select, page by page.

    Args:
        client: The store.
        resource: The list.
        query: The clauses' parameters.
        headers: The clauses' headers.
    """

    def __init__(self, *, client: StoreClient, resource: Resource, query: Query, headers: Query) -> None:
        self._client = client
        self._resource = resource
        self._headers = headers
        given = dict(query)
        self._modified_since = given.pop(resource.since, None) if resource.since else None
        self._given = given
        if not given.get("include", "-").strip():
            del given["include"]  # nothing is included: the store does not take an empty list
        included = frozenset(given.get("include", "").split(","))
        self._most = _CAPPED_RECORDS if included & resource.capping else resource.most
        self._size = PageSize(self._most)
        self._total: int | None = None
        self._restarts = 0
        self._left = 0

    @property
    def narrows(self) -> bool:
        """Whether the list can be asked for what changed since a moment."""
        return bool(self._resource.since)

    async def fetch(self, place: Place, *, since: datetime | None) -> Page:
        """The records at that place, those changed since a moment alone if one is given."""
        by_key = self._resource.by_key and not place.page
        asked = self._most

        def query() -> Query:
            nonlocal asked
            # A numbered page begins elsewhere when pages get smaller, so only those by id may be made so.
            asked = self._size.records if by_key else self._most
            return self._query(place, since, asked)

        resource = self._resource
        address = self._client.v2(resource.path) if resource.version == 2 else self._client.v3(resource.path)
        answer = await self._client.get(address, query, headers=self._headers, on_failure=self._shrink)
        self._size.grow()
        page = V3Page(split(answer.content)) if resource.version == 2 else split_v3(answer.content)
        documents = [bytes(record) for record in page.data]
        ids = [self._id(documents, index) for index in range(len(documents))]
        following = self._after_key(page, ids, place, asked) if by_key else self._after_number(page, place)
        return Page([str(one) for one in ids], documents, following, asked_at(answer.server_time, answer.seconds))

    async def store_time(self) -> datetime:
        """The store's time now."""
        return await store_time(self._client)

    async def close(self) -> None:
        """Nothing is under way besides the page that is asked for."""

    def _shrink(self, error: TransientError) -> None:
        self._size.shrink(error)

    def _query(self, place: Place, since: datetime | None, records: int) -> Query:
        query = list(self._given.items())
        if modified := moment_parameter(self._modified_since, since):
            query.append((self._resource.since, modified))
        if self._resource.by_key:
            query += [("sort", "id"), ("direction", "asc")]
            if place.last_id:
                query.append(("id:greater", str(place.last_id)))
        if place.page:
            query.append(("page", str(place.page)))
        return [*query, ("limit", str(records))]

    def _after_key(self, page: V3Page, ids: Sequence[int], place: Place, asked: int) -> Place | None:
        """Where the page after one by id begins. Some stores were seen to find nothing after an id: those are walked
        by number from the start."""
        reached = max(ids, default=0)
        if (not ids and self._left > 0) or (ids and reached <= place.last_id):
            self._left = 0
            return Place(page=1)
        numbers = page.meta.pagination if page.meta is not None else None
        self._left = max(0, numbers.total - len(ids)) if numbers is not None else 0
        return Place(last_id=reached) if len(ids) >= asked or self._left > 0 else None

    def _after_number(self, page: V3Page, place: Place) -> Place | None:
        """The next numbered page. When records were deleted meanwhile, the others have moved: begin again."""
        number = place.page or 1
        numbers = page.meta.pagination if page.meta is not None else None
        if numbers is None:
            return Place(page=number + 1) if len(page.data) >= self._most else None
        before, self._total = self._total, numbers.total
        if before is not None and numbers.total < before and self._restarts < _MOST_RESTARTS:
            self._restarts += 1
            return Place(page=1)
        # How many pages there are is told wrongly where pages are made smaller than what was asked for.
        capped = self._most == _CAPPED_RECORDS and len(page.data) >= _CAPPED_RECORDS
        return Place(page=number + 1) if page.data and (capped or number < numbers.total_pages) else None

    def _id(self, documents: list[bytes], index: int) -> int:
        """The id of a record. One that has none of its own is given that of what it is about."""
        if not self._resource.identity:
            return decoded(KEY, documents[index]).id
        identity = decoded(_IDENTIFIED, documents[index]).identity
        text = next((bytes(one) for name in self._resource.identity if (one := identity.get(name)) is not None), b"0")
        number = int(text) if text.isdigit() else 0
        documents[index] = b'{"id":%d,%s' % (number, documents[index][1:])
        return number
