"""Puts secrets onto requests, into a header or the query, and takes them off again."""

from __future__ import annotations

from collections.abc import Generator

import httpx

from agent.domain.secret import Secret


class HeaderAuth(httpx.Auth):
    """Puts a secret into a header, and takes it out again, so that no failed request carries it about."""

    def __init__(self, name: str, value: Secret) -> None:
        self._name, self._value = name, value

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """httpx calls this around each request."""
        request.headers[self._name] = self._value.reveal()
        try:
            yield request
        finally:
            request.headers.pop(self._name, None)


class QueryAuth(httpx.Auth):
    """Has a key put into the query, by `KeyTransport`: earlier, it would be logged with the address."""

    def __init__(self, name: str, value: Secret) -> None:
        self.name, self._value = name, value

    def inside(self, transport: httpx.AsyncBaseTransport) -> KeyTransport:
        """A way to the network, with the key on it."""
        return KeyTransport(transport, self.name, self._value)

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """httpx calls this around each request."""
        yield request


class KeyTransport(httpx.AsyncBaseTransport):
    """Adds a key to the query of what goes over the wire; the request itself stays as it was."""

    def __init__(self, inner: httpx.AsyncBaseTransport, name: str, value: Secret) -> None:
        self._inner, self._name, self._value = inner, name, value

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """httpx calls this with each request."""
        url = request.url.copy_add_param(self._name, self._value.reveal())
        signed = httpx.Request(request.method, url, headers=request.headers, stream=request.stream)
        signed.extensions = request.extensions
        return await self._inner.handle_async_request(signed)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()
