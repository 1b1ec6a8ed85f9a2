"""The parts of an order's JSON that many orders share. ORDER_MARK stands where the order's number goes."""

from __future__ import annotations

import msgspec

from agent.sandbox import money
from agent.sandbox.baskets import MOST_INCLUDED_LINES, ORDER_MARK, Basket
from agent.sandbox.people import Person
from agent.sandbox.statuses import PAYMENT_STATUSES, STATUS_NAMES

_ZERO = "0.0000"
EMAIL_END = b'@shopper.example",'
FORM_FIELDS = b'"form_fields":[{"name":"Delivery note","value":"Leave with a neighbour"}]'


def members(values: dict[str, object]) -> bytes:
    """The members of a JSON object, without its braces."""
    return msgspec.json.encode(values)[1:-1]


def status(status_id: int) -> bytes:
    """The state, in its four fields."""
    name = STATUS_NAMES[status_id]
    payment = PAYMENT_STATUSES.get(status_id, "captured")
    values: dict[str, object] = {
        "status_id": status_id,
        "status": name,
        "custom_status": name,
        "payment_status": payment,
    }
    return members(values) + b","


def payment(method: str, number: int) -> bytes:
    """How it was paid, and from where."""
    values: dict[str, object] = {
        "payment_method": method,
        "payment_provider_id": "",
        "ip_address": f"203.0.113.{number + 1}",
        "ip_address_v6": "",
        "geoip_country": "United States",
        "geoip_country_iso2": "US",
    }
    return members(values) + b","


def sums(basket: Basket) -> bytes:
    """Every amount of an order."""
    subtotal_tax = sum(money.tax(line.net_cents) * line.quantity for line in basket.lines)
    shipping_tax = basket.total_tax - subtotal_tax
    values: dict[str, object] = {
        "subtotal_ex_tax": money.text(basket.subtotal),
        "subtotal_inc_tax": money.text(basket.subtotal + subtotal_tax),
        "subtotal_tax": money.text(subtotal_tax),
        "base_shipping_cost": money.text(basket.shipping),
        "shipping_cost_ex_tax": money.text(basket.shipping),
        "shipping_cost_inc_tax": money.text(basket.shipping + shipping_tax),
        "shipping_cost_tax": money.text(shipping_tax),
        "shipping_cost_tax_class_id": 2,
        "base_handling_cost": _ZERO,
        "handling_cost_ex_tax": _ZERO,
        "handling_cost_inc_tax": _ZERO,
        "handling_cost_tax": _ZERO,
        "handling_cost_tax_class_id": 2,
        "base_wrapping_cost": _ZERO,
        "wrapping_cost_ex_tax": _ZERO,
        "wrapping_cost_inc_tax": _ZERO,
        "wrapping_cost_tax": _ZERO,
        "wrapping_cost_tax_class_id": 3,
        "total_ex_tax": money.text(basket.total - basket.total_tax),
        "total_inc_tax": money.text(basket.total),
        "total_tax": money.text(basket.total_tax),
        "refunded_amount": _ZERO,
        "store_credit_amount": _ZERO,
        "gift_certificate_amount": _ZERO,
        "discount_amount": _ZERO,
        "coupon_discount": money.text(basket.coupon),
        "order_is_digital": basket.digital,
        "shipping_address_count": 0 if basket.digital else 1,
        "items_total": basket.quantity,
    }
    return members(values) + b","


def constants() -> bytes:
    """What is the same in every order of the store."""
    values: dict[str, object] = {
        "is_tax_inclusive_pricing": False,
        "currency_id": 1,
        "currency_code": "USD",
        "currency_exchange_rate": "1.0000000000",
        "default_currency_id": 1,
        "default_currency_code": "USD",
        "store_default_currency_code": "USD",
        "store_default_to_transactional_exchange_rate": "1.0000000000",
        "staff_notes": "",
        "customer_message": "",
        "is_deleted": False,
        "is_email_opt_in": False,
        "credit_card_type": None,
        "ebay_order_id": "0",
        "order_source": "www",
        "channel_id": 1,
        "external_source": None,
        "external_id": None,
        "external_merchant_id": None,
        "external_order_id": "",
        "tax_provider_id": "BasicTaxProvider",
        "customer_locale": "en",
    }
    return members(values) + b","


def address(person: Person) -> bytes:
    """A postal address as far as the middle of its e-mail address, which the order completes."""
    start, _ = person.email("\x01").split("\x01")
    values: dict[str, object] = {
        "first_name": person.first_name,
        "last_name": person.last_name,
        "company": person.company,
        "street_1": person.street_1,
        "street_2": person.street_2,
        "city": person.place.city,
        "state": person.place.state,
        "zip": person.place.zip,
        "country": person.place.country,
        "country_iso2": person.place.country_code,
        "phone": person.phone,
        "email": start,
    }
    return members(values)[:-1]


def link(base: str, suffix: str, name: str) -> bytes:
    """A link to a part of the order."""
    resource = f"/orders/\x01/{name}"
    encoded = msgspec.json.encode({"url": f"{base}{resource}{suffix}", "resource": resource})
    return encoded.replace(b"\\u0001", ORDER_MARK)


def included_lines(basket: Basket) -> bytes:
    """The lines inside a consignment: fifty at most, and a warning in place of the rest."""
    lines = b'"line_items":[' + b",".join(line.encoded for line in basket.lines[:MOST_INCLUDED_LINES]) + b"]"
    if len(basket.lines) <= MOST_INCLUDED_LINES:
        return lines
    warning = (
        f"Only {MOST_INCLUDED_LINES} of {len(basket.lines)} line items are shown here."
        " Read them all from the products of the order."
    )
    return lines + b"," + members({"__warning__": {"line_items": warning}})


def consignment_costs(basket: Basket, quotes_link: bytes) -> bytes:
    """What shipping costs, as numbers."""
    shipping_tax = money.tax(basket.shipping + basket.fee)
    values: dict[str, object] = {
        "items_total": basket.quantity,
        "items_shipped": 0,
        "shipping_method": "Flat Rate",
        "base_cost": money.number(basket.shipping),
        "cost_ex_tax": money.number(basket.shipping),
        "cost_inc_tax": money.number(basket.shipping + shipping_tax),
        "cost_tax": money.number(shipping_tax),
        "cost_tax_class_id": 2,
        "base_handling_cost": 0,
        "handling_cost_ex_tax": 0,
        "handling_cost_inc_tax": 0,
        "handling_cost_tax": 0,
        "handling_cost_tax_class_id": 2,
        "shipping_zone_id": 1,
        "shipping_zone_name": "Everywhere",
    }
    return members(values) + b',"shipping_quotes":' + quotes_link + b","


def fees(basket: Basket) -> bytes:
    """The fees of an order."""
    if not basket.fee:
        return b"[]"
    values = {
        "type": "custom_fee",
        "display_name_customer": "Gift box",
        "display_name_merchant": "Gift box",
        "source": "AA",
        "base_cost": money.text(basket.fee),
        "cost_ex_tax": money.text(basket.fee),
        "cost_inc_tax": money.text(basket.fee + money.tax(basket.fee)),
        "cost_tax": money.text(money.tax(basket.fee)),
        "tax_class_id": None,
    }
    return b'[{"id":' + ORDER_MARK + b"," + msgspec.json.encode(values)[1:] + b"]"


def coupons(basket: Basket) -> bytes:
    """The coupons of an order, or nothing."""
    if not basket.coupon:
        return b""
    values = {"coupon_id": 7, "code": "ONE-LESS", "amount": money.number(basket.coupon), "type": 2}
    discount = msgspec.json.encode({"discount": money.number(basket.coupon)})[1:]
    return (
        b'{"id":' + ORDER_MARK + b',"order_id":' + ORDER_MARK + b","
        + msgspec.json.encode(values)[1:-1] + b"," + discount
    )  # fmt: skip


def shipping_address(person: Person, basket: Basket, tag: str, quotes_link: bytes) -> bytes:
    """The address that an order goes to, as its own resource: amounts are strings here."""
    costs = msgspec.json.decode(b"{" + consignment_costs(basket, b"null")[:-1] + b"}", type=dict[str, object])
    del costs["shipping_quotes"]
    amounts = {
        name: f"{value:.4f}"
        if "cost" in name and isinstance(value, int | float) and not name.endswith("_id")
        else value
        for name, value in costs.items()
    }
    text = address(person) + tag.encode() + EMAIL_END + FORM_FIELDS + b"," + members(amounts)
    return (
        b'{"id":' + ORDER_MARK + b',"order_id":' + ORDER_MARK + b","
        + text + b',"shipping_quotes":' + quotes_link + b"}"
    )  # fmt: skip
