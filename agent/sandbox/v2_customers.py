"""The V2 resources of customers, and the two that say which store this is and what time it has."""

from __future__ import annotations

import uuid

from agent.sandbox.customers import Customers
from agent.sandbox.moments import seconds
from agent.sandbox.queries import Query
from agent.sandbox.requests import Answer, Request, give, nothing, v2_refusal
from agent.sandbox.routing import Account, Route, reading
from agent.sandbox.selection import Criteria, Interval, Scan

_TEXTS = ("first_name", "last_name", "company", "email", "phone", "store_credit", "tax_exempt_category")
_FILTERS = (
    *_TEXTS, "customer_group_id", "min_id", "max_id", "min_date_created", "max_date_created", "min_date_modified",
    "max_date_modified", "page", "limit",
)  # fmt: skip


def _time(account: Account, request: Request, ids: tuple[int, ...]) -> Answer:
    del ids
    _query(account, request, ())
    return give({"time": seconds(account.store.now())})


def _store(account: Account, request: Request, ids: tuple[int, ...]) -> Answer:
    del ids
    _query(account, request, ())
    store_hash = account.store.options.store_hash
    domain = f"store-{store_hash}.shop.example"
    return give({
        "id": store_hash,
        "account_uuid": str(uuid.uuid5(uuid.NAMESPACE_DNS, domain)),
        "domain": domain,
        "secure_url": f"https://{domain}",
        "control_panel_base_url": f"https://{domain}",
        "status": "live",
        "name": "Sandbox Store",
        "first_name": "Sandy",
        "last_name": "Box",
        "address": "1 Loopback Lane",
        "country": "United States",
        "country_code": "US",
        "phone": "555-0100",
        "admin_email": "admin@shop.example",
        "order_email": "orders@shop.example",
        "timezone": {
            "name": "Etc/UTC",
            "raw_offset": 0,
            "dst_offset": 0,
            "dst_correction": False,
            "date_format": {"display": "M jS Y", "export": "M jS Y", "extended_display": "M jS Y @ g:i A"},
        },
        "language": "en",
        "currency": "USD",
        "currency_symbol": "$",
        "decimal_separator": ".",
        "thousands_separator": ",",
        "decimal_places": 2,
        "currency_symbol_location": "left",
        "weight_units": "KGS",
        "dimension_units": "Centimeters",
        "plan_name": "Sandbox",
        "plan_level": "Sandbox",
        "plan_is_trial": False,
        "industry": "Trying things out",
        "logo": [],
        "is_price_entered_with_tax": False,
        "store_id": 1000,
        "default_channel_id": 1,
        "default_site_id": 1000,
        "active_comparison_modules": [],
        "features": {
            "stencil_enabled": True,
            "sitewidehttps_enabled": True,
            "facebook_catalog_id": "",
            "checkout_type": "optimized",
            "wishlists_enabled": True,
            "graphql_storefront_api_enabled": True,
            "shopper_consent_tracking_enabled": False,
            "multi_storefront_enabled": False,
            "storefront_limits": {"active": 1, "total_including_inactive": 1},
        },
    })  # fmt: skip


def _list(account: Account, request: Request, ids: tuple[int, ...]) -> Answer:
    del ids
    query = _query(account, request, _FILTERS)
    paging = query.paging()
    customers = account.store.customers
    criteria = Criteria(
        ids=Interval(query.integer("min_id"), query.integer("max_id")),
        created=query.dates(None, "min_date_created", "max_date_created"),
        modified=query.dates(None, "min_date_modified", "max_date_modified"),
        scan=_scan(customers, query),
        candidates=_candidates(customers, query),
    )
    numbers = customers.finder.find(criteria).page(paging.offset, paging.limit)
    records = [customers.legacy_record(number, account.link_base, account.link_suffix) for number in numbers]
    return give(records) if records else nothing()


def _count(account: Account, request: Request, ids: tuple[int, ...]) -> Answer:
    del ids
    _query(account, request, ())
    return give({"count": account.store.customers.timeline.last_id})


def _one(account: Account, request: Request, ids: tuple[int, ...]) -> Answer:
    _query(account, request, ())
    customers = account.store.customers
    number = _existing(customers, ids[0])
    return give(customers.legacy_record(number, account.link_base, account.link_suffix))


def _addresses(account: Account, request: Request, ids: tuple[int, ...]) -> Answer:
    paging = _query(account, request, ("page", "limit")).paging()
    customers = account.store.customers
    addresses = customers.legacy_addresses(_existing(customers, ids[0]))
    some = addresses[paging.offset : paging.offset + paging.limit]
    return give(some) if some else nothing()


def _query(account: Account, request: Request, allowed: tuple[str, ...]) -> Query:
    return Query(request, version=2, allowed=allowed, now=account.store.now())


def _existing(customers: Customers, number: int) -> int:
    if not 1 <= number <= customers.timeline.last_id:
        raise v2_refusal(404, "The requested resource was not found.")
    return number


def _candidates(customers: Customers, query: Query) -> tuple[int, ...] | None:
    """An e-mail address leads to its customer, unless one was given another by a change."""
    email = query.text("email")
    if email is None or not email:
        return None
    found = customers.id_of_email(email)
    return tuple(sorted({*customers.timeline.changed, *(() if found is None else (found,))}))


def _scan(customers: Customers, query: Query) -> Scan | None:
    texts = {name: query.text(name) for name in _TEXTS if name in query}
    group = query.integer("customer_group_id")
    if not texts and group is None:
        return None

    def matches(number: int) -> bool:
        record = {"store_credit": "0.0000", **customers.record(number)}
        return (group is None or record["customer_group_id"] == group) and all(
            str(record[name]).lower() == (text or "").lower() for name, text in texts.items()
        )

    return Scan((tuple(texts.items()), group), matches)


_INFORMATION = reading("store_v2_information")
_CUSTOMERS = reading("store_v2_customers")
ROUTES = (
    Route("GET", "/v2/time", _time, _INFORMATION),
    Route("GET", "/v2/store", _store, _INFORMATION),
    Route("GET", "/v2/customers", _list, _CUSTOMERS),
    Route("GET", "/v2/customers/count", _count, _CUSTOMERS),
    Route("GET", "/v2/customers/{id}", _one, _CUSTOMERS),
    Route("GET", "/v2/customers/{id}/addresses", _addresses, _CUSTOMERS),
)
