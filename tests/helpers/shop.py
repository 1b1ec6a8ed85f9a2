"""A sandbox store in a process of its own, as an agent on the same machine meets it."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_START_SECONDS = 30.0


@dataclass(frozen=True)
class Shop:
    """A running store."""

    port: int
    api_path: str
    legacy_api_path: str
    username: str
    token: str

    def control(self, method: str, name: str, body: object = None) -> Any:
        """Use the store's control interface, which costs no quota and knows no troubles."""
        return self._ask(method, f"/_sandbox/{name}", body)

    def get(self, path: str) -> Any:
        """Read something below `/stores/demo1`; None where the store answers without content."""
        return self._ask("GET", f"/stores/demo1{path}")

    def send(self, method: str, path: str, body: object) -> Any:
        """Write something below `/stores/demo1`."""
        return self._ask(method, f"/stores/demo1{path}", body)

    def orders(self) -> Iterator[dict[str, Any]]:
        """Every order as it is now, with its lines, in the order of their ids."""
        after = 0
        query = "include=consignments.line_items&consignment_structure=object&sort=id:asc&limit=250"
        while page := self.get(f"/v2/orders?{query}&min_id={after + 1}"):
            yield from page
            after = page[-1]["id"]

    def requests(self) -> int:
        """How many requests the store has answered since the last reset."""
        return int(self.control("GET", "stats")["requests"])

    def _ask(self, method: str, path: str, body: object = None) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            headers = {"X-Auth-Token": self.token, "Accept": "application/json", "Content-Type": "application/json"}
            connection.request(method, path, None if body is None else json.dumps(body).encode(), headers)
            response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        assert response.status < 300, (response.status, content[:500])
        return json.loads(content) if content else None


@contextmanager
def open_shop(folder: Path, *options: str) -> Iterator[Shop]:
    """A store with these options of `python -m agent.sandbox`, for the length of a block."""
    announce = folder / "shop.json"
    announce.unlink(missing_ok=True)
    command = [sys.executable, "-m", "agent.sandbox", "--announce", str(announce), *options]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        end = time.monotonic() + _START_SECONDS
        while not announce.exists():
            assert process.poll() is None, "the sandbox store ended while it was starting"
            assert time.monotonic() < end, "the sandbox store did not start in time"
            time.sleep(0.02)
        facts = json.loads(announce.read_text("utf-8"))
        yield Shop(facts["port"], facts["api_path"], facts["legacy_api_path"], facts["username"], facts["token"])
    finally:
        process.terminate()
        process.wait(20)
