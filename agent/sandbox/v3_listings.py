"""The V3 resources of brands and categories: list, one, make, change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from agent.sandbox.bodies import is_whole, v3_body
from agent.sandbox.kept import Kept
from agent.sandbox.paged import envelope
from agent.sandbox.queries import Query
from agent.sandbox.requests import Answer, Request, give, v3_refusal
from agent.sandbox.routing import Account, Route, modifying, reading
from agent.sandbox.store import Store

_IDS = ("id", "id:in", "id:not_in", "id:min", "id:max", "id:greater", "id:less")
_COMMON = ("name", "name:like", "page_title", "include_fields", "exclude_fields", "page", "limit")


@dataclass(frozen=True, slots=True)
class _Listing:
    """One of the two lists. `unique` are the fields that no two records have alike."""

    name: str
    records: Callable[[Store], Kept]
    filters: tuple[str, ...]
    texts: frozenset[str]
    numbers: frozenset[str]
    needs: tuple[str, ...]
    unique: tuple[str, ...]

    def routes(self) -> tuple[Route, ...]:
        """Its operations."""
        path = f"/v3/catalog/{self.name}"
        read, modify = reading("store_v2_products"), modifying("store_v2_products")
        return (
            Route("GET", path, self._list, read),
            Route("POST", path, self._post, modify),
            Route("GET", path + "/{id}", self._one, read),
            Route("PUT", path + "/{id}", self._put, modify),
        )

    def _list(self, account: Account, request: Request, ids: tuple[int, ...]) -> Answer:
        del ids
        query = Query(request, version=3, allowed=(*_IDS, *_COMMON, *self.filters), now=account.store.now())
        paging = query.paging()
        found = [one for one in self.records(account.store).all() if _matches(one, query)]
        return give(envelope(found[paging.offset : paging.offset + paging.limit], paging, total=len(found)))

    def _one(self, account: Account, request: Request, ids: tuple[int, ...]) -> Answer:
        Query(request, version=3, allowed=("include_fields", "exclude_fields"), now=account.store.now())
        return give({"data": self._existing(account, ids[0]), "meta": {}})

    def _post(self, account: Account, request: Request, ids: tuple[int, ...]) -> Answer:
        del ids
        values = self._values(account, v3_body(request), {}, None)
        missing = {name: "missing" for name in self.needs if name not in values}
        if missing:
            raise v3_refusal(422, "Missing required fields.", missing)
        return give({"data": self.records(account.store).add(values), "meta": {}})

    def _put(self, account: Account, request: Request, ids: tuple[int, ...]) -> Answer:
        before = self._existing(account, ids[0])
        values = self._values(account, v3_body(request), before, ids[0])
        return give({"data": self.records(account.store).change(ids[0], values), "meta": {}})

    def _existing(self, account: Account, number: int) -> dict[str, object]:
        found = self.records(account.store).get(number)
        if found is None:
            raise v3_refusal(404, f"There is no record {number} in {self.name}.")
        return found

    def _values(self, account: Account, body: Any, before: dict[str, object], number: int | None) -> dict[str, object]:
        if not isinstance(body, dict):
            raise v3_refusal(422, "The body must be an object.", {"": "error.expected.jsobject"})
        wrong = {name: "must be a string" for name in self.texts & body.keys() if not isinstance(body[name], str)}
        wrong |= {name: "must be an integer" for name in self.numbers & body.keys() if not is_whole(body[name])}
        if "name" in body and not str(body["name"]).strip():
            wrong["name"] = "name cannot be blank"
        if wrong:
            raise v3_refusal(422, "One or more fields are not valid.", wrong)
        named = {name: {**before, **body}.get(name) for name in self.unique}
        if self.records(account.store).owner_of(**named) not in {None, number}:
            raise v3_refusal(409, f"The name {named['name']} is already in use.", {"name": "must be unique"})
        return {name: value for name, value in body.items() if name != "id"}


def _matches(record: dict[str, object], query: Query) -> bool:
    number = int(str(record["id"]))
    one, among, beyond = query.integer("id"), query.integers("id:in"), query.integers("id:not_in")
    low, high = query.integer("id:min"), query.integer("id:max")
    above, below = query.integer("id:greater"), query.integer("id:less")
    name = str(record["name"]).casefold()
    wanted, like = query.text("name"), query.text("name:like") or query.text("keyword")
    parent, parents = query.integer("parent_id"), query.integers("parent_id:in")
    title, visible = query.text("page_title"), query.boolean("is_visible")
    return (
        (one is None or number == one)
        and (among is None or number in among)
        and (beyond is None or number not in beyond)
        and (low is None or number >= low)
        and (high is None or number <= high)
        and (above is None or number > above)
        and (below is None or number < below)
        and (wanted is None or name == wanted.casefold())
        and (like is None or like.casefold() in name)
        and (parent is None or record.get("parent_id") == parent)
        and (parents is None or record.get("parent_id") in parents)
        and (title is None or record.get("page_title") == title)
        and (visible is None or record.get("is_visible") is visible)
    )


_TEXTS = frozenset({"name", "page_title", "meta_description", "search_keywords", "image_url"})
_BRANDS = _Listing("brands", lambda store: store.brands, (), _TEXTS, frozenset(), ("name",), ("name",))
_CATEGORIES = _Listing(
    "categories", lambda store: store.categories, ("parent_id", "parent_id:in", "keyword", "is_visible"),
    _TEXTS | {"description", "layout_file"}, frozenset({"parent_id", "sort_order"}), ("name", "parent_id"),
    ("name", "parent_id"),
)  # fmt: skip
ROUTES = (*_BRANDS.routes(), *_CATEGORIES.routes())
