"""Searching the whole log: one SQL statement per segment, newest first, into a small database of row numbers.

SQLite does the work in one step without Python's lock, so millions of lines are searched while everything else goes on,
and `cancel` ends it within a millisecond. Afterwards any part of the hits is read by row number.
"""

from __future__ import annotations

import secrets
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from agent.domain.errors import CancelledError, TransientError
from agent.store.logs.entries import LogEntry, LogFilter, add_functions, condition
from agent.store.logs.segments import Segment, files_of

_GRACE = timedelta(minutes=5)
_INTERRUPT_SECONDS = 0.005


class LogSearch:
    """One search. `run` it in a thread; `cancel` and reading are for any other.

    Args:
        wanted: What to look for.
        segments: Where, the oldest first.
        folder: Where the hits go; the file is removed by `close`.
        fetch: Reads entries by their ids, in the order given, None for those that are no longer kept.
    """

    def __init__(
        self,
        wanted: LogFilter,
        segments: Sequence[Segment],
        folder: Path,
        fetch: Callable[[Sequence[int]], list[LogEntry | None]],
    ) -> None:
        self.filter = wanted
        self.last = segments[-1].last if segments else 0
        self._segments, self._fetch = [one for one in segments if _may_hold(one, wanted)], fetch
        self._count = 0
        self._cancelled = False
        self._finished = threading.Event()
        self._lock = threading.Lock()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path = folder / f"{secrets.token_hex(8)}.db"
        self._connection = sqlite3.connect(
            f"{self.path.absolute().as_uri()}?mode=rwc", uri=True, isolation_level=None, check_same_thread=False
        )
        self.path.chmod(0o600)
        self._connection.executescript(
            # What is lost with a crash is searched for again.
            "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; CREATE TABLE hits (row INTEGER PRIMARY KEY, id INTEGER);"
        )
        add_functions(self._connection)

    @property
    def count(self) -> int:
        """How many lines were found."""
        return self._count

    def run(self) -> int:
        """Search, and return the number of hits. A segment that was dropped meanwhile has none.

        Raises:
            CancelledError: `cancel` was called; nothing is left to read.
        """
        where, values = condition(self.filter)
        insert = f"INSERT INTO hits (id) SELECT id FROM segment.log WHERE {where} AND id <= ? ORDER BY id DESC"  # noqa: S608 - our own text
        try:
            with self._lock:
                for segment in reversed(self._segments):
                    self._search(segment, insert, values)
                self._stop_if_cancelled()
                self._count = self._connection.execute("SELECT coalesce(max(row), 0) FROM hits").fetchone()[0]
        except CancelledError:
            self._finished.set()
            self.close()
            raise
        except sqlite3.Error as error:
            raise TransientError(
                "The log could not be searched.",
                code="log-search",
                remedy="Make room on the disk if it is full, and search again.",
                detail=str(error),
            ) from error
        finally:
            self._finished.set()
        return self._count

    def cancel(self) -> None:
        """End it now. Returns when it has ended."""
        self._cancelled = True
        while not self._finished.wait(_INTERRUPT_SECONDS):
            # Again and again: between two statements there is nothing to interrupt.
            with suppress(sqlite3.ProgrammingError):
                self._connection.interrupt()
            if not self._lock.locked():
                break

    def page(self, row: int, count: int) -> list[LogEntry | None]:
        """Hits `row` to `row + count - 1` in log order, the oldest first; None where a line is no longer kept.

        Raises:
            CancelledError: the search was closed.
        """
        with self._lock:
            # They were found newest first.
            query = "SELECT id FROM hits WHERE row BETWEEN ? AND ? ORDER BY row DESC"
            newest = self._count - row - count + 1
            try:
                found = self._connection.execute(query, (newest, newest + count - 1)).fetchall()
            except sqlite3.ProgrammingError as error:
                raise CancelledError("This search is closed.") from error
        return self._fetch([number for (number,) in found])

    def close(self) -> None:
        """Forget the hits."""
        with self._lock:
            self._connection.close()
            for path in files_of(self.path):
                with suppress(OSError):
                    path.unlink(missing_ok=True)

    def _search(self, segment: Segment, insert: str, values: Sequence[str | int]) -> None:
        self._stop_if_cancelled()
        try:
            # Not by its plain path: that would make an empty file where the segment was dropped a moment ago.
            self._connection.execute("ATTACH ? AS segment", (f"{segment.path.absolute().as_uri()}?mode=rw",))
        except sqlite3.OperationalError:
            return  # dropped, or not readable
        try:
            self._connection.execute(insert, (*values, self.last))
        except sqlite3.OperationalError as error:
            if self._cancelled:
                raise CancelledError from error
            if "no such table" not in str(error):
                raise
        finally:
            self._connection.execute("DETACH segment")

    def _stop_if_cancelled(self) -> None:
        if self._cancelled:
            raise CancelledError


def _may_hold(segment: Segment, wanted: LogFilter) -> bool:
    if wanted.since is not None and (wanted.since - _GRACE).date() > segment.day:
        return False
    return wanted.until is None or (wanted.until + _GRACE).date() >= segment.day
