"""The log for front ends: pages, searches that can be cancelled and that grow while they are followed."""

from __future__ import annotations

import threading
from array import array
from collections import OrderedDict
from datetime import UTC, datetime

from agent.api import log_models
from agent.domain.errors import NotFoundError
from agent.service import answers
from agent.store.logs import entries as log_entries
from agent.store.logs.logs import LogStore
from agent.store.logs.search import LogSearch

_MOST_SEARCHES = 16
_TAIL_LINES = 5_000


class _Open:
    """A finished search, and the ids of what was found after it."""

    def __init__(self, search: LogSearch) -> None:
        self.search = search
        self.more = array("q")
        self.last = search.last
        self.lock = threading.Lock()

    @property
    def count(self) -> int:
        return self.search.count + len(self.more)


class LogAccess:
    """The log of this agent. Thread-safe; everything here may read the disk."""

    def __init__(self, logs: LogStore) -> None:
        self._logs = logs
        self._lock = threading.Lock()
        self._open: OrderedDict[str, _Open] = OrderedDict()

    def bounds(self) -> log_models.LogBounds:
        """The first and last id."""
        first, last = self._logs.reader.bounds()
        return log_models.LogBounds(first=first, last=last)

    def page(self, first: int, count: int) -> log_models.LogPage:
        """Lines by id."""
        return log_models.LogPage(items=[answers.log_entry(entry) for entry in self._logs.reader.page(first, count)])

    def begin(self, wanted: log_models.LogSearch) -> LogSearch:
        """A search, still to be run."""
        return self._logs.search(
            log_entries.LogFilter(
                level=log_entries.LogLevel(wanted.level.value) if wanted.level is not None else None,
                flow=wanted.flow, run=wanted.run, text=wanted.text, since=_aware(wanted.since),
                until=_aware(wanted.until),
            )
        )  # fmt: skip

    def keep(self, search: LogSearch) -> log_models.LogHits:
        """Keep a search that has run, so that its hits can be read; the oldest ones are forgotten."""
        found = _Open(search)
        with self._lock:
            self._open[search.path.stem] = found
            forgotten = []
            while len(self._open) > _MOST_SEARCHES:
                forgotten.append(self._open.popitem(last=False)[1])
        for one in forgotten:
            one.search.close()
        return _hits(search.path.stem, found)

    def hits(self, search_id: str, first: int, count: int) -> log_models.LogPage:
        """Hits by row number. Raises NotFoundError."""
        found = self._find(search_id)
        with found.lock:
            before = found.search.count
            rows = found.search.page(first, min(count, before - first)) if first < before else []
            ids = found.more[max(0, first - before) : max(0, first + count - before)]
        rows += self._logs.reader.entries(ids.tolist())
        return log_models.LogPage(items=[answers.log_entry(entry) if entry is not None else _gone() for entry in rows])

    def extend(self, search_id: str) -> log_models.LogHits:
        """Add what was logged since. Raises NotFoundError."""
        found = self._find(search_id)
        self._logs.writer.flush(1.0)
        with found.lock:
            tail = self._logs.reader.tail(found.last, found.search.filter, _TAIL_LINES)
            found.more.extend(entry.id for entry in tail.entries)
            found.last = max(found.last, tail.last)
        return _hits(search_id, found)

    def close(self) -> None:
        """Forget every search."""
        with self._lock:
            while self._open:
                self._open.popitem()[1].search.close()

    def _find(self, search_id: str) -> _Open:
        with self._lock:
            found = self._open.get(search_id)
            if found is not None:
                self._open.move_to_end(search_id)
                return found
        raise NotFoundError("This search is not kept any more.", code="search-not-found", remedy="Search again.")


def _hits(search_id: str, found: _Open) -> log_models.LogHits:
    return log_models.LogHits(id=search_id, count=found.count, last=found.last)


def _gone() -> log_models.LogEntry:
    """What stands in the row of a line that the budget has removed since the search."""
    return log_models.LogEntry(
        id=0, at=datetime.now(UTC), level=log_models.LogLevel.DEBUG, flow="", run="", node="", record="",
        message="This line is no longer kept.", detail="",
    )  # fmt: skip


def _aware(moment: datetime | None) -> datetime | None:
    """A moment without a zone is meant in UTC."""
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment
