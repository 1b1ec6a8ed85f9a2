"""The main job, on real parts: the store's orders arrive in a database, once, completely, whatever happens."""

from __future__ import annotations

import random
import threading
from decimal import Decimal

import pytest

from agent.domain.packet import SyncState
from agent.domain.run import RunState
from tests.end2end.orders import FLOW, arrived, in_store
from tests.helpers.shop import Shop
from tests.helpers.stage import Stage


def test_every_order_arrives_and_the_next_run_fetches_only_what_changed(stage: Stage, shop: Shop) -> None:
    stage.prepare(shop)
    stage.deploy(FLOW)

    first = stage.run(FLOW)
    assert (first.state, first.counts.written, first.counts.failed) == (RunState.SUCCESS, 10_000, 0)
    orders, lines = in_store(shop)
    assert arrived(stage.rows) == (orders, lines)
    totals = stage.rows("SELECT total FROM orders")
    store_totals = [Decimal(order["total_inc_tax"]) for order in shop.orders()]
    assert sum(Decimal(str(total)) for (total,) in totals) == sum(store_totals)

    shop.control("POST", "orders/touch", {"count": 7, "first_id": 100})
    shop.control("POST", "reset-stats")
    again = stage.run(FLOW)
    assert (again.state, again.counts.written) == (RunState.SUCCESS, 7)
    assert shop.requests() <= 3
    assert arrived(stage.rows) == in_store(shop)


def test_nothing_is_lost_while_the_store_changes_during_the_read(stage: Stage, shop: Shop) -> None:
    stage.prepare(shop)
    stage.deploy(FLOW)
    over = threading.Event()
    chance = random.Random(7)

    def edit() -> None:
        while not over.is_set():
            shop.control("POST", "orders/touch", {"count": 3, "first_id": chance.randrange(1, 9_900)})
            shop.control("POST", "orders", {})

    editor = threading.Thread(target=edit)
    editor.start()
    try:
        assert stage.run(FLOW).state is RunState.SUCCESS
    finally:
        over.set()
        editor.join()
    # What changed after it was read is the next run's business.
    assert stage.run(FLOW).state is RunState.SUCCESS
    assert arrived(stage.rows) == in_store(shop)


@pytest.mark.slow
def test_killing_the_service_at_any_moment_loses_and_doubles_nothing(
    stage: Stage, shop: Shop, request: pytest.FixtureRequest
) -> None:
    chance = random.Random(request.config.getoption("--kills"))
    stage.prepare(shop)
    stage.deploy(FLOW)
    shop.control("POST", "faults", {"kind": "latency", "latency_ms": 400})
    run = stage.execute(FLOW)
    for _ in range(request.config.getoption("--kills")):
        threading.Event().wait(chance.uniform(0.0, 1.2))
        assert not stage.ask(lambda client: client.run(run.id)).state.ended, "too late to kill it"
        stage.kill()
        stage.start()
    shop.control("DELETE", "faults")

    ended = stage.ended(run.id)
    assert (ended.state, ended.counts.written, ended.counts.failed) == (RunState.SUCCESS, 10_000, 0)
    assert arrived(stage.rows) == in_store(shop)
    page = stage.records(FLOW)
    assert page.counts[SyncState.SUCCESS] == 10_000
    assert {record.tries for record in page.items} == {1}
