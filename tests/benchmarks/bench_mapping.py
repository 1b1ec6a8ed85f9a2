"""How long mapping takes for each order: plain paths alone, with one expression that joins two names, and with
functions and a lookup.

Run it: `.venv/bin/python -m tests.benchmarks.bench_mapping [orders]`.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable
from dataclasses import replace

from agent.domain.app import DataType
from agent.domain.packet import Packet
from agent.domain.processflow import AttributeMapping, MapperNode
from agent.engine.expressions.vocabulary import Definition, Lookup, Vocabulary
from agent.engine.mapping.mapper import Mapper

_PACKET = 1_250  # as the SQL connector takes them

_PLAIN = (
    AttributeMapping("id", "id", DataType.INTEGER, key=True),
    AttributeMapping("customer_id", "customer_id", DataType.INTEGER),
    AttributeMapping("status_id", "status_id", DataType.INTEGER),
    AttributeMapping("status", "status", DataType.TEXT),
    AttributeMapping("created", "date_created", DataType.DATETIME),
    AttributeMapping("modified", "date_modified", DataType.DATETIME),
    AttributeMapping("shipped", "date_shipped", DataType.DATETIME),
    AttributeMapping("subtotal", "subtotal_inc_tax", DataType.DECIMAL),
    AttributeMapping("shipping", "shipping_cost_inc_tax", DataType.DECIMAL),
    AttributeMapping("tax", "total_tax", DataType.DECIMAL),
    AttributeMapping("total", "total_inc_tax", DataType.DECIMAL),
    AttributeMapping("currency", "currency_code", DataType.TEXT),
    AttributeMapping("payment_method", "payment_method", DataType.TEXT),
    AttributeMapping("payment_status", "payment_status", DataType.TEXT),
    AttributeMapping("items", "items_total", DataType.INTEGER),
    AttributeMapping("channel", "channel_id", DataType.INTEGER),
    AttributeMapping("deleted", "is_deleted", DataType.BOOLEAN),
    AttributeMapping("email", "billing_address.email", DataType.TEXT, required=True),
    AttributeMapping("city", "billing_address.city", DataType.TEXT),
    AttributeMapping("country", "billing_address.country_iso2", DataType.TEXT),
)
_LINES = AttributeMapping(
    "lines",
    "consignments.shipping.line_items",
    DataType.COLLECTION,
    members=(
        AttributeMapping("id", "id", DataType.INTEGER, key=True),
        AttributeMapping("sku", "sku", DataType.TEXT),
        AttributeMapping("name", "name", DataType.TEXT),
        AttributeMapping("quantity", "quantity", DataType.INTEGER),
        AttributeMapping("price", "price_inc_tax", DataType.DECIMAL),
        AttributeMapping("total", "total_inc_tax", DataType.DECIMAL),
    ),
)
_ALL_LINES = replace(
    _LINES,
    further=(
        "consignments.pickups.line_items",
        "consignments.downloads.line_items",
        "consignments.email.gift_certificates.line_items",
    ),
)
_NAME = AttributeMapping("name", "billing_address.first_name & ' ' & billing_address.last_name", DataType.TEXT)


def order(number: int) -> bytes:
    """An order of about 2.4 KB, as the store gives it, with two lines."""
    lines = [
        {
            "id": number * 10 + line, "order_id": number, "product_id": 77 + line, "sku": f"SKU-{number % 900}-{line}",
            "name": "Canvas tote bag", "type": "physical", "base_price": "12.5000", "price_inc_tax": "15.1300",
            "total_inc_tax": "30.2600", "quantity": 2, "weight": "0.2000", "applied_discounts": [],
            "product_options": [{"id": 1, "display_name": "Colour", "display_value": "Sand", "type": "Swatch"}],
        }
        for line in range(2)
    ]  # fmt: skip
    return json.dumps({
        "id": number, "customer_id": number % 5000, "date_created": "Wed, 10 Jan 2018 21:05:30 +0000",
        "date_modified": f"Thu, {number % 27 + 1:02} Feb 2025 {number % 24:02}:05:{number % 60:02} +0000",
        "date_shipped": "", "status_id": 11, "status": "Awaiting Fulfillment", "custom_status": "Awaiting Fulfillment",
        "subtotal_ex_tax": "25.0000", "subtotal_inc_tax": "30.2600", "subtotal_tax": "5.2600",
        "base_shipping_cost": "4.9000", "shipping_cost_ex_tax": "4.0500", "shipping_cost_inc_tax": "4.9000",
        "shipping_cost_tax": "0.8500", "handling_cost_ex_tax": "0.0000", "handling_cost_inc_tax": "0.0000",
        "total_ex_tax": "29.0500", "total_inc_tax": f"{number % 977}.1600", "total_tax": "6.1100", "items_total": 4,
        "items_shipped": 0, "payment_method": "Credit Card", "payment_provider_id": "ch_3Q", "payment_status": "paid",
        "refunded_amount": "0.0000", "order_is_digital": False, "store_credit_amount": "0.0000",
        "ip_address": "203.0.113.7", "geoip_country": "Germany", "geoip_country_iso2": "DE", "currency_id": 1,
        "currency_code": "EUR", "currency_exchange_rate": "1.0000000000", "default_currency_code": "EUR",
        "staff_notes": "", "customer_message": "Please ring twice.", "discount_amount": "0.0000",
        "coupon_discount": "0.0000", "shipping_address_count": 1, "is_deleted": False, "channel_id": 1,
        "billing_address": {
            "first_name": "Greta", "last_name": "Lindqvist", "company": "", "street_1": "Hauptstraße 7",
            "street_2": "", "city": "Hamburg", "state": "Hamburg", "zip": "20095", "country": "Germany",
            "country_iso2": "DE", "phone": "+49 40 5550 0199", "email": f"greta{number}@example.com", "form_fields": [],
        },
        "products": {"url": f"https://api.bigcommerce.com/stores/abc/v2/orders/{number}/products", "resource": "/p"},
        "consignments": {
            "pickups": [], "downloads": [],
            "shipping": [{"id": number, "city": "Hamburg", "shipping_method": "Parcel", "line_items": lines}],
            "email": {"gift_certificates": []},
        },
    }).encode()  # fmt: skip


_UPPER = AttributeMapping("city_upper", "$uppercase(billing_address.city)", DataType.TEXT)
_GENERIC = AttributeMapping("city_title", "$titleCase(billing_address.city)", DataType.TEXT)
_DATE = AttributeMapping("day", '$formatDate(date_created, "dd.MM.yyyy", "Europe/Berlin")', DataType.TEXT)
_LOOKED_UP = AttributeMapping("customer", '$lookupValue("customer", customer_id)', DataType.TEXT)
_LIBRARY = AttributeMapping("net", "$net($number(total_inc_tax))", DataType.DECIMAL)
_VOCABULARY = Vocabulary(
    {"net": Definition("net", ("gross",), "$round($gross / 1.19, 2)")},
    {"customer": Lookup("customers", {str(number): f"C{number:06}" for number in range(100_000)})},
)


def measure(name: str, mappings: Iterable[AttributeMapping], packets: list[Packet]) -> None:
    """Map all packets, three times over, and print how long one order took in the best round."""
    mapper = Mapper(MapperNode("map-orders", tuple(mappings)), _VOCABULARY)
    mapper.map_packet(packets[0])
    seconds = float("inf")
    for _ in range(3):
        spent = 0.0
        for packet in packets:
            fetched = _just_fetched(packet)
            begin = time.perf_counter()
            mapped = mapper.map_packet(fetched)
            spent += time.perf_counter() - begin
            assert not mapped.failures
        seconds = min(seconds, spent)
    orders = sum(len(packet) for packet in packets)
    print(f"{name:48} {seconds / orders * 1e6:6.2f} µs per order   {orders / seconds:10,.0f} orders/s")  # noqa: T201 - what it has measured


def _just_fetched(packet: Packet) -> Packet:
    """The packet in new memory, as a connector has just put it there."""
    return Packet(packet.source_ids, [bytes(bytearray(document)) for document in packet.documents], {})


def main() -> None:
    """Measure."""
    orders = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    packets = []
    for start in range(0, orders, _PACKET):
        numbers = range(start, min(start + _PACKET, orders))
        packets.append(Packet([str(number) for number in numbers], [order(number) for number in numbers], {}))
    print(f"{orders:,} orders of {len(packets[0].documents[0]):,} bytes")  # noqa: T201 - what it has measured
    measure("20 plain attributes", _PLAIN, packets)
    measure("20 plain attributes + 2 lines of 6", (*_PLAIN, _LINES), packets)
    measure("the same, lines from four places", (*_PLAIN, _ALL_LINES), packets)
    measure("the same + one expression", (*_PLAIN, _ALL_LINES, _NAME), packets)
    measure("20 plain attributes + $uppercase", (*_PLAIN, _UPPER), packets)
    measure("20 plain attributes + $titleCase", (*_PLAIN, _GENERIC), packets)
    measure("20 plain attributes + $formatDate", (*_PLAIN, _DATE), packets)
    measure("20 plain attributes + a lookup of 100,000 rows", (*_PLAIN, _LOOKED_UP), packets)
    measure("20 plain attributes + a library function", (*_PLAIN, _LIBRARY), packets)


if __name__ == "__main__":
    main()
