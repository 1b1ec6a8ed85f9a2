"""The main job at size, through the running service, beside a usual script. Run by hand:

    .venv/bin/python tests/benchmarks/bench_load.py [--orders 100000] [--rounds 3]

Store, service and script are processes of their own; rounds of agent and script take turns, so that what else the
machine does hits both. Quote the ratios, not the seconds.
"""

from __future__ import annotations

import argparse
import sqlite3
import statistics
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import psutil

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from agent.domain.run import RunState
from tests.benchmarks.usual_script import load
from tests.helpers.shop import Shop, open_shop
from tests.helpers.stage import Stage, open_stage, peak_memory

ORDERS, STOCK = "orders-to-database", "stock-to-store"
_STOCK_LEVELS = 20_000


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description="Measure the main job.")
    parser.add_argument("--orders", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="opagent-bench-") as folder:
        _compare(Path(folder), arguments.orders, arguments.rounds)
        _memory(Path(folder), [arguments.orders // 10, arguments.orders])
        _changed(Path(folder), arguments.orders)
        _stock(Path(folder))


def _compare(folder: Path, orders: int, rounds: int) -> None:
    _tell(f"{orders:,} orders with lines and addresses into SQLite", "s", "orders/s", "requests/1,000", "CPU s")
    agents, scripts = [], []
    with open_shop(folder, "--orders", str(orders), "--no-quota") as shop:
        for number in range(rounds):
            scripts.append(_script(folder, shop, orders, number))
            agents.append(_agent(folder, shop, orders, number))
    ratio = statistics.median(agents) / statistics.median(scripts)
    _tell(f"agent / usual script, median of {rounds}", f"{ratio:.2f}")


def _script(folder: Path, shop: Shop, orders: int, number: int) -> float:
    shop.control("POST", "reset-stats")
    before = psutil.Process().cpu_times()
    begun = time.perf_counter()
    assert load(shop.api_path, shop.token, folder / f"usual-{number}.db") == orders
    seconds = time.perf_counter() - begun
    after = psutil.Process().cpu_times()
    cpu = after.user + after.system - before.user - before.system
    _tell("  usual script", f"{seconds:.2f}", f"{orders / seconds:,.0f}", _rate(shop, orders), f"{cpu:.1f}")
    return seconds


def _agent(folder: Path, shop: Shop, orders: int, number: int) -> float:
    with open_stage(folder / f"agent-{number}") as stage:
        stage.prepare(shop)
        stage.deploy(ORDERS)
        shop.control("POST", "reset-stats")
        process = stage.process()
        before = process.cpu_times()
        begun = time.perf_counter()
        run = stage.run(ORDERS)
        seconds = time.perf_counter() - begun
        after = process.cpu_times()
        assert (run.state, run.counts.written) == (RunState.SUCCESS, orders), run
        cpu = after.user + after.system - before.user - before.system
        _tell("  agent, all bookkeeping on", f"{seconds:.2f}", f"{orders / seconds:,.0f}", _rate(shop, orders),
              f"{cpu:.1f}")  # fmt: skip
        return seconds


def _memory(folder: Path, sizes: list[int]) -> None:
    for orders in sizes:
        with open_shop(folder, "--orders", str(orders), "--no-quota") as shop, _prepared(folder, shop) as stage:
            stage.deploy(ORDERS)
            process = stage.process()
            before = process.memory_info().rss / 1e6
            with peak_memory(process) as peak:
                assert stage.run(ORDERS).state is RunState.SUCCESS
            _tell(f"peak memory of the service at {orders:,} orders, MB", f"{peak[0]:.0f}", f"before {before:.0f}")


def _changed(folder: Path, orders: int) -> None:
    with open_shop(folder, "--orders", str(orders), "--no-quota") as shop, _prepared(folder, shop) as stage:
        stage.deploy(ORDERS)
        assert stage.run(ORDERS).state is RunState.SUCCESS
        shop.control("POST", "orders/touch", {"count": 100, "first_id": 5_000})
        shop.control("POST", "reset-stats")
        begun = time.perf_counter()
        run = stage.run(ORDERS)
        seconds = time.perf_counter() - begun
        assert run.counts.written == 100, run
        _tell(f"100 changed of {orders:,}: s, requests", f"{seconds:.2f}", f"{shop.requests()}")


def _stock(folder: Path) -> None:
    products = str(_STOCK_LEVELS)
    options = ("--orders", "10", "--products", products, "--no-quota")
    with open_shop(folder, *options) as shop, _prepared(folder, shop) as stage:
        rows = [(f"SKU-{number:06}", number % 90) for number in range(1, _STOCK_LEVELS + 1)]
        with closing(sqlite3.connect(stage.database)) as connection, connection:
            connection.execute("CREATE TABLE stock (sku TEXT PRIMARY KEY, inventory_level INTEGER NOT NULL)")
            connection.executemany("INSERT INTO stock VALUES (?, ?)", rows)
        stage.deploy(STOCK)
        shop.control("POST", "reset-stats")
        begun = time.perf_counter()
        run = stage.run(STOCK)
        seconds = time.perf_counter() - begun
        assert (run.state, run.counts.written) == (RunState.SUCCESS, _STOCK_LEVELS), run
        stats = shop.control("GET", "stats")
        _tell(f"{_STOCK_LEVELS:,} stock levels to the store: s, requests", f"{seconds:.2f}", stats["requests"])
        for route, count in stats["by_route"].items():
            _tell(f"  {route}", str(count))


def _prepared(folder: Path, shop: Shop) -> _Prepared:
    return _Prepared(Path(tempfile.mkdtemp(dir=folder)), shop)


class _Prepared:
    """A stage that is ready to deploy."""

    def __init__(self, home: Path, shop: Shop) -> None:
        self._opened, self._shop = open_stage(home), shop

    def __enter__(self) -> Stage:
        stage = self._opened.__enter__()
        stage.prepare(self._shop)
        return stage

    def __exit__(self, *error: object) -> None:
        self._opened.__exit__(None, None, None)


def _rate(shop: Shop, orders: int) -> str:
    return f"{shop.requests() * 1000 / orders:.2f}"


def _tell(what: str, *values: object) -> None:
    sys.stdout.write(f"{what:62}" + "".join(f"{value!s:>16}" for value in values) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
