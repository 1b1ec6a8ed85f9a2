"""The real service, killed at every kind of node, again and again in one run: nothing is lost, nothing doubled.

Each point is a place in the code, so that every kill comes exactly there: before and after each effect.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from decimal import Decimal

import pytest

from agent.api import run_models
from agent.api.rerun_models import Resync
from agent.domain.packet import SyncState
from agent.domain.run import RunState, Trigger
from tests.helpers.dying_service import DyingService, Point
from tests.helpers.shop import Shop, open_shop
from tests.helpers.stage import SAMPLES, Stage

GET = [
    Point("agent.engine.running.preparation:Preparation.prepare"),
    Point("agent.engine.running.pipeline:Pipeline._fetch", "leave"),
]
MAPPER = [
    Point("agent.engine.mapping.mapper:Mapper.map_packet"),
    Point("agent.engine.mapping.mapper:Mapper.map_packet", "leave"),
]
DECISION = [
    Point("agent.engine.walking.decisions:Condition.decide"),
    Point("agent.engine.walking.decisions:Condition.decide", "leave"),
]
SPLITTER = [Point("agent.engine.walking.load:Load.cut"), Point("agent.engine.walking.load:Load.picked", number=3)]
MERGER = [Point("agent.engine.walking.walking:joined"), Point("agent.engine.walking.walking:joined", "leave")]
POST = [
    Point("agent.engine.running.delivery:Delivery.deliver"),
    # Written, and neither told nor booked.
    Point("agent.engine.running.delivery:Delivery._concluded", "leave"),
    Point("agent.store.runs.ledger:Ledger.acknowledge"),
    Point("agent.store.runs.ledger:Ledger.acknowledge", "leave"),
    Point("agent.engine.running.delivery:Delivery.deliver", "leave"),
]
UNANSWERED_POST = [
    Point("agent.store.runs.ledger:Ledger.announce"),
    Point("agent.store.runs.ledger:Ledger.announce", "leave"),
    Point("agent.engine.running.delivery:Delivery._look_up_and_write"),
    Point("agent.engine.running.delivery:Delivery._look_up_and_write", "leave"),
]
DELAY = [
    Point("agent.store.runs.ledger:Ledger.hold"),
    # Decided, and not parked yet. What follows has to come before the packet's time does.
    Point("agent.store.runs.ledger:Ledger.hold", "leave"),
    Point("agent.store.runs.runs:RunStore.park", "leave"),
    Point("agent.service.runs.worker:Worker._wake", "leave"),
]
HALT = [
    Point("agent.engine.running.carrying:HaltedError.__init__"),
    Point("agent.engine.running.stage_runs:Stages._carry", number=2),
    Point("agent.engine.running.stage_runs:Stages._carry", "leave"),
]
LOOP = [Point("agent.engine.running.progress:next_pass"), Point("agent.engine.running.progress:next_pass", "leave")]
MOVE = [Point("agent.store.runs.ledger:Ledger.move"), Point("agent.store.runs.ledger:Ledger.move", "leave")]
END = [Point("agent.store.runs.runs:RunStore.end"), Point("agent.store.runs.runs:RunStore.end", "leave")]
"""Ending twice must do no harm, so it comes last."""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A store with 1,200 orders, 300 customers and 900 products."""
    options = ("--orders", "1200", "--customers", "300", "--products", "900", "--no-quota")
    with open_shop(tmp_path_factory.mktemp("shop"), *options) as opened:
        yield opened


@pytest.fixture
def each(pytestconfig: pytest.Config) -> int:
    """Each how manyth point is one to die at: every kill costs the start of a service."""
    return 1 if pytestconfig.getoption("--every-point") else 2


def killed_at(stage: Stage, begin: Callable[[], run_models.Run], points: Sequence[Point]) -> run_models.Run:
    """Begin a run with a service that dies at each of these points, one after the other, then let it end."""
    stage.stop()
    run = None
    for point in points:
        dying = DyingService(stage.folders, point)
        try:
            if run is None:
                assert dying.wait_until_it_answers()
                run = begin()
            dying.wait_until_it_died()
        finally:
            dying.end()
    assert run is not None
    return stage.ended(run.id)


@pytest.mark.slow
def test_decision_splitter_and_mapper(stage: Stage, shop: Shop, each: int) -> None:
    stage.prepare(shop)
    stage.deploy("orders-by-size")

    points = [*GET, *DECISION, *SPLITTER, *MAPPER, *POST, *MOVE, *END]
    run = killed_at(stage, lambda: stage.execute("orders-by-size"), points[::each])

    assert (run.state, run.counts.failed) == (RunState.SUCCESS, 0)
    totals = {order["id"]: Decimal(order["total_inc_tax"]) for order in shop.orders()}
    large = dict(stage.rows("SELECT id, total FROM large_orders"))
    small = dict(stage.rows("SELECT id, total FROM small_orders"))
    assert set(large) == {number for number, total in totals.items() if total >= 100}
    assert set(small) == set(totals) - set(large)
    assert {number: Decimal(str(total)) for number, total in (large | small).items()} == totals
    assert sum(stage.records("orders-by-size").counts.values()) == 1_200


@pytest.mark.slow
def test_halt_loop_and_resume(stage: Stage, shop: Shop, each: int) -> None:
    stage.prepare(shop)
    stage.deploy("customers-before-orders")

    # The customers come in one packet, and a pass that finds nothing; then the orders go on.
    customers = [*HALT[:2], *POST[2:4], *LOOP, *MOVE, HALT[2]]
    run = killed_at(stage, lambda: stage.execute("customers-before-orders"), [*customers, *POST[:2], *END][::each])

    assert (run.state, run.counts.failed) == (RunState.SUCCESS, 0)
    assert stage.rows("SELECT count(*), count(DISTINCT id) FROM known_customers") == [(300, 300)]
    assert stage.rows("SELECT count(*), count(DISTINCT id) FROM orders_of_customers") == [(1_200, 1_200)]
    assert stage.run("customers-before-orders").counts.written == 0


@pytest.mark.slow
def test_merger_delay_and_a_post_that_gives_no_receipt(stage: Stage, shop: Shop, each: int) -> None:
    stage.prepare(shop)
    levels = {f"SKU-{number:06}": 40 + number % 9 for number in range(1, 901)}
    with closing(sqlite3.connect(stage.database)) as connection, connection:
        connection.execute("CREATE TABLE stock (sku TEXT PRIMARY KEY, inventory_level INTEGER)")
        connection.executemany("INSERT INTO stock VALUES (?, ?)", levels.items())
    document = (SAMPLES / "stock-in-portions.yaml").read_text("utf-8")
    stage.deploy("stock-in-portions", document=document.replace("for: 1 s", "for: 20 s"))
    shop.control("POST", "reset-stats")

    points = [MERGER[1], *DELAY, *UNANSWERED_POST, POST[3], MAPPER[1], *MOVE]
    run = killed_at(stage, lambda: stage.execute("stock-in-portions"), points[::each])

    assert (run.state, run.counts.failed) == (RunState.SUCCESS, 0)
    assert dict(stage.rows("SELECT sku, level FROM stock_sent")) == levels
    # Each level was written once: what a kill left unanswered was looked up.
    assert Counter(shop.control("GET", "stats")["writes"].values()) == {1: 900}


@pytest.mark.slow
def test_a_retry(stage: Stage, shop: Shop, each: int) -> None:
    stage.prepare(shop)
    refused = "SELECT RAISE(ABORT, 'not these') WHERE NEW.id BETWEEN 101 AND 160"
    with closing(sqlite3.connect(stage.database)) as connection, connection:
        connection.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY)")
        connection.execute(f"CREATE TRIGGER refuse BEFORE INSERT ON orders BEGIN {refused}; END")
    stage.deploy("orders-to-database")
    assert stage.run("orders-to-database").counts.failed == 60
    with closing(sqlite3.connect(stage.database)) as connection, connection:
        connection.execute("DROP TRIGGER refuse")

    def retry() -> run_models.Run:
        return stage.ask(lambda client: client.reruns.resync("orders-to-database", Resync(state=SyncState.FAILED)))

    run = killed_at(stage, retry, [*GET, MAPPER[1], *POST[:4], *END][::each])

    assert (run.state, run.counts.failed, run.trigger) == (RunState.SUCCESS, 0, Trigger.RETRY)
    assert stage.rows("SELECT count(*), count(DISTINCT id) FROM orders") == [(1_200, 1_200)]
    page = stage.records("orders-to-database", limit=1_000)
    tries = Counter(record.tries for record in page.items if 101 <= int(record.source_id) <= 160)
    assert tries == {2: 60}, "each was tried once more, however often the service died"
    assert stage.run("orders-to-database").counts.written == 0
