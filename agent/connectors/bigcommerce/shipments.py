"""Makes shipments whole before they are sent, which lines of the order and to which of its addresses, and finds those
that the store has already.

The store keeps no number of a shipment that another application gave it. A shipment with a `reference` has it at the
beginning of its comments, and is told from the order's other shipments by that alone. One without is told by its
tracking number and by what is in it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from agent.connectors.bigcommerce.client import StoreClient
from agent.connectors.bigcommerce.record_bodies import Body
from agent.connectors.bigcommerce.records import MOST_RECORDS, decoded, split
from agent.domain.error_classes import ErrorClass
from agent.domain.errors import NotFoundError, RecordError
from agent.http.json_values import agrees, amount, decoded_record

REFERENCE = "reference"
_COMMENTS = "comments"
_MOST_PAGES = 1_000

Record = dict[str, Any]


class _Line(msgspec.Struct, frozen=True):
    id: int
    order_address_id: int | None = None
    sku: str | None = ""
    quantity: float = 0
    quantity_shipped: float = 0

    @property
    def left(self) -> int:
        """How many are to be shipped yet: none of what goes to no address, such as a download or what is picked up."""
        return int(self.quantity - self.quantity_shipped) if self.order_address_id else 0


_LINE = msgspec.json.Decoder(_Line)


def take_references(bodies: Iterable[Body]) -> None:
    """Put each reference where the store keeps it: at the beginning of the comments, before a colon."""
    for body in bodies:
        # A colon and a blank end it, so that they cannot be in it.
        reference = " ".join(str(body.fields.pop(REFERENCE, None) or "").split()).replace(": ", ":")
        if reference:
            comments = body.fields.get(_COMMENTS)
            body.fields[_COMMENTS] = f"{reference}: {comments}" if comments else reference
            body.named[REFERENCE] = reference


def repeated(bodies: Iterable[Body]) -> dict[int, RecordError]:
    """The rows whose reference another shipment of the order has, earlier in the batch."""
    failures: dict[int, RecordError] = {}
    seen: set[tuple[str, str]] = set()
    for body in bodies:
        if REFERENCE in body.named:
            name = str(body.named["order_id"]), _folded(body.named[REFERENCE])
            if name in seen:
                failures[body.row] = _taken(body)
            seen.add(name)
    return failures


class Shipments:
    """The shipments of one batch, whose references were taken.

    Args:
        client: The store.
    """

    def __init__(self, client: StoreClient) -> None:
        self._client = client
        self._lines: dict[str, list[_Line]] = {}
        self._taken: dict[int, int] = defaultdict(int)
        """How many of each line are in shipments of this batch."""

    async def held(self, bodies: Iterable[Body]) -> dict[int, Record]:
        """The shipments that the store has, by the row that they belong to. None belongs to two rows."""
        found: dict[int, Record] = {}
        there: dict[str, list[Record]] = {}
        # Those with a reference first: another row, told by what is in it, must not take theirs.
        for body in sorted(bodies, key=lambda one: REFERENCE not in one.named):
            order = str(body.named["order_id"])
            if order not in there:
                there[order] = [decoded_record(raw) for raw in await self._listed(order, "shipments")]
            for record in there[order]:
                if await self._is(body, record):
                    found[body.row] = record
                    there[order].remove(record)
                    break
        return found

    async def others(self, bodies: Iterable[Body], held: Mapping[int, Record]) -> dict[int, RecordError]:
        """The rows whose reference belongs to a shipment of the store that has something else in it."""
        failures: dict[int, RecordError] = {}
        for body in bodies:
            record = held.get(body.row)
            if record is not None and body.fields.get("items") and not await self._has_items(body, record):
                failures[body.row] = _taken(body)
        return failures

    async def complete(self, bodies: Iterable[Body]) -> dict[int, RecordError]:
        """Fill in what shipments do not say, in place. Gives back which rows cannot be completed."""
        failures: dict[int, RecordError] = {}
        for body in bodies:
            try:
                await self._complete(body)
            except RecordError as error:
                failures[body.row] = error
        return failures

    async def _is(self, body: Body, record: Record) -> bool:
        if REFERENCE in body.named:
            comments = _folded(record.get(_COMMENTS))
            reference = _folded(body.named[REFERENCE])
            return comments == reference or comments.startswith(f"{reference}: ")
        tracking = _folded(body.fields.get("tracking_number"))
        if tracking != _folded(record.get("tracking_number")):
            return False
        return await self._has_items(body, record) if body.fields.get("items") else bool(tracking)

    async def _has_items(self, body: Body, record: Record) -> bool:
        """Whether a shipment of the store has the items of this one."""
        items = body.fields["items"]
        if all("order_product_id" in item for item in items):
            return agrees(_without_skus(items), record.get("items"))
        # An SKU may be on several lines, and which of them were chosen depended on what was left then.
        try:
            lines = await self._order_lines(body)
        except RecordError:
            return False
        skus = {line.id: _folded(line.sku) for line in lines if line.order_address_id}
        unshipped = {_folded(line.sku) for line in lines} - set(skus.values())
        wanted = {sku: count for sku, count in _by_sku(items, skus).items() if sku not in unshipped}
        held = _by_sku(record.get("items") or [], skus)
        return wanted.keys() == held.keys() and all(
            count is None or count == held[sku] for sku, count in wanted.items()
        )

    async def _complete(self, body: Body) -> None:
        items = body.fields.get("items") or []
        if not items and not body.fields.get("tracking_number") and REFERENCE not in body.named:
            raise RecordError(
                "The shipment says neither what is shipped nor how it is tracked.",
                code="value-missing",
                remedy="Map a value to items, tracking_number or reference: without one, it could not be found again.",
                field="items",
                error_class=ErrorClass.DATA_MISSING,
            )
        by_id = bool(items) and all("order_product_id" in item for item in items)
        if not by_id or "order_address_id" not in body.fields:
            lines = await self._order_lines(body)
            address = body.fields.get("order_address_id")
            lines = [line for line in lines if address in (None, line.order_address_id)]
            chosen = self._chosen(body, items, lines)
            body.fields.setdefault("order_address_id", _address(body, chosen))
            if not by_id:
                body.fields["items"] = [{"order_product_id": line.id, "quantity": count} for line, count in chosen]
        if by_id:
            body.fields["items"] = _without_skus(items)
        for item in body.fields["items"]:
            self._taken[item["order_product_id"]] += item.get("quantity") or 0

    def _chosen(
        self, body: Body, items: Sequence[Mapping[str, Any]], lines: Sequence[_Line]
    ) -> list[tuple[_Line, int]]:
        """The lines that are shipped, with how many of each: what is asked for, or else what is left of the order."""
        counts: dict[int, int] = {}
        if not items:
            counts = {line.id: self._left(line) for line in lines if self._left(line) > 0}
        for item in items:
            own = [line for line in lines if _is_meant(item, line)]
            if not own:
                raise _no_line(item)
            if "order_product_id" not in item:
                # What goes to no address, the store does not ship.
                own = [line for line in own if line.order_address_id]
            wanted = item.get("quantity")
            for line in own:
                left = self._left(line) - counts.get(line.id, 0)
                count = left if wanted is None else min(left, wanted)
                if count > 0:
                    counts[line.id] = counts.get(line.id, 0) + count
                    wanted = None if wanted is None else wanted - count
            if own and wanted:
                # More than is left: the store says so.
                counts[own[0].id] = counts.get(own[0].id, 0) + wanted
        chosen = [(line, counts[line.id]) for line in lines if line.id in counts]
        if not chosen:
            raise RecordError(
                f"Nothing of order {body.named['order_id']} is left to be shipped.",
                code="nothing-to-ship",
                remedy="Look at the order in the store: it may have been shipped already, be in another shipment that "
                "was just sent, or go to no address.",
                field="items",
                error_class=ErrorClass.INCONSISTENT,
            )
        return chosen

    def _left(self, line: _Line) -> int:
        return line.left - self._taken[line.id]

    async def _order_lines(self, body: Body) -> list[_Line]:
        order = str(body.named["order_id"])
        if order not in self._lines:
            try:
                self._lines[order] = [decoded(_LINE, raw) for raw in await self._listed(order, "products", ask=True)]
            except NotFoundError as error:
                raise RecordError(
                    f"The store has no order {order}.",
                    code="not-there",
                    remedy="Check the value of order_id.",
                    field="order_id",
                    error_class=ErrorClass.DEPENDENT_MISSING,
                ) from error
        return self._lines[order]

    async def _listed(self, order: str, what: str, *, ask: bool = False) -> list[msgspec.Raw]:
        """All of a list that belongs to an order; nothing where there is no such order, unless that is asked."""
        found: list[msgspec.Raw] = []
        for page in range(1, _MOST_PAGES):
            try:
                answer = await self._client.get(
                    self._client.v2(f"orders/{order}/{what}"), [("limit", str(MOST_RECORDS)), ("page", str(page))]
                )
            except NotFoundError:
                if ask:
                    raise
                break
            more = split(answer.content)
            found += more
            if len(more) < MOST_RECORDS:
                break
        return found


def _is_meant(item: Mapping[str, Any], line: _Line) -> bool:
    if "order_product_id" in item:
        return bool(item["order_product_id"] == line.id)
    return _folded(item.get("sku")) == _folded(line.sku)


def _without_skus(items: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [{name: item[name] for name in item if name != "sku"} for item in items]


def _address(body: Body, chosen: Iterable[tuple[_Line, int]]) -> int | None:
    """The one address of the order that some of its lines go to."""
    addresses = {line.order_address_id for line, _ in chosen}
    if len(addresses) > 1:
        raise RecordError(
            f"Order {body.named['order_id']} goes to several addresses.",
            code="value-missing",
            remedy="Map a value to order_address_id: a shipment goes to one of them.",
            field="order_address_id",
            error_class=ErrorClass.DATA_MISSING,
        )
    return addresses.pop()


def _by_sku(items: Iterable[Mapping[str, Any]], skus: Mapping[int, str]) -> dict[str, int | None]:
    """How many of each SKU items have; None for what is left of it."""
    counts: dict[str, int | None] = {}
    for item in items:
        sku = _folded(item["sku"]) if "sku" in item else skus.get(item.get("order_product_id", 0), "")
        count, before = amount(item.get("quantity")), counts.get(sku, 0)
        counts[sku] = None if count is None or before is None else before + int(count)
    return counts


def _taken(body: Body) -> RecordError:
    return RecordError(
        f"Another shipment of order {body.named['order_id']} has the reference {body.named[REFERENCE]}.",
        code="reference-taken",
        remedy="Give each shipment of an order a reference of its own, with all its items in one record.",
        field=REFERENCE,
        error_class=ErrorClass.DUPLICATE,
    )


def _no_line(item: Mapping[str, Any]) -> RecordError:
    if "order_product_id" in item:
        what = f"no line {item['order_product_id']} that goes to this address"
    else:
        what = f"no line with the SKU {item.get('sku')}"
    return RecordError(
        f"The order has {what}.",
        code="not-there",
        remedy="Check the SKUs of the shipment's items, or map order_product_id.",
        field="items",
        error_class=ErrorClass.DEPENDENT_MISSING,
    )


def _folded(text: object) -> str:
    return str(text or "").strip().casefold()
