"""When records were made and changed. Base records follow a fixed rhythm; changes since the start are kept beside it.

Both dates grow with the id among base records, so that a date filter is a binary search, whatever the size.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, field
from zlib import crc32

from agent.sandbox.dice import kind_seed
from agent.sandbox.moments import FIRST_MOMENT

SECONDS_BETWEEN = 60
_SECONDS_TO_CHANGE = 900


@dataclass(slots=True)
class Change:
    """What happened to one record since the start."""

    created: int
    modified: int
    values: dict[str, object] = field(default_factory=dict)
    bodies: dict[str, bytes] = field(default_factory=dict)


class Timeline:
    """The dates of all records of one kind, and the changes among them."""

    def __init__(self, *, seed: int, kind: str, base_count: int) -> None:
        self.base_count = base_count
        self.changes: dict[int, Change] = {}
        self.version = 0
        self._seed = kind_seed(seed, kind + "/dates")
        self._changed: list[int] | None = []
        self._last = base_count

    @property
    def last_id(self) -> int:
        """The highest id there is. Ids have no gaps."""
        return self._last

    @property
    def changed(self) -> list[int]:
        """The ids of the changed and the new records, ascending."""
        if self._changed is None:
            self._changed = sorted(self.changes)
        return self._changed

    def base_created(self, number: int) -> int:
        """When a base record was made."""
        return self.base_dates(number)[0]

    def base_modified(self, number: int) -> int:
        """When a base record was last changed before the start."""
        return self.base_dates(number)[1]

    def base_dates(self, number: int) -> tuple[int, int]:
        """Both dates of a base record, for less than twice the price."""
        chance = crc32(b"%d" % number, self._seed)
        start = FIRST_MOMENT + number * SECONDS_BETWEEN
        return start + chance % 20, start + _SECONDS_TO_CHANGE + (chance >> 8) % 30

    def created(self, number: int) -> int:
        """When a record was made."""
        change = self.changes.get(number)
        return self.base_created(number) if change is None else change.created

    def modified(self, number: int) -> int:
        """When a record was last changed."""
        change = self.changes.get(number)
        return self.base_modified(number) if change is None else change.modified

    def touch(self, number: int, *, now: int, values: dict[str, object] | None = None) -> Change:
        """Change one record, now. Values replace those of earlier changes; encoded bodies are forgotten."""
        change = self.changes.get(number)
        if change is None:
            change = self.changes[number] = Change(created=self.base_created(number), modified=now)
            self._changed = None
        change.modified = now
        change.values = {**change.values, **(values or {})}
        change.bodies.clear()
        self.version += 1
        return change

    def add(self, *, now: int, values: dict[str, object] | None = None) -> int:
        """Make a new record, now, and give its id."""
        self._last += 1
        self.changes[self._last] = Change(created=now, modified=now, values=dict(values or {}))
        self._changed = None
        self.version += 1
        return self._last

    def base_ids_modified(self, low: int | None, high: int | None) -> range:
        """The base records whose last change lies in the closed interval."""
        return _between(range(1, self.base_count + 1), self.base_modified, low, high)

    def ids_created(self, low: int | None, high: int | None) -> range:
        """The records, new ones included, that were made in the closed interval."""
        return _between(range(1, self._last + 1), self.created, low, high)


def _between(ids: range, date: Callable[[int], int], low: int | None, high: int | None) -> range:
    first = 0 if low is None else bisect_left(ids, low, key=date)
    last = len(ids) if high is None else bisect_left(ids, high + 1, key=date)
    return ids[first : max(first, last)]
