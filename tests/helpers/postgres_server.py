"""A real PostgreSQL server for tests: made in a temporary folder, on a free port of loopback, with passwords and TLS.

The fixture `postgres_server` is one for the whole session; each test asks it for a database of its own. Where no server
is installed, tests that need it are skipped, saying so.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from agent.domain.secret import Secret

ADMINISTRATOR = "shop_owner"
_START_SECONDS = 60.0


@dataclass(slots=True)
class PostgresServer:
    """A running server. `ca_file` is the certificate of who signed the server's own, `data` the folder it lives in."""

    host: str
    port: int
    password: str
    ca_file: Path
    data: Path
    process: subprocess.Popen[bytes]
    _numbers: Iterator[int] = field(default_factory=count)

    def database(self) -> str:
        """A new, empty database."""
        name = f"shop_{next(self._numbers)}"
        self.execute("postgres", f"CREATE DATABASE {name} TEMPLATE template0")
        return name

    def emptied_database(self) -> str:
        """A database that is empty, whatever was in it before: quicker than a new one, for one user at a time."""
        name = "shop"
        if not self.rows("postgres", f"SELECT 1 FROM pg_database WHERE datname = '{name}'"):
            self.execute("postgres", f"CREATE DATABASE {name} TEMPLATE template0")
            return name
        self.execute(
            "postgres", f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{name}'"
        )
        schemas = self.rows(
            name,
            "SELECT quote_ident(nspname) FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'",
        )
        dropped = [f"DROP SCHEMA {schema} CASCADE" for (schema,) in schemas]
        self.execute(name, *dropped, "CREATE SCHEMA public", "GRANT USAGE ON SCHEMA public TO PUBLIC")
        return name

    def connect(self, database: str) -> psycopg.Connection[Any]:
        """A connection of the administrator, in autocommit mode."""
        return psycopg.connect(
            host=self.host, port=self.port, dbname=database, user=ADMINISTRATOR, password=self.password, autocommit=True
        )

    def execute(self, database: str, *statements: str) -> None:
        """Run statements."""
        with self.connect(database) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def rows(self, database: str, statement: str) -> list[tuple[Any, ...]]:
        """The rows of a statement."""
        with self.connect(database) as connection:
            return connection.execute(statement.encode()).fetchall()

    def set(self, setting: str, value: str) -> None:
        """Change a setting of the running server."""
        self.execute("postgres", f"ALTER SYSTEM SET {setting} = '{value}'")
        self._reload()

    @contextmanager
    def access(self, *entries: str) -> Iterator[None]:
        """Let in only whom these lines of pg_hba.conf let in, and ourselves as before once the block ends."""
        file = self.data / "pg_hba.conf"
        before = file.read_text("utf-8")
        with self.connect("postgres") as connection:
            file.write_text("".join(f"{entry}\n" for entry in entries), "utf-8")
            try:
                self._reload(connection)
                yield
            finally:
                file.write_text(before, "utf-8")
                self._reload(connection)

    def _reload(self, connection: psycopg.Connection[Any] | None = None) -> None:
        """Have the settings read again, and wait until new connections are served with them."""
        with ExitStack() as stack:
            asking = connection or stack.enter_context(self.connect("postgres"))
            before = asking.execute("SELECT pg_conf_load_time()").fetchone()
            asking.execute("SELECT pg_reload_conf()")
            while asking.execute("SELECT pg_conf_load_time()").fetchone() == before:
                time.sleep(0.01)

    def values(self, database: str) -> dict[str, str]:
        """The plain values of an App Configuration."""
        return {
            "kind": "PostgreSQL", "database": database, "host": self.host, "port": str(self.port),
            "username": ADMINISTRATOR, "tls": "Preferred",
        }  # fmt: skip

    def secrets(self) -> dict[str, Secret]:
        """The secrets of an App Configuration."""
        return {"password": Secret(self.password)}


class NoServerError(Exception):
    """There is no server to start; the text says why."""


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """The session's server. Tests that use it carry the mark `postgres`."""
    with ExitStack() as stack:
        try:
            server = stack.enter_context(running_server())
        except NoServerError as error:
            pytest.skip(str(error))
        yield server


@contextmanager
def running_server(*, durable: bool = False) -> Iterator[PostgresServer]:
    """A server, stopped and removed afterwards. Only a `durable` one waits for the disk.

    Raises:
        NoServerError: there is none to start.
    """
    programs = _programs()
    if programs is None:
        raise NoServerError("no PostgreSQL server is installed (Debian: apt-get install postgresql)")
    owner = _owner()
    if owner is None:
        raise NoServerError("PostgreSQL refuses to run as root, and there is no user postgres or nobody to run it as")
    folder = Path(tempfile.mkdtemp(prefix="opagent-postgres-"))
    try:
        server = _started(programs, folder, owner, durable=durable)
        try:
            yield server
        finally:
            _stop(server.process)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _stop(process: subprocess.Popen[bytes]) -> None:
    # SIGINT asks for a fast shutdown: it does not wait for clients. Windows has no such signal.
    if sys.platform == "win32":
        process.terminate()
    else:
        process.send_signal(signal.SIGINT)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _programs() -> Path | None:
    """The folder with the programs of the newest server that is installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: _version(path.parts[-3]))
    if found:
        return found[-1].parent
    program = shutil.which("postgres")
    initdb = shutil.which("initdb")
    return Path(program).parent if program is not None and initdb is not None else None


def _version(name: str) -> float:
    try:
        return float(name)
    except ValueError:
        return 0.0


def _owner() -> dict[str, Any] | None:
    """How to start programs: as ourselves, or, when that is root, as somebody else."""
    if sys.platform == "win32" or os.geteuid() != 0:
        return {}
    import pwd

    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    return None


def _started(programs: Path, folder: Path, owner: dict[str, Any], *, durable: bool) -> PostgresServer:
    password = secrets.token_urlsafe(12)
    password_file = folder / "password"
    password_file.write_text(password, "utf-8")
    ca_file = certificates(folder)
    data = folder / "data"
    give(folder, owner)
    ca_file.chmod(0o644)
    environment = {name: text for name, text in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}
    subprocess.run(
        [programs / "initdb", "--pgdata", data, "--username", ADMINISTRATOR, "--pwfile", password_file, "--encoding",
         "UTF8", "--locale", "C", "--auth", "scram-sha-256", "--no-sync"],
        check=True, cwd=folder, env=environment, stdout=subprocess.DEVNULL, **owner,
    )  # fmt: skip
    port = free_port()
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "unix_socket_directories": "",
        "fsync": "on" if durable else "off",
        "shared_buffers": "32MB",
        "max_connections": "200",
        "ssl": "on",
        "ssl_cert_file": str(folder / "server.pem"),
        "ssl_key_file": str(folder / "server.key"),
        "lc_messages": "C",
    }
    with (data / "postgresql.conf").open("a", encoding="utf-8") as file:
        file.writelines(f"{name} = '{text}'\n" for name, text in settings.items())
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [programs / "postgres", "-D", data], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
            stdout=log, stderr=log, **owner,
        )  # fmt: skip
    server = PostgresServer("127.0.0.1", port, password, ca_file, data, process)
    _wait(server, folder / "log")
    return server


def _wait(server: PostgresServer, log: Path) -> None:
    end = time.monotonic() + _START_SECONDS
    while True:
        try:
            server.connect("postgres").close()
        except psycopg.OperationalError:
            if server.process.poll() is not None or time.monotonic() > end:
                server.process.kill()
                server.process.wait()
                raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text('utf-8', 'replace')}") from None
            time.sleep(0.05)
        else:
            return


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def certificates(folder: Path) -> Path:
    """An authority, and a certificate for localhost that it has signed; 127.0.0.1 is another name."""
    authority_key, server_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
    ca = (
        _certificate(authority, authority, authority_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    server = (
        _certificate(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")]), authority, server_key)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    (folder / "ca.pem").write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    (folder / "server.pem").write_bytes(server.public_bytes(serialization.Encoding.PEM))
    key = folder / "server.key"
    key.write_bytes(
        server_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    key.chmod(0o600)
    return folder / "ca.pem"


def _certificate(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
    )


def give(folder: Path, owner: dict[str, Any]) -> None:
    """Hand the folder to whoever the server runs as, and let everybody read the authority's certificate."""
    if owner:
        for path in (folder, *folder.iterdir()):
            shutil.chown(path, owner["user"], owner["group"])
    folder.chmod(0o711)
