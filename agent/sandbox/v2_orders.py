"""The V2 resources of orders: list, count, one order, and its lines, addresses, coupons and fees."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from math import ceil, floor

from agent.sandbox.queries import Paging, Query
from agent.sandbox.requests import Answer, Request, give, nothing, v2_refusal
from agent.sandbox.routing import Account, Route, reading
from agent.sandbox.selection import Criteria, Found, Interval, Scan
from agent.sandbox.statuses import STATUS_NAMES
from agent.sandbox.v2_order_writes import shipped_lines

_FILTERS = (
    "min_id", "max_id", "min_total", "max_total", "customer_id", "email", "status_id", "cart_id", "payment_method",
    "min_date_created", "max_date_created", "min_date_modified", "max_date_modified", "channel_id",
    "external_order_id",
)  # fmt: skip
_SHAPE = ("include", "consignment_structure")
_INCLUDES = ("consignments", "consignments.line_items", "fees")
_SORTS = ("id", "customer_id", "date_created", "date_modified", "status_id", "channel_id", "external_id")
_NOT_FOUND = "The requested resource was not found."
_SCAN_TEXTS = ("email", "cart_id", "payment_method", "external_order_id")
_SCAN_INTEGERS = ("customer_id", "status_id", "channel_id")


def _list(account: Account, request: Request, ids: tuple[int, ...]) -> Answer:
    del ids
    query = _query(account, request, (*_FILTERS, *_SHAPE, "page", "limit", "sort"))
    paging = query.paging()
    include = _include(query)
    field, descending = _sort(query)
    numbers = _found(account, query, field).page(paging.offset, paging.limit, descending=descending)
    return Answer(200, account.encoder.page(numbers, include)) if numbers else nothing()


def _count(account: Account, request: Request, ids: tuple[int, ...]) -> Answer:
    del ids
    orders = account.store.orders
    found = _found(account, _query(account, request, _FILTERS), "id")
    counts = Counter(orders.status_of(number, orders.chance(number)) for number in found.page(0, found.total))
    statuses = [
        {
            "id": status_id,
            "name": name,
            "system_label": name,
            "custom_label": name,
            "system_description": f"{name}.",
            "count": counts[status_id],
            "sort_order": status_id,
        }
        for status_id, name in STATUS_NAMES.items()
    ]
    return give({"statuses": statuses, "count": found.total})


def _one(account: Account, request: Request, ids: tuple[int, ...]) -> Answer:
    include = _include(_query(account, request, _SHAPE))
    return Answer(200, account.encoder.one(_existing(account, ids[0]), include))


def _lines(account: Account, request: Request, ids: tuple[int, ...]) -> Answer:
    return _part(account, request, ids, partial(shipped_lines, account))


def _shipping_addresses(account: Account, request: Request, ids: tuple[int, ...]) -> Answer:
    return _part(account, request, ids, account.encoder.shipping_addresses)


def _coupons(account: Account, request: Request, ids: tuple[int, ...]) -> Answer:
    return _part(account, request, ids, account.encoder.coupons)


def _fees(account: Account, request: Request, ids: tuple[int, ...]) -> Answer:
    _query(account, request, ())
    body = account.encoder.fees(_existing(account, ids[0]))
    return nothing() if body == b"[]" else Answer(200, body)


def _statuses(account: Account, request: Request, ids: tuple[int, ...]) -> Answer:
    del ids
    _query(account, request, ())
    return give([
        {"id": number, "name": name, "system_label": name, "custom_label": name, "system_description": f"{name}."}
        for number, name in STATUS_NAMES.items()
    ])  # fmt: skip


def _part(account: Account, request: Request, ids: tuple[int, ...], parts: Callable[[int], list[bytes]]) -> Answer:
    paging = _query(account, request, ("page", "limit")).paging()
    some = _cut(parts(_existing(account, ids[0])), paging)
    return Answer(200, b"[" + b",".join(some) + b"]") if some else nothing()


def _cut(parts: list[bytes], paging: Paging) -> list[bytes]:
    return parts[paging.offset : paging.offset + paging.limit]


def _query(account: Account, request: Request, allowed: tuple[str, ...]) -> Query:
    return Query(request, version=2, allowed=allowed, now=account.store.now())


def _include(query: Query) -> frozenset[str]:
    query.choice("consignment_structure", ("object",))
    return query.choices("include", _INCLUDES)


def _sort(query: Query) -> tuple[str, bool]:
    field, _, direction = (query.text("sort") or "id").partition(":")
    if field not in _SORTS or direction not in {"", "asc", "desc"}:
        raise query.refuse("sort")
    return field, direction == "desc"


def _existing(account: Account, number: int) -> int:
    if not 1 <= number <= account.store.orders.timeline.last_id:
        raise v2_refusal(404, _NOT_FOUND)
    return number


def _found(account: Account, query: Query, sort: str) -> Found:
    orders = account.store.orders
    criteria = Criteria(
        ids=Interval(query.integer("min_id"), query.integer("max_id")),
        created=query.dates(None, "min_date_created", "max_date_created"),
        modified=query.dates(None, "min_date_modified", "max_date_modified"),
        scan=_scan(account, query),
    )
    if sort in {"id", "date_created"}:
        return orders.finder.find(criteria)
    if sort == "date_modified":
        return orders.finder.find(criteria, "modified")

    def key(number: int) -> tuple[object, ...]:
        chance = orders.chance(number)
        if sort == "customer_id":
            return (orders.customer_of(chance), number)
        # The other fields are the same in all orders.
        return (orders.status_of(number, chance) if sort == "status_id" else 0, number)

    return orders.finder.find_sorted(criteria, key, sort)


def _scan(account: Account, query: Query) -> Scan | None:
    """The filters that have to look into orders. Each check is cheap, as it may look at a million of them."""
    orders = account.store.orders
    texts = {name: query.text(name) for name in _SCAN_TEXTS if name in query}
    integers = {name: query.integer(name) for name in _SCAN_INTEGERS if name in query}
    low, high = query.number("min_total"), query.number("max_total")
    readers: dict[str, Callable[[int, int], object]] = {
        "status_id": orders.status_of,
        "customer_id": lambda _, chance: orders.customer_of(chance),
        "channel_id": lambda number, _: orders.value(number, "channel_id", 1),
        "payment_method": orders.payment_method_of,
        "external_order_id": lambda number, _: orders.value(number, "external_order_id", ""),
        "cart_id": lambda number, _: f"00000000-0000-4000-8000-{number:012}",
        "email": lambda number, _: orders.email(orders.facts(number)),
    }
    wanted = [(readers[name], value) for name, value in (*integers.items(), *texts.items())]
    if low is not None or high is not None:
        total = Interval(None if low is None else ceil(low * 100), None if high is None else floor(high * 100))
        wanted.append((lambda number, chance: orders.total_of(number, chance) in total, True))
    if not wanted:
        return None

    def matches(number: int) -> bool:
        chance = orders.chance(number)
        return all(read(number, chance) == value for read, value in wanted)

    return Scan((tuple(texts.items()), tuple(integers.items()), low, high), matches)


_READ = reading("store_v2_orders")
ROUTES = (
    Route("GET", "/v2/orders", _list, _READ),
    Route("GET", "/v2/orders/count", _count, _READ),
    Route("GET", "/v2/orders/{id}", _one, _READ),
    Route("GET", "/v2/orders/{id}/products", _lines, _READ),
    Route("GET", "/v2/orders/{id}/shipping_addresses", _shipping_addresses, _READ),
    Route("GET", "/v2/orders/{id}/shippingaddresses", _shipping_addresses, _READ),
    Route("GET", "/v2/orders/{id}/coupons", _coupons, _READ),
    Route("GET", "/v2/orders/{id}/fees", _fees, _READ),
    Route("GET", "/v2/order_statuses", _statuses, _READ),
)
