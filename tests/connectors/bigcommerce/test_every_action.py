"""Every action of every schema, against the sandbox, held to the store's OpenAPI files where these are at hand."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from agent.connectors.bigcommerce.connector import BigCommerceConnector
from agent.connectors.bigcommerce.credentials import AccountKind
from agent.connectors.contract import ReadRequest, SentClause, WriteTarget
from agent.domain.app import ActionKind, Attribute, DataType
from agent.domain.packet import Batch, Value
from tests.connectors.bigcommerce.test_contract import FILES, PATHS, UNPUBLISHED, HeldStore
from tests.helpers.store_contract import contract

_ADDRESS: dict[str, object] = {
    "first_name": "Ann", "last_name": "New", "address1": "1 Mill Lane", "city": "York",
    "state_or_province": "Yorkshire", "postal_code": "YO1", "country_code": "GB",
}  # fmt: skip
_ADDRESS_V2: dict[str, object] = {
    "first_name": "Ann", "last_name": "New", "street_1": "1 Mill Lane", "city": "York", "state": "Yorkshire",
    "zip": "YO1", "country": "United Kingdom", "phone": "1",
}  # fmt: skip
_PERSON: dict[str, object] = {"email": "ann@new.example", "first_name": "Ann", "last_name": "New"}
_OAUTH, _LEGACY = list(AccountKind)
WRITES: Sequence[tuple[AccountKind, str, str, dict[str, object]]] = [
    (_OAUTH, "customers", "POST", {**_PERSON, "addresses": [_ADDRESS], "customer_group_id": 1}),
    (_OAUTH, "customers", "PUT", {"id": 3, "notes": "Calls often", "customer_group_id": 2}),
    (_OAUTH, "customer_addresses", "POST", {**_ADDRESS, "customer_id": 3}),
    (_OAUTH, "customer_addresses", "PUT", {"id": 5001, "city": "Leeds"}),
    (_OAUTH, "customer_groups", "POST", {"name": "Trade", "is_default": False}),
    (_OAUTH, "customer_groups", "PUT", {"name": "Staff", "is_group_for_guests": True}),
    (_OAUTH, "orders", "PUT", {"id": 7, "status_id": 11, "staff_notes": "Packed", "total_inc_tax": "10.50"}),
    (_OAUTH, "shipments", "POST", {"order_id": 8, "tracking_number": "T-8", "shipping_method": "Van"}),
    (_OAUTH, "products", "POST", {"name": "Cup", "sku": "CUP", "type": "physical", "weight": "0.3", "price": "2.50"}),
    (_OAUTH, "products", "PUT", {"sku": "SKU-000003", "price": "19.95", "name": "Renamed", "inventory_level": 4}),
    (_OAUTH, "variants", "PUT", {"sku": "SKU-000005", "price": "5.25", "inventory_level": 3}),
    (_OAUTH, "inventory", "PUT", {"sku": "SKU-000001", "location_id": 1, "inventory_level": 9}),
    (_OAUTH, "brands", "POST", {"name": "Oak"}),
    (_OAUTH, "brands", "PUT", {"name": "Brand 2", "page_title": "Two"}),
    (_OAUTH, "categories", "POST", {"name": "Cups", "parent_id": 20, "is_visible": True}),
    (_OAUTH, "categories", "PUT", {"id": 21, "sort_order": 4}),
    (_OAUTH, "webhooks", "POST", {"scope": "store/order/created", "destination": "https://agent.example/hook"}),
    (_OAUTH, "webhooks", "PUT", {"id": 1, "is_active": True}),
    (_OAUTH, "webhooks", "DELETE", {"id": 1}),
    (_LEGACY, "customers", "POST", _PERSON),
    (_LEGACY, "customers", "PUT", {"id": 3, "notes": "Calls often", "store_credit": "5.00"}),
    (_LEGACY, "customer_addresses", "POST", {**_ADDRESS_V2, "customer_id": 3}),
    (_LEGACY, "customer_addresses", "PUT", {**_ADDRESS_V2, "customer_id": 50, "id": 5001, "city": "Leeds"}),
    (_LEGACY, "customer_groups", "POST", {"name": "Trade"}),
    (_LEGACY, "customer_groups", "PUT", {"id": 2, "name": "Bulk"}),
    (_LEGACY, "orders", "PUT", {"id": 7, "status_id": 2}),
    (_LEGACY, "shipments", "POST", {"order_id": 8, "tracking_number": "T-8"}),
    (_LEGACY, "products", "PUT", {"sku": "SKU-000003", "price": "19.95", "inventory_level": 4}),
]


@pytest.fixture(scope="module")
def stores() -> dict[AccountKind, HeldStore]:
    """A store for each kind of account, changed by one test after the other."""
    found = {kind: HeldStore(contract(FILES[kind])) for kind in AccountKind}
    found[_OAUTH].store.hooks.add("store/order/updated", "https://agent.example/hook", {}, is_active=False)
    return found


def batch(record: dict[str, object]) -> Batch:
    """One record, its collections as rows."""
    attributes: list[Attribute] = []
    row: list[Value] = []
    for name, value in record.items():
        if isinstance(value, list):
            members = tuple(Attribute(member) for member in value[0])
            attributes.append(Attribute(name, DataType.COLLECTION, members=members))
            row.append([tuple(one.values()) for one in value])
        else:
            assert isinstance(value, str | int)
            attributes.append(Attribute(name))
            row.append(value)
    return Batch(tuple(attributes), ["r1"], [tuple(row)])


@pytest.mark.parametrize(("kind", "schema", "action", "record"), WRITES)
async def test_an_action_that_writes(
    kind: AccountKind, schema: str, action: str, record: dict[str, object], stores: dict[AccountKind, HeldStore]
) -> None:
    held = stores[kind]
    held.strict = schema not in UNPUBLISHED
    target, rows = WriteTarget(schema, action, {}, "ledger"), batch(record)

    async with held.connection(PATHS[kind]) as connection:
        before = await connection.present(target, rows)
        report = await connection.write(target, rows, lambda _: b"")
        found = await connection.look_up(target, rows)
        after = await connection.present(target, rows)

    assert report.failures == {}
    assert report.destination_ids[0] != ""
    assert list(found.written) == [0]
    if action == "PUT":
        assert after.rows == list(rows.rows) != before.rows
        assert after.failures == {}
    if action == "POST" and schema == "customers" and kind is _OAUTH:
        assert after.failures[0].code == "exists-already"


def test_no_action_is_left_out() -> None:
    connector = BigCommerceConnector()
    for kind in AccountKind:
        values = {"api_path": f"https://x.example{PATHS[kind]}"} if kind is _LEGACY else None
        offered = {
            (kind, name, action.name)
            for name in (schema.name for schema in connector.app.schemas)
            if (schema := connector.schema(name, values)) is not None
            for action in schema.actions
            if action.kind is ActionKind.WRITE
        }
        assert offered == {(one, schema, action) for one, schema, action, _ in WRITES if one is kind}


@pytest.mark.parametrize("kind", list(AccountKind))
async def test_every_schema_can_be_read(kind: AccountKind) -> None:
    held = HeldStore(contract(FILES[kind]))
    connector = BigCommerceConnector()
    values = {"api_path": f"https://x.example{PATHS[kind]}"} if kind is _LEGACY else None
    counts: dict[str, int] = {}
    for name in (schema.name for schema in connector.app.schemas):
        schema = connector.schema(name, values)
        if schema is None or schema.action("GET") is None:
            continue
        held.strict = name not in UNPUBLISHED
        async with held.connection(PATHS[kind]) as connection:
            request = ReadRequest(name, "GET", (), {}, None, None, 500)
            packets = [packet async for packet in connection.read(request)]
        counts[name] = sum(map(len, packets))
        ids = [one for packet in packets for one in packet.source_ids]
        assert len(set(ids)) == len(ids)
        assert packets[-1].bookmark is not None
        documents = [json.loads(one) for packet in packets for one in packet.documents]
        assert [str(one["id"]) for one in documents] == ids
    customers, products = 300, 120
    expected = {"customers": customers, "customer_groups": 3, "orders": 1_100, "products": products}
    expected["customer_addresses"] = sum(held.store.customers.address_count(one) for one in range(1, 301))
    if kind is _OAUTH:
        expected |= {"variants": 168, "inventory": 144, "locations": 1, "brands": 7, "categories": 6, "webhooks": 0}
    assert counts == expected


async def test_orders_come_with_what_is_asked_for() -> None:
    held = HeldStore(contract(FILES[_OAUTH]))
    parts = "coupons, taxes, shipments, messages, transactions, refunds"
    clauses = [SentClause("max_id", "=", "60")]
    request = ReadRequest("orders", "GET", clauses, {"with": parts}, None, None, 500)

    async with held.connection(PATHS[_OAUTH]) as connection:
        packets = [packet async for packet in connection.read(request)]

    orders = [json.loads(one) for packet in packets for one in packet.documents]
    assert len(orders) == 60
    for order in orders:
        assert all(isinstance(order[part.strip()], list) for part in parts.split(","))
        assert [one["order_id"] for one in order["refunds"]] == ([order["id"]] if order["status_id"] in (4, 14) else [])
        assert len(order["messages"]) == (order["id"] % 5 == 0)
    assert any(order["transactions"] for order in orders)
    # One for the orders, one for the time, one each for 40 orders' refunds, and five for each order.
    assert sum(held.seen.values()) == 1 + 1 + 2 + 60 * 5


async def test_legacy_orders_come_without_transactions() -> None:
    held = HeldStore(contract(FILES[_LEGACY]))
    request = ReadRequest("orders", "GET", [SentClause("max_id", "=", "9")], {"with": "coupons"}, None, None, 500)
    async with held.connection(PATHS[_LEGACY]) as connection:
        assert sum([len(packet) async for packet in connection.read(request)]) == 9
