"""A real OpenSSH server for tests, on a free port of loopback, that lets a key of the tests sign in as ourselves.

The fixture `ssh_server` is one for the whole session. Where no server is installed, tests that need it are skipped,
saying so.
"""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import paramiko
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.connectors.files.sftp_keys import fingerprint
from tests.helpers.postgres_server import NoServerError, free_port

PASSPHRASE = "the passphrase of the tests' key"
_START_SECONDS = 30.0
_CONFIGURATION = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/authorized_keys
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
Subsystem sftp internal-sftp
"""


@dataclass(slots=True)
class SshServer:
    """A running server. `key_file` signs in with `PASSPHRASE`; `stranger` is a key that does not."""

    port: int
    folder: Path
    process: subprocess.Popen[bytes] = field(repr=False)

    @property
    def key_file(self) -> Path:
        return self.folder / "key"

    @property
    def stranger(self) -> Path:
        return self.folder / "stranger"

    @property
    def fingerprint(self) -> str:
        """Of the server's key."""
        return fingerprint(paramiko.Ed25519Key.from_private_key_file(str(self.folder / "host_key")))

    def values(self, folder: Path) -> dict[str, str]:
        """The plain values of an App Configuration."""
        return {
            "place": "SFTP server", "host": "127.0.0.1", "port": str(self.port), "user": getpass.getuser(),
            "key_file": str(self.key_file), "host_key": self.fingerprint, "folder": str(folder),
        }  # fmt: skip


@pytest.fixture(scope="session")
def ssh_server() -> Iterator[SshServer]:
    """The session's server."""
    try:
        with running_ssh_server() as server:
            yield server
    except NoServerError as error:
        pytest.skip(str(error))


@contextmanager
def running_ssh_server() -> Iterator[SshServer]:
    """A server, stopped and removed afterwards. Raises NoServerError where there is none to start."""
    program = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None or sys.platform == "win32":
        raise NoServerError("no OpenSSH server is installed (Debian: apt-get install openssh-server)")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # where it puts what it starts as nobody
    folder = Path(tempfile.mkdtemp(prefix="opagent-sshd-"))
    try:
        _make_key(folder / "host_key")
        public = _make_key(folder / "key", PASSPHRASE)
        _make_key(folder / "stranger")
        (folder / "authorized_keys").write_bytes(public + b"\n")
        port = free_port()
        (folder / "sshd_config").write_text(_CONFIGURATION.format(port=port, folder=folder), "utf-8")
        with (folder / "log").open("wb") as log:
            command = [program, "-D", "-e", "-f", str(folder / "sshd_config")]
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            _wait(process, port, folder / "log")
            yield SshServer(port, folder, process)
        finally:
            process.terminate()
            process.wait(20)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _make_key(path: Path, passphrase: str = "") -> bytes:
    """A private key in OpenSSH's form; gives the public one."""
    key = Ed25519PrivateKey.generate()
    how = serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, how))
    path.chmod(0o600)
    return key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + _START_SECONDS
    while True:
        if process.poll() is not None or time.monotonic() > end:
            raise NoServerError(f"the OpenSSH server does not start: {log.read_text('utf-8', 'replace')[-500:]}")
        try:
            with socket.create_connection(("127.0.0.1", port), 5) as wire:
                if wire.recv(4) == b"SSH-":
                    return
        except OSError:
            pass
        time.sleep(0.05)
