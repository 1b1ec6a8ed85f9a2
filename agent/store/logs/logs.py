"""The log of one installation: its writer, its reader and its budget. The front of everything named `log_…`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from agent.domain.errors import AgentError
from agent.store.logs.entries import LogFilter, LogLevel, LogLine
from agent.store.logs.reader import LogReader
from agent.store.logs.search import LogSearch
from agent.store.logs.segments import Segment, Segments
from agent.store.logs.writer import LogWriter
from agent.store.vaults.redaction import Redactor

_MEGABYTE = 1_000_000
_LARGEST_SEGMENT = 256 * _MEGABYTE
_PARTS_OF_BUDGET = 8
_FLUSH_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class LogBudget:
    """How long and how large the log may become; what is over it goes, oldest first."""

    days: int = 30
    bytes: int = 1_024 * _MEGABYTE


class LogStore:
    """The log. Only one process may have it open.

    Args:
        folder: Its segments.
        searches: A folder of its own for the hits of searches; what lies in it is removed.
        redactor: Sees every text before it is written.
        budget: At first; see `set_budget`.
        clock: The present moment, aware.
        failed: Told once when writing begins to fail.
    """

    def __init__(
        self,
        folder: Path,
        *,
        searches: Path,
        redactor: Redactor,
        budget: LogBudget | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        failed: Callable[[AgentError], None] = lambda _: None,
    ) -> None:
        self._clock = clock
        self._budget = budget or LogBudget()
        self._dropping = threading.Lock()
        _empty(searches)
        self._segments = Segments(folder)
        self.reader = LogReader(self._segments, searches)
        self.writer = LogWriter(
            self._segments, redactor, segment_bytes=self._segment_bytes(), failed=failed, rolled=self._on_rolled
        )

    def append(self, lines: Iterable[LogLine]) -> None:
        """Take lines; never waits and never raises."""
        self.writer.append(lines)

    def keep_from(self, least: LogLevel) -> None:
        """Do not write lines below this level from now on."""
        self.writer.keep_from(least)

    def search(self, wanted: LogFilter) -> LogSearch:
        """A search of everything that was appended until now, still to be run."""
        self.writer.flush(_FLUSH_SECONDS)
        return self.reader.search(wanted)

    def set_budget(self, budget: LogBudget) -> None:
        """Another budget, from now on."""
        self._budget = budget
        self.writer.segment_bytes = self._segment_bytes()
        self.drop_old()

    def drop_old(self) -> list[Segment]:
        """Remove segments over the budget, the oldest first; the newest one always stays. Returns what went."""
        with self._dropping:
            found = self._segments.present()
            oldest_kept = self._clock().date() - timedelta(days=self._budget.days)
            used = sum(segment.bytes for segment in found)
            gone: list[Segment] = []
            for index, segment in enumerate(found[:-1]):
                size = segment.bytes
                if _age_day(found[index:]) >= oldest_kept and used <= self._budget.bytes:
                    break
                self.reader.forget(segment)
                if not self._segments.remove(segment):
                    break
                used -= size
                gone.append(segment)
            return gone

    def close(self) -> None:
        """Write what is waiting, and end."""
        self.writer.close()
        self.reader.close()

    def _segment_bytes(self) -> int:
        return min(_LARGEST_SEGMENT, max(self._budget.bytes // _PARTS_OF_BUDGET, _MEGABYTE))

    def _on_rolled(self) -> None:
        with suppress(OSError):
            self.drop_old()


def _age_day(segments: list[Segment]) -> date:
    """A segment is no younger than those after it, whatever the clock said when it was begun."""
    return min(segment.day for segment in segments)


def _empty(folder: Path) -> None:
    with suppress(FileNotFoundError):
        for path in folder.iterdir():
            with suppress(OSError):
                path.unlink()
