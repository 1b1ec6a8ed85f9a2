"""Makes the HTTP client that connectors talk to their apps with. Owns time-outs, TLS, proxies and compression."""

from __future__ import annotations

import ipaddress
import ssl
from functools import partial

import httpcore
import httpx
import truststore

from agent import __version__
from agent.domain.sent import Observer
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
) -> httpx.AsyncClient:
    """A client that follows no redirect: a token must never travel to a host that nobody chose.

    Args:
        loopback: The app runs on this machine: no proxy, and no compression, which would cost more than it saves.
        connections: How many connections may be open at once.
        read_seconds: How long to wait for an answer, and for each further piece of it.
        auth: Adds the credentials to each request.
        transport: Takes the place of the network, in tests.
        observer: Told of every request, without the credentials.
    """
    make = httpx.AsyncClient if observer is None else partial(ToldClient, observer)
    return make(
        auth=auth,
        # The system's own certificate store: companies add their proxy's authority there.
        verify=truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        timeout=httpx.Timeout(read_seconds, connect=CONNECT_SECONDS),
        limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=30.0),
        follow_redirects=False,
        trust_env=not loopback,
        headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity" if loopback else "gzip"},
        transport=transport,
    )


def is_loopback(host: str) -> bool:
    """Whether the host is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
