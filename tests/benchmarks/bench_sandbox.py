"""How fast the sandbox store serves orders. Run by hand:

    .venv/bin/python tests/benchmarks/bench_sandbox.py [--orders 100000] [--rounds 3]

Starts the store as its own process and reads every order once, page by page, each page another one, with the bytes
thrown away. Uses wrk as well when it is installed (`apt-get install wrk`), which costs less than our own client.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

PAGE = 250
QUERIES = {
    "orders": "",
    "orders with line items": "&include=consignments.line_items&consignment_structure=object",
    "orders by date": "&min_date_modified=2024-01-01T00:00:00Z&max_date_modified=2025-12-31T00:00:00Z",
}
_LUA = """
local page = 0
request = function()
  page = page + 1
  local first = (page * {page} * 7) % ({orders} - {page})
  return wrk.format("GET", "{path}?limit={page}&sort=id:asc&min_id=" .. first .. "{query}")
end
"""


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description="Measure the sandbox store.")
    parser.add_argument("--orders", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5, help="for each run of wrk")
    arguments = parser.parse_args()
    wrk = shutil.which("wrk")
    with _store(arguments.orders) as (process, port, token):
        path = "/stores/demo1/v2/orders"
        _tell(f"{'what':28}{'client':>22}{'orders/s':>12}{'MB/s':>10}{'bytes/order':>13}")
        for name, query in QUERIES.items():
            for _ in range(arguments.rounds):
                orders, size, taken = _walk(port, token, path, query)
                _row(name, "1 connection", orders / taken, size / taken, size / orders)
            for connections in (1, 8) if wrk is not None else ():
                script = _LUA.format(page=PAGE, orders=arguments.orders, path=path, query=query)
                requests, rate = _wrk(str(wrk), port, token, script, connections=connections, seconds=arguments.seconds)
                _row(name, f"wrk, {connections} connections", requests * PAGE, rate, rate / (requests * PAGE))
        _tell(f"memory of the store: {psutil.Process(process).memory_info().rss / 2**20:.0f} MiB")


def _row(name: str, client: str, orders: float, size: float, each: float) -> None:
    _tell(f"{name:28}{client:>22}{orders:>12,.0f}{size / 1e6:>10,.0f}{each:>13,.0f}")


def _tell(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


@contextlib.contextmanager
def _store(orders: int) -> Iterator[tuple[int, int, str]]:
    """A store's process id, port and token."""
    command = [sys.executable, "-m", "agent.sandbox", "--no-quota", "--orders", str(orders), "--customers", "20000"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).resolve().parents[2])
    try:
        assert process.stdout is not None
        facts = json.loads(process.stdout.readline())
        yield process.pid, facts["port"], facts["token"]
    finally:
        process.terminate()
        process.wait(10)


def _walk(port: int, token: str, path: str, query: str) -> tuple[int, int, float]:
    """Read all orders on one connection, by id, and count the bytes."""
    buffer = bytearray(1 << 20)
    orders = size = 0
    begin = time.perf_counter()
    with socket.create_connection(("127.0.0.1", port)) as connection:
        while True:
            request = f"GET {path}?limit={PAGE}&sort=id:asc&min_id={orders + 1}{query} HTTP/1.1\r\n"
            connection.sendall(f"{request}host: 127.0.0.1\r\nx-auth-token: {token}\r\n\r\n".encode())
            received = connection.recv_into(buffer)
            head, _, _ = bytes(buffer[:2048]).partition(b"\r\n\r\n")
            if head.startswith(b"HTTP/1.1 204"):
                return orders, size, time.perf_counter() - begin
            match = re.search(rb"content-length: (\d+)", head)
            assert match is not None, head
            left = int(match[1]) + len(head) + 4 - received
            while left:
                left -= connection.recv_into(buffer)
            size += int(match[1])
            orders += PAGE


def _wrk(wrk: str, port: int, token: str, script: str, *, connections: int, seconds: int) -> tuple[float, float]:
    """Requests and bytes per second."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "pages.lua")
        file.write_text(script, "utf-8")
        command = [wrk, "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(file), "-H", f"X-Auth-Token: {token}"]
        output = subprocess.run(
            [*command, f"http://127.0.0.1:{port}"], check=True, capture_output=True, text=True
        ).stdout
    requests = re.search(r"Requests/sec:\s+([\d.]+)", output)
    transfer = re.search(r"Transfer/sec:\s+([\d.]+)(KB|MB|GB)", output)
    assert requests is not None, output
    assert transfer is not None, output
    assert "Non-2xx" not in output, output
    return float(requests[1]), float(transfer[1]) * {"KB": 2**10, "MB": 2**20, "GB": 2**30}[transfer[2]]


if __name__ == "__main__":
    main()
