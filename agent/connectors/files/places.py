"""Where the files are: what the connector does to a folder, whatever it lies on; and folders of this computer."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol

_NOTHING_THERE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}
_CANNOT_SYNC = {errno.EINVAL, errno.EBADF, errno.EOPNOTSUPP, getattr(errno, "ENOTSUP", errno.EOPNOTSUPP), errno.EACCES}
"""What file systems say that sync files but no folders: some shares, and what programs put together."""


class Status(NamedTuple):
    """What a file is like. `modified` is in nanoseconds since 1970, UTC; `version` is another one for each content,
    empty where the place has none."""

    size: int
    modified: int
    version: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file in the folder, its `modified` and `version` as in `Status`; `outside` says that it is a link that leads
    out of the folder."""

    name: str
    size: int
    modified: int
    outside: bool = False
    version: str = ""


class Place(Protocol):
    """A folder. Names are relative to it, with / between them, and were looked at before: none leads out of it.

    Methods block, and raise OSError as Python's own file functions do; from several threads, one at a time. `grows`
    says whether `write_from` is there.
    """

    grows: bool

    def __str__(self) -> str:
        """The folder, for people."""
        ...

    def close(self) -> None:
        """Let go of whatever is open, for good: a thread that is still at work finds the connection lost."""
        ...

    def is_there(self) -> bool:
        """Whether the folder is there."""
        ...

    def entries(self) -> Iterator[Entry]:
        """The files in it, in any order; no folders."""
        ...

    def status(self, name: str) -> Status | None:
        """What a file is like; None where it is not there."""
        ...

    def open(self, name: str) -> BinaryIO:
        """A file, for reading; it can be sought in."""
        ...

    def read(self, name: str, offset: int = 0, size: int = -1) -> bytes | None:
        """What is in a file; None where it is not there."""
        ...

    def write(self, name: str, content: bytes) -> None:
        """Make or replace a file, so that it outlives a power cut as far as the place can promise it."""
        ...

    def write_from(self, name: str, offset: int, content: bytes) -> None:
        """Replace what a file has from that byte on."""
        ...

    def make_folder(self, name: str) -> None:
        """Make a folder in the folder, unless it is there."""
        ...

    def names(self, folder: str) -> list[str]:
        """The names in a folder of the folder; none where it is not there."""
        ...

    def move(self, name: str, target: str, version: str = "") -> None:
        """Give a file another name, which nothing has. Where that takes two steps, it may be there under both names
        after the agent has died.

        Raises:
            TransientError: code `file-changed`, where there are versions and it has another one, or gets another one
                meanwhile. It is still there, then.
        """
        ...

    def replace_with(self, name: str, content: bytes) -> None:
        """Make or replace a file, in one step: whoever looks finds all of it, or what was there before. Where that
        takes two, it may be there under the name that `beside` gives alone, after the agent has died."""
        ...

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        ...

    def settle(self, folder: str = "") -> None:
        """Make the names in a folder outlive a power cut, as far as the place can promise it."""
        ...

    def try_to_write(self) -> None:
        """Make a file and remove it again."""
        ...

    def free_bytes(self) -> int | None:
        """How much room there is; None where it cannot be told."""
        ...


def beside(name: str) -> str:
    """The name under which a file is made before it replaces another one."""
    return f"{name}.new"


class LocalPlace:
    """A folder of this computer, or of a share that the system has connected."""

    grows = True

    def __init__(self, path: Path) -> None:
        self.path = path

    def __str__(self) -> str:
        return str(self.path)

    def close(self) -> None:
        """Nothing is open."""

    def is_there(self) -> bool:
        """Whether the folder is there."""
        return self.path.is_dir()

    def entries(self) -> Iterator[Entry]:
        """The files in it."""
        inside = Path(os.path.realpath(self.path))
        with os.scandir(self.path) as found:
            for entry in found:
                if entry.is_symlink() and not Path(os.path.realpath(entry.path)).is_relative_to(inside):
                    yield Entry(entry.name, 0, 0, outside=True)
                    continue
                try:
                    status = Path(entry.path).stat()  # Windows lists what it knew when the file was closed last
                except OSError as error:
                    if error.errno in _NOTHING_THERE:
                        continue  # a link to nothing, or a file that somebody has just taken
                    raise
                if stat.S_ISREG(status.st_mode):
                    yield Entry(entry.name, status.st_size, status.st_mtime_ns)

    def status(self, name: str) -> Status | None:
        """What a file is like."""
        try:
            status = (self.path / name).stat()
        except FileNotFoundError:
            return None
        return Status(status.st_size, status.st_mtime_ns)

    def open(self, name: str) -> BinaryIO:
        """A file, for reading."""
        return (self.path / name).open("rb")

    def read(self, name: str, offset: int = 0, size: int = -1) -> bytes | None:
        """What is in a file."""
        try:
            with (self.path / name).open("rb") as file:
                file.seek(offset)
                return file.read(size)
        except FileNotFoundError:
            return None

    def write(self, name: str, content: bytes) -> None:
        """Make or replace a file."""
        with (self.path / name).open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())

    def write_from(self, name: str, offset: int, content: bytes) -> None:
        """Replace what a file has from that byte on."""
        with (self.path / name).open("r+b") as file:
            file.seek(offset)
            file.truncate()
            file.write(content)
            file.flush()
            os.fsync(file.fileno())

    def make_folder(self, name: str) -> None:
        """Make a folder in the folder."""
        (self.path / name).mkdir(exist_ok=True)

    def names(self, folder: str) -> list[str]:
        """The names in a folder of the folder."""
        try:
            return [path.name for path in (self.path / folder).iterdir()]
        except FileNotFoundError:
            return []

    def move(self, name: str, target: str, version: str = "") -> None:
        """Give a file another name, which nothing has."""
        (self.path / name).rename(self.path / target)

    def replace_with(self, name: str, content: bytes) -> None:
        """Make or replace a file, in one step."""
        self.write(beside(name), content)
        (self.path / beside(name)).replace(self.path / name)

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        (self.path / name).unlink(missing_ok=True)

    def settle(self, folder: str = "") -> None:
        """Make renames outlive a power cut. Windows does so by itself and opens no folders."""
        if os.name == "nt":
            return
        try:
            handle = os.open(self.path / folder, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
        except OSError as error:
            if error.errno not in _CANNOT_SYNC:
                raise

    def try_to_write(self) -> None:
        """Make a file and remove it again."""
        with tempfile.NamedTemporaryFile(dir=self.path, prefix=".opagent-", suffix=".tmp"):
            pass

    def free_bytes(self) -> int | None:
        """How much room there is."""
        return shutil.disk_usage(self.path).free
