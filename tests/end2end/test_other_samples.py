"""Stock goes to the store once, and one bad record spoils no other."""

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

_LEVELS = 2_000
_MOST_ITEMS = 2_000


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """A store with 2,000 products and a customer without an e-mail address."""
    options = ("--orders", "10", "--products", str(_LEVELS), "--customers", "50", "--customers-without-email", "1")
    with open_shop(tmp_path, *options, "--no-quota") as opened:
        yield opened


def _fill_stock(stage: Stage, level: int) -> None:
    rows = [(f"SKU-{number:06}", level + number % 7) for number in range(1, _LEVELS + 1)]
    with closing(sqlite3.connect(stage.database)) as connection, connection:
        connection.execute("CREATE TABLE IF NOT EXISTS stock (sku TEXT PRIMARY KEY, inventory_level INTEGER)")
        connection.executemany("INSERT OR REPLACE INTO stock VALUES (?, ?)", rows)


@pytest.mark.parametrize("trouble", ["drop_after", "truncate"])
def test_stock_levels_arrive_once_although_the_answer_to_the_write_got_lost(
    stage: Stage, shop: Shop, trouble: str
) -> None:
    stage.prepare(shop)
    _fill_stock(stage, 100)
    stage.deploy("stock-to-store")
    shop.control("POST", "reset-stats")
    shop.control("POST", "faults", {"kind": trouble, "count": 1, "method": "PUT"})

    run = stage.run("stock-to-store")

    assert (run.state, run.counts.written, run.counts.failed) == (RunState.SUCCESS, _LEVELS, 0)
    stats = shop.control("GET", "stats")
    assert stats["faults_struck"] == 1
    assert stats["most_items_per_inventory_request"] <= _MOST_ITEMS
    assert set(stats["writes"].values()) == {1}, "a level was written twice"
    assert len(stats["writes"]) == _LEVELS


def test_a_level_that_did_not_change_is_not_sent_again(stage: Stage, shop: Shop) -> None:
    stage.prepare(shop)
    _fill_stock(stage, 100)
    stage.deploy("stock-to-store")
    assert stage.run("stock-to-store").counts.written == _LEVELS
    with closing(sqlite3.connect(stage.database)) as connection, connection:
        connection.execute("UPDATE stock SET inventory_level = 3 WHERE sku = 'SKU-000009'")

    again = stage.run("stock-to-store")

    assert (again.counts.read, again.counts.unchanged, again.counts.written) == (_LEVELS, _LEVELS - 1, 1)


def test_one_customer_without_an_address_fails_alone_and_what_it_says_to_do_heals_it(stage: Stage, shop: Shop) -> None:
    stage.prepare(shop)
    stage.deploy("customers-to-database")

    run = stage.run("customers-to-database")

    assert (run.state, run.counts.written, run.counts.failed) == (RunState.PARTIAL, 49, 1)
    page = stage.records("customers-to-database", state=SyncState.FAILED)
    (failed,) = page.items
    assert "email" in failed.message
    assert failed.remedy == "Correct the record in the source app: the next run fetches it again."
    assert failed.tries == 1
    assert len(stage.rows("SELECT id FROM customers")) == 49
    assert page.counts[SyncState.SUCCESS] == 49

    shop.control("POST", f"customers/{failed.source_id}/edit", {"email": "found@shop.example"})
    again = stage.run("customers-to-database")

    assert (again.state, again.counts.written, again.counts.failed) == (RunState.SUCCESS, 1, 0)
    assert stage.rows("SELECT email FROM customers WHERE id = ?", int(failed.source_id)) == [("found@shop.example",)]
    assert stage.records("customers-to-database").counts[SyncState.FAILED] == 0
