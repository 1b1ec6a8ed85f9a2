"""A real Tryton server for tests: in an environment of its own, on PostgreSQL, on a free port of loopback.

Tryton is GPL-3 and no part of the agent: it is installed apart, from `tests/tryton_server/requirements.txt`, and
only ever talked to over the network. The environment and the filled database are made once on a computer, which takes
about a minute, and kept in the user's cache; each session gets a copy of the database.
"""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

from agent.connectors.tryton.credentials import ADDRESS, DATABASE, PASSWORD, USERNAME
from agent.domain.secret import Secret
from tests.helpers.postgres_server import ADMINISTRATOR, NoServerError, PostgresServer, free_port, running_server

USER, GUEST = "agent", "guest"
USER_PASSWORD = "a-pass9Word-for-tests"
_HERE = Path(__file__).resolve().parents[1] / "tryton_server"
_START_SECONDS = 60.0
_SET_UP_SECONDS = 600.0
_TEMPLATE = "template_of_tryton"


@dataclass(slots=True)
class TrytonServer:
    """A running server. `database` is the one that tests share: they make records of their own in it."""

    host: str
    port: int
    database: str
    postgres: PostgresServer
    python: Path
    folder: Path
    process: subprocess.Popen[bytes] | None = None
    _names: Iterator[int] = field(default_factory=count)

    def values(self, *, host: str = "", port: int = 0, database: str = "", user: str = USER) -> dict[str, str]:
        """The plain values of an App Configuration."""
        return {
            ADDRESS: f"http://{host or self.host}:{port or self.port}",
            DATABASE: database or self.database,
            USERNAME: user,
        }

    def secrets(self) -> dict[str, Secret]:
        """The secrets of an App Configuration."""
        return {PASSWORD: Secret(USER_PASSWORD)}

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """What a statement gives, at the database behind Tryton."""
        return self.postgres.rows(self.database, statement)

    def execute(self, *statements: str) -> None:
        """Carry out statements at the database behind Tryton."""
        self.postgres.execute(self.database, *statements)

    def unique(self, what: str) -> str:
        """A text that no other record has."""
        return f"{what}-{os.getpid()}-{next(self._names)}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        log = self.folder / "log"
        with log.open("ab") as file:
            self.process = subprocess.Popen(
                _program(self.python, "trytond", self.folder, "-d", self.database),
                cwd=self.folder, stdin=subprocess.DEVNULL, stdout=file, stderr=file,
            )  # fmt: skip
        end = time.monotonic() + _START_SECONDS
        while True:
            try:
                with socket.create_connection((self.host, self.port), 1.0):
                    return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > end:
                    self.stop()
                    raise RuntimeError(f"Tryton did not start:\n{log.read_text('utf-8', 'replace')}") from None
                time.sleep(0.05)

    def stop(self, *, hard: bool = False) -> None:
        """Stop it; `hard` as if the power went."""
        process, self.process = self.process, None
        if process is None:
            return
        if hard or sys.platform == "win32":
            process.kill()
        else:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture(scope="session")
def tryton_server() -> Iterator[TrytonServer]:
    """The session's server. Tests that use it carry the mark `tryton`."""
    with ExitStack() as stack:
        try:
            server = stack.enter_context(running_tryton())
        except NoServerError as error:
            pytest.skip(str(error))
        yield server


@contextmanager
def running_tryton() -> Iterator[TrytonServer]:
    """A server with a database of its own, both stopped and removed afterwards.

    Raises:
        NoServerError: There is no PostgreSQL to keep its database.
    """
    folder = Path(tempfile.mkdtemp(prefix="opagent-tryton-"))
    try:
        with running_server() as postgres:
            made = _cache()
            python = _environment(made)
            _restored(postgres, made, python)
            port = free_port()
            _configure(folder, postgres, port)
            server = TrytonServer("127.0.0.1", port, "shop", postgres, python, folder)
            server.start()
            try:
                yield server
            finally:
                server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _cache() -> Path:
    """The folder for what is made once: another one whenever anything of what goes into it has changed."""
    digest = _digest("requirements.txt", sys.version)
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home, "opagent-tests", f"tryton-{digest}")


def _digest(name: str, more: str = "") -> str:
    return hashlib.sha256((_HERE / name).read_bytes() + more.encode()).hexdigest()[:16]


def _environment(made: Path) -> Path:
    """The Python of Tryton's environment."""
    with _alone(made):
        folder = made / "venv"
        python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
        if not (made / "installed").exists():
            shutil.rmtree(folder, ignore_errors=True)
            venv.create(folder, with_pip=True)
            _run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input",
                  "--require-hashes", "--requirement", _HERE / "requirements.txt"])  # fmt: skip
            (made / "installed").touch()
    return python


def _restored(postgres: PostgresServer, made: Path, python: Path) -> None:
    """Give the server the database `shop`, from the copy that is kept; make that first where there is none."""
    dump = made / f"{_digest('setup.py')}.dump"
    with _alone(made):
        if not dump.exists():
            with tempfile.TemporaryDirectory(prefix="opagent-tryton-") as name:
                folder = Path(name)
                postgres.execute("postgres", "CREATE DATABASE template TEMPLATE template0")
                _configure(folder, postgres, 1)
                _run([python, "-W", "ignore", _HERE / "setup.py", folder], TRYTON_TEST_PASSWORD=USER_PASSWORD)
                _run([_postgres_program("pg_dump"), "--format=custom", "--no-owner", f"--file={dump}.part",
                      *_where(postgres), "template"], PGPASSWORD=postgres.password)  # fmt: skip
                Path(f"{dump}.part").replace(dump)
                postgres.execute("postgres", "DROP DATABASE template")
    postgres.execute("postgres", "CREATE DATABASE shop TEMPLATE template0")
    _run([_postgres_program("pg_restore"), "--no-owner", *_where(postgres), "--dbname=shop", dump],
         PGPASSWORD=postgres.password)  # fmt: skip


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other test processes of this computer out."""
    if sys.platform == "win32":
        raise NoServerError("Tryton is tested where PostgreSQL runs from Debian's packages")
    import fcntl

    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _configure(folder: Path, postgres: PostgresServer, port: int) -> None:
    (folder / "passlib.ini").write_text(
        "[passlib]\nschemes = pbkdf2_sha512\npbkdf2_sha512__default_rounds = 1\n", "utf-8"
    )
    file = folder / "trytond.conf"
    file.touch(0o600)
    file.write_text(
        "[database]\n"
        f"uri = postgresql://{ADMINISTRATOR}:{postgres.password}@{postgres.host}:{postgres.port}/\n"
        f"[web]\nlisten = 127.0.0.1:{port}\n"
        # Passwords of tests need no protection, and each connection signs in.
        f"[password]\npasslib = {folder / 'passlib.ini'}\n",
        "utf-8",
    )


def _where(postgres: PostgresServer) -> list[str]:
    return [f"--host={postgres.host}", f"--port={postgres.port}", f"--username={ADMINISTRATOR}"]


def _postgres_program(name: str) -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    program = found[-1] if found else shutil.which(name)
    if program is None:
        raise NoServerError(f"PostgreSQL's program {name} is not installed")
    return Path(program)


def _program(python: Path, name: str, folder: Path, *arguments: str) -> list[str | Path]:
    return [python, "-W", "ignore", python.with_name(name), "-c", folder / "trytond.conf", *arguments]


def _run(command: Sequence[str | Path], **variables: str) -> None:
    """Carry out a command of the set-up; what it says is shown only where it fails."""
    done = subprocess.run(
        command, env={**os.environ, **variables}, capture_output=True, text=True, timeout=_SET_UP_SECONDS, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{Path(command[0]).name} failed:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")


def logged_in(server: TrytonServer, user: str = "admin") -> httpx.Client:
    """A client of the tests' own, for what the connector does not do."""
    client = httpx.Client(base_url=f"http://{server.host}:{server.port}/{server.database}/", timeout=30.0)
    answer = client.post("", json={"id": 0, "method": "common.db.login", "params": [user, {"password": USER_PASSWORD}]})
    user_id, session = answer.json()["result"][:2]
    token = base64.b64encode(f"{user}:{user_id}:{session}".encode()).decode()
    client.headers["Authorization"] = f"Session {token}"
    return client
