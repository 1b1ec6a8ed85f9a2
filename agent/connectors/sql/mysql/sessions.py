"""Connections to MariaDB and MySQL: sessions that behave as the agent wants them to."""

from __future__ import annotations

import contextlib
import socket
import ssl
from typing import Any

import pymysql
from pymysql.constants import CLIENT

from agent.connectors.sql.credentials import ServerAddress
from agent.connectors.sql.dialect import Patience
from agent.connectors.sql.fields import TLS_OFF, TLS_PREFERRED, TLS_VERIFIED
from agent.connectors.sql.mysql.values import DECODERS
from agent.connectors.sql.servers import authorities, keep_alive
from agent.domain.errors import ConfigurationError

_MODES = "STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,ERROR_FOR_DIVISION_BY_ZERO,NO_AUTO_VALUE_ON_ZERO"
"""Strict: a value that does not fit is an error, never cut. Zero is a number like others, not a request for one."""


class _Session(pymysql.connections.Connection):
    """A connection of the driver that does not fall back to plain text where encryption was demanded."""

    def __init__(self, *, encrypted: bool, **arguments: Any) -> None:
        self._encrypted = encrypted
        super().__init__(**arguments)

    def _request_authentication(self) -> None:
        offered = self.server_capabilities & CLIENT.SSL  # type: ignore[attr-defined]  # not in its stubs
        if self._encrypted and not offered:
            # The driver would send the login in clear, without a word.
            raise ConfigurationError(
                "The server offers no encryption.", code="tls-unsupported", field="tls",
                remedy=f"Have it set up there, or choose {TLS_OFF} for Encryption if you trust the network in between.",
            )  # fmt: skip
        super()._request_authentication()  # type: ignore[misc]  # not in its stubs


def connect(address: ServerAddress, patience: Patience, *, answer_seconds: float | None = None) -> Any:
    """A connection of the driver, with a session as the agent wants it. It waits for each answer, or only so long."""
    context = _context(address)
    where: dict[str, Any] = {"host": address.host, "port": address.port}
    if address.socket:
        where = {"unix_socket": address.host}
    driver = _Session(
        **where,
        encrypted=context is not None and address.tls != TLS_PREFERRED,
        user=address.username,
        password=address.password.reveal(),
        database=address.database,
        charset="utf8mb4",
        ssl=context,
        ssl_disabled=context is None,
        connect_timeout=int(patience.connect_seconds) + 2,
        read_timeout=answer_seconds,
        write_timeout=answer_seconds,
        # Rows that were met are counted, not only those that changed.
        client_flag=CLIENT.FOUND_ROWS,
        conv=DECODERS,
        autocommit=False,
        program_name="OP Agent",
        # Nobody's settings file, and no file of this computer for the server.
        read_default_file=None,
        local_infile=False,
    )
    try:
        busy = max(1, round(patience.busy_seconds))
        with driver.cursor() as cursor:
            for setting in (
                f"sql_mode = '{_MODES}'", "time_zone = '+00:00'", f"innodb_lock_wait_timeout = {busy}",
                f"lock_wait_timeout = {busy}", "foreign_key_checks = 1", "unique_checks = 1",
            ):  # fmt: skip
                cursor.execute(f"SET SESSION {setting}")
            with contextlib.suppress(pymysql.Error):
                cursor.execute("SET SESSION lc_messages = 'en_US'")
        line: socket.socket = driver._sock  # type: ignore[attr-defined]  # noqa: SLF001 - there is no other way to it
        keep_alive(line)
    except BaseException:
        driver.close()
        raise
    return driver


def stop(address: ServerAddress, patience: Patience, driver: Any) -> None:
    """Ask the server, over another connection, to stop the statement in flight."""
    other = connect(address, patience, answer_seconds=patience.stop_seconds)
    try:
        with other.cursor() as cursor:
            cursor.execute(f"KILL QUERY {driver.thread_id():d}")
    finally:
        other.close()


def cut(driver: Any) -> None:
    """Hang up, from another thread than the one that waits for an answer: that one wakes up by it."""
    line = driver._sock  # noqa: SLF001 - the driver has no other way to it
    if line is not None:
        line.shutdown(socket.SHUT_RDWR)


def _context(address: ServerAddress) -> ssl.SSLContext | None:
    """How to encrypt; None where it is not to be. The driver goes on without where the server offers none."""
    if address.tls == TLS_OFF or address.socket:
        return None
    context = ssl.create_default_context(cafile=authorities(address) if address.tls == TLS_VERIFIED else None)
    if address.tls != TLS_VERIFIED:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
