"""The files that samples of packets lie in: one SQLite database a day, and further parts. Whole files are removed.

Deleting rows would not shrink a file; so space is given back by removing the oldest one.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from contextlib import closing, suppress
from datetime import date
from pathlib import Path

from agent.store import day_files

_NAME = re.compile(r"(\d{4}-\d\d-\d\d)-(\d{3,})\.db")
_SCHEMA = """
    CREATE TABLE IF NOT EXISTS kept (
        id INTEGER PRIMARY KEY, run TEXT NOT NULL, node TEXT NOT NULL, kind TEXT NOT NULL, number INTEGER NOT NULL,
        piece INTEGER NOT NULL, records INTEGER NOT NULL, shown INTEGER NOT NULL, at INTEGER NOT NULL,
        content BLOB NOT NULL
    );
    CREATE INDEX IF NOT EXISTS kept_by_run ON kept (run, id);
"""


def files_in(folder: Path) -> list[Path]:
    """Every file with samples, the oldest first."""
    with suppress(FileNotFoundError):
        return sorted((path for path in folder.iterdir() if _NAME.fullmatch(path.name)), key=_place)
    return []


def day_of(path: Path) -> date:
    """The day on which a file was begun."""
    return date.fromisoformat(_place(path)[0])


def new_path(folder: Path, day: date) -> Path:
    """A name for a new file of that day."""
    parts = [part for path in files_in(folder) for name, part in [_place(path)] if name == day.isoformat()]
    return folder / f"{day.isoformat()}-{max(parts, default=0) + 1:03}.db"


def connect(path: Path, *, make: bool = False) -> sqlite3.Connection:
    """A connection to a file, which is made where it is missing, and can be written, only if `make` says so."""
    return day_files.connect(path, mode="ro", make=_SCHEMA if make else "")


def bytes_of(path: Path) -> int:
    """What a file takes on disk, with what SQLite keeps beside it."""
    return sum(_size(part) for part in _parts(path))


def remove(path: Path) -> int:
    """Remove a file. Returns how many bytes that gave back; 0 where somebody has it open on Windows."""
    size = bytes_of(path)
    try:
        path.unlink(missing_ok=True)
    except PermissionError:
        return 0
    for part in _parts(path):
        with suppress(OSError):
            part.unlink(missing_ok=True)
    return size


def forget(path: Path, runs: Sequence[str]) -> None:
    """Delete what a file holds of these runs, so that it cannot be read from the file any more.

    Raises:
        sqlite3.Error: the file cannot be read or written.
    """
    with closing(connect(path, make=True)) as connection:
        connection.execute("PRAGMA secure_delete=ON")
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("DELETE FROM kept WHERE run = ?", [(run,) for run in runs])
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def rows_in(path: Path) -> int:
    """How many samples a file holds; 0 where it cannot be read."""
    try:
        with closing(connect(path)) as connection:
            return int(connection.execute("SELECT count(*) FROM kept").fetchone()[0])
    except sqlite3.Error:
        return 0


def _parts(path: Path) -> list[Path]:
    return [path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")]


def _place(path: Path) -> tuple[str, int]:
    found = _NAME.fullmatch(path.name)
    return (found[1], int(found[2])) if found else ("", 0)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
