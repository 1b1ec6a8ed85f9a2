"""The V2 resources of products, which only legacy accounts have: list, one, write, and the SKUs of variants."""

from __future__ import annotations

from typing import Any

from agent.sandbox import money
from agent.sandbox.bodies import MOST_STOCK, is_whole, v2_body
from agent.sandbox.catalogue import product_id_of
from agent.sandbox.moments import seconds
from agent.sandbox.queries import Query
from agent.sandbox.requests import Answer, Request, give, nothing, v2_refusal
from agent.sandbox.routing import ANYONE, Account, Route
from agent.sandbox.selection import Criteria, Interval

_NOT_FOUND = "The requested resource was not found."


def _list(account: Account, request: Request, ids: tuple[int, ...]) -> Answer:
    del ids
    allowed = ("page", "limit", "sku", "min_date_modified", "max_date_modified", "min_date_created", "min_id")
    query = _query(account, request, allowed)
    paging = query.paging()
    products = account.store.products
    sku = query.text("sku")
    found = None if sku is None else products.variant_of_sku(sku)
    criteria = Criteria(
        ids=Interval(query.integer("min_id"), None),
        created=Interval(query.moment("min_date_created"), None),
        modified=query.dates(None, "min_date_modified", "max_date_modified"),
        candidates=None if sku is None else (() if found is None else (product_id_of(found),)),
    )
    numbers = products.finder.find(criteria).page(paging.offset, paging.limit)
    records = [_record(account, number) for number in numbers]
    return give(records) if records else nothing()


def _one(account: Account, request: Request, ids: tuple[int, ...]) -> Answer:
    _query(account, request, ())
    return give(_record(account, _existing(account, ids[0])))


def _put(account: Account, request: Request, ids: tuple[int, ...]) -> Answer:
    number = _existing(account, ids[0])
    body = v2_body(request)
    store = account.store
    values: dict[str, object] = {}
    if "sku" in body:
        values["sku"] = _free_sku(account, body["sku"], number)
    if "price" in body:
        values["price"] = _price(body["price"])
    if "inventory_warning_level" in body:
        values["inventory_warning_level"] = _stock(body["inventory_warning_level"], "inventory_warning_level")
    if "inventory_level" in body:
        product = store.products.base(number)
        level = _stock(body["inventory_level"], "inventory_level")
        if product.tracking == "variant":
            raise v2_refusal(400, "The inventory of this product is tracked by SKU.", {"invalid_reason": "tracking"})
        store.inventory.write(product.base_variant_id, level)
    store.products.change(number, values, now=seconds(store.now()))
    return give(_record(account, number))


def _skus(account: Account, request: Request, ids: tuple[int, ...]) -> Answer:
    paging = _query(account, request, ("page", "limit")).paging()
    product = account.store.products.base(_existing(account, ids[0]))
    variants = product.variant_ids if product.has_options else ()
    some = [_sku_record(account, variant) for variant in variants[paging.offset : paging.offset + paging.limit]]
    return give(some) if some else nothing()


def _one_sku(account: Account, request: Request, ids: tuple[int, ...]) -> Answer:
    _query(account, request, ())
    return give(_sku_record(account, _existing_sku(account, ids)))


def _put_sku(account: Account, request: Request, ids: tuple[int, ...]) -> Answer:
    variant = _existing_sku(account, ids)
    body = v2_body(request)
    store = account.store
    if "inventory_level" in body:
        level = _stock(body["inventory_level"], "inventory_level")
        if store.products.base(ids[0]).tracking != "variant":
            raise v2_refusal(
                400, "The inventory of this product is tracked by product.", {"invalid_reason": "tracking"}
            )
        store.inventory.write(variant, level)
    store.products.change_variant(variant, {}, now=seconds(store.now()))
    return give(_sku_record(account, variant))


def _record(account: Account, number: int) -> dict[str, object]:
    store = account.store
    link = account.link_base + "{}" + account.link_suffix
    return store.products.legacy_record(number, inventory_level=store.inventory.product_quantity(number), link=link)


def _sku_record(account: Account, variant: int) -> dict[str, object]:
    store = account.store
    product = store.products.base(product_id_of(variant))
    counted = variant in product.stock_items
    return {
        "id": variant,
        "product_id": product.id,
        "sku": store.products.sku_of_variant(variant),
        "inventory_level": store.inventory.quantity(variant) if counted else 0,
        "inventory_warning_level": 0,
        "upc": "",
        "bin_picking_number": "",
    }


def _query(account: Account, request: Request, allowed: tuple[str, ...]) -> Query:
    return Query(request, version=2, allowed=allowed, now=account.store.now())


def _existing(account: Account, number: int) -> int:
    if not account.store.products.exists(number):
        raise v2_refusal(404, _NOT_FOUND)
    return number


def _existing_sku(account: Account, ids: tuple[int, ...]) -> int:
    number, variant = ids
    product = account.store.products.base(_existing(account, number))
    if not product.has_options or variant not in product.variant_ids:
        raise v2_refusal(404, _NOT_FOUND)
    return variant


def _free_sku(account: Account, sku: Any, number: int) -> str:
    if not isinstance(sku, str):
        raise v2_refusal(400, "The value of the field 'sku' is not valid.", {"invalid_reason": "sku"})
    owner = account.store.products.variant_of_sku(sku)
    if owner is not None and owner != account.store.products.base(number).base_variant_id:
        raise v2_refusal(409, "The SKU is in use already.", {"conflict_reason": "sku"})
    return sku


def _price(price: Any) -> float:
    try:
        return money.number(money.cents(price))
    except ArithmeticError as error:
        raise v2_refusal(400, "The value of the field 'price' is not valid.", {"invalid_reason": "price"}) from error


def _stock(level: Any, name: str) -> int:
    if not is_whole(level) or not 0 <= level <= MOST_STOCK:
        raise v2_refusal(400, f"The value of the field '{name}' is not valid.", {"invalid_reason": name})
    return int(level)


ROUTES = (
    Route("GET", "/v2/products", _list, ANYONE),
    Route("GET", "/v2/products/{id}", _one, ANYONE),
    Route("PUT", "/v2/products/{id}", _put, ANYONE),
    Route("GET", "/v2/products/{id}/skus", _skus, ANYONE),
    Route("GET", "/v2/products/{id}/skus/{sku_id}", _one_sku, ANYONE),
    Route("PUT", "/v2/products/{id}/skus/{sku_id}", _put_sku, ANYONE),
)
