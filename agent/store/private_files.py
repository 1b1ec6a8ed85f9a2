"""Files that only their owner can read, replaced whole or not at all. What is in them is the caller's business.

On POSIX a file is created with mode 0600, before the first byte is in it. Windows has no such mode: a file inherits
the access list of its folder, which in a user's profile admits that user, administrators and the system.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
import sys
import time
from contextlib import suppress
from pathlib import Path

from agent.domain.errors import AgentError, ConfigurationError, TransientError

_SUFFIX = ".tmp"
_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}
_REPLACE_TRIES = 20


def write_private(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Replace a file's content in one step: after a crash at any moment it holds either the old or the new bytes.

    Args:
        path: Its folder has to exist.
        content: All of it.
        durable: Wait until the disk has it. Only what can be lost with a power cut goes without.

    Raises:
        TransientError: code `disk-full`.
        ConfigurationError: code `file-unwritable`.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}{_SUFFIX}")
    try:
        try:
            _create(temporary, content, durable=durable)
            _replace(temporary, path)
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise
        if durable:
            _sync_folder(path.parent)
    except OSError as error:
        raise unwritable(path, error) from error


def remove_leftovers(path: Path) -> None:
    """Remove what writers of this file left behind when they were killed. Only for who holds the file's lock."""
    for leftover in path.parent.glob(f".{path.name}.*{_SUFFIX}"):
        with suppress(OSError):
            leftover.unlink()


def is_private(path: Path) -> bool:
    """Whether nobody but this user can read the file, as far as the platform lets us tell; on Windows always true."""
    if sys.platform == "win32":
        return True
    else:  # noqa: RET505 - the type checker follows the platform through branches only
        found = path.stat()
        return found.st_uid == os.geteuid() and not found.st_mode & (stat.S_IRWXG | stat.S_IRWXO)


def unwritable(path: Path, error: OSError) -> AgentError:
    """What a failed write means to a person."""
    detail = f"{path}: {errno.errorcode.get(error.errno or 0, type(error).__name__)}"
    if error.errno in _FULL:
        return TransientError(
            "The disk that holds the agent's files is full.",
            code="disk-full",
            remedy="Make room, for instance with Agent → Clear Temp, and try again.",
            detail=detail,
        )
    return ConfigurationError(
        f"The file {path} cannot be written.",
        code="file-unwritable",
        remedy="Give the account that runs the agent write access to its folder.",
        detail=detail,
    )


def _create(path: Path, content: bytes, *, durable: bool) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
        file.write(content)
        if durable:
            file.flush()
            os.fsync(file.fileno())


def _replace(temporary: Path, path: Path) -> None:
    for left in range(_REPLACE_TRIES, -1, -1):
        try:
            temporary.replace(path)
        except PermissionError:
            # Windows refuses while a virus scanner or a reader has the old file open; that passes.
            if os.name != "nt" or not left:
                raise
            time.sleep(0.05)
        else:
            return


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return  # Windows cannot open a folder; its file system journals the renaming
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
