"""The files of the log: one SQLite database a day, `2026-11-24.db`, and further parts `2026-11-24-002.db`.

A segment holds lines of its day only, up to a grace around midnight. Ids go on from one segment to the next; their
order, not the name's, is the order of the segments, so that a clock that was wrong for a while confuses nothing. Space
is given back by removing whole files: deleting rows would not shrink them.
"""

from __future__ import annotations

import re
import sqlite3
import threading
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from agent.store import day_files

_NAME = re.compile(r"(\d{4}-\d\d-\d\d)(?:-(\d{3,}))?\.db")
_SCHEMA = """
    CREATE TABLE IF NOT EXISTS log (
        id INTEGER PRIMARY KEY, at INTEGER NOT NULL, level INTEGER NOT NULL,
        flow TEXT NOT NULL, run TEXT NOT NULL, node TEXT NOT NULL, record TEXT NOT NULL,
        message TEXT NOT NULL, detail TEXT NOT NULL
    );
    CREATE INDEX IF NOT EXISTS notable ON log (id, level) WHERE level >= 30;
"""


@dataclass(frozen=True, slots=True)
class Segment:
    """One file with lines `first` to `last`."""

    path: Path
    day: date
    first: int
    last: int

    @property
    def bytes(self) -> int:
        """What it takes on disk."""
        return sum(size_of(path) for path in files_of(self.path))


class Segments:
    """The segments of one folder. Thread-safe."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.Lock()
        self._known: dict[Path, Segment] = {}

    def present(self) -> list[Segment]:
        """All segments with lines in them, the oldest first. Files that cannot be read are left out."""
        with self._lock:
            found = [segment for path in self._paths() if (segment := self._known.get(path) or _measured(path))]
            self._known = {segment.path: segment for segment in found}
        return sorted(found, key=lambda segment: segment.first)

    def grown(self, segment: Segment) -> None:
        """The writer has added lines to a segment."""
        with self._lock:
            self._known[segment.path] = segment

    def forget(self) -> None:
        """Measure every segment again: what is known of them may be wrong after a failure."""
        with self._lock:
            self._known.clear()

    def new_path(self, day: date) -> Path:
        """A name for a new segment of that day."""
        parts = [int(part or 1) for path in self._paths() for name, part in [_parts(path)] if name == day.isoformat()]
        part = max(parts, default=0) + 1
        return self.folder / (f"{day.isoformat()}.db" if part == 1 else f"{day.isoformat()}-{part:03}.db")

    def remove(self, segment: Segment) -> bool:
        """Remove a segment's files; False where somebody has them open on Windows."""
        try:
            segment.path.unlink(missing_ok=True)
        except PermissionError:
            return False
        with self._lock:
            self._known.pop(segment.path, None)
        for path in files_of(segment.path):
            with suppress(OSError):
                path.unlink(missing_ok=True)
        return True

    def set_unreadable_aside(self) -> list[Path]:
        """Rename files that are no databases, so that the log goes on without them; returns their new names."""
        aside = []
        for path in self._paths():
            try:
                with closing(connect(path)) as connection:
                    connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            except sqlite3.OperationalError:
                continue  # locked or out of reach, not broken
            except sqlite3.DatabaseError:
                new = path.with_suffix(".db.damaged")
                with suppress(OSError):
                    path.replace(new)
                    aside.append(new)
        return aside

    def _paths(self) -> list[Path]:
        with suppress(FileNotFoundError):
            return [path for path in self.folder.iterdir() if _NAME.fullmatch(path.name)]
        return []


def connect(path: Path, *, make: bool = False) -> sqlite3.Connection:
    """A connection to a segment, which is made where it is missing only if `make` says so."""
    return day_files.connect(path, mode="rw", make=_SCHEMA if make else "")


def bounds(connection: sqlite3.Connection) -> tuple[int, int] | None:
    """First and last id. In one SELECT each: together they would read the whole table."""
    first, last = connection.execute("SELECT (SELECT min(id) FROM log), (SELECT max(id) FROM log)").fetchone()
    return None if first is None else (first, last)


def files_of(path: Path) -> list[Path]:
    """The files that SQLite keeps for a database."""
    return [path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")]


def size_of(path: Path) -> int:
    """A file's size; 0 where it is gone."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _measured(path: Path) -> Segment | None:
    try:
        with closing(connect(path)) as connection:
            found = bounds(connection)
    except sqlite3.Error:
        return None
    return Segment(path, date.fromisoformat(_parts(path)[0]), *found) if found else None


def _parts(path: Path) -> tuple[str, str]:
    found = _NAME.fullmatch(path.name)
    return (found[1], found[2] or "") if found else ("", "")
