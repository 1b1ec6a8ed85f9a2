"""Which records a list request means, and which of them are on one page, without looking at all of them.

The base records of an answer are a sorted sequence (a range, or ids that a scan found), less those that changed since
the start; the changed ones that match come beside it. Pages are cut out of the two by binary search.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from agent.sandbox.timeline import Timeline

Order = Literal["id", "modified"]
_CACHED = 8


@dataclass(frozen=True, slots=True)
class Interval:
    """A closed interval; None means open."""

    low: int | None = None
    high: int | None = None

    def __contains__(self, value: int) -> bool:
        return (self.low is None or self.low <= value) and (self.high is None or value <= self.high)

    @property
    def is_open(self) -> bool:
        """Whether it lets everything through."""
        return self.low is None and self.high is None


@dataclass(frozen=True, slots=True)
class Scan:
    """A filter that has to look at each record. The key says whether two scans are the same."""

    key: Hashable
    matches: Callable[[int], bool] = field(compare=False)


@dataclass(frozen=True, slots=True)
class Criteria:
    """What a list request asks for. Candidates, when given, are the only ids that can match (ascending)."""

    ids: Interval = Interval()
    created: Interval = Interval()
    modified: Interval = Interval()
    scan: Scan | None = None
    candidates: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """The records that match, in the order of the id or of the last change."""

    base: Sequence[int]
    removed: Sequence[int]
    extra: Sequence[int]
    order: Order

    @property
    def total(self) -> int:
        """How many records match."""
        return len(self.base) - len(self.removed) + len(self.extra)

    def page(self, offset: int, limit: int, *, descending: bool = False) -> list[int]:
        """A page of ids."""
        if not descending:
            return self._slice(offset, limit)
        end = self.total - offset
        start = max(0, end - limit)
        return self._slice(start, end - start)[::-1] if end > 0 else []

    def _slice(self, offset: int, limit: int) -> list[int]:
        if limit <= 0 or offset >= self.total:
            return []
        if not self.removed and not self.extra:
            return list(self.base[offset : offset + limit])
        if self.order == "modified":
            return self._slice_by_change(offset, limit)
        start = self._id_at(offset) if offset else 0
        base = self._base_from(bisect_left(self.base, start), limit)
        first = bisect_left(self.extra, start)
        return sorted([*base, *self.extra[first : first + limit]])[:limit]

    def _slice_by_change(self, offset: int, limit: int) -> list[int]:
        """Every change since the start is later than every base record."""
        kept = len(self.base) - len(self.removed)
        if offset >= kept:
            return list(self.extra[offset - kept : offset - kept + limit])
        without_extra = Found(base=self.base, removed=self.removed, extra=(), order="id")
        start = without_extra._id_at(offset) if offset else 0
        base = self._base_from(bisect_left(self.base, start), limit)
        return [*base, *self.extra[: limit - len(base)]]

    def _base_from(self, index: int, limit: int) -> list[int]:
        ids: list[int] = []
        while len(ids) < limit and index < len(self.base):
            some = self.base[index : index + limit]
            gone = set(self.removed[bisect_left(self.removed, some[0]) : bisect_right(self.removed, some[-1])])
            ids += [number for number in some if number not in gone] if gone else some
            index += limit
        return ids[:limit]

    def _id_at(self, offset: int) -> int:
        """The smallest id with `offset` matching records before it."""
        low, high = 0, max(self.base[-1] if self.base else 0, self.extra[-1] if self.extra else 0)
        while low < high:
            middle = (low + high) // 2
            before = (
                bisect_right(self.base, middle) - bisect_right(self.removed, middle) + bisect_right(self.extra, middle)
            )
            if before > offset:
                high = middle
            else:
                low = middle + 1
        return low


class Finder:
    """Finds the records of one kind, and remembers the scans of the last few filters."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._scans: OrderedDict[Hashable, Sequence[int]] = OrderedDict()
        self._changes: OrderedDict[Hashable, Sequence[int]] = OrderedDict()
        self._sorted: OrderedDict[Hashable, Sequence[int]] = OrderedDict()

    def find(self, criteria: Criteria, order: Order = "id") -> Found:
        """All records that match."""
        timeline = self._timeline
        if criteria.candidates is not None:
            return self._among(criteria.candidates, criteria, order)
        bounds = _clip(timeline.ids_created(criteria.created.low, criteria.created.high), criteria.ids)
        if criteria.modified.is_open and criteria.scan is None and (order == "id" or not timeline.changes):
            return Found(bounds, (), (), order)
        base_bounds = _clip(
            timeline.base_ids_modified(criteria.modified.low, criteria.modified.high),
            Interval(bounds.start, bounds.stop - 1),
        )
        base: Sequence[int] = base_bounds
        if criteria.scan is not None:
            base = _within(self._scanned(criteria.scan), base_bounds)
        changed = timeline.changed
        removed = _within(changed, base_bounds)
        if criteria.scan is not None:
            removed = [number for number in removed if _holds(base, number)]
        extra = _within(self._matching_changes(criteria), bounds)
        if order == "modified":
            extra = sorted(extra, key=lambda number: (timeline.modified(number), number))
        return Found(base, removed, extra, order)

    def find_sorted(self, criteria: Criteria, key: Callable[[int], tuple[object, ...]], name: str) -> Found:
        """All records that match, by a key that only the records themselves know. Looks at each of them."""
        remembered = (criteria, name, self._timeline.version)
        ids = self._sorted.get(remembered)
        if ids is None:
            found = self.find(criteria)
            ids = array("I", sorted(found.page(0, found.total), key=key))
            _remember(self._sorted, remembered, ids)
        return Found(ids, (), (), "id")

    def _among(self, candidates: Sequence[int], criteria: Criteria, order: Order) -> Found:
        timeline = self._timeline
        ids = [
            number
            for number in candidates
            if 1 <= number <= timeline.last_id
            and number in criteria.ids
            and timeline.created(number) in criteria.created
            and timeline.modified(number) in criteria.modified
            and (criteria.scan is None or criteria.scan.matches(number))
        ]
        if order == "modified":
            ids.sort(key=lambda number: (timeline.modified(number), number))
        return Found(ids, (), (), order)

    def _scanned(self, scan: Scan) -> Sequence[int]:
        """The base records that match. It stays true whatever changes: changed ones are taken out and judged apart."""
        ids = self._scans.get(scan.key)
        if ids is None:
            ids = array("I", filter(scan.matches, range(1, self._timeline.base_count + 1)))
            _remember(self._scans, scan.key, ids)
        return ids

    def _matching_changes(self, criteria: Criteria) -> Sequence[int]:
        timeline = self._timeline
        key = None if criteria.scan is None else criteria.scan.key
        remembered = (criteria.modified, key, timeline.version)
        ids = self._changes.get(remembered)
        if ids is None:
            ids = [
                number
                for number in timeline.changed
                if timeline.changes[number].modified in criteria.modified
                and (criteria.scan is None or criteria.scan.matches(number))
            ]
            _remember(self._changes, remembered, ids)
        return ids


def _remember(cache: OrderedDict[Hashable, Sequence[int]], key: Hashable, ids: Sequence[int]) -> None:
    cache[key] = ids
    if len(cache) > _CACHED:
        cache.popitem(last=False)


def _clip(ids: range, interval: Interval) -> range:
    low = ids.start if interval.low is None else max(ids.start, interval.low)
    high = ids.stop if interval.high is None else min(ids.stop, interval.high + 1)
    return range(low, max(low, high))


def _within(ids: Sequence[int], bounds: range) -> Sequence[int]:
    return ids[bisect_left(ids, bounds.start) : bisect_left(ids, bounds.stop)]


def _holds(ids: Sequence[int], number: int) -> bool:
    index = bisect_left(ids, number)
    return index < len(ids) and ids[index] == number
