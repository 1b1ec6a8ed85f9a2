"""The V3 inventory resources: items, the one location, absolute and relative adjustments."""

from __future__ import annotations

import uuid
from typing import Any

from agent.sandbox.bodies import is_whole, v3_body
from agent.sandbox.catalogue import VARIANTS, product_id_of
from agent.sandbox.inventory import LOCATION_ID, MOST_ITEMS, Adjustment, Refused
from agent.sandbox.moments import FIRST_MOMENT, iso8601
from agent.sandbox.paged import envelope
from agent.sandbox.queries import Query
from agent.sandbox.requests import PROBLEM_JSON, Answer, Refusal, Request, give, v3_refusal
from agent.sandbox.routing import Account, Route, modifying, reading
from agent.sandbox.store import Store

MOST_PER_PAGE = 1_000
_LOCATION_CODE = "BC-LOCATION-1"
_IDENTITIES = ("sku", "variant_id", "product_id")


def _items(account: Account, request: Request, ids: tuple[int, ...]) -> Answer:
    del ids
    allowed = ("sku:in", "variant_id:in", "product_id:in", "location_id:in", "location_code:in", "page", "limit")
    query = Query(request, version=3, allowed=allowed, now=account.store.now())
    paging = query.paging(most=MOST_PER_PAGE)
    store = account.store
    locations, codes = query.integers("location_id:in"), query.texts("location_code:in")
    if (locations is not None and LOCATION_ID not in locations) or (codes is not None and _LOCATION_CODE not in codes):
        return give(envelope([], paging, total=0))
    skus, variants = query.texts("sku:in"), query.integers("variant_id:in")
    products = query.integers("product_id:in")
    if skus is None and variants is None and products is None:
        total, items = _page_of_all(store, paging.offset, paging.limit)
    else:
        found = _wanted(store, skus, variants, products)
        total, items = len(found), found[paging.offset : paging.offset + paging.limit]
    return give(envelope([_item(store, item) for item in items], paging, total=total))


def _page_of_all(store: Store, offset: int, limit: int) -> tuple[int, list[int]]:
    """A page of all items, by counting: ten products in a row have nine items of their own and one product of three."""
    count = store.options.products
    tens, rest = divmod(count, 10)
    total = tens * (10 + VARIANTS - 1) + rest + (VARIANTS - 1 if rest >= 5 else 0)
    made = [store.products.base(one).base_variant_id for one in range(count + 1, store.products.timeline.last_id + 1)]
    skipped_tens, offset_left = divmod(offset, 10 + VARIANTS - 1)
    items: list[int] = []
    number = skipped_tens * 10 + 1
    while number <= count and len(items) < offset_left + limit:
        items += store.products.base(number).stock_items
        number += 1
    if number > count:
        items += made
    return total + len(made), items[offset_left : offset_left + limit]


def _wanted(
    store: Store, skus: frozenset[str] | None, variants: frozenset[int] | None, products: frozenset[int] | None
) -> list[int]:
    catalogue = store.products
    sets: list[set[int]] = []
    if skus is not None:
        sets.append({item for sku in skus if (item := catalogue.variant_of_sku(sku)) is not None})
    if variants is not None:
        sets.append(set(variants))
    if products is not None:
        sets.append({item for one in products if catalogue.exists(one) for item in catalogue.base(one).stock_items})
    found = set.intersection(*sets)
    return sorted(
        item
        for item in found
        if catalogue.exists(product_id_of(item)) and item in catalogue.base(product_id_of(item)).stock_items
    )


def _item(store: Store, item: int) -> dict[str, object]:
    product = store.products.base(product_id_of(item))
    quantity = store.inventory.quantity(item)
    return {
        "identity": {
            "sku": store.products.sku_of_variant(item),
            "variant_id": item,
            "product_id": product.id,
            "sku_id": None if item == product.base_variant_id else item,
        },
        "locations": [{
            "location_id": LOCATION_ID,
            "location_code": _LOCATION_CODE,
            "location_name": "Default location",
            "available_to_sell": quantity,
            "total_inventory_onhand": quantity,
            "location_enabled": True,
            "settings": {
                "safety_stock": 0,
                "is_in_stock": quantity > 0,
                "warning_level": 0,
                "bin_picking_number": "",
            },
        }],
    }  # fmt: skip


def _locations(account: Account, request: Request, ids: tuple[int, ...]) -> Answer:
    del ids
    allowed = ("location_id:in", "location_code:in", "is_default", "type_id:in", "managed_by_external_source",
               "is_active", "storefront_visibility", "page", "limit")  # fmt: skip
    query = Query(request, version=3, allowed=allowed, now=account.store.now())
    paging = query.paging(most=MOST_PER_PAGE)
    wanted, codes, kinds = query.integers("location_id:in"), query.texts("location_code:in"), query.texts("type_id:in")
    fits = (
        (wanted is None or LOCATION_ID in wanted)
        and (codes is None or _LOCATION_CODE in codes)
        and (kinds is None or "PHYSICAL" in kinds)
        and all(query.boolean(name) is not False for name in ("is_default", "is_active", "storefront_visibility"))
        and query.boolean("managed_by_external_source") is not True
    )
    locations = [_location()] if fits else []
    return give(envelope(locations[paging.offset : paging.offset + paging.limit], paging, total=len(locations)))


def _location() -> dict[str, object]:
    return {
        "id": LOCATION_ID,
        "code": _LOCATION_CODE,
        "label": "Default location",
        "description": "Where everything lies",
        "managed_by_external_source": False,
        "type_id": "PHYSICAL",
        "enabled": True,
        "time_zone": "Etc/UTC",
        "created_at": iso8601(FIRST_MOMENT),
        "updated_at": iso8601(FIRST_MOMENT),
        "address": {
            "address1": "1 Loopback Lane",
            "address2": "",
            "city": "Austin",
            "state": "Texas",
            "zip": "78701",
            "email": "warehouse@shop.example",
            "phone": "555-0101",
            "geo_coordinates": {"latitude": 30.27, "longitude": -97.74},
            "country_code": "US",
        },
        "storefront_visibility": True,
        "special_hours": [],
    }


def _absolute(account: Account, request: Request, ids: tuple[int, ...]) -> Answer:
    del ids
    return _adjust(account, request, relative=False)


def _relative(account: Account, request: Request, ids: tuple[int, ...]) -> Answer:
    del ids
    return _adjust(account, request, relative=True)


def _adjust(account: Account, request: Request, *, relative: bool) -> Answer:
    adjustments = _adjustments(v3_body(request), relative=relative)
    inventory = account.store.inventory
    try:
        inventory.adjust(adjustments, relative=relative)
    except Refused as error:
        raise _refuse(str(error)) from error
    return give({"transaction_id": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{inventory.applied_adjustments}"))})


def _adjustments(body: Any, *, relative: bool) -> list[Adjustment]:
    items = body.get("items") if isinstance(body, dict) else None
    if not isinstance(items, list):
        raise _refuse("The items are missing.", {"items": "error.path.missing"})
    if not items:
        raise _refuse("There are no items.", {"items": "error.minLength"})
    if len(items) > MOST_ITEMS:
        raise _refuse(f"There are more than {MOST_ITEMS} items.", {"items": f"at most {MOST_ITEMS}"})
    return [_adjustment(item, place, relative=relative) for place, item in enumerate(items)]


def _adjustment(item: Any, place: int, *, relative: bool) -> Adjustment:
    if not isinstance(item, dict):
        raise _refuse("An item is no object.", {f"items.{place}": "error.expected.jsobject"})
    named = [name for name in _IDENTITIES if item.get(name) is not None]
    if len(named) != 1:
        raise _refuse("An item needs exactly one of sku, variant_id and product_id.", {f"items.{place}": "identity"})
    for name in ("location_id", "quantity", *(name for name in named if name != "sku")):
        if not is_whole(item.get(name)):
            raise _refuse(f"An item needs a whole number as {name}.", {f"items.{place}.{name}": "error.expected.int"})
    sku = item.get("sku")
    if sku is not None and not isinstance(sku, str):
        raise _refuse("A SKU is a text.", {f"items.{place}.sku": "error.expected.jsstring"})
    if not relative and item["quantity"] < 0:
        raise _refuse("A quantity may not be negative.", {f"items.{place}.quantity": "error.min"})
    return Adjustment(
        location_id=item["location_id"],
        quantity=item["quantity"],
        sku=sku,
        variant_id=item.get("variant_id"),
        product_id=item.get("product_id"),
    )


def _refuse(title: str, errors: dict[str, object] | None = None) -> Refusal:
    return v3_refusal(422, title, errors, content_type=PROBLEM_JSON)


_READ, _MODIFY = reading("store_inventory"), modifying("store_inventory")
_LOCATIONS = reading("store_locations")
ROUTES = (
    Route("GET", "/v3/inventory/items", _items, _READ),
    Route("GET", "/v3/inventory/locations", _locations, _LOCATIONS),
    Route("PUT", "/v3/inventory/adjustments/absolute", _absolute, _MODIFY),
    Route("POST", "/v3/inventory/adjustments/relative", _relative, _MODIFY),
)
