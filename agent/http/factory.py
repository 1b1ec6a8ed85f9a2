"""Makes the HTTP client that connectors talk to their apps with. Owns time-outs, TLS, proxies and compression."""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Callable
from functools import partial

import httpcore
import httpx
import truststore
from httpcore import AsyncNetworkBackend

from agent import __version__
from agent.domain.sent import Observer
from agent.http.guarded import GuardedTransport
from agent.http.told import ToldClient

USER_AGENT = f"OP-Agent/{__version__}"
CONNECT_SECONDS = 10.0
READ_SECONDS = 60.0

# How much is taken from a connection at once. With the 64 KiB that it is by default, pages of a megabyte and more cost
# nearly twice the processor time.
httpcore.AsyncHTTP11Connection.READ_NUM_BYTES = 256 * 1024


def http_client(
    *,
    loopback: bool = False,
    connections: int = 4,
    read_seconds: float = READ_SECONDS,
    auth: httpx.Auth | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
    observer: Observer | None = None,
    guard: AsyncNetworkBackend | None = None,
    inside: Callable[[httpx.AsyncBaseTransport], httpx.AsyncBaseTransport] | None = None,
) -> httpx.AsyncClient:
    """A client that follows no redirect: a token must never travel to a host that nobody chose.

    Args:
        loopback: The app runs on this machine: no proxy, and no compression, which would cost more than it saves.
        connections: How many connections may be open at once.
        read_seconds: How long to wait for an answer, and for each further piece of it.
        auth: Adds the credentials to each request.
        transport: Takes the place of the network, in tests.
        observer: Told of every request, without the credentials.
        guard: Opens the connections, in the place of whoever opens all of them; no proxy is used then.
        inside: Stands between the client, which logs and tells of addresses, and each of its ways to the network.
    """
    # The system's own certificate store: companies add their proxy's authority there.
    trust = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=30.0)
    if guard is not None:
        transport = GuardedTransport(guard, trust=trust, limits=limits)
    make = httpx.AsyncClient if observer is None else partial(ToldClient, observer)
    client = make(
        auth=auth,
        verify=trust,
        timeout=httpx.Timeout(read_seconds, connect=CONNECT_SECONDS),
        limits=limits,
        follow_redirects=False,
        trust_env=not loopback,
        headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity" if loopback else "gzip"},
        transport=transport,
    )
    if inside is not None:
        # httpx makes one transport for each proxy by itself, and has no other way to what it has made.
        client._transport = inside(client._transport)  # noqa: SLF001 - see above
        client._mounts = {  # noqa: SLF001 - see above
            pattern: None if one is None else inside(one)
            for pattern, one in client._mounts.items()  # noqa: SLF001 - see above
        }
    return client


def is_loopback(host: str) -> bool:
    """Whether the host is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
