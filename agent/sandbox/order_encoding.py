"""Orders as V2 JSON. A page is one join of prepared pieces: names, sums and lines are encoded once and copied after."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from zlib import crc32

import msgspec

from agent.sandbox import order_pieces
from agent.sandbox.baskets import ORDER_MARK, Basket
from agent.sandbox.moments import rfc2822
from agent.sandbox.order_pieces import EMAIL_END, FORM_FIELDS
from agent.sandbox.orders import PAYMENT_METHODS, Orders
from agent.sandbox.statuses import COMPLETED, FREQUENT, SHIPPED, STATUS_NAMES

_BEFORE_ADDRESS = order_pieces.constants() + b'"billing_address":{'
_AFTER_EMAIL = EMAIL_END + FORM_FIELDS
_LINKED = ("products", "shippingaddresses", "coupons")


@dataclass(frozen=True, slots=True)
class _BasketPieces:
    """A basket, ready to be copied into an order."""

    digital: bool
    sums: bytes
    shipped: bytes
    lines: bytes
    costs: bytes
    fees: bytes
    coupons: bytes


class OrderEncoder:
    """Writes orders for one kind of account: the links in them differ."""

    def __init__(self, orders: Orders, *, link_base: str, link_suffix: str) -> None:
        self._orders = orders
        self._name = link_base
        products, addresses, coupons = (order_pieces.link(link_base, link_suffix, name) for name in _LINKED)
        self._links = (
            b'},"products":' + products + b',"shipping_addresses":' + addresses + b',"coupons":' + coupons
            + b',"consignments":'
        )  # fmt: skip
        self._products_link = b'"line_items":[' + products + b"]"
        self._consignments_link = order_pieces.link(link_base, link_suffix, "consignments")
        self._fees_link = order_pieces.link(link_base, link_suffix, "fees")
        self._only_links = self._links + self._consignments_link + b',"fees":' + self._fees_link + b"}"
        self._quotes_link = order_pieces.link(link_base, link_suffix, "shippingaddresses/\x01/shippingquotes")
        self._statuses = {status_id: b'",' + order_pieces.status(status_id) for status_id in STATUS_NAMES}
        self._payments = tuple(order_pieces.payment(PAYMENT_METHODS[number & 3], number) for number in range(64))
        self._people = tuple(order_pieces.address(person) for person in orders.people)
        self._baskets = {
            id(basket): self._basket_pieces(basket) for basket in (*orders.baskets, orders.long_basket)
        }  # fmt: skip

    def page(self, ids: Iterable[int], include: frozenset[str]) -> bytes:
        """A JSON array of orders."""
        pieces: list[bytes] = []
        for number in ids:
            pieces.append(b",{")
            self._write(number, include, pieces)
        if not pieces:
            return b"[]"
        pieces[0] = b"[{"
        pieces.append(b"]")
        return b"".join(pieces)

    def one(self, number: int, include: frozenset[str]) -> bytes:
        """One order."""
        pieces = [b"{"]
        self._write(number, include, pieces)
        return b"".join(pieces)

    def lines(self, number: int) -> list[bytes]:
        """The lines of an order, each encoded."""
        digits = b"%d" % number
        return [line.encoded.replace(ORDER_MARK, digits) for line in self._orders.facts(number).basket.lines]

    def shipping_addresses(self, number: int) -> list[bytes]:
        """Where an order goes to, encoded; nowhere if it is digital."""
        facts = self._orders.facts(number)
        if facts.basket.digital:
            return []
        tag = f"c{facts.customer_id}" if facts.customer_id else f"g{number}"
        person = self._orders.people[facts.person]
        piece = order_pieces.shipping_address(person, facts.basket, tag, self._quotes_link)
        return [piece.replace(ORDER_MARK, b"%d" % number)]

    def coupons(self, number: int) -> list[bytes]:
        """The coupons of an order, each encoded."""
        piece = self._baskets[id(self._orders.facts(number).basket)].coupons
        return [piece.replace(ORDER_MARK, b"%d" % number)] if piece else []

    def fees(self, number: int) -> bytes:
        """The fees of an order, as an array."""
        return self._baskets[id(self._orders.facts(number).basket)].fees.replace(ORDER_MARK, b"%d" % number)

    def _write(self, number: int, include: frozenset[str], pieces: list[bytes]) -> None:
        orders = self._orders
        digits = b"%d" % number
        chance = crc32(digits, orders.order_seed)
        basket = self._baskets[id(orders.basket_of(number, chance))]
        customer_id = orders.customer_of(chance)
        customer = b"%d" % customer_id
        address = self._people[orders.person_of(number, customer_id)]
        tag = b"c" + customer if customer_id else b"g" + digits
        change = orders.timeline.changes.get(number)
        body = None if change is None else change.bodies.get(self._name)
        if body is not None:
            pieces.append(body)
        else:
            if change is None:
                status_id = FREQUENT[chance & 63]
                created, modified = orders.timeline.base_dates(number)
            else:
                status_id = orders.facts(number).status_id
                created, modified = change.created, change.modified
            changed = rfc2822(modified)
            shipped = status_id in (SHIPPED, COMPLETED)
            start = len(pieces)
            pieces += (
                b'"id":', digits,
                b',"customer_id":', customer,
                b',"date_created":"', rfc2822(created),
                b'","date_modified":"', changed,
                b'","date_shipped":"', changed if shipped else b"",
                b'","cart_id":"00000000-0000-4000-8000-', digits.zfill(12),
                self._statuses[status_id],
                basket.sums,
                basket.shipped if shipped else b"0,",
                self._payments[chance >> 6 & 63],
                _BEFORE_ADDRESS, address, tag, _AFTER_EMAIL,
            )  # fmt: skip
            if change is not None and change.values.keys() - {"status_id"}:
                change.bodies[self._name] = body = _with_values(b"".join(pieces[start:]) + b"}", change.values)
                pieces[start:] = [body]
        if not include:
            pieces.append(self._only_links.replace(ORDER_MARK, digits))
            return
        pieces.append(self._links.replace(ORDER_MARK, digits))
        self._write_consignments(digits, basket, (address, tag), include, pieces)
        fees = basket.fees if "fees" in include else self._fees_link
        pieces += (b',"fees":', fees.replace(ORDER_MARK, digits), b"}")

    def _write_consignments(
        self,
        digits: bytes,
        basket: _BasketPieces,
        address: tuple[bytes, bytes],
        include: frozenset[str],
        pieces: list[bytes],
    ) -> None:
        if "consignments.line_items" in include:
            lines = basket.lines.replace(ORDER_MARK, digits)
        elif "consignments" in include:
            lines = self._products_link.replace(ORDER_MARK, digits)
        else:
            pieces.append(self._consignments_link.replace(ORDER_MARK, digits))
            return
        start, tag = address
        if basket.digital:
            email = start[start.rindex(b'"email":') + 8 :]
            pieces += (
                b'{"pickups":[],"shipping":[],"downloads":[{"recipient_email":', email, tag, EMAIL_END, lines,
                b'}],"email":{"gift_certificates":[]}}',
            )  # fmt: skip
            return
        pieces += (
            b'{"pickups":[],"shipping":[{"id":', digits, b",", start, tag, _AFTER_EMAIL, b",",
            basket.costs.replace(ORDER_MARK, digits), lines,
            b'}],"downloads":[],"email":{"gift_certificates":[]}}',
        )  # fmt: skip

    def _basket_pieces(self, basket: Basket) -> _BasketPieces:
        return _BasketPieces(
            digital=basket.digital,
            sums=order_pieces.sums(basket) + b'"items_shipped":',
            shipped=b"%d," % basket.quantity,
            lines=order_pieces.included_lines(basket),
            costs=order_pieces.consignment_costs(basket, self._quotes_link),
            fees=order_pieces.fees(basket),
            coupons=order_pieces.coupons(basket),
        )


def _with_values(body: bytes, values: dict[str, object]) -> bytes:
    """The same order with some fields changed by hand."""
    order = msgspec.json.decode(b"{" + body + b"}", type=dict[str, object])
    order.update(values)
    address = order.pop("billing_address")
    order["billing_address"] = address  # last, since the caller goes on behind its members
    return msgspec.json.encode(order)[1:-2]
