"""Encryption of connections to SQL Server: TLS whose handshake travels in packets of the protocol (MS-TDS, 2.2.6.5).

The driver has its own, which needs another library and compares names of certificates loosely; this one is Python's.
"""

from __future__ import annotations

import socket
import ssl
from typing import Any

import pytds  # type: ignore[import-untyped]  # it ships no types
from pytds import tls as pytds_tls
from pytds.tds_base import PacketType  # type: ignore[import-untyped]  # it ships no types

from agent.connectors.sql.credentials import ServerAddress
from agent.connectors.sql.fields import TLS_OFF, TLS_VERIFIED
from agent.connectors.sql.servers import authorities

_AT_ONCE = 65_536


def context(address: ServerAddress) -> ssl.SSLContext | None:
    """How to encrypt; None where it is not to be.

    Raises:
        ConfigurationError: the file of the CA certificate is not there.
        ssl.SSLError: it cannot be used.
    """
    if address.tls == TLS_OFF:
        return None
    made = ssl.create_default_context(cafile=authorities(address) if address.tls == TLS_VERIFIED else None)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    # The protocol's own handshake is made for it; a later version speaks TLS before everything else.
    made.maximum_version = ssl.TLSVersion.TLSv1_2
    if address.tls != TLS_VERIFIED:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    return made


class Channel:
    """What the driver takes for a socket once the handshake is done."""

    def __init__(
        self, line: socket.socket, tls: ssl.SSLObject, *, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO
    ) -> None:
        self._line, self._tls = line, tls
        self._incoming, self._outgoing = incoming, outgoing

    def version(self) -> str:
        """The version that was agreed on."""
        return self._tls.version() or ""

    def gettimeout(self) -> float | None:
        """Seconds, None for none."""
        return self._line.gettimeout()

    def settimeout(self, timeout: float | None) -> None:
        """Seconds, None for none."""
        self._line.settimeout(timeout)

    def sendall(self, data: bytes | bytearray | memoryview, flags: int = 0) -> None:
        """Send everything."""
        rest = memoryview(data)
        while rest:
            rest = rest[self._tls.write(rest) :]
        self._line.sendall(self._outgoing.read())

    def recv(self, size: int, flags: int = 0) -> bytes:
        """Something, nothing where the other side has hung up."""
        while True:
            try:
                return self._tls.read(size)
            except ssl.SSLWantReadError:
                if waiting := self._outgoing.read():
                    self._line.sendall(waiting)
                received = self._line.recv(_AT_ONCE)
                if not received:
                    return b""
                self._incoming.write(received)
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return b""

    def recv_into(self, buffer: bytearray | memoryview, size: int = 0, flags: int = 0) -> int:
        """The same into a buffer; how much it was."""
        received = self.recv(size or len(buffer))
        buffer[: len(received)] = received
        return len(received)

    def close(self) -> None:
        """Hang up."""
        self._line.close()


def _establish(session: Any) -> None:
    """Shake hands, and let the session go on over the channel.

    Raises:
        ssl.SSLError: the certificate is not trusted, or nothing was agreed on.
    """
    login, root = session.conn._login, session.conn  # noqa: SLF001 - the driver hands over no more than the session
    if login.tls_ctx is None:
        raise pytds.InterfaceError("encryption was not asked for")
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = login.tls_ctx.wrap_bio(incoming, outgoing, server_hostname=login.server_name)
    writer, reader = session._writer, session._reader  # noqa: SLF001 - as above
    while not _shaken(tls):
        if said := outgoing.read():
            writer.begin_packet(PacketType.PRELOGIN)
            writer.write(said)
            writer.flush()
        if reader.begin_response().type != PacketType.PRELOGIN:
            raise pytds.InterfaceError("the server left the handshake")
        while not reader.stream_finished():
            incoming.write(reader.recv(_AT_ONCE))
    channel = Channel(root.sock, tls, incoming=incoming, outgoing=outgoing)
    root.sock = writer._transport = reader._transport = channel  # noqa: SLF001 - as above


def _shaken(tls: ssl.SSLObject) -> bool:
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True


# The driver has no other place for it. Nothing else here uses the driver.
pytds_tls.establish_channel = _establish
