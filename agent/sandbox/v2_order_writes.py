"""The V2 resources that change orders: the order itself, and its shipments."""

from __future__ import annotations

from typing import Any

import msgspec

from agent.sandbox.bodies import is_whole, v2_body
from agent.sandbox.moments import rfc2822, seconds
from agent.sandbox.queries import Query
from agent.sandbox.requests import Answer, Request, give, nothing, v2_refusal
from agent.sandbox.routing import Account, Route, modifying, reading
from agent.sandbox.statuses import PARTIALLY_SHIPPED, SHIPPED, STATUS_NAMES

_TEXTS = frozenset({"staff_notes", "customer_message", "external_order_id", "external_merchant_id", "payment_method"})
_AMOUNTS = frozenset({
    "base_handling_cost", "base_shipping_cost", "base_wrapping_cost", "discount_amount", "shipping_cost_ex_tax",
    "shipping_cost_inc_tax", "handling_cost_ex_tax", "handling_cost_inc_tax", "wrapping_cost_ex_tax",
    "wrapping_cost_inc_tax", "subtotal_ex_tax", "subtotal_inc_tax", "total_ex_tax", "total_inc_tax",
})  # fmt: skip
_NUMBERS = frozenset({"customer_id", "channel_id"})
_NOT_FOUND = "The requested resource was not found."


def _put(account: Account, request: Request, ids: tuple[int, ...]) -> Answer:
    number = _existing(account, ids[0])
    body = v2_body(request)
    wrong = [name for name, value in body.items() if not _is_valid(name, value)]
    if wrong:
        raise v2_refusal(400, f"The value of the field '{wrong[0]}' is not valid.", {"invalid_reason": wrong[0]})
    store = account.store
    values = {name: value for name, value in body.items() if name in _TEXTS | _AMOUNTS | _NUMBERS}
    if "billing_address" in body:
        values["billing_address"] = {**_billing_address(account, number), **body["billing_address"]}
    status_id = body.get("status_id", store.orders.facts(number).status_id)
    store.edit_order(number, status_id=status_id, **values)
    return Answer(200, account.encoder.one(number, frozenset()))


def _list(account: Account, request: Request, ids: tuple[int, ...]) -> Answer:
    number = _existing(account, ids[0])
    paging = Query(request, version=2, allowed=("page", "limit"), now=account.store.now()).paging()
    found = [one for one in account.store.shipments.all() if one["order_id"] == number]
    some = found[paging.offset : paging.offset + paging.limit]
    return give(some) if some else nothing()


def _post(account: Account, request: Request, ids: tuple[int, ...]) -> Answer:
    number = _existing(account, ids[0])
    body = v2_body(request)
    store = account.store
    lines = {line["id"]: line for line in _lines(account, number)}
    items = [_item(one, lines) for one in _items(body)]
    if not is_whole(body.get("order_address_id")) or body["order_address_id"] != number:
        raise v2_refusal(
            400, "The value of the field 'order_address_id' is not valid.", {"invalid_reason": "order_address_id"}
        )
    shipped = store.shipped.setdefault(number, {})
    for item in items:
        shipped[item["order_product_id"]] = shipped.get(item["order_product_id"], 0) + item["quantity"]
    left = any(line["quantity"] > shipped.get(line_id, 0) for line_id, line in lines.items())
    status_id = PARTIALLY_SHIPPED if left else SHIPPED
    store.edit_order(number, status_id=status_id)
    texts = ("tracking_number", "shipping_method", "shipping_provider", "tracking_carrier", "tracking_link", "comments")
    billing = _billing_address(account, number)
    billing.pop("form_fields", None)
    shipment = store.shipments.add(
        {
            "order_id": number,
            "customer_id": store.orders.facts(number).customer_id,
            "order_address_id": number,
            "date_created": rfc2822(seconds(store.now())).decode(),
            **{name: str(body.get(name) or "") for name in texts},
            "merchant_shipping_cost": str(body.get("merchant_shipping_cost", "0.0000")),
            "billing_address": billing,
            "shipping_address": billing,
            "items": items,
            "shipping_provider_display_name": str(body.get("shipping_provider") or ""),
            "generated_tracking_link": "",
        }
    )
    return Answer(201, msgspec.json.encode(shipment))


def _items(body: dict[str, Any]) -> list[dict[str, Any]]:
    items = body.get("items")
    if not isinstance(items, list) or not items or not all(isinstance(item, dict) for item in items):
        raise v2_refusal(400, "The required field 'items' was not supplied.", {"invalid_reason": "items"})
    return items


def _item(item: dict[str, Any], lines: dict[int, dict[str, Any]]) -> dict[str, Any]:
    line = lines.get(item.get("order_product_id", 0))
    quantity = item.get("quantity")
    if line is None or not is_whole(quantity) or quantity is None or not 1 <= quantity <= line["quantity"]:
        raise v2_refusal(400, "The value of the field 'items' is not valid.", {"invalid_reason": "items"})
    if quantity > line["quantity"] - line["quantity_shipped"]:
        raise v2_refusal(400, "The quantity is more than what is left to ship.", {"invalid_reason": "items"})
    return {"order_product_id": line["id"], "product_id": line["product_id"], "quantity": quantity}


def _lines(account: Account, number: int) -> list[dict[str, Any]]:
    return [msgspec.json.decode(line) for line in shipped_lines(account, number)]


def shipped_lines(account: Account, number: int) -> list[bytes]:
    """The lines of an order, encoded, with how many of each were shipped through the API."""
    shipped = account.store.shipped.get(number)
    lines = account.encoder.lines(number)
    if not shipped:
        return lines
    decoded = [msgspec.json.decode(line, type=dict[str, Any]) for line in lines]
    return [msgspec.json.encode({**line, "quantity_shipped": shipped.get(line["id"], 0)}) for line in decoded]


def _billing_address(account: Account, number: int) -> dict[str, Any]:
    order = msgspec.json.decode(account.encoder.one(number, frozenset()), type=dict[str, Any])
    address = order["billing_address"]
    assert isinstance(address, dict)
    return address


def _is_valid(name: str, value: object) -> bool:
    if name == "status_id":
        return is_whole(value) and value in STATUS_NAMES
    if name in _NUMBERS:
        return is_whole(value)
    if name in _TEXTS:
        return isinstance(value, str)
    if name in _AMOUNTS:
        return isinstance(value, str) and value.replace(".", "", 1).isdigit()
    return name != "billing_address" or isinstance(value, dict)


def _existing(account: Account, number: int) -> int:
    if not 1 <= number <= account.store.orders.timeline.last_id:
        raise v2_refusal(404, _NOT_FOUND)
    return number


_READ, _MODIFY = reading("store_v2_orders"), modifying("store_v2_orders")
ROUTES = (
    Route("PUT", "/v2/orders/{id}", _put, _MODIFY),
    Route("GET", "/v2/orders/{id}/shipments", _list, _READ),
    Route("POST", "/v2/orders/{id}/shipments", _post, _MODIFY),
)
