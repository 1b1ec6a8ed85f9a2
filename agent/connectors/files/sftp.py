"""Folders on SFTP servers (SSH File Transfer Protocol, version 3), spoken by paramiko.

Renames replace in one step where the server knows OpenSSH's extension for it; the protocol has no way to make a file
outlive a power cut of the server.
"""

from __future__ import annotations

import errno
import io
import posixpath
import stat
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import BinaryIO, cast

import paramiko

from agent.connectors.files.credentials import FOLDER, HOST
from agent.connectors.files.places import Entry, Status, beside
from agent.connectors.files.sftp_connection import SftpConnection
from agent.domain.secret import Secret

_ANSWER_SECONDS = 60.0
_BUFFER = 1 << 20
_PRIVATE = 0o700
_NANOSECONDS = 1_000_000_000


class SftpPlace:
    """A folder on a server. The connection is made when it is needed first, and again after it was lost."""

    grows = True

    def __init__(
        self, values: Mapping[str, str], secrets: Mapping[str, Secret], *, answer_seconds: float = _ANSWER_SECONDS
    ) -> None:
        self._folder, self._host = values[FOLDER], values[HOST]
        self._connection = SftpConnection(values, secrets, answer_seconds)

    def __str__(self) -> str:
        return f"{self._folder} on {self._host}"

    def __repr__(self) -> str:
        return f"<SftpPlace {self}>"

    def close(self) -> None:
        """Hang up for good, also while another thread waits for an answer."""
        self._connection.close()

    def is_there(self) -> bool:
        """Whether the folder is there."""
        try:
            with self._connection.session() as sftp:
                mode = sftp.stat(self._folder).st_mode
        except FileNotFoundError:
            return False
        return mode is not None and stat.S_ISDIR(mode)

    def entries(self) -> Iterator[Entry]:
        """The files in it."""
        with self._connection.session() as sftp:
            inside = f"{sftp.normalize(self._folder).rstrip('/')}/"
            for listed in sftp.listdir_attr(self._folder):
                found = listed
                if stat.S_ISLNK(listed.st_mode or 0):
                    if not self._leads_to(listed.filename).startswith(inside):
                        yield Entry(listed.filename, 0, 0, outside=True)
                        continue
                    found = self._followed(listed)
                if stat.S_ISREG(found.st_mode or 0):
                    yield Entry(listed.filename, found.st_size or 0, (found.st_mtime or 0) * _NANOSECONDS)

    def status(self, name: str) -> Status | None:
        """What a file is like."""
        try:
            with self._connection.session() as sftp:
                found = sftp.stat(self._path(name))
        except FileNotFoundError:
            return None
        return Status(found.st_size or 0, (found.st_mtime or 0) * _NANOSECONDS)

    def open(self, name: str) -> BinaryIO:
        """A file, for reading."""
        with self._connection.session() as sftp:
            file = sftp.open(self._path(name), "rb")
        return cast("BinaryIO", io.BufferedReader(_Raw(self._connection, sftp, file), _BUFFER))

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
        with self._connection.session() as sftp:
            sftp.putfo(io.BytesIO(content), self._path(name), len(content), confirm=True)

    def write_from(self, name: str, offset: int, content: bytes) -> None:
        """Replace what a file has from that byte on."""
        with self._connection.session() as sftp, sftp.open(self._path(name), "r+b") as file:
            file.truncate(offset)
            file.seek(offset)
            file.write(content)

    def make_folder(self, name: str) -> None:
        """Make a folder in the folder."""
        if self.status(name) is None:
            with self._connection.session() as sftp:
                sftp.mkdir(self._path(name), _PRIVATE)

    def names(self, folder: str) -> list[str]:
        """The names in a folder of the folder."""
        try:
            with self._connection.session() as sftp:
                return sftp.listdir(self._path(folder))
        except FileNotFoundError:
            return []

    def move(self, name: str, target: str, version: str = "") -> None:
        """Give a file another name, which nothing has."""
        with self._connection.session() as sftp:
            sftp.rename(self._path(name), self._path(target))

    def replace_with(self, name: str, content: bytes) -> None:
        """Make or replace a file: in one step with OpenSSH's extension, else in two, between which it is there `beside`
        its name alone."""
        new = beside(name)
        self.write(new, content)
        try:
            self.posix_rename(new, name)
        except OSError as error:
            if error.errno is not None or self.status(new) is None:
                raise
            self.remove(name)  # the server does not know the extension
            self.move(new, name)

    def posix_rename(self, name: str, target: str) -> None:
        """Give a file another name, which another one may have: OpenSSH's extension. OSError without a number where
        the server does not know it."""
        with self._connection.session() as sftp:
            sftp.posix_rename(self._path(name), self._path(target))

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        with suppress(FileNotFoundError), self._connection.session() as sftp:
            sftp.remove(self._path(name))

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

    def _path(self, name: str) -> str:
        return posixpath.join(self._folder, name)

    def _leads_to(self, link: str) -> str:
        """The path of what a link leads to; nothing where the server cannot tell, as it leads to nothing itself."""
        try:
            with self._connection.session() as sftp:
                return sftp.normalize(self._path(link))
        except OSError as error:
            if error.errno not in {None, errno.ENOENT}:
                raise
            return ""

    def _followed(self, link: paramiko.SFTPAttributes) -> paramiko.SFTPAttributes:
        """What a link leads to; the link itself where that is nothing."""
        try:
            with self._connection.session() as sftp:
                return sftp.stat(self._path(link.filename))
        except FileNotFoundError:
            return link


class _Raw(io.RawIOBase):
    """A file on a server, as Python's own buffers want it."""

    def __init__(self, connection: SftpConnection, client: paramiko.SFTPClient, file: paramiko.SFTPFile) -> None:
        self._connection, self._client, self._file = connection, client, file

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]  # any buffer comes
        with self._connection.asking(self._client):
            content = self._file.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)

    def readall(self) -> bytes:
        """The rest, in pieces as large as servers give; Python's own way takes four times as many."""
        with self._connection.asking(self._client):
            return b"".join(iter(lambda: self._file.read(_BUFFER), b""))

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        with self._connection.asking(self._client):
            self._file.seek(offset, whence)
        return self._file.tell()

    def tell(self) -> int:
        return self._file.tell()

    def close(self) -> None:
        if not self.closed:
            with suppress(OSError, EOFError), self._connection.asking(self._client):
                self._file.close()
        super().close()
