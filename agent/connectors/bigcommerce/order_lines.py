"""Completes orders whose line items the store cut off: at most 50 of them come with an order.

Only those orders cost further requests. Everything but the line items stays as it was sent, to the letter.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from agent.connectors.bigcommerce.client import StoreClient
from agent.connectors.bigcommerce.records import MOST_RECORDS, decoded, split

_MOST_LINES = 50
_WARNING, _WARNING_BYTES = "__warning__", b"__warning__"
# The names of a line item's fields alone take a thousand bytes, so an order with fifty of them is longer than this.
_SHORTEST_CUT_BYTES = 10_000
_MOST_PAGES = 1_000

_Parts = dict[str, msgspec.Raw]


class _Lines(msgspec.Struct):
    line_items: list[msgspec.Raw] = []


class _Email(msgspec.Struct):
    gift_certificates: list[_Lines] = []


class _Consignments(msgspec.Struct):
    shipping: list[_Lines] = []
    pickups: list[_Lines] = []
    downloads: list[_Lines] = []
    email: _Email | list[msgspec.Raw] | None = None  # an empty object may come as an empty list


class _Order(msgspec.Struct):
    consignments: _Consignments


class _Line(msgspec.Struct, frozen=True):
    id: int
    order_address_id: int | None = None


_ORDER = msgspec.json.Decoder(_Order)
_LINE = msgspec.json.Decoder(_Line)
_PARTS = msgspec.json.Decoder(_Parts)
_LIST_OF_PARTS = msgspec.json.Decoder(list[_Parts])
_RAWS = msgspec.json.Decoder(list[msgspec.Raw])
_ID = msgspec.json.Decoder(int)


@dataclass(slots=True)
class _Consignment:
    """One consignment, opened, and the ids of the lines that came with it."""

    parts: _Parts
    known: set[int]
    cut: bool


def is_cut(document: bytes) -> bool:
    """Whether an order lacks line items."""
    if len(document) < _SHORTEST_CUT_BYTES:
        return False
    if _WARNING_BYTES in document:
        return True
    try:
        consignments = _ORDER.decode(document).consignments
    except msgspec.MsgspecError:
        return False
    groups = [*consignments.shipping, *consignments.pickups, *consignments.downloads]
    if isinstance(consignments.email, _Email):
        groups += consignments.email.gift_certificates
    return any(len(group.line_items) >= _MOST_LINES for group in groups)


async def completed(
    client: StoreClient, orders: Sequence[tuple[int, bytes]], *, places: asyncio.Semaphore
) -> list[bytes]:
    """The orders, each an id and a document, with all their line items; as many at once as there are places."""

    async def one(number: int, document: bytes) -> bytes:
        async with places:
            return with_lines(document, await _lines(client, number))

    tasks = [asyncio.ensure_future(one(number, document)) for number, document in orders]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def with_lines(document: bytes, lines: Sequence[msgspec.Raw]) -> bytes:
    """The order with these line items, each in the consignment that it belongs to."""
    order = decoded(_PARTS, document)
    consignments = decoded(_PARTS, order["consignments"])
    email = consignments.get("email", msgspec.Raw())
    by_email = decoded(_PARTS, email) if bytes(email).startswith(b"{") else {}
    opened = _all_opened(consignments, "shipping", "pickups", "downloads")
    certificates = _all_opened(by_email, "gift_certificates")
    _hand_out(lines, [one for group in (*opened.values(), *certificates.values()) for one in group])
    by_email.update(_closed(certificates))
    if certificates:
        consignments["email"] = msgspec.Raw(msgspec.json.encode(by_email))
    consignments.update(_closed(opened))
    consignments.pop(_WARNING, None)
    order["consignments"] = msgspec.Raw(msgspec.json.encode(consignments))
    return msgspec.json.encode(order)


def _all_opened(parts: _Parts, *names: str) -> dict[str, list[_Consignment]]:
    """The groups of consignments that there are, by name."""
    return {
        name: [_opened(one) for one in decoded(_LIST_OF_PARTS, parts[name])]
        for name in names
        if bytes(parts.get(name, b"")).startswith(b"[")
    }


def _closed(groups: dict[str, list[_Consignment]]) -> _Parts:
    return {name: msgspec.Raw(msgspec.json.encode([one.parts for one in group])) for name, group in groups.items()}


def _opened(parts: _Parts) -> _Consignment:
    listed = [raw for raw in decoded(_RAWS, parts.get("line_items", b"[]")) if _WARNING_BYTES not in bytes(raw)]
    cut = _WARNING in parts or len(listed) >= _MOST_LINES or _WARNING_BYTES in bytes(parts.get("line_items", b""))
    return _Consignment(parts, {decoded(_LINE, raw).id for raw in listed}, cut)


def _hand_out(lines: Sequence[msgspec.Raw], consignments: Sequence[_Consignment]) -> None:
    """Lines that came with a consignment stay there; the rest goes to the cut one they are addressed to."""
    cut = [consignment for consignment in consignments if consignment.cut] or list(consignments[:1])
    given: dict[int, list[msgspec.Raw]] = {id(consignment): [] for consignment in cut}
    settled: dict[int, _Consignment] = {number: one for one in consignments for number in one.known}
    addressed = {decoded(_ID, one.parts["id"]): one for one in cut if "id" in one.parts}
    for raw in lines:
        line = decoded(_LINE, raw)
        home = settled.get(line.id) or addressed.get(line.order_address_id or 0) or (cut[0] if cut else None)
        if home is not None and id(home) in given:
            given[id(home)].append(raw)
    for consignment in cut:
        consignment.parts.pop(_WARNING, None)
        consignment.parts["line_items"] = msgspec.Raw(msgspec.json.encode(given[id(consignment)]))


async def _lines(client: StoreClient, number: int) -> list[msgspec.Raw]:
    lines: list[msgspec.Raw] = []
    for page in range(1, _MOST_PAGES):
        answer = await client.get(
            client.v2(f"orders/{number}/products"), [("limit", str(MOST_RECORDS)), ("page", str(page))]
        )
        more = split(answer.content)
        lines += more
        if len(more) < MOST_RECORDS:
            break
    return lines
