"""Something that behaves like Acme, on this computer: a real server for the tests. Put your app in its place.

`python tests/app.py 8000` runs it by itself, at http://127.0.0.1:8000.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "a-token-that-nobody-guesses"
_DAY = timedelta(days=1)


class AcmeServer(ThreadingHTTPServer):
    """Acme with ten customers. `customers` is what it holds, by id."""

    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.lock = threading.Lock()
        made = datetime.now(UTC) - _DAY
        self.customers: dict[int, dict[str, Any]] = {}
        for number in range(1, 11):
            self.save(number, {"email": f"c{number}@shop.test", "name": f"Customer {number}"}, at=made)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that hang up: the suite does so on purpose."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    def save(self, number: int, values: dict[str, Any], at: datetime | None = None) -> dict[str, Any]:
        """Make or change a customer."""
        with self.lock:
            record = {"id": number, **self.customers.get(number, {}), **values}
            record["changed_at"] = (at or datetime.now(UTC)).isoformat()
            self.customers[number] = record
            return record


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: AcmeServer

    def do_GET(self) -> None:
        """Answer a GET."""
        url = urlsplit(self.path)
        query = {name: texts[-1] for name, texts in parse_qs(url.query).items()}
        if not self._may():
            self._answer(401, {})
        elif url.path == "/v1/account":
            self._answer(200, {"name": "Acme Limited"})
        elif url.path == "/v1/customers":
            self._answer(200, {"customers": self._found(query), "time": datetime.now(UTC).isoformat()})
        else:
            self._answer(404, {})

    def do_POST(self) -> None:
        """Make a customer."""
        self._write(None)

    def do_PUT(self) -> None:
        """Change a customer."""
        self._write(int(self.path.rpartition("/")[2]))

    def _write(self, number: int | None) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if not self._may():
            self._answer(401, {})
        elif "@" not in body.get("email", ""):
            self._answer(422, {"reason": "the email is no address", "attribute": "email"})
        elif number is None and any(one["email"] == body["email"] for one in self.server.customers.values()):
            self._answer(409, {"reason": "another customer has that email", "attribute": "email"})
        else:
            self._answer(200, self.server.save(number or max(self.server.customers) + 1, body))

    def _may(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {TOKEN}"

    def _found(self, query: dict[str, str]) -> list[dict[str, Any]]:
        found = [one for _, one in sorted(self.server.customers.items()) if one["id"] > int(query.get("after", 0))]
        for name in ("id", "email"):
            if name in query:
                found = [one for one in found if str(one[name]) in query[name].split(",")]
        if "changed_since" in query:
            since = datetime.fromisoformat(query["changed_since"])
            found = [one for one in found if datetime.fromisoformat(one["changed_at"]) >= since]
        return found[: int(query.get("limit", 250))]

    def _answer(self, status: int, body: object) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
        """Say nothing."""


@contextmanager
def running_app() -> Iterator[AcmeServer]:
    """Acme, for the length of a block."""
    server = AcmeServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


if __name__ == "__main__":
    with AcmeServer(int(sys.argv[1])) as alone:
        print(f"Acme answers at http://127.0.0.1:{alone.server_port}. Its API token is {TOKEN}", flush=True)
        alone.serve_forever()
