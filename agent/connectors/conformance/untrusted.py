"""Addresses on loopback that lead nowhere good: one where nobody listens, one whose TLS certificate nobody trusts."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_HOST: Final = "127.0.0.1"


@contextmanager
def deaf_address() -> Iterator[tuple[str, int]]:
    """A port where nobody listens, kept so for as long as the block lasts."""
    with socket.socket() as held:
        held.bind((_HOST, 0))
        yield _HOST, held.getsockname()[1]


@dataclass(slots=True)
class UntrustedServer:
    """A TLS server with a certificate that it signed itself. `heard` is what clients told it all the same."""

    address: tuple[str, int] = (_HOST, 0)
    heard: bytearray = field(default_factory=bytearray)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Listen to a client that trusts us."""
        try:
            while data := await reader.read(65_536):
                self.heard += data
        except (ConnectionError, ssl.SSLError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def untrusted_server() -> AsyncIterator[UntrustedServer]:
    """Such a server on a free port of loopback."""
    made = UntrustedServer()
    server = await asyncio.start_server(made.serve, _HOST, 0, ssl=_self_signed())
    made.address = server.sockets[0].getsockname()[:2]
    try:
        yield made
    finally:
        server.close()


def _self_signed() -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, _HOST)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(_HOST))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # Python takes certificates from files alone. Nobody can do anything with this key: it is good for this server.
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "server.pem")
        file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        context.load_cert_chain(file)
    return context
