"""Reads the log across its segments: bounds, pages by id, the newest lines, and searches. Thread-safe."""

from __future__ import annotations

import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from agent.store.logs.entries import COLUMNS, LogEntry, LogFilter, add_functions, condition, from_row
from agent.store.logs.search import LogSearch
from agent.store.logs.segments import Segment, Segments, connect

_OPEN_SEGMENTS = 8
_IDS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Tail:
    """New lines that pass a filter. Ask next time for what comes after `last`."""

    entries: tuple[LogEntry, ...]
    last: int


class LogReader:
    """Reads what the writer has flushed.

    Args:
        segments: Where from.
        searches: The folder for the hits of searches.
    """

    def __init__(self, segments: Segments, searches: Path) -> None:
        self._segments, self._searches = segments, searches
        self._lock = threading.RLock()
        self._connections: OrderedDict[Path, sqlite3.Connection] = OrderedDict()

    def bounds(self) -> tuple[int, int]:
        """The first and the last id; both 0 when the log is empty."""
        found = self._segments.present()
        return (found[0].first, found[-1].last) if found else (0, 0)

    def page(self, first_id: int, count: int) -> list[LogEntry]:
        """The lines with ids from `first_id` to `first_id + count - 1`, as far as they are kept."""
        last_id = first_id + count - 1
        query = f"SELECT {COLUMNS} FROM log WHERE id BETWEEN ? AND ? ORDER BY id"  # noqa: S608 - our own text
        return [
            entry
            for segment in self._segments.present()
            if segment.first <= last_id and segment.last >= first_id
            for entry in self._read(segment, query, (first_id, last_id))
        ]

    def tail(self, after_id: int, wanted: LogFilter, limit: int = 1_000) -> Tail:
        """Lines after an id that pass a filter, the oldest first, at most `limit` of them."""
        where, values = condition(wanted)
        query = f"SELECT {COLUMNS} FROM log WHERE {where} AND id > ? ORDER BY id LIMIT ?"  # noqa: S608 - our own text
        entries: list[LogEntry] = []
        last = after_id
        for segment in self._segments.present():
            if segment.last > after_id:
                # Lines that are written meanwhile are for the next call.
                bounded = query.replace("ORDER BY", f"AND id <= {segment.last} ORDER BY")
                entries += self._read(segment, bounded, (*values, after_id, limit - len(entries)))
                last = segment.last
            if len(entries) >= limit:
                return Tail(tuple(entries), entries[-1].id)
        return Tail(tuple(entries), last)

    def search(self, wanted: LogFilter) -> LogSearch:
        """A search of the whole log, still to be run; whoever asks for it closes it."""
        return LogSearch(wanted, self._segments.present(), self._searches, self.entries)

    def entries(self, ids: Sequence[int]) -> list[LogEntry | None]:
        """The lines with these ids, in this order; None for those that are no longer kept."""
        found: dict[int, LogEntry] = {}
        for segment in self._segments.present():
            here = [number for number in ids if segment.first <= number <= segment.last]
            for start in range(0, len(here), _IDS_AT_ONCE):
                some = here[start : start + _IDS_AT_ONCE]
                query = f"SELECT {COLUMNS} FROM log WHERE id IN ({','.join('?' * len(some))})"  # noqa: S608 - our own text
                found |= {entry.id: entry for entry in self._read(segment, query, some)}
        return [found.get(number) for number in ids]

    def forget(self, segment: Segment) -> None:
        """Close a segment that is about to be removed."""
        with self._lock:
            if connection := self._connections.pop(segment.path, None):
                connection.close()

    def close(self) -> None:
        """Close every segment."""
        with self._lock:
            while self._connections:
                self._connections.popitem()[1].close()

    def _read(self, segment: Segment, query: str, values: Sequence[str | int]) -> list[LogEntry]:
        with self._lock, suppress(sqlite3.OperationalError):
            if segment.path.exists():  # otherwise it was dropped a moment ago
                return [from_row(row) for row in self._connection(segment.path).execute(query, values)]
        return []

    def _connection(self, path: Path) -> sqlite3.Connection:
        connection = self._connections.pop(path, None)
        if connection is None:
            connection = connect(path)
            add_functions(connection)
        self._connections[path] = connection
        while len(self._connections) > _OPEN_SEGMENTS:
            self._connections.popitem(last=False)[1].close()
        return connection
