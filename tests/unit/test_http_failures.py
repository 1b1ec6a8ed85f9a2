"""The table of failures: each kind once, and whether the request may have been carried out."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest

from agent.domain.errors import (
    AccessError,
    AgentError,
    AmbiguousWriteError,
    ConfigurationError,
    CredentialsError,
    FatalError,
    NotFoundError,
    TransientError,
)
from agent.http.factory import http_client
from agent.http.failures import made_error, network_failure, status_failure


def caused(error: httpx.ConnectError, cause: BaseException) -> httpx.ConnectError:
    error.__cause__ = cause
    return error


CERTIFICATE = ssl.SSLCertVerificationError(1, "certificate verify failed")
CERTIFICATE.verify_message = "certificate has expired"

NOT_SENT = [
    (caused(httpx.ConnectError("no"), socket.gaierror(-2, "unknown")), "host-not-found", TransientError),
    (caused(httpx.ConnectError("no"), ConnectionRefusedError()), "connection-refused", TransientError),
    (caused(httpx.ConnectError("no"), OSError("no route")), "unreachable", TransientError),
    (caused(httpx.ConnectError("no"), CERTIFICATE), "tls", ConfigurationError),
    (caused(httpx.ConnectError("no"), ssl.SSLError(1, "handshake")), "tls", TransientError),
    (
        caused(httpx.ConnectError("no"), ExceptionGroup("all", [OSError("v6"), ConnectionRefusedError()])),
        "connection-refused",
        TransientError,
    ),
    (httpx.ConnectTimeout("late"), "connect-timeout", TransientError),
    (httpx.PoolTimeout("busy"), "connections-busy", TransientError),
    (httpx.ProxyError("no"), "proxy", TransientError),
    (httpx.UnsupportedProtocol("ftp"), "address", ConfigurationError),
    (httpx.InvalidURL("bad"), "address", ConfigurationError),
]
MAYBE_SENT = [
    (httpx.ReadTimeout("late"), "read-timeout"),
    (httpx.WriteTimeout("late"), "read-timeout"),
    (httpx.ReadError("reset"), "connection-lost"),
    (httpx.WriteError("reset"), "connection-lost"),
    (httpx.CloseError("reset"), "connection-lost"),
    (httpx.RemoteProtocolError("cut short"), "protocol"),
    (httpx.DecodingError("gzip"), "protocol"),
    (httpx.TooManyRedirects("round"), "connection-lost"),
]


@pytest.mark.parametrize("writing", [False, True])
@pytest.mark.parametrize(("error", "code", "kind"), NOT_SENT)
def test_what_was_never_sent_is_not_ambiguous(
    error: httpx.HTTPError, code: str, kind: type[AgentError], writing: bool
) -> None:
    failure = network_failure(error, host="shop.example", writing=writing)

    assert (failure.code, type(failure)) == (code, kind)
    assert "shop.example" in failure.message
    assert failure.remedy


@pytest.mark.parametrize(("error", "code"), MAYBE_SENT)
def test_what_may_have_been_sent_is_ambiguous_for_writes(error: httpx.HTTPError, code: str) -> None:
    assert type(network_failure(error, host="h", writing=False)) is TransientError
    failure = network_failure(error, host="h", writing=True)
    assert (failure.code, type(failure)) == (code, AmbiguousWriteError)


def test_the_reason_of_a_tls_failure_is_told() -> None:
    failure = network_failure(caused(httpx.ConnectError("no"), CERTIFICATE), host="h", writing=False)

    assert "certificate has expired" in failure.message


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (301, ConfigurationError),
        (400, FatalError),
        (401, CredentialsError),
        (403, AccessError),
        (404, NotFoundError),
        (413, FatalError),
        (418, FatalError),
        (423, TransientError),
        (429, TransientError),
        (499, AmbiguousWriteError),
        (500, AmbiguousWriteError),
        (501, FatalError),
        (502, AmbiguousWriteError),
        (503, TransientError),
        (504, AmbiguousWriteError),
        (507, ConfigurationError),
        (509, TransientError),
        (599, AmbiguousWriteError),
    ],
)
def test_statuses_say_what_happens_next(status: int, kind: type[AgentError]) -> None:
    line = status_failure(status)

    assert line is not None
    assert type(made_error(line, host="h", writing=True, reason=str(status))) is kind
    for_reads = type(made_error(line, host="h", writing=False))
    assert for_reads is (TransientError if kind is AmbiguousWriteError else kind)


@pytest.mark.parametrize("status", [200, 201, 204, 207, 304])
def test_success_is_no_failure(status: int) -> None:
    assert status_failure(status) is None


Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[int]:
    async def closing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await handler(reader, writer)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(closing, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def failure_of(port: int, *, scheme: str = "http") -> AgentError:
    async with http_client(loopback=True) as client:
        with pytest.raises(httpx.HTTPError) as caught:
            await client.put(f"{scheme}://127.0.0.1:{port}/", content=b"{}")
    return network_failure(caught.value, host="127.0.0.1", writing=True)


async def test_a_real_refused_connection_is_recognised() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]

    assert (await failure_of(port)).code == "connection-refused"


async def test_a_real_connection_that_is_dropped_after_the_request_is_ambiguous() -> None:
    async def drop(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"{}")

    async with serving(drop) as port:
        assert type(await failure_of(port)) is AmbiguousWriteError


async def test_a_real_answer_that_is_cut_short_is_ambiguous() -> None:
    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"{}")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        await writer.drain()

    async with serving(cut) as port:
        assert type(await failure_of(port)) is AmbiguousWriteError


async def test_a_real_host_without_tls_is_recognised() -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"this is not TLS\r\n")
        await writer.drain()

    async with serving(plain) as port:
        failure = await failure_of(port, scheme="https")

    assert (failure.code, type(failure)) == ("tls", TransientError)
