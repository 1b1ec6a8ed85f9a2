"""The one table that turns what goes wrong in HTTP into our errors, by asking what happens next.

It also knows after which failures a request may have been carried out all the same. Such a failure of a write becomes
an AmbiguousWriteError. What an app says in its answers is the business of its connector, which words the messages.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

import httpx

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


class Next(Enum):
    """What happens next. After MAYBE_DONE a write is looked up before it is repeated; anything else is repeated."""

    PERSON = ConfigurationError
    CREDENTIALS = CredentialsError
    ACCESS = AccessError
    MISSING = NotFoundError
    LATER = TransientError
    MAYBE_DONE = AmbiguousWriteError
    STOP = FatalError


@dataclass(frozen=True, slots=True)
class Failure:
    """One line of the table. `{host}` and `{reason}` in the texts are filled in."""

    next: Next
    code: str
    message: str
    remedy: str = ""


_TRY_LATER = "Nothing has to be done if it passes; the agent tries again."
_NAME = Failure(
    Next.LATER,
    "host-not-found",
    "The host {host} cannot be found.",
    "Check the internet connection, DNS and proxy settings.",
)
_REFUSED = Failure(
    Next.LATER,
    "connection-refused",
    "No connection to {host}: it was refused.",
    "Allow outgoing connections to {host} in the firewall, or configure the proxy.",
)
_UNREACHABLE = Failure(
    Next.LATER,
    "unreachable",
    "No connection to {host}.",
    "Check the network, and allow outgoing connections to {host} in the firewall, or configure the proxy.",
)
_CONNECT_TIMEOUT = Failure(
    Next.LATER,
    "connect-timeout",
    "No connection to {host}: it did not answer in time.",
    "Allow outgoing connections to {host} in the firewall, or configure the proxy.",
)
_TLS_REMEDY = "Check the clock, the certificate store and any HTTPS-inspecting proxy."
_CERTIFICATE = Failure(Next.PERSON, "tls", "The secure connection to {host} failed: {reason}.", _TLS_REMEDY)
_TLS = Failure(Next.LATER, "tls", "The secure connection to {host} failed: {reason}.", _TLS_REMEDY)
_PROXY = Failure(Next.LATER, "proxy", "The proxy did not let us through to {host}.", "Check the proxy settings.")
_BUSY = Failure(Next.LATER, "connections-busy", "No connection to {host} became free in time.", _TRY_LATER)
_READ_TIMEOUT = Failure(Next.MAYBE_DONE, "read-timeout", "{host} did not answer in time.", _TRY_LATER)
_LOST = Failure(Next.MAYBE_DONE, "connection-lost", "The connection to {host} broke off.", _TRY_LATER)
_PROTOCOL = Failure(
    Next.MAYBE_DONE,
    "protocol",
    "{host} broke off before its answer was complete, or sent one that is not proper HTTP.",
    _TRY_LATER,
)
_ADDRESS = Failure(
    Next.PERSON, "address", "The address of {host} cannot be used.", "Correct the address in the App Configuration."
)

_NETWORK: tuple[tuple[type[Exception], Failure], ...] = (
    (httpx.ConnectTimeout, _CONNECT_TIMEOUT),
    (httpx.PoolTimeout, _BUSY),
    (httpx.TimeoutException, _READ_TIMEOUT),
    (httpx.ProxyError, _PROXY),
    (httpx.ConnectError, _UNREACHABLE),
    (httpx.NetworkError, _LOST),
    (httpx.UnsupportedProtocol, _ADDRESS),
    (httpx.ProtocolError, _PROTOCOL),
    (httpx.DecodingError, _PROTOCOL),
    (httpx.HTTPError, _LOST),
    (httpx.InvalidURL, _ADDRESS),
)

_SERVER = Failure(Next.MAYBE_DONE, "server-error", "{host} did not answer properly ({reason}).", _TRY_LATER)
_REQUEST = Failure(Next.STOP, "request-refused", "{host} refused a request ({reason}).", "Tell support, with the log.")
_STATUSES: dict[int, Failure] = {
    401: Failure(Next.CREDENTIALS, "credentials-rejected", "{host} rejected the credentials.", "Enter them again."),
    402: Failure(Next.PERSON, "payment-required", "{host} wants a payment first.", "Settle it with the app's vendor."),
    403: Failure(Next.ACCESS, "not-permitted", "{host} does not permit this.", "Give the account the permission."),
    404: Failure(Next.MISSING, "not-found", "{host} does not have what was asked for.", "Check the address."),
    407: Failure(Next.PERSON, "proxy", "The proxy wants a sign-in.", "Check the proxy settings."),
    408: Failure(Next.MAYBE_DONE, "read-timeout", "{host} gave up waiting.", _TRY_LATER),
    410: Failure(Next.MISSING, "not-found", "{host} does not have any more what was asked for.", "Check the address."),
    413: Failure(Next.STOP, "too-large", "{host} found a request too large.", "Tell support, with the log."),
    423: Failure(Next.LATER, "locked", "What was asked for is locked at {host}.", _TRY_LATER),
    425: Failure(Next.LATER, "server-error", "{host} wants to be asked later.", _TRY_LATER),
    429: Failure(Next.LATER, "rate-limited", "{host} has had too many requests.", _TRY_LATER),
    499: Failure(Next.MAYBE_DONE, "server-error", "{host} broke a request off.", _TRY_LATER),
    501: _REQUEST,
    503: Failure(Next.LATER, "unavailable", "{host} is not available.", _TRY_LATER),
    507: Failure(
        Next.PERSON, "plan-limit", "{host} has reached a limit of its plan.", "Make room, or change the plan."
    ),
    509: Failure(Next.LATER, "quota-used-up", "The request quota of {host} is used up.", _TRY_LATER),
}
_REDIRECT = Failure(Next.PERSON, "redirected", "{host} redirects to another address.", "Use that address.")


def network_failure(error: httpx.HTTPError | httpx.InvalidURL, *, host: str, writing: bool) -> AgentError:
    """The error for a request that got no answer.

    Args:
        error: What httpx raised.
        host: The host, for people.
        writing: Whether the request was to change something.
    """
    line = next(line for kind, line in _NETWORK if isinstance(error, kind))
    reason = type(error).__name__
    if isinstance(error, httpx.ConnectError):
        line, reason = _why_not_connected(error, line, reason)
    return made_error(line, host=host, reason=reason, writing=writing, detail=f"{host}: {type(error).__name__}")


def status_failure(status: int) -> Failure | None:
    """The table's line for a status; None where it is no failure."""
    if status < 300 or status == 304:
        return None
    if status < 400:
        return _REDIRECT
    return _STATUSES.get(status) or (_REQUEST if status < 500 else _SERVER)


def made_error(
    line: Failure,
    *,
    host: str,
    writing: bool,
    reason: str = "",
    message: str | None = None,
    remedy: str | None = None,
    detail: str = "",
    field: str | None = None,
    retry_after_seconds: float | None = None,
) -> AgentError:
    """The error that a line of the table stands for, with other words where the caller knows better ones."""
    message = line.message.format(host=host, reason=reason) if message is None else message
    remedy = line.remedy.format(host=host) if remedy is None else remedy
    kind: type[AgentError] = line.next.value
    if kind is AmbiguousWriteError and not writing:
        kind = TransientError
    error = kind(message, code=line.code, remedy=remedy, detail=detail, field=field)
    if isinstance(error, TransientError):
        error.retry_after_seconds = retry_after_seconds
    return error


def _why_not_connected(error: httpx.ConnectError, line: Failure, reason: str) -> tuple[Failure, str]:
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _CERTIFICATE, _reason(cause, "verify_message", "the certificate is not trusted")
        if isinstance(cause, ssl.SSLError):
            return _TLS, _reason(cause, "reason", "the handshake failed").replace("_", " ").lower()
        if isinstance(cause, socket.gaierror):
            return _NAME, reason
        if isinstance(cause, ConnectionRefusedError):
            return _REFUSED, reason
    return line, reason


def _reason(error: ssl.SSLError, name: str, otherwise: str) -> str:
    """What a TLS error says; those that Python's libraries make themselves lack the usual attributes."""
    return str(getattr(error, name, None) or otherwise).rstrip(".")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error, what caused it, and the members of groups: connecting may try several addresses at once."""
    seen: set[int] = set()
    waiting: list[BaseException] = [error]
    while waiting:
        cause = waiting.pop()
        if id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        if isinstance(cause, BaseExceptionGroup):
            waiting += cause.exceptions
        waiting += [other for other in (cause.__cause__, cause.__context__) if other is not None]
