"""What merchants have on their server goes into the store: prices, shipments, webhooks; once, whatever happens."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from agent.domain.packet import SyncState
from agent.domain.run import RunState
from tests.helpers.shop import Shop, open_shop
from tests.helpers.stage import Stage

HOOK = {"scope": "store/order/updated", "destination": "https://agent.example/events"}


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with open_shop(tmp_path, "--orders", "30", "--products", "30", "--customers", "10", "--no-quota") as opened:
        yield opened


def fill(stage: Stage, table: str, *rows: tuple[object, ...]) -> None:
    columns = {"prices": "sku TEXT PRIMARY KEY, price NUMERIC, sale_price NUMERIC",
               "shipments": "id INTEGER PRIMARY KEY, order_id INTEGER, tracking_number TEXT, carrier TEXT"}  # fmt: skip
    with closing(sqlite3.connect(stage.database)) as connection, connection:
        connection.execute(f"CREATE TABLE IF NOT EXISTS {table} ({columns[table]})")
        marks = ", ".join("?" for _ in rows[0])
        connection.executemany(f"INSERT OR REPLACE INTO {table} VALUES ({marks})", rows)


def test_prices_shipments_and_webhooks(stage: Stage, shop: Shop) -> None:
    stage.prepare(shop)

    fill(stage, "prices", *((f"SKU-{number:06}", f"{number}.95", None) for number in range(1, 13) if number % 5))
    fill(stage, "prices", ("NOBODY", "1.00", None), ("SKU-000013", "-1.00", None))
    stage.deploy("prices-to-store")
    shop.control("POST", "faults", {"kind": "drop_after", "count": 1, "method": "PUT"})
    run = stage.run("prices-to-store")
    assert (run.state, run.counts.written, run.counts.failed) == (RunState.PARTIAL, 10, 2)
    assert shop.get("/v3/catalog/products/12")["data"]["price"] == 12.95
    failed = {one.source_id: one.message for one in stage.records("prices-to-store", state=SyncState.FAILED).items}
    assert "has no product with sku NOBODY" in failed["NOBODY"]
    assert "price" in failed["SKU-000013"]

    fill(stage, "shipments", (1, 1, "T-1", "Van"), (2, 3, "T-3", "Van"), (3, 999, "T-999", "Van"))
    stage.deploy("shipments-to-store")
    shop.control("POST", "faults", {"kind": "drop_after", "count": 1, "method": "POST", "path": "/shipments"})
    run = stage.run("shipments-to-store")
    assert (run.counts.written, run.counts.failed) == (2, 1)
    made = [one["tracking_number"] for order in (1, 3) for one in shop.get(f"/v2/orders/{order}/shipments")]
    assert made == ["T-1", "T-3"], "the answer to the first one got lost: it is not made again"
    assert shop.get("/v2/orders/1")["status"] == "Shipped"

    hook = shop.send("POST", "/v3/hooks", HOOK)["data"]["id"]
    shop.send("PUT", f"/v3/hooks/{hook}", {"is_active": False})
    stage.deploy("webhooks-kept-alive")
    assert stage.run("webhooks-kept-alive").counts.written == 1
    assert shop.get(f"/v3/hooks/{hook}")["data"]["is_active"] is True
    assert stage.run("webhooks-kept-alive").counts.read == 0
