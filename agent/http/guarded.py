"""Keeps requests away from addresses in private networks, where nobody allowed them.

A name is resolved here, every address of it is looked at, and the connection goes to the one that was looked at: a name
that leads elsewhere the next time it is asked for leads nowhere. RFC 1918, RFC 4193, RFC 6598 and what else
`ipaddress` counts as not global is private.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Iterable

import httpcore
import httpx
from httpcore import AsyncNetworkBackend, AsyncNetworkStream

from agent.domain.errors import ConfigurationError


class PrivateAddressError(ConfigurationError):
    """A host that lies in a private network."""

    def __init__(self, host: str, address: str, *, field: str | None) -> None:
        super().__init__(
            f"{host} lies in a private network ({address}), and those are not allowed here.",
            code="private-address",
            remedy="If it is a service of your own, allow addresses in private networks in its App Configuration.",
            field=field,
        )


class GuardedBackend(AsyncNetworkBackend):
    """Opens connections to public addresses alone.

    Args:
        field: The field of the credential form that allows others.
    """

    def __init__(self, field: str | None = None) -> None:
        self._backend: AsyncNetworkBackend = httpcore.AnyIOBackend()
        self._field = field

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore calls it so
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> AsyncNetworkStream:
        """Connect. Raises PrivateAddressError."""
        addresses = await _resolved(host, port)
        for address in addresses:
            if not ipaddress.ip_address(address.partition("%")[0]).is_global:
                raise PrivateAddressError(host, address, field=self._field)
        error: Exception = httpcore.ConnectError("no address")
        for address in addresses:
            try:
                return await self._backend.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as failure:
                error = failure
        raise error

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore calls it so
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> AsyncNetworkStream:
        """Never: it is none of the addresses that anybody entered."""
        raise httpcore.ConnectError("no sockets of this computer")

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await self._backend.sleep(seconds)


async def _resolved(host: str, port: int) -> list[str]:
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise httpcore.ConnectError(str(error)) from error
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class GuardedTransport(httpx.AsyncHTTPTransport):
    """An HTTP transport whose connections a backend opens; httpx itself has no way to give it one.

    Args:
        backend: Opens them.
        trust: Which servers are trusted.
        limits: How many connections, and for how long.
    """

    def __init__(self, backend: AsyncNetworkBackend, *, trust: ssl.SSLContext, limits: httpx.Limits) -> None:
        super().__init__(verify=trust, limits=limits)
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=trust,
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry,
            network_backend=backend,
        )
