"""The V3 resources of the catalogue: products and variants, read and written one by one or many at a time."""

from __future__ import annotations

from typing import Any

from agent.sandbox.bodies import product_fields, v3_batch, v3_body
from agent.sandbox.catalog_filters import PRODUCT_FILTERS, SORTS, found_products
from agent.sandbox.catalogue import product_id_of
from agent.sandbox.moments import seconds
from agent.sandbox.paged import envelope
from agent.sandbox.queries import Query
from agent.sandbox.requests import Answer, Request, give, v3_refusal
from agent.sandbox.routing import Account, Route, modifying, reading
from agent.sandbox.store import Store

MOST_PRODUCTS = 10
MOST_VARIANTS = 50
_INCLUDES = ("bulk_pricing_rules", "channels", "custom_fields", "images", "modifiers", "options", "parent_relations",
             "primary_image", "reviews", "variants", "videos")  # fmt: skip
_SHAPE = ("include", "include_fields", "exclude_fields")
_CAPPED = frozenset({"options", "modifiers"})


def _list(account: Account, request: Request, ids: tuple[int, ...]) -> Answer:
    del ids
    query = _query(account, request, (*PRODUCT_FILTERS, *_SHAPE, "page", "limit", "sort", "direction"))
    include = query.choices("include", _INCLUDES)
    paging = query.paging()
    if include & _CAPPED:
        paging = type(paging)(paging.page, min(paging.limit, 10))
    sort = query.choice("sort", SORTS) or "id"
    descending = query.choice("direction", ("asc", "desc")) == "desc"
    found = found_products(account.store, query, sort)
    numbers = found.page(paging.offset, paging.limit, descending=descending)
    records = [_shaped(account.store, number, query, include) for number in numbers]
    return give(envelope(records, paging, total=found.total))


def _one(account: Account, request: Request, ids: tuple[int, ...]) -> Answer:
    query = _query(account, request, _SHAPE)
    number = _existing(account.store, ids[0])
    record = _shaped(account.store, number, query, query.choices("include", _INCLUDES))
    return give({"data": record, "meta": {}})


def _put(account: Account, request: Request, ids: tuple[int, ...]) -> Answer:
    _query(account, request, ("include", "include_fields"))
    number = _existing(account.store, ids[0])
    body = v3_body(request)
    if not isinstance(body, dict):
        raise v3_refusal(422, "The body must be an object.", {"": "error.expected.jsobject"})
    _check_product(account.store, number, fields := product_fields(body))
    _write_product(account.store, number, fields)
    return give({"data": _record(account.store, number), "meta": {}})


def _post(account: Account, request: Request, ids: tuple[int, ...]) -> Answer:
    del ids
    _query(account, request, ("include_fields",))
    store, body = account.store, v3_body(request)
    if not isinstance(body, dict):
        raise v3_refusal(422, "The body must be an object.", {"": "error.expected.jsobject"})
    if missing := {name: "error.path.missing" for name in ("name", "type", "weight", "price") if name not in body}:
        raise v3_refusal(422, "Missing required fields.", missing)
    fields = product_fields(body)
    if store.products.owner_of_name(str(fields["name"])) is not None:
        raise v3_refusal(409, "The product name is a duplicate.", {"name": "must be unique"})
    if fields.get("sku") and store.products.variant_of_sku(str(fields["sku"])) is not None:
        raise v3_refusal(409, "The product sku is a duplicate.", {"sku": "must be unique"})
    level = fields.pop("inventory_level", 0)
    number = store.products.add(fields, now=seconds(store.now()))
    store.inventory.write(store.products.base(number).base_variant_id, int(str(level)))
    return give({"data": _record(store, number), "meta": {}})


def _put_many(account: Account, request: Request, ids: tuple[int, ...]) -> Answer:
    del ids
    _query(account, request, ("include_fields",))
    store = account.store
    batch = [
        (_existing(store, one["id"]), product_fields(one, place=place))
        for place, one in enumerate(v3_batch(request, most=MOST_PRODUCTS))
    ]
    for number, fields in batch:
        _check_product(store, number, fields)
    for number, fields in batch:
        _write_product(store, number, fields)
    records = [_record(store, number) for number, _ in batch]
    return give({"data": records, "meta": {}})


def _variants(account: Account, request: Request, ids: tuple[int, ...]) -> Answer:
    del ids
    allowed = ("id", "sku", "upc", "product_id:in", "include_fields", "exclude_fields", "page", "limit")
    query = _query(account, request, allowed)
    paging = query.paging()
    store = account.store
    one, sku, products = query.integer("id"), query.text("sku"), query.integers("product_id:in")
    upc = query.text("upc")
    if one is None and sku is None and products is None and upc is None:
        total, variants = _page_of_variants(store, paging.offset, paging.limit)
    else:
        found = [
            variant for variant in _candidates(store, one, sku, products)
            if (one is None or variant == one) and (sku is None or store.products.sku_of_variant(variant) == sku)
            and (upc is None or _variant(store, variant)["upc"] == upc)
        ]  # fmt: skip
        total, variants = len(found), found[paging.offset : paging.offset + paging.limit]
    return give(envelope([_picked(_variant(store, variant), query) for variant in variants], paging, total=total))


def _put_variants(account: Account, request: Request, ids: tuple[int, ...]) -> Answer:
    del ids
    store = account.store
    batch = [(one["id"], product_fields(one, place=place)) for place, one in
             enumerate(v3_batch(request, most=MOST_VARIANTS))]  # fmt: skip
    for variant, fields in batch:
        if not store.products.has_variant(variant):
            raise v3_refusal(404, f"There is no variant {variant}.", {"id": str(variant)})
        _check_sku(store, variant, fields)
    for variant, fields in batch:
        level = fields.pop("inventory_level", None)
        product = store.products.base(product_id_of(variant))
        if level is not None and variant in product.stock_items:
            store.inventory.write(variant, level)
        store.products.change_variant(variant, fields, now=seconds(store.now()))
    return give({"data": [_variant(store, variant) for variant, _ in batch], "meta": {}})


def _candidates(store: Store, one: int | None, sku: str | None, products: frozenset[int] | None) -> list[int]:
    catalogue = store.products
    if one is not None:
        return [one] if catalogue.has_variant(one) else []
    if sku is not None:
        found = catalogue.variant_of_sku(sku)
        return [found] if found is not None and catalogue.has_variant(found) else []
    numbers = range(1, store.options.products + 1) if products is None else sorted(products)
    return [variant for number in numbers if catalogue.exists(number) for variant in catalogue.base(number).variant_ids]


def _page_of_variants(store: Store, offset: int, limit: int) -> tuple[int, list[int]]:
    """A page of all variants, by counting: five products in a row have four variants and three."""
    count = store.options.products
    made = [store.products.base(one).base_variant_id for one in range(count + 1, store.products.timeline.last_id + 1)]
    skipped_fives, offset_left = divmod(offset, 7)
    variants: list[int] = []
    number = skipped_fives * 5 + 1
    while number <= count and len(variants) < offset_left + limit:
        variants += store.products.base(number).variant_ids
        number += 1
    if number > count:
        variants += made
    return count + count // 5 * 2 + len(made), variants[offset_left : offset_left + limit]


def _check_product(store: Store, number: int, fields: dict[str, Any]) -> None:
    _check_sku(store, store.products.base(number).base_variant_id, fields)
    if fields.get("inventory_tracking", store.products.base(number).tracking) != store.products.base(number).tracking:
        raise v3_refusal(422, "The sandbox does not change how stock is tracked.", {"inventory_tracking": "fixed"})


def _check_sku(store: Store, variant: int, fields: dict[str, Any]) -> None:
    owner = store.products.variant_of_sku(fields["sku"]) if "sku" in fields else None
    if owner not in {None, variant}:
        raise v3_refusal(409, f"The product SKU {fields['sku']} is in use already.", {"sku": "not unique"})


def _write_product(store: Store, number: int, fields: dict[str, Any]) -> None:
    """The level counts only where stock is tracked by product, as in the real store."""
    level = fields.pop("inventory_level", None)
    product = store.products.base(number)
    if level is not None and product.tracking == "product":
        store.inventory.write(product.base_variant_id, level)
    store.products.change(number, fields, now=seconds(store.now()))


def _record(store: Store, number: int) -> dict[str, object]:
    return store.products.record(number, inventory_level=store.inventory.product_quantity(number))


def _variant(store: Store, variant: int) -> dict[str, object]:
    counted = variant in store.products.base(product_id_of(variant)).stock_items
    return store.products.variant_record(variant, inventory_level=store.inventory.quantity(variant) if counted else 0)


def _shaped(store: Store, number: int, query: Query, include: frozenset[str]) -> dict[str, object]:
    record = _picked(_record(store, number), query)
    for name in sorted(include):
        record[name] = []
    if "variants" in include:
        record["variants"] = [_variant(store, variant) for variant in store.products.base(number).variant_ids]
    if "options" in include:
        record["options"] = store.products.options(number)
    if "primary_image" in include:
        del record["primary_image"]
    return record


def _picked(record: dict[str, object], query: Query) -> dict[str, object]:
    wanted, unwanted = query.texts("include_fields"), query.texts("exclude_fields") or frozenset()
    return {
        name: value
        for name, value in record.items()
        if name == "id" or ((wanted is None or name in wanted) and name not in unwanted)
    }


def _query(account: Account, request: Request, allowed: tuple[str, ...]) -> Query:
    return Query(request, version=3, allowed=allowed, now=account.store.now())


def _existing(store: Store, number: int) -> int:
    if not store.products.exists(number):
        raise v3_refusal(404, f"There is no product {number}.")
    return number


_READ, _MODIFY = reading("store_v2_products"), modifying("store_v2_products")
ROUTES = (
    Route("GET", "/v3/catalog/products", _list, _READ),
    Route("POST", "/v3/catalog/products", _post, _MODIFY),
    Route("PUT", "/v3/catalog/products", _put_many, _MODIFY),
    Route("GET", "/v3/catalog/products/{id}", _one, _READ),
    Route("PUT", "/v3/catalog/products/{id}", _put, _MODIFY),
    Route("GET", "/v3/catalog/variants", _variants, _READ),
    Route("PUT", "/v3/catalog/variants", _put_variants, _MODIFY),
)
