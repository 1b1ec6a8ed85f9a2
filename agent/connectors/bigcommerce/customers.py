"""Fetches pages of V3 customers with all their addresses, and attributes where they are asked for.

Pages go by cursor, or by page number where the store has no cursors.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from agent.connectors.bigcommerce.client import Query, StoreClient
from agent.connectors.bigcommerce.passes import Page, Place, asked_at
from agent.connectors.bigcommerce.records import (
    MOST_RECORDS,
    Meta,
    PageSize,
    Pagination,
    V3Page,
    decoded,
    moment_parameter,
    split_v3,
    store_time,
)

_MOST_INCLUDED = 10
_AT_ONCE = 40
_MOST_PAGES = 1_000
_MOST_RESTARTS = 3


class _Customer(msgspec.Struct, frozen=True):
    id: int
    address_count: int | None = None
    attribute_count: int | None = None


class _Owned(msgspec.Struct, frozen=True):
    customer_id: int


_CUSTOMER = msgspec.json.Decoder(_Customer)
_OWNED = msgspec.json.Decoder(_Owned)
_LISTS = {"addresses": "customers/addresses", "attributes": "customers/attribute-values"}
"""Where the rest of a list is that was cut off in a customer."""

_PARTS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_RAWS = msgspec.json.Decoder(list[msgspec.Raw])


class CustomerPages:
    """The customers that an operator's clauses select, page by page.

    Args:
        client: The store.
        query: The clauses' parameters.
        headers: The clauses' headers.
    """

    def __init__(self, *, client: StoreClient, query: Query, headers: Query) -> None:
        self._client = client
        self._headers = headers
        self._size = PageSize()
        given = dict(query)
        self._modified_since = given.pop("date_modified:min", None)
        more = [part for part in given.pop("include", "").split(",") if part and part != "addresses"]
        self._given = {**given, "include": ",".join(["addresses", *more])}
        self._with_attributes = "attributes" in more
        self._total: int | None = None
        self._restarts = 0

    @property
    def narrows(self) -> bool:
        """It can be asked for what changed since a moment."""
        return True

    async def fetch(self, place: Place, *, since: datetime | None) -> Page:
        """The customers at that place, those changed since a moment alone if one is given."""
        asked = MOST_RECORDS

        def query() -> Query:
            nonlocal asked
            # A numbered page begins elsewhere when pages get smaller, so only cursors may shrink them.
            asked = MOST_RECORDS if place.page else self._size.records
            return self._query(place, since, asked)

        answer = await self._client.get(
            self._client.v3("customers"), query, headers=self._headers, on_failure=self._size.shrink
        )
        self._size.grow()
        page = split_v3(answer.content)
        customers = [decoded(_CUSTOMER, record) for record in page.data]
        documents = await self._whole(customers, [bytes(record) for record in page.data])
        return Page(
            [str(customer.id) for customer in customers],
            documents,
            self._following(page, place, asked),
            asked_at(answer.server_time, answer.seconds),
        )

    async def store_time(self) -> datetime:
        """The store's time now."""
        return await store_time(self._client)

    async def close(self) -> None:
        """Nothing is under way besides the page that is asked for."""

    def _query(self, place: Place, since: datetime | None, records: int) -> Query:
        query = list(self._given.items())
        if modified := moment_parameter(self._modified_since, since):
            query.append(("date_modified:min", modified))
        if place.after:
            query.append(("after", place.after))
        elif place.page:
            query.append(("page", str(place.page)))
        return [*query, ("limit", str(records))]

    def _following(self, page: V3Page, place: Place, asked: int) -> Place | None:
        if not page.data:
            return None
        meta = page.meta or Meta()
        cursors, numbers = meta.cursor_pagination, meta.pagination
        if cursors is not None and cursors.end_cursor:
            told = cursors.links.next is not None if cursors.links is not None else len(page.data) >= asked
            more = told or (numbers is not None and numbers.current_page < numbers.total_pages)
            return Place(after=cursors.end_cursor) if more and cursors.end_cursor != place.after else None
        if numbers is None:
            # Nothing is said: a full page is hardly the last one.
            return Place(page=(place.page or 1) + 1) if len(page.data) >= asked == MOST_RECORDS else None
        if asked < MOST_RECORDS:
            return Place(page=1)
        return self._following_number(numbers)

    def _following_number(self, numbers: Pagination) -> Place | None:
        """The next numbered page. When customers were deleted meanwhile, the others have moved: begin again."""
        before, self._total = self._total, numbers.total
        if before is not None and numbers.total < before and self._restarts < _MOST_RESTARTS:
            self._restarts += 1
            return Place(page=1)
        return Place(page=numbers.current_page + 1) if numbers.current_page < numbers.total_pages else None

    async def _whole(self, customers: Sequence[_Customer], documents: list[bytes]) -> list[bytes]:
        """The documents with all addresses and attributes: at most ten of each come with a customer."""
        counts = {"addresses": [one.address_count for one in customers]}
        if self._with_attributes:
            counts["attributes"] = [one.attribute_count for one in customers]
        for name, numbers in counts.items():
            cut = {
                customers[index].id: index
                for index, count in enumerate(numbers)
                if (_included(documents[index], name) if count is None else count - 1) >= _MOST_INCLUDED
            }
            owners = list(cut)
            for start in range(0, len(owners), _AT_ONCE):
                for owner, its_own in (await self._all_of(_LISTS[name], owners[start : start + _AT_ONCE])).items():
                    parts = decoded(_PARTS, documents[cut[owner]])
                    parts[name] = msgspec.Raw(msgspec.json.encode(its_own))
                    documents[cut[owner]] = msgspec.json.encode(parts)
        return documents

    async def _all_of(self, path: str, customers: Sequence[int]) -> dict[int, list[msgspec.Raw]]:
        found: dict[int, list[msgspec.Raw]] = {number: [] for number in customers}
        chosen = ",".join(str(number) for number in customers)
        for number in range(1, _MOST_PAGES):
            answer = await self._client.get(
                self._client.v3(path),
                [("customer_id:in", chosen), ("page", str(number)), ("limit", str(MOST_RECORDS))],
            )
            page = split_v3(answer.content)
            for record in page.data:
                owner = decoded(_OWNED, record).customer_id
                if owner in found:
                    found[owner].append(record)
            numbers = page.meta.pagination if page.meta is not None else None
            if numbers.current_page >= numbers.total_pages if numbers is not None else len(page.data) < MOST_RECORDS:
                break
        return found


def _included(document: bytes, name: str) -> int:
    """How many of a list came with a customer."""
    return len(decoded(_RAWS, decoded(_PARTS, document).get(name, msgspec.Raw(b"[]"))))
