"""Reads the JSON body of a write, and refuses it in the words of the API."""

from __future__ import annotations

from typing import Any

import msgspec

from agent.sandbox.requests import Request, v2_refusal, v3_refusal

MOST_STOCK = 2_147_483_647
# What a write may set, by the kind of value it takes.
_TEXTS = frozenset({
    "name", "sku", "description", "upc", "mpn", "gtin", "bin_picking_number", "search_keywords", "product_tax_code",
    "purchasing_disabled_message", "image_url",
})  # fmt: skip
_AMOUNTS = frozenset({
    "price", "cost_price", "retail_price", "sale_price", "map_price", "weight", "width", "depth", "height",
    "fixed_cost_shipping_price",
})  # fmt: skip
_COUNTS = frozenset({"inventory_level", "inventory_warning_level", "brand_id", "tax_class_id"})
_SWITCHES = frozenset({"is_visible", "is_featured", "is_free_shipping", "purchasing_disabled"})
_CHOICES = {
    "type": ("physical", "digital"),
    "availability": ("available", "disabled", "preorder"),
    "condition": ("New", "Used", "Refurbished"),
    "inventory_tracking": ("none", "product", "variant"),
}


def v3_body(request: Request) -> Any:
    """The body of a V3 write."""
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not content_type:
        raise v3_refusal(400, "The Content-Type header is missing.")
    if content_type != "application/json":
        raise v3_refusal(415, "Only application/json is understood.")
    try:
        return msgspec.json.decode(request.body)
    except msgspec.DecodeError as error:
        raise v3_refusal(400, "Input is invalid.", {"body": "not JSON"}) from error


def v2_body(request: Request) -> dict[str, Any]:
    """The body of a V2 write."""
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not content_type:
        raise v2_refusal(400, "The Content-Type header is missing.")
    if content_type != "application/json":
        raise v2_refusal(415, "Only application/json is understood.")
    try:
        return msgspec.json.decode(request.body, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise v2_refusal(400, "The body is not a JSON object.") from error


def v3_array(request: Request, *, most: int | None) -> list[dict[str, Any]]:
    """The body of a V3 batch: an array of objects."""
    body = v3_body(request)
    if not isinstance(body, list):
        raise v3_refusal(422, "The body must be an array.", {"": "error.expected.jsarray"})
    if most is not None and len(body) > most:
        raise v3_refusal(413, f"The request payload is too large. The maximum items allowed in the array is {most}")
    if not body:
        raise v3_refusal(422, "The array is empty.", {"": "error.minLength"})
    for place, one in enumerate(body):
        if not isinstance(one, dict):
            raise v3_refusal(
                422, "The array holds something else than objects.", {str(place): "error.expected.jsobject"}
            )
    return body


def v3_batch(request: Request, *, most: int) -> list[dict[str, Any]]:
    """The body of a V3 batch of changes: an array of objects, each with an id."""
    body = v3_array(request, most=most)
    for place, one in enumerate(body):
        if not is_whole(one.get("id")):
            raise v3_refusal(422, "An id is missing.", {f"{place}.id": "error.path.missing"})
    return body


def product_fields(body: dict[str, Any], *, place: int | None = None) -> dict[str, Any]:
    """The fields of a product or variant that a write sets. Those that the store keeps to itself are ignored."""
    prefix = "" if place is None else f"{place}."
    wrong = {f"{prefix}{name}": "not valid" for name, value in body.items() if not _is_valid(name, value)}
    if wrong:
        raise v3_refusal(422, "One or more fields are not valid.", wrong)
    writable = _TEXTS | _AMOUNTS | _COUNTS | _SWITCHES | _CHOICES.keys()
    return {name: value for name, value in body.items() if name in writable or name == "categories"}


def is_whole(value: object) -> bool:
    """Whether it is a whole number, which true and false are not."""
    return isinstance(value, int) and not isinstance(value, bool)


def _is_valid(name: str, value: object) -> bool:
    if name in _TEXTS:
        return isinstance(value, str) and (name != "name" or 1 <= len(value) <= 250)
    if name in _AMOUNTS:
        return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
    if name in _COUNTS:
        return is_whole(value) and 0 <= int(str(value)) <= MOST_STOCK
    if name in _SWITCHES:
        return isinstance(value, bool)
    if name in _CHOICES:
        return value in _CHOICES[name]
    if name == "categories":
        return isinstance(value, list) and all(is_whole(one) for one in value)
    return True
