"""What a preview is told of a store's stock: what is there now, in few requests, and nothing but reads."""

from __future__ import annotations

import pytest

from agent.connectors.bigcommerce.connector import BigCommerceConnection
from agent.connectors.contract import Present, WriteTarget
from agent.domain.app import Attribute, DataType
from agent.domain.errors import ConfigurationError
from agent.domain.packet import Batch, Value
from tests.helpers.fake_store import LEGACY_PATH, FakeStore

SKU, LEVEL, NOTE = Attribute("sku", primary=True), Attribute("inventory_level", DataType.INTEGER), Attribute("note")


def batch(*rows: tuple[Value, ...]) -> Batch:
    return Batch((SKU, LEVEL, NOTE)[: len(rows[0])], [f"r{number}" for number in range(len(rows))], rows)


async def present(connection: BigCommerceConnection, rows: Batch, **options: str) -> Present:
    async with connection:
        return await connection.present(WriteTarget("products", "PUT", options, "ledger"), rows)


@pytest.fixture
def store() -> FakeStore:
    fake = FakeStore()
    fake.stock = {f"SKU-{number:06}": number for number in range(1, 2_001)}
    return fake


async def test_each_row_meets_the_stock_that_is_there(store: FakeStore) -> None:
    rows = batch(("SKU-000001", 1, "a"), ("SKU-000002", 7, "b"), ("NOBODY", 1, "c"), ("SKU-000003", -1, "d"))

    found = await store.clock.run(present(store.connection(), rows))

    assert found.rows == [("SKU-000001", 1, "a"), ("SKU-000002", 2, "b"), None, None]
    assert found.destination_ids == ["SKU-000001", "SKU-000002", "", ""]
    assert {index: error.code for index, error in found.failures.items()} == {2: "stock-refused", 3: "quantity"}
    assert (found.stand_ins, found.changes) == (frozenset(), ())
    assert {method for method, _, _ in store.requests} == {"GET"}


async def test_of_several_rows_for_an_item_the_last_one_counts(store: FakeStore) -> None:
    found = await store.clock.run(present(store.connection(), batch(("SKU-000001", 5), ("SKU-000001", 1))))

    assert found.rows == [None, ("SKU-000001", 1)]
    assert list(found.skipped) == [0]


async def test_two_thousand_levels_take_some_dozens_of_requests(store: FakeStore) -> None:
    rows = batch(*((sku, level) for sku, level in store.stock.items()))

    found = await store.clock.run(present(store.connection(), rows))

    assert found.rows == list(rows.rows)
    assert len(store.requests) <= 51


async def test_a_packet_in_which_no_row_can_be_sent_asks_nothing(store: FakeStore) -> None:
    found = await store.clock.run(present(store.connection(), batch(("SKU-000001", None))))

    assert list(found.failures) == [0]
    assert store.requests == []


async def test_a_location_that_cannot_be_one_is_refused_as_when_writing(store: FakeStore) -> None:
    with pytest.raises(ConfigurationError) as refused:
        await store.clock.run(present(store.connection(), batch(("SKU-000001", 1)), location_id="north"))
    assert refused.value.code == "location"


async def test_a_legacy_account_looks_at_one_item_after_the_other() -> None:
    store = FakeStore()
    store.products = {
        1: {"id": 1, "sku": "P1", "inventory_level": 3, "inventory_tracking": "simple"},
        2: {"id": 2, "sku": "P2", "inventory_level": 4, "inventory_tracking": "none"},
    }

    found = await store.clock.run(present(store.connection(LEGACY_PATH), batch(("P1", 5), ("P2", 1), ("NOBODY", 1))))

    assert found.rows == [("P1", 3), None, None]
    assert found.destination_ids == ["1", "", ""]
    assert sorted(found.failures) == [1, 2]
    assert {method for method, _, _ in store.requests} == {"GET"}
