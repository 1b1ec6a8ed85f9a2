"""How fully three processflows and two services use one store's quota, how fairly they share it, and what is refused.

    python -m tests.benchmarks.bench_quota --windows 6

Two whole agents with data folders of their own, that know nothing of each other, as on two machines: one reads orders
into its database and sets stock from it, the other one reads customers. Nothing but the quota holds them back. With
`--others 25` another app of the store uses 25 % of the quota, spread evenly, and the agents leave it as much.
"""

from __future__ import annotations

import argparse
import sqlite3
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from agent.api.client import AgentClient
from agent.api.run_models import Run
from tests.helpers.shop import Shop, open_shop
from tests.helpers.stage import SAMPLES, Stage, open_stage

ORDERS, CUSTOMERS, PRODUCTS = 200_000, 200_000, 20_000
SKUS_PER_WRITE = 10
STARTING_SECONDS = 60
OWNERS = {"orders": ("/orders",), "customers": ("/customers",), "stock": ("/inventory", "/catalog")}
"""Which processflow asks below which paths."""


def measured(windows: int, quota: int, window_ms: int, percent: int) -> None:
    """Run store and agents, and print what became of it."""
    options = ("--orders", ORDERS, "--customers", CUSTOMERS, "--products", PRODUCTS, "--quota", quota,
               "--window-ms", window_ms)  # fmt: skip
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(ignore_cleanup_errors=True)))
        shop = stack.enter_context(open_shop(folder, *map(str, options)))
        left = f"{percent} %"
        first = _agent(stack.enter_context(open_stage(folder / "first")), shop, left)
        _fill_stock(first)
        for name in ("orders-to-database", "stock-to-store"):
            first.deploy(name, document=_document(name))
        second = _agent(stack.enter_context(open_stage(folder / "second")), shop, left)
        second.deploy("customers-to-database")
        stack.enter_context(_other_app(shop, quota * percent // 100, window_ms / 1000))
        runs = [(first, first.execute("orders-to-database")), (first, first.execute("stock-to-store")),
                (second, second.execute("customers-to-database"))]  # fmt: skip
        _wait_until_all_ask(shop)
        before = _at_next_window(shop, 1, window_ms / 1000)
        began = time.monotonic()
        after = _at_next_window(shop, windows, window_ms / 1000)
        lasted = time.monotonic() - began
        for stage, run in runs:
            assert not stage.ask(partial(_run, run.id)).state.ended, f"{run.flow} ended too early"
        _tell(f"{windows} windows of {quota} requests in {window_ms / 1000:g} s, {percent} % of them for another app")
        _tell(f"  whole windows, {lasted:.1f} s")
        _report(before, after, quota)


async def _run(run_id: str, client: AgentClient) -> Run:
    return await client.run(run_id)


def _agent(stage: Stage, shop: Shop, left: str) -> Stage:
    stage.open_vault()
    stage.setting("enable_environment", "true")
    values = {"api_path": shop.api_path, "username": shop.username, "reserve": left}
    stage.configure("bigcommerce", "Store", values, {"api_token": shop.token})
    stage.configure("sql", "Database", {"kind": "SQLite", "database": str(stage.database)}, {})
    return stage


def _document(name: str) -> str:
    """A sample whose packets are so small that the processflow asks for as much as it may."""
    text = (SAMPLES / f"{name}.yaml").read_text("utf-8")
    if name == "stock-to-store":
        text = text.replace("  map-stock:", f"  small: {{type: splitter, size: {SKUS_PER_WRITE}}}\n\n  map-stock:")
        text = text.replace("[start, get-stock, map-stock", "[start, get-stock, small, map-stock")
    return text


def _fill_stock(stage: Stage) -> None:
    with closing(sqlite3.connect(stage.database)) as connection, connection:
        connection.execute("CREATE TABLE stock (sku TEXT PRIMARY KEY, inventory_level INTEGER NOT NULL)")
        rows = ((f"SKU-{number:06}", number % 90) for number in range(1, PRODUCTS + 1))
        connection.executemany("INSERT INTO stock VALUES (?, ?)", rows)


@contextmanager
def _other_app(shop: Shop, requests: int, window_seconds: float) -> Iterator[None]:
    """Another app of the store, that asks so often in each window."""
    over = threading.Event()

    def ask() -> None:
        while not over.wait(window_seconds / requests):
            shop.get("/v2/time")

    thread = threading.Thread(target=ask, daemon=True)
    if requests:
        thread.start()
    try:
        yield
    finally:
        over.set()
        if requests:
            thread.join()


def _wait_until_all_ask(shop: Shop) -> None:
    end = time.monotonic() + STARTING_SECONDS
    while not all(_by_owner(shop.control("GET", "stats")["by_route"])[owner] for owner in OWNERS):
        assert time.monotonic() < end, "not every processflow has begun"
        time.sleep(0.1)


def _at_next_window(shop: Shop, windows: int, window_seconds: float) -> Mapping[str, object]:
    """What the store has counted when so many windows more have begun, to a twentieth of a second."""
    stats: Mapping[str, object] = shop.control("GET", "stats")
    wanted = _begun(stats) + windows
    end = time.monotonic() + windows * window_seconds * 2
    while _begun(stats) < wanted:
        assert time.monotonic() < end, "a window has not begun: nobody asks"
        time.sleep(0.05)
        stats = shop.control("GET", "stats")
    return stats


def _begun(stats: Mapping[str, object]) -> int:
    return len(_windows(stats))


def _windows(stats: Mapping[str, object]) -> list[int]:
    found = stats["quota_windows"]
    assert isinstance(found, list)
    return found


def _by_owner(routes: Mapping[str, int]) -> dict[str, int]:
    return {
        owner: sum(count for route, count in routes.items() if any(part in route for part in parts))
        for owner, parts in OWNERS.items()
    }


def _report(before: Mapping[str, object], after: Mapping[str, object], quota: int) -> None:
    def grown(name: str) -> int:
        first, last = before[name], after[name]
        assert isinstance(first, int)
        assert isinstance(last, int)
        return last - first

    refused = grown("rate_limited")
    served = grown("requests") - refused
    whole = _windows(after)[_begun(before) - 1 : -1]  # the one that had just begun, and all that have ended since
    _tell(f"  share of the quota used: {sum(whole) / (len(whole) * quota):.1%} ({whole}), refused: {refused}")
    routes = before["by_route"], after["by_route"]
    assert isinstance(routes[0], dict)
    assert isinstance(routes[1], dict)
    then, now = _by_owner(routes[0]), _by_owner(routes[1])
    for owner in OWNERS:
        asked = now[owner] - then[owner]
        _tell(f"  {owner}: {asked} requests, {asked / served:.0%} of all")
    _tell(f"  another app: {served - sum(now[owner] - then[owner] for owner in OWNERS)} requests")


def _tell(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--windows", type=int, default=6)
    parser.add_argument("--quota", type=int, default=150)
    parser.add_argument("--window-ms", type=int, default=30_000)
    parser.add_argument("--others", type=int, default=0, choices=(0, 10, 25, 50), help="per cent for another app")
    given = parser.parse_args()
    measured(given.windows, given.quota, given.window_ms, given.others)
