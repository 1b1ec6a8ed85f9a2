"""Samples of packets and requests, kept without anybody having asked: redacted, compressed, within a budget.

A thread of its own writes them, so that no run waits for the disk. Nothing depends on them: when they cannot be written
that is told once, they are dropped, and it goes on by itself as soon as there is room again.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import zstandard

from agent.domain.errors import AgentError, NotFoundError, TransientError
from agent.store.looks import sample_files
from agent.store.looks.kept import Kept, KeptKind, KeptRow
from agent.store.moments import from_milliseconds, to_milliseconds
from agent.store.vaults.redaction import Redactor

_MEGABYTE = 1_000_000
_PARTS_OF_BUDGET = 8
_MOST_WAITING_BYTES = 16 * _MEGABYTE
_LARGEST = 256 * _MEGABYTE
_LEVEL = 3
_PAUSE_SECONDS = 0.2
_AGAIN_SECONDS = 30.0
_PATIENCE_SECONDS = 5.0
_COLUMNS = "id, run, node, kind, number, piece, records, shown, at, length(content)"
_WRITTEN = "run, node, kind, number, piece, records, shown, at, content"


@dataclass(frozen=True, slots=True)
class SampleBudget:
    """How long and how large the samples may become; 0 bytes keep none."""

    days: int = 7
    bytes: int = 256 * _MEGABYTE


class Samples:
    """The samples in one folder. Thread-safe. Only one process may have it open.

    Args:
        folder: Made at the first write.
        redactor: Sees every text before it is written.
        budget: At first; see `set_budget`.
        clock: The present moment, aware.
        failed: Told once when writing begins to fail, and again only after it worked in between.
        again_seconds: How long nothing is tried after a failure.
        most_waiting_bytes: What may wait to be written; what is over it is dropped.
    """

    def __init__(
        self,
        folder: Path,
        redactor: Redactor,
        *,
        budget: SampleBudget | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        failed: Callable[[AgentError], None] = lambda _: None,
        again_seconds: float = _AGAIN_SECONDS,
        most_waiting_bytes: int = _MOST_WAITING_BYTES,
    ) -> None:
        self._folder, self._redactor = folder, redactor
        self._budget = budget or SampleBudget()
        self._clock, self._failed, self._again_seconds = clock, failed, again_seconds
        self._most_waiting_bytes = most_waiting_bytes
        self._condition = threading.Condition()
        self._waiting: deque[Kept] = deque()
        self._waiting_bytes = 0
        self._settled = self._appended = 0
        self._closing = self._hurry = self._told = False
        self._again_at = 0.0
        self._files = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._path, self._day = Path(), date.min
        self._thread = threading.Thread(target=self._work, name="samples", daemon=True)
        self._thread.start()

    @property
    def on(self) -> bool:
        """Whether samples are kept at the moment."""
        return self._budget.bytes > 0 and time.monotonic() >= self._again_at

    def append(self, kept: Kept) -> None:
        """Take a sample; never waits for the disk and never raises. Those that come too fast are dropped."""
        with self._condition:
            if self._closing or not self.on or self._waiting_bytes + len(kept.content) > self._most_waiting_bytes:
                return
            self._waiting.append(kept)
            self._waiting_bytes += len(kept.content)
            self._appended += 1
            self._condition.notify_all()

    def flush(self, timeout_seconds: float = 10.0) -> bool:
        """Wait until what was appended is on disk, or given up; False if that takes longer."""
        with self._condition:
            wanted, self._hurry = self._appended, True
            self._condition.notify_all()
            return self._condition.wait_for(lambda: self._settled >= wanted, timeout_seconds)

    def rows(self, run: str) -> list[KeptRow]:
        """What is kept of a run, the oldest first; what was appended before is waited for, if it takes not too long."""
        self.flush(_PATIENCE_SECONDS)
        found: list[KeptRow] = []
        for path in sample_files.files_in(self._folder):
            with suppress(sqlite3.Error), closing(sample_files.connect(path)) as connection:
                query = f"SELECT {_COLUMNS} FROM kept WHERE run = ? ORDER BY id"  # noqa: S608 - our own text
                found += [_row(path, row) for row in connection.execute(query, (run,))]
        return found

    def content(self, run: str, identity: str) -> tuple[KeptRow, bytes]:
        """A sample, as JSON.

        Raises:
            NotFoundError: code `packet-gone`.
        """
        name, _, number = identity.rpartition(":")
        path = next((path for path in sample_files.files_in(self._folder) if path.stem == name), None)
        if path is not None and number.isascii() and number.isdecimal() and len(number) < 19:
            with suppress(sqlite3.Error, zstandard.ZstdError), closing(sample_files.connect(path)) as connection:
                query = f"SELECT content, {_COLUMNS} FROM kept WHERE id = ? AND run = ?"  # noqa: S608 - our own text
                row = connection.execute(query, (int(number), run)).fetchone()
                if row is not None:
                    packed = zstandard.ZstdDecompressor().decompress(row[0], max_output_size=_LARGEST)
                    return _row(path, row[1:]), packed
        raise NotFoundError(
            "This packet is not kept any more.",
            code="packet-gone",
            remedy="Samples are kept for the days and up to the size set in Settings → Diagnosis.",
        )

    def set_budget(self, budget: SampleBudget) -> None:
        """Another budget, from now on."""
        self._budget = budget
        self.enforce()

    def enforce(self) -> int:
        """Remove files that are over the budget, the oldest first. Returns how many bytes that gave back."""
        with self._files:
            found = sample_files.files_in(self._folder)
            used = sum(sample_files.bytes_of(path) for path in found)
            oldest_kept = self._clock().date() - timedelta(days=self._budget.days)
            given_back = 0
            for path in found:
                if sample_files.day_of(path) >= oldest_kept and used - given_back <= self._budget.bytes:
                    break
                given_back += self._remove(path)
            return given_back

    def clear(self, *, dry_run: bool) -> tuple[int, int]:
        """Remove all samples; returns how many, and how many bytes, went or would."""
        with self._files:
            found = sample_files.files_in(self._folder)
            count = sum(sample_files.rows_in(path) for path in found)
            if dry_run:
                return count, sum(sample_files.bytes_of(path) for path in found)
            return count, sum(self._remove(path) for path in found)

    def forget(self, runs: Sequence[str]) -> None:
        """Delete what is kept of these runs, which have ended. The files keep their size until they go with their age.

        Raises:
            TransientError: code `samples-kept`: some could not be deleted.
        """
        self.flush()
        failed: Exception | None = None
        with self._files:
            for path in sample_files.files_in(self._folder):
                try:
                    sample_files.forget(path, runs)
                except sqlite3.Error as error:
                    failed = error
        if failed is not None:
            raise TransientError(
                "Samples of packets could not be deleted.",
                code="samples-kept",
                remedy="They go by themselves with their age; “Clear Temp” removes them at once.",
                detail=f"{type(failed).__name__}: {failed}",
            ) from failed

    def close(self) -> None:
        """Write what is waiting, and end."""
        with self._condition:
            self._closing = True
            self._condition.notify_all()
        self._thread.join()
        with self._files:
            self._finish()

    def _work(self) -> None:
        while batch := self._next_batch():
            try:
                rows = [self._packed(kept) for kept in batch]
                with self._files:
                    self._write(rows)
                self.enforce()
            except Exception as error:  # noqa: BLE001 - diagnosis must not break what it looks at
                self._fail(error)
            else:
                self._told = False
            with self._condition:
                self._settled += len(batch)
                self._condition.notify_all()

    def _next_batch(self) -> list[Kept]:
        with self._condition:
            self._condition.wait_for(lambda: self._waiting or self._closing)
            # A moment for more to come: they are written in one transaction.
            self._condition.wait_for(lambda: self._hurry or self._closing, _PAUSE_SECONDS)
            batch = list(self._waiting)
            self._waiting.clear()
            self._waiting_bytes, self._hurry = 0, False
            return batch

    def _packed(self, kept: Kept) -> tuple[object, ...]:
        text = self._redactor.redact(kept.content.decode("utf-8", "replace"))
        packed = zstandard.ZstdCompressor(level=_LEVEL).compress(text.encode("utf-8", "replace"))
        return (
            kept.run, kept.node, kept.kind.value, kept.number, kept.piece, kept.records, kept.shown,
            to_milliseconds(kept.at), packed,
        )  # fmt: skip

    def _write(self, rows: list[tuple[object, ...]]) -> None:
        connection = self._current()
        connection.execute("BEGIN IMMEDIATE")
        try:
            connection.executemany(f"INSERT INTO kept ({_WRITTEN}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)  # noqa: S608 - our own text
            connection.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise

    def _current(self) -> sqlite3.Connection:
        """The file of today, unless it has become too large."""
        day = self._clock().date()
        if self._connection is not None and self._day == day and self._path.exists():
            # Asked of SQLite: the file itself grows only when its journal is carried over.
            (pages,) = self._connection.execute("PRAGMA page_count").fetchone()
            (page_bytes,) = self._connection.execute("PRAGMA page_size").fetchone()
            if pages * page_bytes < self._budget.bytes // _PARTS_OF_BUDGET:
                return self._connection
        self._finish()
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path, self._day = sample_files.new_path(self._folder, day), day
        self._path.touch(mode=0o600)  # what SQLite makes beside it takes its mode from it
        self._connection = sample_files.connect(self._path, make=True)
        return self._connection

    def _finish(self) -> None:
        if self._connection is None:
            return
        connection, self._connection = self._connection, None
        with closing(connection), suppress(sqlite3.Error):
            connection.execute("PRAGMA busy_timeout=0")  # wait for nobody who is reading it
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _remove(self, path: Path) -> int:
        if path == self._path:
            self._finish()
        return sample_files.remove(path)

    def _fail(self, error: Exception) -> None:
        self._again_at = time.monotonic() + self._again_seconds
        with self._files:
            if self._connection is not None:
                with suppress(sqlite3.Error):
                    self._connection.close()
                self._connection = None
        first, self._told = not self._told, True
        if first:
            with suppress(Exception):  # whoever listens has troubles of its own
                self._failed(_explained(error))


def _row(path: Path, row: Sequence[Any]) -> KeptRow:
    number, run, node, kind, packet, piece, records, shown, at, size = row
    return KeptRow(
        id=f"{path.stem}:{number}", run=run, node=node, kind=KeptKind(kind), number=packet, piece=piece,
        records=records, shown=shown, at=from_milliseconds(at), bytes=size,
    )  # fmt: skip


def _explained(error: Exception) -> AgentError:
    return TransientError(
        "Samples of packets cannot be kept.",
        code="samples-unwritable",
        remedy="Make room on the disk, and give the agent's account access to its folder; runs go on meanwhile, and "
        "samples are kept again by themselves.",
        detail=f"{type(error).__name__}: {error}",
    )
