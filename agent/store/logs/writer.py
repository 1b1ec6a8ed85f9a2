"""Writes the log: lines go into a queue and a thread of its own puts them on disk, redacted, within a moment.

A killed process loses at most what was not flushed yet. When the disk cannot take them, lines wait in memory up to a
limit and are then counted instead of kept; that is said once when it begins and once, in the log, when it is over.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing, suppress
from datetime import UTC, date, datetime, timedelta
from itertools import takewhile
from pathlib import Path

from agent.domain.errors import AgentError, TransientError
from agent.store.logs.entries import LogLevel, LogLine, Row, to_row
from agent.store.logs.segments import Segment, Segments, connect
from agent.store.vaults.redaction import Redactor

_FLUSH_SECONDS = 0.1
_FLUSH_LINES = 500
_MOST_WAITING = 100_000
_RETRY_SECONDS = 1.0
_GRACE = timedelta(minutes=5)
_INSERT = "INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"


class LogWriter:
    """The one writer of a log. Thread-safe; `append` never waits for the disk and never raises.

    Args:
        segments: Where to.
        redactor: Sees every text before it is written.
        segment_bytes: At this size a segment is finished and another part of the day begun.
        failed: Told once when writing begins to fail.
        rolled: Told, in the writer's thread, when a new segment was begun.
    """

    def __init__(
        self,
        segments: Segments,
        redactor: Redactor,
        *,
        segment_bytes: int,
        failed: Callable[[AgentError], None] = lambda _: None,
        rolled: Callable[[], None] = lambda: None,
    ) -> None:
        self._segments, self._redactor = segments, redactor
        self.segment_bytes = segment_bytes
        self._failed, self._rolled = failed, rolled
        self._least = LogLevel.DEBUG.number
        self._condition = threading.Condition()
        self._waiting: deque[LogLine] = deque()
        self._appended = self._settled = self._dropped = 0
        self._urgent = self._flushing = self._closing = False
        self._trouble: AgentError | None = None
        self._connection: sqlite3.Connection | None = None
        self._path, self._day = Path(), date.min
        self._next_id = self._first_id = 0
        self._thread = threading.Thread(target=self._work, name="log-writer", daemon=True)
        self._thread.start()

    @property
    def trouble(self) -> AgentError | None:
        """Why lines cannot be written at the moment."""
        return self._trouble

    def keep_from(self, least: LogLevel) -> None:
        """Do not write lines below this level from now on."""
        self._least = least.number

    def append(self, lines: Iterable[LogLine]) -> None:
        """Take lines. Errors are written at once, others within a tenth of a second."""
        kept = [line for line in lines if line.level.number >= self._least]
        if not kept:
            return
        with self._condition:
            if self._closing:
                return
            if len(self._waiting) + len(kept) > _MOST_WAITING:
                self._dropped += len(kept)
                return
            was_empty = not self._waiting
            self._waiting.extend(kept)
            self._appended += len(kept)
            self._urgent = self._urgent or any(line.level is LogLevel.ERROR for line in kept)
            if was_empty or self._urgent or len(self._waiting) >= _FLUSH_LINES:
                self._condition.notify_all()

    def flush(self, timeout_seconds: float = 10.0) -> bool:
        """Wait until everything that was appended is on disk; False if it is not."""
        with self._condition:
            wanted = self._appended
            self._urgent = self._flushing = True
            self._condition.notify_all()
            return self._condition.wait_for(lambda: self._settled >= wanted, timeout_seconds)

    def close(self) -> None:
        """Write what is waiting, and end."""
        with self._condition:
            self._closing = True
            self._condition.notify_all()
        self._thread.join()

    def _work(self) -> None:
        while batch := self._next_batch():
            try:
                while batch:
                    self._write_part(batch)
            except (sqlite3.Error, OSError) as error:
                if not self._put_back(batch, error):
                    break
            else:
                self._healed()
        self._finish_segment()

    def _next_batch(self) -> deque[LogLine]:
        with self._condition:
            self._condition.wait_for(lambda: self._waiting or self._closing)
            self._condition.wait_for(
                lambda: self._urgent or self._closing or len(self._waiting) >= _FLUSH_LINES, _FLUSH_SECONDS
            )
            batch, self._waiting = self._waiting, deque()
            self._urgent = False
            return batch

    def _write_part(self, batch: deque[LogLine]) -> None:
        """Write as many lines as belong into one segment, and take them off the batch."""
        if not self._next_id:
            self._resume()
        day = self._day_of(batch[0])
        self._begin_segment(day)
        lines = list(takewhile(lambda line: self._day_of(line) == day, batch))
        self._insert(lines)
        for _ in lines:
            batch.popleft()
        with self._condition:
            self._settled += len(lines)
            self._condition.notify_all()

    def _day_of(self, line: LogLine) -> date:
        at = line.at.astimezone(UTC)
        # Several threads append: around midnight their lines arrive a little out of order.
        return self._day if self._day in (at.date(), (at + _GRACE).date()) else at.date()

    def _put_back(self, batch: deque[LogLine], error: Exception) -> bool:
        self._abandon_segment()
        with self._condition:
            self._waiting.extendleft(reversed(batch))
            first, self._trouble = self._trouble is None, _explained(error)
        if first:
            with suppress(Exception):  # the log's trouble is nobody else's
                self._failed(self._trouble)
        with self._condition:
            closing = self._closing
            self._flushing = False
            self._condition.wait_for(lambda: self._closing or self._flushing, _RETRY_SECONDS)
        return not closing

    def _healed(self) -> None:
        with self._condition:
            dropped, self._dropped, self._trouble = self._dropped, 0, None
        if dropped:
            self._note(f"{dropped:,} lines of the log were lost: they came faster than the disk could take them.")

    def _note(self, message: str) -> None:
        with self._condition:
            self._waiting.append(LogLine(datetime.now(UTC), LogLevel.WARNING, message))
            self._appended += 1

    def _insert(self, lines: Sequence[LogLine]) -> None:
        connection = self._connection
        assert connection is not None
        rows = [self._row(number, line) for number, line in enumerate(lines, self._next_id)]
        connection.execute("BEGIN IMMEDIATE")
        try:
            connection.executemany(_INSERT, rows)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        self._next_id += len(rows)
        self._first_id = self._first_id or rows[0][0]
        self._segments.grown(Segment(self._path, self._day, self._first_id, rows[-1][0]))

    def _row(self, number: int, line: LogLine) -> Row:
        try:
            return to_row(number, line, self._redactor.redact)
        except Exception as error:  # noqa: BLE001 - a line that cannot be written must not stop those behind it
            message = "A line of the log could not be written."
            substitute = LogLine(datetime.now(UTC), LogLevel.ERROR, message, detail=type(error).__name__)
            return to_row(number, substitute, self._redactor.redact)

    def _resume(self) -> None:
        """Go on after the newest line on disk."""
        aside = self._segments.set_unreadable_aside()
        found = self._segments.present()
        self._next_id = found[-1].last + 1 if found else 1
        if found:
            newest = found[-1]
            self._path, self._day, self._first_id = newest.path, newest.day, newest.first
            self._connection = connect(newest.path, make=True)
        if aside:
            names = ", ".join(path.name for path in aside)
            self._note(f"Part of the log could not be read and was set aside as {names}.")

    def _begin_segment(self, day: date) -> None:
        if self._connection is not None and day == self._day:
            # Asked of SQLite: the file itself grows only when its journal is carried over.
            (pages,) = self._connection.execute("PRAGMA page_count").fetchone()
            (page_bytes,) = self._connection.execute("PRAGMA page_size").fetchone()
            if pages * page_bytes < self.segment_bytes:
                return
        self._finish_segment()
        self._segments.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path, self._day, self._first_id = self._segments.new_path(day), day, 0
        self._connection = connect(self._path, make=True)
        self._path.chmod(0o600)
        self._rolled()

    def _finish_segment(self) -> None:
        if self._connection is None:
            return
        with closing(self._connection) as connection, suppress(sqlite3.Error):
            connection.execute("PRAGMA busy_timeout=0")  # wait for no search that is reading it
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._connection = None

    def _abandon_segment(self) -> None:
        """After a failure: start from what is on disk."""
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
        self._connection, self._next_id, self._day = None, 0, date.min
        self._segments.forget()


def _explained(error: Exception) -> AgentError:
    return TransientError(
        "The log cannot be written.",
        code="log-unwritable",
        remedy="Make room on the disk, and give the agent's account access to the log's folder; "
        "it goes on by itself, and keeps lines in memory until then.",
        detail=f"{type(error).__name__}: {error}",
    )
