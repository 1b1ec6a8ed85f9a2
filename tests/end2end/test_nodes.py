"""The nodes that steer packets, on real parts: every sample does what it says, and is exact over kills."""

from __future__ import annotations

import random
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from agent.domain.run import RunState
from tests.helpers.shop import Shop, open_shop
from tests.helpers.stage import SAMPLES, Stage


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """A store with 3,000 orders, 300 customers and 900 products."""
    options = ("--orders", "3000", "--customers", "300", "--products", "900", "--no-quota")
    with open_shop(tmp_path, *options) as opened:
        yield opened


def _kill_now_and_then(stage: Stage, times: int) -> None:
    chance = random.Random(times)
    for _ in range(times):
        threading.Event().wait(chance.uniform(0.05, 0.5))
        stage.kill()
        stage.start()


def _totals(shop: Shop) -> dict[int, Decimal]:
    return {order["id"]: Decimal(order["total_inc_tax"]) for order in shop.orders()}


@pytest.mark.slow
def test_each_order_goes_the_way_of_its_own_size_also_over_kills(stage: Stage, shop: Shop) -> None:
    stage.prepare(shop)
    stage.deploy("orders-by-size")
    run = stage.execute("orders-by-size")
    _kill_now_and_then(stage, 3)
    ended = stage.ended(run.id)

    assert (ended.state, ended.counts.read, ended.counts.written) == (RunState.SUCCESS, 3_000, 3_000)
    totals = _totals(shop)
    large = dict(stage.rows("SELECT id, total FROM large_orders"))
    small = dict(stage.rows("SELECT id, total FROM small_orders"))
    assert set(large) == {number for number, total in totals.items() if total >= 100}
    assert set(small) == set(totals) - set(large)
    assert {number: Decimal(str(total)) for number, total in (large | small).items()} == totals


def test_orders_wait_for_the_customers(stage: Stage, shop: Shop) -> None:
    stage.prepare(shop)
    stage.deploy("customers-before-orders")

    run = stage.run("customers-before-orders")

    assert (run.state, run.counts.failed) == (RunState.SUCCESS, 0)
    assert stage.rows("SELECT count(*) FROM known_customers") == [(300,)]
    assert stage.rows("SELECT count(*) FROM orders_of_customers") == [(3_000,)]
    again = stage.run("customers-before-orders")
    assert again.counts.written == 0


@pytest.mark.slow
def test_a_delay_waits_once_and_what_the_store_took_is_noted_also_over_kills(stage: Stage, shop: Shop) -> None:
    stage.prepare(shop)
    rows = [(f"SKU-{number:06}", 40 + number % 9) for number in range(1, 901)]
    with closing(sqlite3.connect(stage.database)) as connection, connection:
        connection.execute("CREATE TABLE stock (sku TEXT PRIMARY KEY, inventory_level INTEGER)")
        connection.executemany("INSERT INTO stock VALUES (?, ?)", rows)
    document = (SAMPLES / "stock-in-portions.yaml").read_text("utf-8")
    stage.deploy("stock-in-portions", document=document.replace("for: 1 s", "for: 15 s"))
    shop.control("POST", "reset-stats")

    run = stage.execute("stock-in-portions")
    _kill_now_and_then(stage, 2)
    waiting = stage.ask(lambda client: client.run(run.id))
    ended = stage.ended(run.id)

    assert waiting.state in {RunState.WAITING, RunState.RUNNING}
    assert (ended.state, ended.counts.failed) == (RunState.SUCCESS, 0)
    assert dict(stage.rows("SELECT sku, level FROM stock_sent")) == dict(rows)
    assert set(shop.control("GET", "stats")["writes"].values()) == {1}


def test_a_run_that_a_delay_holds_back_can_be_cancelled(stage: Stage, shop: Shop) -> None:
    stage.prepare(shop)
    with closing(sqlite3.connect(stage.database)) as connection, connection:
        connection.execute("CREATE TABLE stock (sku TEXT PRIMARY KEY, inventory_level INTEGER)")
        connection.execute("INSERT INTO stock VALUES ('SKU-000001', 4)")
    document = (SAMPLES / "stock-in-portions.yaml").read_text("utf-8")
    stage.deploy("stock-in-portions", document=document.replace("for: 1 s", "for: 2 h"))
    run = stage.execute("stock-in-portions")
    while stage.ask(lambda client: client.run(run.id)).state is not RunState.WAITING:
        pass

    stage.ask(lambda client: client.cancel_run(run.id))

    assert stage.ended(run.id).state is RunState.CANCELLED
