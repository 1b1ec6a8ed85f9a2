"""What people buy: a fixed set of baskets per seed, encoded once, with a mark where the number of the order goes.

An order takes one of them, so that writing an order is copying bytes. The id of a line is the order's number with
two digits after it.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from agent.sandbox import money
from agent.sandbox.catalogue import Product, product
from agent.sandbox.dice import roll

ORDER_MARK = b"\x01"
BASKETS = 256
MOST_INCLUDED_LINES = 50


@dataclass(frozen=True, slots=True)
class Line:
    """One product in a basket."""

    net_cents: int
    quantity: int
    encoded: bytes


@dataclass(frozen=True, slots=True)
class Basket:
    """The lines of an order and their sums. Amounts are in cents."""

    lines: tuple[Line, ...]
    digital: bool
    shipping: int
    fee: int
    coupon: int

    @property
    def quantity(self) -> int:
        """How many pieces."""
        return sum(line.quantity for line in self.lines)

    @property
    def subtotal(self) -> int:
        """The lines without tax."""
        return sum(line.net_cents * line.quantity for line in self.lines)

    @property
    def total_tax(self) -> int:
        """The tax on lines, shipping and fee."""
        return sum(money.tax(line.net_cents) * line.quantity for line in self.lines) + money.tax(
            self.shipping + self.fee
        )

    @property
    def total(self) -> int:
        """What is to be paid."""
        return self.subtotal + self.shipping + self.fee + self.total_tax - self.coupon


def baskets(seed: int, product_count: int) -> tuple[Basket, ...]:
    """All baskets of a store."""
    return tuple(_basket(seed, number, product_count, lines=None) for number in range(BASKETS))


def long_basket(seed: int, product_count: int, lines: int) -> Basket:
    """The basket of somebody who buys for a whole office."""
    return _basket(seed, BASKETS, product_count, lines=lines)


def _basket(seed: int, number: int, product_count: int, *, lines: int | None) -> Basket:
    chance = roll(seed, "basket", number)
    digital = lines is None and number % 16 == 5 and product_count >= 7
    count = lines or chance % 5 + 1
    made = []
    for place in range(count):
        wanted = roll(seed, "basket/line", number * 100 + place)
        made.append(_line(seed, place, _wanted_product(seed, wanted, product_count, digital=digital), wanted))
    return Basket(
        lines=tuple(made),
        digital=digital,
        shipping=0 if digital else 495 + chance % 7 * 100,
        fee=150 if chance % 8 == 3 else 0,
        coupon=100 if chance % 8 == 6 else 0,
    )


def _wanted_product(seed: int, wanted: int, product_count: int, *, digital: bool) -> Product | None:
    """None is a custom item, which no catalogue knows."""
    if product_count == 0 or (not digital and wanted % 40 == 0):
        return None
    if not digital:
        return product(seed, wanted % product_count + 1)
    eighth = wanted % ((product_count + 1) // 8 or 1)
    one = product(seed, 8 * eighth + 7)
    return one if one.type == "digital" else product(seed, 7)


def _line(seed: int, place: int, bought: Product | None, wanted: int) -> Line:
    quantity = 1 if bought is not None and bought.type == "digital" else (wanted >> 8) % 4 + 1
    net = bought.cents if bought is not None else 2_500
    tax = money.tax(net)
    variant = 0 if bought is None else bought.variant_ids[(wanted >> 12) % len(bought.variant_ids)]
    name = "Custom engraving" if bought is None else bought.name
    sku = "" if bought is None else bought.variant_sku(variant)
    options = []
    if bought is not None and bought.has_options:
        options.append(_option(place, bought, variant))
    cents = money.text
    line = {
        "id": 0,
        "order_id": 0,
        "product_id": 0 if bought is None else bought.id,
        "variant_id": variant,
        "order_pickup_method_id": 0,
        "order_address_id": 0,
        "name": name,
        "name_customer": name,
        "name_merchant": name,
        "sku": sku,
        "upc": "",
        "type": "physical" if bought is None else bought.type,
        "base_price": cents(net),
        "price_ex_tax": cents(net),
        "price_inc_tax": cents(net + tax),
        "price_tax": cents(tax),
        "base_total": cents(net * quantity),
        "total_ex_tax": cents(net * quantity),
        "total_inc_tax": cents((net + tax) * quantity),
        "total_tax": cents(tax * quantity),
        "discounted_total_inc_tax": cents((net + tax) * quantity),
        "weight": "0.0000" if bought is None else f"{bought.weight:.4f}",
        "width": "0.0000",
        "height": "0.0000",
        "depth": "0.0000",
        "quantity": quantity,
        "base_cost_price": "0.0000",
        "cost_price_inc_tax": "0.0000",
        "cost_price_ex_tax": "0.0000",
        "cost_price_tax": "0.0000",
        "is_refunded": False,
        "quantity_refunded": 0,
        "refund_amount": "0.0000",
        "return_id": 0,
        "wrapping_id": 0,
        "wrapping_name": "",
        "base_wrapping_cost": "0.0000",
        "wrapping_cost_ex_tax": "0.0000",
        "wrapping_cost_inc_tax": "0.0000",
        "wrapping_cost_tax": "0.0000",
        "wrapping_message": "",
        "quantity_shipped": 0,
        "event_name": None,
        "event_date": None,
        "fixed_shipping_cost": "0.0000",
        "option_set_id": bought.id if bought is not None and bought.has_options else None,
        "parent_order_product_id": None,
        "is_bundled_product": False,
        "bin_picking_number": f"B{wanted % 90:02}",
        "external_id": None,
        "brand": "",
        "gift_certificate_id": None,
        "applied_discounts": [],
        "product_options": options,
        "configurable_fields": [],
    }
    encoded = msgspec.json.encode(line)
    # The first four values of a line depend on the order: they go to the front of the text, where they are replaced.
    encoded = encoded.replace(b'"id":0,"order_id":0,', b'"id":\x01%02d,"order_id":\x01,' % (place + 1), 1)
    if bought is None or bought.type == "physical":
        encoded = encoded.replace(b'"order_address_id":0,', b'"order_address_id":\x01,', 1)
    encoded = encoded.replace(b'"order_product_id":0,', b'"order_product_id":\x01%02d,' % (place + 1))
    return Line(net_cents=net, quantity=quantity, encoded=encoded)


def _option(place: int, bought: Product, variant: int) -> dict[str, object]:
    size = bought.size(variant)
    return {
        "id": variant * 100 + place,
        "option_id": bought.id,
        "order_product_id": 0,
        "product_option_id": bought.id,
        "display_name": "Size",
        "display_name_customer": "Size",
        "display_name_merchant": "Size",
        "display_value": size,
        "display_value_customer": size,
        "display_value_merchant": size,
        "value": str(variant),
        "type": "Multiple choice",
        "name": f"Size{bought.id}",
        "display_style": "Rectangle",
    }
