"""A real MariaDB server for tests: made in a temporary folder, on a free port of loopback, with passwords and TLS.

The fixture `mariadb_server` is one for the whole session. Where no server is installed, tests that need it are skipped,
saying so.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymysql
import pytest

from agent.domain.secret import Secret
from tests.helpers.postgres_server import NoServerError, certificates, free_port, give

ADMINISTRATOR = "shop_owner"
_START_SECONDS = 60.0
_LOOK_SECONDS = 0.05


@dataclass(slots=True)
class MariadbServer:
    """A running server. `ca_file` is the certificate of who signed the server's own."""

    host: str
    port: int
    password: str
    ca_file: Path
    process: subprocess.Popen[bytes]

    def emptied_database(self) -> str:
        """A database that is empty, whatever was in it before."""
        self.execute("mysql", "DROP DATABASE IF EXISTS shop", "CREATE DATABASE shop CHARACTER SET utf8mb4")
        return "shop"

    def connect(self, database: str, user: str = ADMINISTRATOR) -> Any:
        """A connection that takes names in double quotation marks and joins texts by ||, as other databases do."""
        return pymysql.connect(
            host=self.host, port=self.port, user=user, password=self.password, database=database, autocommit=True,
            charset="utf8mb4", sql_mode="ANSI_QUOTES,PIPES_AS_CONCAT,NO_BACKSLASH_ESCAPES,STRICT_ALL_TABLES",
            init_command="SET SESSION time_zone = '+00:00'",
        )  # fmt: skip

    def execute(self, database: str, *statements: str) -> None:
        """Carry out statements."""
        with closing(self.connect(database)) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def rows(self, database: str, statement: str) -> list[tuple[Any, ...]]:
        """What a statement gives."""
        with closing(self.connect(database)) as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())

    def values(self, database: str) -> dict[str, str]:
        """The plain values of an App Configuration."""
        return {
            "kind": "MariaDB / MySQL", "database": database, "host": self.host, "port": str(self.port),
            "username": ADMINISTRATOR, "tls": "Preferred",
        }  # fmt: skip

    def secrets(self) -> dict[str, Secret]:
        """The secrets of an App Configuration."""
        return {"password": Secret(self.password)}


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[MariadbServer]:
    """The session's server. Tests that use it carry the mark `mariadb`."""
    with ExitStack() as stack:
        try:
            server = stack.enter_context(running_mariadb())
        except NoServerError as error:
            pytest.skip(str(error))
        yield server


@contextmanager
def running_mariadb(*, durable: bool = False) -> Iterator[MariadbServer]:
    """A server, stopped and removed afterwards. Only a `durable` one waits for the disk.

    Raises:
        NoServerError: there is none to start.
    """
    program = shutil.which("mariadbd", path=f"{os.environ.get('PATH', '')}:/usr/sbin") or shutil.which("mariadbd")
    maker = shutil.which("mariadb-install-db")
    if program is None or maker is None:
        raise NoServerError("no MariaDB server is installed (Debian: apt-get install mariadb-server)")
    owner = _owner()
    if owner is None:
        raise NoServerError("MariaDB refuses to run as root, and there is no user mysql or nobody to run it as")
    folder = Path(tempfile.mkdtemp(prefix="opagent-mariadb-"))
    try:
        server = _started(program, maker, folder, owner, durable=durable)
        try:
            yield server
        finally:
            _stop(server.process)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _owner() -> dict[str, Any] | None:
    """How to start programs: as ourselves, or, when that is root, as somebody else."""
    if sys.platform == "win32" or os.geteuid() != 0:
        return {}
    import pwd

    for name in ("mysql", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    return None


def _started(program: str, maker: str, folder: Path, owner: dict[str, Any], *, durable: bool) -> MariadbServer:
    password = secrets.token_urlsafe(12)
    ca_file = certificates(folder)
    first = folder / "first.sql"
    first.write_text(
        f"CREATE USER '{ADMINISTRATOR}'@'%' IDENTIFIED BY '{password}';\n"
        f"GRANT ALL PRIVILEGES ON *.* TO '{ADMINISTRATOR}'@'%' WITH GRANT OPTION;\n",
        "utf-8",
    )
    give(folder, owner)
    ca_file.chmod(0o644)
    data = folder / "data"
    common: Sequence[str] = ("--no-defaults", f"--datadir={data}", "--innodb-log-file-size=16M")
    environment = {**os.environ, "TMPDIR": str(folder), "LC_ALL": "C"}
    with (folder / "log").open("wb") as log:
        subprocess.run(
            [maker, *common, "--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"],
            check=True, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **owner,
        )  # fmt: skip
        port = free_port()
        settings = {
            "bind-address": "127.0.0.1", "port": str(port), "socket": str(folder / "sock"),
            "pid-file": str(folder / "pid"), "innodb-buffer-pool-size": "32M", "max-connections": "200",
            "innodb-flush-log-at-trx-commit": "1" if durable else "0", "ssl-cert": str(folder / "server.pem"),
            "ssl-key": str(folder / "server.key"), "ssl-ca": str(ca_file), "performance-schema": "OFF",
            "init-file": str(first), "tmpdir": str(folder), "innodb-temp-data-file-path": "ibtmp1:4M:autoextend",
        }  # fmt: skip
        if not durable:
            settings["innodb-flush-method"] = "nosync"
        process = subprocess.Popen(
            [program, *common, *(f"--{name}={text}" for name, text in settings.items())],
            cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **owner,
        )  # fmt: skip
    server = MariadbServer("127.0.0.1", port, password, ca_file, process)
    _wait(server, folder / "log")
    return server


def _wait(server: MariadbServer, log: Path) -> None:
    end = time.monotonic() + _START_SECONDS
    while True:
        try:
            server.connect("mysql").close()
        except pymysql.Error:
            if server.process.poll() is not None or time.monotonic() > end:
                server.process.kill()
                server.process.wait()
                raise RuntimeError(f"MariaDB did not start:\n{log.read_text('utf-8', 'replace')}") from None
            time.sleep(_LOOK_SECONDS)
        else:
            return


def _stop(process: subprocess.Popen[bytes]) -> None:
    if sys.platform == "win32":
        process.terminate()
    else:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
