"""Connections to PostgreSQL: sessions that behave as the agent wants them to."""

from __future__ import annotations

import os
import socket
from typing import Any

import psycopg

from agent.connectors.sql.credentials import ServerAddress
from agent.connectors.sql.dialect import Patience
from agent.connectors.sql.fields import TLS_OFF, TLS_PREFERRED, TLS_REQUIRED, TLS_VERIFIED
from agent.connectors.sql.servers import authorities

_SSLMODES = {TLS_OFF: "disable", TLS_PREFERRED: "prefer", TLS_REQUIRED: "require", TLS_VERIFIED: "verify-full"}
_SESSION = (
    "SET TIME ZONE 'UTC'; SET DateStyle = 'ISO'; SET IntervalStyle = 'iso_8601'; SET bytea_output = 'hex';"
    "SET idle_in_transaction_session_timeout = '5min'; SET statement_timeout = 0;"
    # What is acknowledged has to be on the disk.
    "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
)


def connect(address: ServerAddress, patience: Patience) -> psycopg.Connection[Any]:
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
        sslrootcert=(authorities(address) or "system") if address.tls == TLS_VERIFIED else "",
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
