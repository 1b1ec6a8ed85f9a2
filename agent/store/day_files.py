"""Connections to SQLite files that hold one day of something each: segments of the log, samples of packets."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Literal

_BUSY_SECONDS = 10


def connect(path: Path, *, mode: Literal["ro", "rw"], make: str = "") -> sqlite3.Connection:
    """A connection in autocommit, usable from any thread that holds the user's own lock.

    Args:
        path: The file.
        mode: Whether it may be written. One that is to be made always may.
        make: The schema of a file that is made where it is missing; empty for one that has to be there.

    Raises:
        sqlite3.Error: it is not there, or cannot be used.
    """
    connection = sqlite3.connect(
        path if make else f"{path.absolute().as_uri()}?mode={mode}",
        uri=not make,
        timeout=_BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )
    if make:
        # NORMAL: a killed process loses nothing that was committed; a power cut may cost the last moments.
        connection.executescript(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; {make}")
    return connection
