"""How fast the BigCommerce connector reads orders and writes stock, without anything behind it. Run by hand:

    .venv/bin/python tests/benchmarks/bench_bigcommerce.py [--orders 100000] [--rounds 3] [--latency-ms 0]

The sandbox store runs as a process of its own. Beside the connector, in the same run and in turn with it, the loop that
everybody writes first (requests, json, one page after the other) reads the same orders and throws them away.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import requests

from agent.connectors.bigcommerce.connector import BigCommerceConnection, BigCommerceConnector
from agent.connectors.bigcommerce.schema import PRODUCTS
from agent.connectors.contract import ReadRequest, SentClause, WriteTarget
from agent.domain.app import Attribute, DataType
from agent.domain.packet import Batch
from agent.domain.secret import Secret

_ITEMS = (Attribute("sku"), Attribute("inventory_level", DataType.INTEGER))


@dataclass(frozen=True, slots=True)
class Store:
    """The running sandbox."""

    api_path: str
    token: str
    origin: str

    def control(self, method: str, path: str, body: object = None) -> requests.Response:
        """Ask the sandbox itself."""
        url = f"{self.origin}/_sandbox/{path}"
        answer = requests.request(method, url, json=body, headers={"X-Auth-Token": self.token}, timeout=60)
        answer.raise_for_status()
        return answer

    def asked(self) -> int:
        """How many requests there were since the last time."""
        count = int(self.control("GET", "stats").json()["requests"])
        self.control("POST", "reset-stats")
        return count


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description="Measure the BigCommerce connector.")
    parser.add_argument("--orders", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--latency-ms", type=int, default=0)
    parser.add_argument("--no-script", action="store_true", help="leave the comparison out")
    arguments = parser.parse_args()
    with _store(arguments.orders, arguments.latency_ms) as store:
        _tell(f"{'what':34}{'records':>9}{'wall s':>9}{'CPU s':>8}{'records/s':>12}{'requests':>10}{'RSS MiB':>9}")
        for _ in range(arguments.rounds):
            _measure("connector, orders with lines", store, lambda: asyncio.run(_read(store)))
            if not arguments.no_script:
                _measure("script, orders with lines", store, lambda: _script(store))
        _measure("connector, 20,000 stock levels", store, lambda: asyncio.run(_write(store, 20_000)))
        _measure("connector, nothing changed", store, lambda: asyncio.run(_read(store, "2026-01-01T00:00:00Z")))
        store.control("POST", "orders/touch", {"count": min(100, arguments.orders)})
        _measure("connector, 100 changed", store, lambda: asyncio.run(_read(store, "2026-01-01T00:00:00Z")))


def _measure(what: str, store: Store, work: Callable[[], int]) -> None:
    store.asked()
    process = psutil.Process()
    wall, cpu = time.perf_counter(), time.process_time()
    records = work()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    memory = process.memory_info().rss / 2**20
    _tell(f"{what:34}{records:>9,}{wall:>9.2f}{cpu:>8.2f}{records / wall:>12,.0f}{store.asked():>10}{memory:>9.0f}")


async def _read(store: Store, since: str | None = None) -> int:
    clauses = [] if since is None else [SentClause("min_date_modified", "=", since)]
    count = 0
    async with _connection(store) as connection:
        wanted = ReadRequest("orders", "GET", clauses, {}, None, None, connection.packet_records("orders", "GET"))
        async for packet in connection.read(wanted):
            count += len(packet)
    return count


async def _write(store: Store, count: int) -> int:
    rows = [(f"SKU-{number:06}", number % 90) for number in range(1, count + 1)]
    target = WriteTarget(PRODUCTS, "PUT", {}, "bench")
    async with _connection(store) as connection:
        size = connection.packet_records(PRODUCTS, "PUT")
        for start in range(0, count, size):
            some = rows[start : start + size]
            report = await connection.write(target, Batch(_ITEMS, [row[0] for row in some], some), lambda _: b"")
            assert not report.failures
    return count


def _script(store: Store) -> int:
    session = requests.Session()
    session.headers["X-Auth-Token"] = store.token
    query = {"limit": "250", "include": "consignments.line_items", "consignment_structure": "object", "sort": "id:asc"}
    page = count = 0
    while True:
        page += 1
        answer = session.get(
            store.api_path.replace("/v3/", "/v2/orders"), params={**query, "page": str(page)}, timeout=60
        )
        if answer.status_code == 204:
            return count
        count += len(answer.json())


def _connection(store: Store) -> BigCommerceConnection:
    connector = BigCommerceConnector()
    prepared = connector.prepare({"api_path": store.api_path}, {"api_token": Secret(store.token)})
    return connector.open(prepared.values, prepared.secrets)


@contextlib.contextmanager
def _store(orders: int, latency_ms: int) -> Iterator[Store]:
    command = [sys.executable, "-m", "agent.sandbox", "--no-quota", "--orders", str(orders), "--customers", "20000",
               "--products", "20000", "--latency-ms", str(latency_ms)]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).resolve().parents[2])
    try:
        assert process.stdout is not None
        facts = json.loads(process.stdout.readline())
        yield Store(facts["api_path"], facts["token"], f"http://127.0.0.1:{facts['port']}")
    finally:
        process.terminate()
        process.wait(10)


def _tell(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
