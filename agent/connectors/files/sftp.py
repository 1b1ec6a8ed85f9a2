"""Folders on SFTP servers (SSH File Transfer Protocol, version 3), spoken by paramiko.

Nothing is told to a server whose key is another one than the operator has confirmed. Renames replace in one step where
the server knows OpenSSH's extension for it; the protocol has no way to make a file outlive a power cut of the server.
"""

from __future__ import annotations

import base64
import hashlib
import io
import logging
import posixpath
import socket
import stat
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, cast

import paramiko
from cryptography.exceptions import UnsupportedAlgorithm
from paramiko.pkey import UnknownKeyType
from paramiko.ssh_exception import AuthenticationException, PasswordRequiredException, SSHException

from agent.connectors.files.credentials import (
    FOLDER,
    HOST,
    HOST_KEY,
    KEY_FILE,
    PASSPHRASE,
    PASSWORD,
    PORT,
    USER,
)
from agent.connectors.files.places import Entry, Status
from agent.domain.errors import ConfigurationError, CredentialsError, TransientError
from agent.domain.secret import Secret

_CONNECT_SECONDS, _ANSWER_SECONDS = 15.0, 60.0
_BUFFER = 1 << 20
_PRIVATE = 0o700
_NANOSECONDS = 1_000_000_000
logging.getLogger("paramiko").setLevel(logging.ERROR)  # it tells of each connection


class SftpPlace:
    """A folder on a server. The connection is made when it is needed first, and again after it was lost."""

    grows = True

    def __init__(
        self, values: Mapping[str, str], secrets: Mapping[str, Secret], *, answer_seconds: float = _ANSWER_SECONDS
    ) -> None:
        self._values, self._secrets, self._answer_seconds = values, secrets, answer_seconds
        self._folder = values[FOLDER]
        self._lock = threading.Lock()
        self._transport: paramiko.Transport | None = None
        self._client: paramiko.SFTPClient | None = None

    def __str__(self) -> str:
        return f"{self._folder} on {self._values[HOST]}"

    def __repr__(self) -> str:
        return f"<SftpPlace {self}>"

    def close(self) -> None:
        """Hang up."""
        with self._lock:
            self._hang_up()

    def is_there(self) -> bool:
        """Whether the folder is there."""
        try:
            mode = self._sftp().stat(self._folder).st_mode
        except FileNotFoundError:
            return False
        return mode is not None and stat.S_ISDIR(mode)

    def entries(self) -> Iterator[Entry]:
        """The files in it."""
        inside = f"{self._sftp().normalize(self._folder).rstrip('/')}/"
        for listed in self._sftp().listdir_attr(self._folder):
            found = listed
            if stat.S_ISLNK(listed.st_mode or 0):
                if not self._sftp().normalize(self._path(listed.filename)).startswith(inside):
                    yield Entry(listed.filename, 0, 0, outside=True)
                    continue
                found = self._followed(listed)
            if stat.S_ISREG(found.st_mode or 0):
                yield Entry(listed.filename, found.st_size or 0, (found.st_mtime or 0) * _NANOSECONDS)

    def status(self, name: str) -> Status | None:
        """What a file is like."""
        try:
            found = self._sftp().stat(self._path(name))
        except FileNotFoundError:
            return None
        return Status(found.st_size or 0, (found.st_mtime or 0) * _NANOSECONDS)

    def open(self, name: str) -> BinaryIO:
        """A file, for reading."""
        file = self._sftp().open(self._path(name), "rb")
        return cast("BinaryIO", io.BufferedReader(_Raw(file), _BUFFER))

    def read(self, name: str, offset: int = 0, size: int = -1) -> bytes | None:
        """What is in a file."""
        try:
            with self.open(name) as file:
                file.seek(offset)
                return file.read(size)
        except FileNotFoundError:
            return None

    def write(self, name: str, content: bytes) -> None:
        """Make or replace a file."""
        # Each answer is looked at, and the size in the end: paramiko drops the failures of writes that are not awaited.
        self._sftp().putfo(io.BytesIO(content), self._path(name), len(content), confirm=True)

    def write_from(self, name: str, offset: int, content: bytes) -> None:
        """Replace what a file has from that byte on."""
        with self._sftp().open(self._path(name), "r+b") as file:
            file.truncate(offset)
            file.seek(offset)
            file.write(content)

    def make_folder(self, name: str) -> None:
        """Make a folder in the folder."""
        if self.status(name) is None:
            self._sftp().mkdir(self._path(name), _PRIVATE)

    def names(self, folder: str) -> list[str]:
        """The names in a folder of the folder."""
        try:
            return self._sftp().listdir(self._path(folder))
        except FileNotFoundError:
            return []

    def move(self, name: str, target: str, version: str = "") -> None:
        """Give a file another name, which nothing has."""
        self._sftp().rename(self._path(name), self._path(target))

    def replace_with(self, name: str, content: bytes) -> None:
        """Make or replace a file: in one step with OpenSSH's extension, else in two."""
        new = f"{name}.new"
        self.write(new, content)
        try:
            self._sftp().posix_rename(self._path(new), self._path(name))
        except OSError as error:
            if error.errno is not None or self.status(new) is None:
                raise
            self.remove(name)  # the server does not know the extension
            self.move(new, name)

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        with suppress(FileNotFoundError):
            self._sftp().remove(self._path(name))

    def settle(self, folder: str = "") -> None:
        """The protocol has no way to ask for it."""

    def try_to_write(self) -> None:
        """Make a file and remove it again."""
        name = f".opagent-{threading.get_ident()}.tmp"
        self.write(name, b"")
        self.remove(name)

    def free_bytes(self) -> int | None:
        """The protocol does not tell."""
        return None

    # -- the connection ------------------------------------------------------------------------------------------

    def _path(self, name: str) -> str:
        return posixpath.join(self._folder, name)

    def _followed(self, link: paramiko.SFTPAttributes) -> paramiko.SFTPAttributes:
        """What a link leads to; the link itself where that is nothing."""
        try:
            return self._sftp().stat(self._path(link.filename))
        except FileNotFoundError:
            return link

    def _sftp(self) -> paramiko.SFTPClient:
        with self._lock:
            if self._client is not None and self._transport is not None and self._transport.is_active():
                return self._client
            self._hang_up()
            try:
                self._client = self._connected()
            except BaseException:
                self._hang_up()
                raise
            return self._client

    def _hang_up(self) -> None:
        transport, self._transport, self._client = self._transport, None, None
        if transport is not None:
            transport.close()

    def _connected(self) -> paramiko.SFTPClient:
        host, port = self._values[HOST], int(self._values[PORT])
        try:
            wire = socket.create_connection((host, port), _CONNECT_SECONDS)
        except OSError as error:
            raise TransientError(
                f"No connection to {host}, port {port}.", code="unreachable",
                remedy="Check server and port, the network, and that the firewall allows outgoing connections.",
                detail=type(error).__name__, field=HOST,
            ) from error  # fmt: skip
        try:
            self._transport = transport = paramiko.Transport(wire)
            transport.banner_timeout = transport.auth_timeout = self._answer_seconds
            transport.start_client(timeout=self._answer_seconds)
            self._confirm(transport.get_remote_server_key())
            self._sign_in(transport)
            client = paramiko.SFTPClient.from_transport(transport)
        except (SSHException, EOFError, OSError) as error:
            raise TransientError(
                f"{host} broke the connection off, or does not speak SFTP.", code="connection-lost",
                remedy="Check server and port. If they are right, nothing has to be done if it passes.",
                detail=f"{host}: {type(error).__name__}", field=HOST,
            ) from None  # fmt: skip
        assert client is not None, "the server has opened a session"
        channel = client.get_channel()
        if channel is not None:
            channel.settimeout(self._answer_seconds)
        return client

    def _confirm(self, key: paramiko.PKey) -> None:
        """Nobody signs in at a server that is another one than was confirmed."""
        found = fingerprint(key)
        wanted = self._values.get(HOST_KEY, "")
        if not wanted:
            raise ConfigurationError(
                f"The key of {self._values[HOST]} is not confirmed yet. Its fingerprint is {found} ({key.get_name()}).",
                code="host-key-unknown",
                remedy="Compare it with what the server's operator says. If it is the same, enter it as the "
                "fingerprint of the server's key, and validate again.",
                field=HOST_KEY,
            )
        if found != wanted:
            raise ConfigurationError(
                f"{self._values[HOST]} has another key than was confirmed: {found}. Nobody has signed in.",
                code="host-key-changed",
                remedy="Somebody may be pretending to be the server. Ask its operator whether the key was replaced, "
                "and enter the new fingerprint only then.",
                field=HOST_KEY,
            )

    def _sign_in(self, transport: paramiko.Transport) -> None:
        user, key_file = self._values[USER], self._values.get(KEY_FILE, "")
        password = self._secrets.get(PASSWORD)
        try:
            if key_file:
                transport.auth_publickey(user, self._key(key_file))
                return
            assert password is not None, "prepared values have a key or a password"
            transport.auth_password(user, password.reveal())
        except AuthenticationException:
            raise CredentialsError(
                f"{self._values[HOST]} refuses to let {user} sign in.", code="credentials-rejected",
                remedy="Enter user name and password again, or ask the server's operator to allow the key.",
                detail=self._values[HOST], field=KEY_FILE if key_file else PASSWORD,
            ) from None  # fmt: skip

    def _key(self, path: str) -> paramiko.PKey:
        passphrase = self._secrets.get(PASSPHRASE)
        try:
            try:
                return _loaded(path, passphrase)
            except TypeError:  # a passphrase is given and not needed, or the other way round
                if passphrase is None:
                    raise self._no_key("needs a passphrase", "Enter the passphrase of the key.", PASSPHRASE) from None
                return _loaded(path, None)
        except PasswordRequiredException:
            raise self._no_key("needs a passphrase", "Enter the passphrase of the key.", PASSPHRASE) from None
        except FileNotFoundError:
            raise self._no_key("is not there", "Correct the path of the private key file.", KEY_FILE) from None
        except (ValueError, TypeError, OSError, SSHException, UnsupportedAlgorithm, UnknownKeyType) as error:
            remedy = "Choose a private key in the form of OpenSSH or PEM, and enter its passphrase if it has one."
            raise self._no_key(f"cannot be read ({type(error).__name__})", remedy, KEY_FILE) from None

    @staticmethod
    def _no_key(why: str, remedy: str, field: str) -> ConfigurationError:
        return ConfigurationError(f"The private key file {why}.", code="private-key", remedy=remedy, field=field)


class _Raw(io.RawIOBase):
    """A file on a server, as Python's own buffers want it."""

    def __init__(self, file: paramiko.SFTPFile) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]  # any buffer comes
        content = self._file.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        self._file.seek(offset, whence)
        return self._file.tell()

    def tell(self) -> int:
        return self._file.tell()

    def close(self) -> None:
        if not self.closed:
            with suppress(OSError, EOFError, SSHException):
                self._file.close()
        super().close()


def _loaded(path: str, passphrase: Secret | None) -> paramiko.PKey:
    words = passphrase.reveal().encode() if passphrase else None
    return paramiko.PKey.from_path(Path(path), words)  # type: ignore[arg-type]  # bytes, whatever its types say


def fingerprint(key: paramiko.PKey) -> str:
    """A key's fingerprint as OpenSSH shows it."""
    digest = base64.b64encode(hashlib.sha256(key.asbytes()).digest()).decode().rstrip("=")
    return f"SHA256:{digest}"
