"""Completes shipments before they are made: which lines of the order, and to which of its addresses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from agent.connectors.bigcommerce.client import StoreClient
from agent.connectors.bigcommerce.record_bodies import Body
from agent.connectors.bigcommerce.records import MOST_RECORDS, decoded, split
from agent.domain.error_classes import ErrorClass
from agent.domain.errors import NotFoundError, RecordError

_MOST_PAGES = 1_000


class _Line(msgspec.Struct, frozen=True):
    id: int
    order_address_id: int | None = None
    sku: str | None = ""
    quantity: float = 0
    quantity_shipped: float = 0

    @property
    def left(self) -> int:
        """How many are to be shipped yet: none of what goes to no address, such as a download."""
        return int(self.quantity - self.quantity_shipped) if self.order_address_id else 0


_LINE = msgspec.json.Decoder(_Line)


async def with_line_ids(client: StoreClient, bodies: Sequence[Body]) -> dict[int, RecordError]:
    """Give items that are named by their SKU the id of their line, in place. Gives back which rows cannot be."""
    failures: dict[int, RecordError] = {}
    for body in bodies:
        items = body.fields.get("items") or []
        if all("order_product_id" in item for item in items):
            continue
        try:
            lines = await _lines(client, body)
            body.fields["items"] = [_with_line_id(item, lines) for item in items]
        except RecordError as error:
            failures[body.row] = error
    return failures


async def completed(client: StoreClient, bodies: Sequence[Body]) -> dict[int, RecordError]:
    """Fill in what shipments do not say, in place. Gives back which rows cannot be completed."""
    failures = await with_line_ids(client, bodies)
    for body in bodies:
        if body.row in failures or (body.fields.get("items") and "order_address_id" in body.fields):
            continue
        try:
            await _complete(client, body)
        except RecordError as error:
            failures[body.row] = error
    return failures


async def _complete(client: StoreClient, body: Body) -> None:
    if not body.fields.get("items") and not body.fields.get("tracking_number"):
        raise RecordError(
            "The shipment says neither what is shipped nor how it is tracked.",
            code="value-missing",
            remedy="Map a value to items or tracking_number: without them, it could not be found again.",
            field="items",
            error_class=ErrorClass.DATA_MISSING,
        )
    lines = await _lines(client, body)
    wanted = {item["order_product_id"] for item in body.fields.get("items") or ()}
    address = body.fields.get("order_address_id")
    shipped = [
        line
        for line in lines
        if (line.id in wanted if wanted else line.left > 0) and address in (None, line.order_address_id)
    ]
    if not shipped:
        raise RecordError(
            f"Nothing of order {body.named['order_id']} is left to be shipped.",
            code="nothing-to-ship",
            remedy="Look at the order in the store: it may have been shipped already.",
            field="items",
            error_class=ErrorClass.INCONSISTENT,
        )
    addresses = {line.order_address_id for line in shipped}
    if len(addresses) > 1:
        raise RecordError(
            f"Order {body.named['order_id']} goes to several addresses.",
            code="value-missing",
            remedy="Map a value to order_address_id: a shipment goes to one of them.",
            field="order_address_id",
            error_class=ErrorClass.DATA_MISSING,
        )
    body.fields.setdefault("order_address_id", addresses.pop())
    if not wanted:
        body.fields["items"] = [{"order_product_id": line.id, "quantity": line.left} for line in shipped]


async def _lines(client: StoreClient, body: Body) -> list[_Line]:
    order = body.named["order_id"]
    lines: list[_Line] = []
    try:
        for page in range(1, _MOST_PAGES):
            answer = await client.get(
                client.v2(f"orders/{order}/products"), [("limit", str(MOST_RECORDS)), ("page", str(page))]
            )
            more = [decoded(_LINE, raw) for raw in split(answer.content)]
            lines += more
            if len(more) < MOST_RECORDS:
                break
    except NotFoundError as error:
        raise RecordError(
            f"The store has no order {order}.",
            code="not-there",
            remedy="Check the value of order_id.",
            field="order_id",
            error_class=ErrorClass.DEPENDENT_MISSING,
        ) from error
    return lines


def _with_line_id(item: dict[str, Any], lines: Sequence[_Line]) -> dict[str, Any]:
    if "order_product_id" in item:
        return {name: value for name, value in item.items() if name != "sku"}
    sku = str(item.get("sku", "")).strip().casefold()
    line = next((line for line in lines if (line.sku or "").casefold() == sku), None)
    if line is None:
        raise RecordError(
            f"The order has no line with the SKU {item.get('sku')}.",
            code="not-there",
            remedy="Check the SKUs of the shipment's items, or map order_product_id.",
            field="items",
            error_class=ErrorClass.DEPENDENT_MISSING,
        )
    return {"order_product_id": line.id, "quantity": item.get("quantity", line.left)}
