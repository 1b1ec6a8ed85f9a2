"""A lock between processes, and between threads of one, held on a file. The system lets go of it when a holder dies."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.domain.errors import TransientError
from agent.store.private_files import unwritable

_POLL_SECONDS = 0.01


@contextmanager
def locked(path: Path, *, timeout_seconds: float = 10.0) -> Iterator[None]:
    """Hold the lock for the length of a block. The file stays; removing it would let two in.

    Raises:
        TransientError: code `file-locked`: somebody else held it for longer than the time allowed.
        ConfigurationError: code `file-unwritable`: there is no such folder, or it is closed to this account.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise unwritable(path, error) from error
    try:
        deadline = time.monotonic() + timeout_seconds
        while not _try(descriptor):
            if time.monotonic() >= deadline:
                raise TransientError(
                    f"The file {path} is in use by another program.",
                    code="file-locked",
                    remedy="End other programs of the agent, and try again.",
                )
            time.sleep(_POLL_SECONDS)
        try:
            yield
        finally:
            _release(descriptor)
    finally:
        os.close(descriptor)


if sys.platform == "win32":
    import msvcrt

    def _try(descriptor: int) -> bool:
        try:
            os.lseek(descriptor, 0, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _release(descriptor: int) -> None:
        os.lseek(descriptor, 0, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _try(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def _release(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_UN)
