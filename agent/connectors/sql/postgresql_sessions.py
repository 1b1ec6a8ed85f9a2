"""Connections to PostgreSQL: whether it can be reached, and a session that behaves as the agent wants it to."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from pathlib import Path
from typing import Any

import psycopg

from agent.connectors.sql import postgresql_failures
from agent.connectors.sql.credentials import TLS_OFF, TLS_PREFERRED, TLS_REQUIRED, TLS_VERIFIED, PostgresAddress
from agent.connectors.sql.dialect import Patience
from agent.domain.errors import ConfigurationError

_SSLMODES = {TLS_OFF: "disable", TLS_PREFERRED: "prefer", TLS_REQUIRED: "require", TLS_VERIFIED: "verify-full"}
_SESSION = (
    "SET TIME ZONE 'UTC'; SET DateStyle = 'ISO'; SET IntervalStyle = 'iso_8601'; SET bytea_output = 'hex';"
    "SET idle_in_transaction_session_timeout = '5min'; SET statement_timeout = 0;"
    # What is acknowledged has to be on the disk.
    "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
)


async def reach(address: PostgresAddress, *, seconds: float) -> None:
    """Whether something listens at host and port: the system says more about it than the driver does.

    Raises:
        AgentError: nothing does, or not within that time.
    """
    if address.socket:
        return
    try:
        async with asyncio.timeout(seconds):
            await _connected(address.host, address.port)
    except (OSError, UnicodeError) as error:
        raise postgresql_failures.unreached(error, address, seconds=seconds) from None


def connect(address: PostgresAddress, patience: Patience) -> psycopg.Connection[Any]:
    """A connection of the driver, with a session as the agent wants it."""
    driver = psycopg.connect(
        host=address.host,
        port=address.port,
        dbname=address.database,
        user=address.username,
        password=address.password.reveal(),
        # Nobody else's password, should the service's user have some in a file.
        passfile=os.devnull,
        sslmode=_SSLMODES[address.tls],
        sslrootcert=_authorities(address) if address.tls == TLS_VERIFIED else "",
        sslcertmode="disable",
        # Nobody waits that long: it ends what was given up.
        connect_timeout=int(patience.connect_seconds) + 2,
        application_name="OP Agent",
        client_encoding="utf8",
        keepalives_idle=30,
        keepalives_interval=10,
        keepalives_count=3,
        tcp_user_timeout=60_000,
        autocommit=True,
    )
    try:
        driver.execute(_SESSION)
        driver.execute(f"SET lock_timeout = {int(patience.busy_seconds * 1000)}".encode())
    except BaseException:
        driver.close()
        raise
    return driver


def cut(driver: psycopg.Connection[Any]) -> None:
    """Hang up, from another thread than the one that waits for an answer."""
    # Closing it here would take it away from under the thread that waits for it; this makes that thread wake up.
    with socket.fromfd(driver.fileno(), socket.AF_INET, socket.SOCK_STREAM) as line:
        line.shutdown(socket.SHUT_RDWR)


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


def _authorities(address: PostgresAddress) -> str:
    """The file with the certificates that are trusted."""
    if address.ca_file:
        if not Path(address.ca_file).is_file():
            raise ConfigurationError(
                f"The CA certificate {address.ca_file} is not there.",
                code="file-missing",
                remedy="Correct the path, or leave the field empty to trust what this computer trusts.",
                field="ca_file",
            )
        return address.ca_file
    return ssl.get_default_verify_paths().cafile or "system"
