"""A client that speaks to a running sandbox store the way a program would, and a clock that stands still."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit

from agent.sandbox import RunningSandbox, SandboxOptions


@dataclass
class Clock:
    """Moves only when told."""

    moment: datetime = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment

    def forward(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


@dataclass(frozen=True)
class Reply:
    """What came back."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def ids(self) -> list[int]:
        """The ids of a V2 list; none when there was no content."""
        return [record["id"] for record in self.json] if self.body else []

    @property
    def data_ids(self) -> list[int]:
        """The ids of a V3 list."""
        return [record["id"] for record in self.json["data"]]


class Client:
    """One connection to a sandbox store, opened again after a trouble."""

    def __init__(self, sandbox: RunningSandbox) -> None:
        self.sandbox = sandbox
        self._connection: http.client.HTTPConnection | None = None

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: dict[str, str] | None = None,
        query: dict[str, object] | None = None,
    ) -> Reply:
        """Send one request, with the token unless other headers are given."""
        target = path
        if query:
            target += "?" + "&".join(f"{name}={quote(str(value), safe=':,')}" for name, value in query.items())
        sent = {"X-Auth-Token": self.sandbox.token} if headers is None else dict(headers)
        if body is not None:
            sent.setdefault("Content-Type", "application/json")
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", urlsplit(self.sandbox.origin).port, timeout=20)
        try:
            self._connection.request(method, target, None if body is None else json.dumps(body).encode(), sent)
            response = self._connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException):
            self.close()
            raise
        return Reply(response.status, content, {name.lower(): value for name, value in response.getheaders()})

    def v2(self, path: str, **query: object) -> Reply:
        """Read a V2 resource."""
        return self.ask("GET", f"/stores/demo1/v2{path}", query=query)

    def v3(self, path: str, **query: object) -> Reply:
        """Read a V3 resource."""
        return self.ask("GET", f"/stores/demo1/v3{path}", query=query)

    def write(self, method: str, path: str, body: object) -> Reply:
        """Write a V3 resource."""
        return self.ask(method, f"/stores/demo1/v3{path}", body)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


Make = Callable[[SandboxOptions], Client]
