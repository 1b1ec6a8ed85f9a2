"""How fully three processflows and two services use one store's quota, how fairly they share it, and what is refused.

    python -m tests.benchmarks.bench_quota --windows 4

The services are processes of their own that know nothing of each other, as on two machines: one reads orders and sets
stock, the other one reads customers. Nothing but the quota holds them back.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from agent.connectors.bigcommerce.connector import BigCommerceConnector
from agent.connectors.contract import ReadRequest, SentClause, WriteTarget
from agent.domain.app import Attribute, DataType
from agent.domain.packet import Batch
from agent.domain.secret import Secret
from agent.domain.sent import Sent

SERVICES = (("orders", "stock"), ("customers",))
STOCK = (Attribute("sku"), Attribute("inventory_level", DataType.INTEGER))


async def flow(name: str, connector: BigCommerceConnector, api_path: str, token: str, ends: float) -> Counter[str]:
    """Do one processflow's work again and again, and count what it sends."""
    counts: Counter[str] = Counter()

    def told(sent: Sent) -> None:
        counts["requests"] += 1
        counts["refused"] += sent.status == 429

    prepared = connector.prepare({"api_path": api_path}, {"api_token": Secret(token)})
    connection = connector.open(prepared.values, prepared.secrets)
    connection.tell(told)
    async with connection:
        while time.time() < ends:
            if name == "stock":
                rows = [(f"SKU-{number:06}", number % 90) for number in range(1, 11)]
                batch = Batch(STOCK, [sku for sku, _ in rows], rows)
                await connection.write(WriteTarget("products", "PUT", {"location_id": "1"}, "x"), batch, lambda _: b"")
                continue
            clauses = [SentClause("max_id", "=", "20000")] if name == "orders" else []
            async for _ in connection.read(ReadRequest(name, "GET", clauses, {}, None, None, 250)):
                if time.time() >= ends:
                    break
    return counts


async def service(names: list[str], api_path: str, token: str, ends: float) -> dict[str, Counter[str]]:
    """One process with its processflows."""
    connector = BigCommerceConnector()
    found = await asyncio.gather(*(flow(name, connector, api_path, token, ends) for name in names))
    return dict(zip(names, found, strict=True))


def measured(windows: int, quota: int, window_ms: int) -> None:
    """Run store and services, and print what became of it."""
    with TemporaryDirectory() as folder:
        announcement = Path(folder) / "store.json"
        command = [sys.executable, "-m", "agent.sandbox", "--orders", "60000", "--customers", "20000", "--products",
                   "200", "--quota", str(quota), "--window-ms", str(window_ms), "--announce",
                   str(announcement)]  # fmt: skip
        store = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            while not announcement.exists() or not announcement.read_text():
                time.sleep(0.05)
            told = json.loads(announcement.read_text())
            ends = time.time() + windows * window_ms / 1000
            command = [sys.executable, "-m", "tests.benchmarks.bench_quota", "--ends", str(ends), "--api-path",
                       told["api_path"], "--token", told["token"], "--flows"]  # fmt: skip
            running = [subprocess.Popen([*command, *names], stdout=subprocess.PIPE, text=True) for names in SERVICES]
            flows = {name: counts for one in running for name, counts in json.loads(one.communicate()[0]).items()}
            origin = told["api_path"].partition("/stores/")[0]
            stats = httpx.get(f"{origin}/_sandbox/stats", headers={"X-Auth-Token": told["token"]}).json()
        finally:
            store.terminate()
            store.wait()
    served = sum(one["requests"] - one["refused"] for one in flows.values())
    _tell(f"{windows} windows of {quota} requests in {window_ms / 1000:g} s")
    _tell(f"  share of the quota used: {served / (windows * quota):.1%}, refused: {stats['rate_limited']}")
    for name, one in flows.items():
        _tell(f"  {name}: {one['requests']} requests, {one['requests'] / served:.0%} of all")


def _tell(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--windows", type=int, default=4)
    parser.add_argument("--quota", type=int, default=150)
    parser.add_argument("--window-ms", type=int, default=30_000)
    parser.add_argument("--ends", type=float)
    parser.add_argument("--api-path")
    parser.add_argument("--token")
    parser.add_argument("--flows", nargs="*")
    given = parser.parse_args()
    if given.flows:
        counted = asyncio.run(service(given.flows, given.api_path, given.token, given.ends))
        _tell(json.dumps(counted))
    else:
        measured(given.windows, given.quota, given.window_ms)
