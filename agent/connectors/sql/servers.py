"""What all kinds of database servers have in common before a driver comes in: whether something listens there, and whom
this computer trusts."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path

from agent.connectors.sql.credentials import ServerAddress
from agent.connectors.sql.fields import CA_FILE, HOST, PORT
from agent.domain.errors import AgentError, ConfigurationError, TransientError


async def reach(address: ServerAddress, *, seconds: float) -> None:
    """Whether something listens at host and port: the system says more about it than a driver does.

    Raises:
        AgentError: nothing does, or not within that time.
    """
    if address.socket:
        return
    try:
        async with asyncio.timeout(seconds):
            await _connected(address.host, address.port)
    except (OSError, UnicodeError) as error:
        raise unreached(error, address, seconds=seconds) from None


async def _connected(host: str, port: int) -> None:
    """Connect and hang up. Raises OSError: a refusal rather than other reasons where several addresses fail."""
    loop = asyncio.get_running_loop()
    failure: OSError | None = None
    for family, kind, protocol, _, address in await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        try:
            with socket.socket(family, kind, protocol) as trial:
                trial.setblocking(False)
                await loop.sock_connect(trial, address)
                return
        except OSError as error:
            failure = failure if isinstance(failure, ConnectionRefusedError) else error
    raise failure or OSError


def authorities(address: ServerAddress) -> str | None:
    """The file with the certificates that are trusted; None for those that this computer trusts, wherever they are.

    Raises:
        ConfigurationError: the file is not there.
    """
    if address.ca_file:
        if not Path(address.ca_file).is_file():
            raise ConfigurationError(
                f"The CA certificate {address.ca_file} is not there.",
                code="file-missing",
                remedy="Correct the path, or leave the field empty to trust what this computer trusts.",
                field=CA_FILE,
            )
        return address.ca_file
    return ssl.get_default_verify_paths().cafile


def keep_alive(line: socket.socket) -> None:
    """Notice within minutes that the other side of a connection is gone."""
    line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3), ("TCP_USER_TIMEOUT", 60_000)):
        option = getattr(socket, name, None)  # not all systems have all of them
        if option is not None and line.family != getattr(socket, "AF_UNIX", None):
            line.setsockopt(socket.IPPROTO_TCP, option, value)


def unreached(error: BaseException, address: ServerAddress, *, seconds: float) -> AgentError:
    """Why nothing could be connected to at host and port."""
    detail = type(error).__name__
    where = f"{address.host}:{address.port}"
    if isinstance(error, socket.gaierror | UnicodeError):
        return ConfigurationError(
            f"There is no computer called {address.host}.", code="host-unknown", detail=detail, field=HOST,
            remedy="Correct the Host, or check this computer's network and name server.",
        )  # fmt: skip
    if isinstance(error, ConnectionRefusedError):
        return TransientError(
            f"{address.host} answers, but no database server listens on port {address.port}.",
            code="connection-refused", detail=detail, field=PORT,
            remedy="Correct the Port, start the server, or let it listen on more than its own computer.",
        )  # fmt: skip
    if isinstance(error, TimeoutError):
        return TransientError(
            f"{where} did not answer in {seconds:g} seconds.", code="connect-timeout", detail=detail, field=HOST,
            remedy="Correct the Host, or check the network and the firewall in between.",
        )  # fmt: skip
    return TransientError(
        f"{where} cannot be reached.", code="host-unreachable", detail=detail, field=HOST,
        remedy="Correct the Host, or check the network and the firewall in between.",
    )  # fmt: skip
