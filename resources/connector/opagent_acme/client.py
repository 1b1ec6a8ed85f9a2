"""Sends single requests: signs them, tries again what failed for the moment, turns failures into the agent's errors."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import TypeVar

import httpx
import msgspec
from agent.domain.secret import Secret
from agent.http.failures import network_failure
from agent.http.retry import Retry

from opagent_acme.failures import RECORD_STATUSES, answer_failure, nonsense

_Kind = TypeVar("_Kind")


class TokenAuth(httpx.Auth):
    """Adds the token to a request, and takes it off again, so that no failed request carries it about."""

    def __init__(self, token: Secret) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """httpx calls this around each request."""
        request.headers["Authorization"] = f"Bearer {self._token.reveal()}"
        try:
            yield request
        finally:
            request.headers.pop("Authorization", None)


class Client:
    """Requests to one Acme.

    Args:
        http: The HTTP client, with `TokenAuth`.
        address: Where Acme answers.
        retry: What is tried again.
    """

    def __init__(self, *, http: httpx.AsyncClient, address: str, retry: Retry) -> None:
        self._http, self._address, self._retry = http, address, retry
        self.host = httpx.URL(address).host

    async def get(self, path: str, kind: type[_Kind], query: Mapping[str, str] | None = None) -> _Kind:
        """Fetch something of that kind."""

        async def once() -> _Kind:
            response = await self._once("GET", path, query=query)
            try:
                return msgspec.json.decode(response.content, type=kind)
            except (msgspec.DecodeError, ValueError) as error:
                raise nonsense(host=self.host, writing=False) from error

        return await self._retry.run(once)

    async def send(self, method: str, path: str, body: object) -> httpx.Response:
        """Write something. An answer about the record itself is returned, not raised.

        Raises:
            AmbiguousWriteError: It may have been written. It is never repeated here.
        """

        async def once() -> httpx.Response:
            return await self._once(method, path, body=msgspec.json.encode(body))

        return await self._retry.run(once)

    async def _once(
        self, method: str, path: str, *, query: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> httpx.Response:
        writing = method != "GET"
        try:
            response = await self._http.request(
                method,
                f"{self._address}{path}",
                params=query,
                content=body,
                headers={"Accept": "application/json", "Content-Type": "application/json"},
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise network_failure(error, host=self.host, writing=writing) from error
        if not (writing and response.status_code in RECORD_STATUSES):
            failure = answer_failure(
                host=self.host, status=response.status_code, headers=response.headers, writing=writing
            )
            if failure is not None:
                raise failure
        return response
