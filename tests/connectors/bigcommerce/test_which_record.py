"""Which records are meant: none is changed by guess, and none is passed over because of how it is written."""

from __future__ import annotations

import json
from collections.abc import Mapping

import httpx
import pytest

from agent.connectors.bigcommerce.abilities import needed
from agent.connectors.bigcommerce.credentials import AccountKind
from agent.connectors.bigcommerce.filters import parameters
from agent.connectors.contract import Present, SentClause, Use, WriteTarget
from agent.domain.app import Attribute
from agent.domain.errors import ConfigurationError
from agent.domain.packet import Batch, Value, WriteReport
from tests.helpers.fake_store import FakeStore

Record = Mapping[str, Value]


def batch(*records: Record) -> Batch:
    names = list(dict.fromkeys(name for record in records for name in record))
    rows = [tuple(record.get(name) for name in names) for record in records]
    return Batch(tuple(Attribute(name) for name in names), [str(row) for row in range(len(rows))], rows)


class Kept:
    """A list of a V3 resource that takes PUTs, whatever is asked of it."""

    def __init__(self, *records: dict[str, object]) -> None:
        self.records = list(records)
        self.store = FakeStore()
        self.store.disturb = self.answer
        self.put: list[dict[str, object]] = []

    def answer(self, _: int, request: httpx.Request) -> httpx.Response | None:
        if "/v3/inventory" in request.url.path:
            return None
        if request.method == "GET":
            return httpx.Response(200, json={"data": self.records})
        body = json.loads(request.content)
        self.put += body if isinstance(body, list) else [body]
        return httpx.Response(200, json={"data": body})


async def write(kept: Kept, schema: str, *records: Record) -> WriteReport:
    async with kept.store.connection() as one:
        return await one.write(WriteTarget(schema, "PUT", {}, "ledger"), batch(*records), lambda _: b"")


async def test_of_two_customers_with_one_email_none_is_changed_by_guess() -> None:
    kept = Kept({"id": 1, "email": "a@x.example"}, {"id": 2, "email": "A@x.example"}, {"id": 3, "email": "b@x.example"})

    async def present() -> Present:
        async with kept.store.connection() as one:
            return await one.present(WriteTarget("customers", "PUT", {}, "ledger"), rows)

    rows = batch({"email": "a@x.example", "notes": "n"}, {"email": "b@x.example", "notes": "n"})
    report = await kept.store.clock.run(
        write(kept, "customers", *({"email": one[0], "notes": "n"} for one in rows.rows))
    )
    preview = await kept.store.clock.run(present())

    assert [one["id"] for one in kept.put] == [3]
    assert list(report.failures) == list(preview.failures) == [0]
    assert "1, 2" in report.failures[0].message
    assert "Map id" in report.failures[0].remedy


async def test_a_product_whose_sku_has_a_comma_is_found() -> None:
    kept = Kept({"id": 7, "sku": "A,B"})

    report = await kept.store.clock.run(write(kept, "products", {"sku": "A,B", "price": "2"}))

    assert report.destination_ids == ["7"]
    assert [pair for _, _, query in kept.store.requests for pair in query.items() if "sku" in pair[0]] == [
        ("sku", "A,B")
    ]


async def test_a_record_that_tells_no_name_is_not_the_one_that_is_called_none() -> None:
    kept = Kept({"id": 7, "name": None}, {"id": 8})

    report = await kept.store.clock.run(write(kept, "brands", {"name": "None", "page_title": "x"}))

    assert kept.put == []
    assert report.failures[0].code == "not-there"


async def test_stock_of_variants_changes_nothing_else_of_them() -> None:
    kept = Kept()
    kept.store.stock["x"] = 0
    sent: list[dict[str, object]] = []

    def answer(number: int, request: httpx.Request) -> httpx.Response | None:
        if request.url.path.endswith("absolute"):
            sent.extend(json.loads(request.content)["items"])
            return httpx.Response(200, json={"transaction_id": "t"})
        return kept.answer(number, request)

    kept.store.disturb = answer

    report = await kept.store.clock.run(write(kept, "variants", {"id": 5, "inventory_level": 3}))

    assert kept.put == []
    assert sent == [{"location_id": 1, "variant_id": 5, "quantity": 3}]
    assert report.destination_ids == ["5"]


async def test_that_a_product_was_saved_without_its_stock_is_said() -> None:
    kept = Kept()

    def answer(number: int, request: httpx.Request) -> httpx.Response | None:
        if request.url.path.endswith("absolute"):
            return httpx.Response(422, json={"status": 422, "title": "Item is not tracked", "errors": {}})
        return kept.answer(number, request)

    kept.store.disturb = answer

    report = await kept.store.clock.run(write(kept, "products", {"id": 5, "price": "2", "inventory_level": 3}))

    assert report.failures[0].message.startswith("All but the stock was saved. BigCommerce refused the stock")


@pytest.mark.parametrize("name", ["addresses", "attributes"])
async def test_what_of_customers_is_not_changed_with_them_leads_to_where_it_is(name: str) -> None:
    kept = Kept()

    with pytest.raises(ConfigurationError) as raised:
        await kept.store.clock.run(write(kept, "customers", {"id": 1, name: "[]"}))

    assert raised.value.field == name
    if name == "addresses":
        assert "customer_addresses PUT" in raised.value.remedy


@pytest.mark.parametrize(
    ("options", "attributes", "asked"),
    [
        ({}, {"sku", "inventory_level"}, True),
        ({"location_id": "2"}, {"sku", "inventory_level"}, False),
        ({}, {"sku", "inventory_level", "location_id"}, False),
    ],
)
@pytest.mark.parametrize("schema", ["inventory", "products", "variants"])
def test_the_default_location_needs_a_permission(
    schema: str, options: dict[str, str], attributes: set[str], *, asked: bool
) -> None:
    found = needed(Use(schema, "PUT", options, frozenset(attributes)))

    assert ("Store Locations: read-only" in {one.permission for one in found}) is asked
    assert "Store Inventory: modify" in {one.permission for one in found}


@pytest.mark.parametrize("key", ["date_modified:min", "date_modified:max", "date_last_imported:min"])
def test_a_day_of_products_begins_at_midnight(key: str) -> None:
    """The store would put the present time of day behind a date that has none."""
    query, _ = parameters([SentClause(key, "=", "2026-01-31")], schema="products", action="GET", kind=AccountKind.OAUTH)

    assert query == [(key, "2026-01-31T00:00:00Z")]


@pytest.mark.parametrize(
    ("schema", "key", "operator", "value"),
    [("orders", "customer_id", "=", ""), ("orders", "status_id", "=", " "), ("customers", "id", "in", "")],
)
def test_a_filter_without_a_value_does_not_select_everything(schema: str, key: str, operator: str, value: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        parameters([SentClause(key, operator, value)], schema=schema, action="GET", kind=AccountKind.OAUTH)

    assert raised.value.code == "filter-value"
