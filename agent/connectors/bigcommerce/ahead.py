"""Fetches pages before they are asked for, several at once, where the ids of a store have hardly any gaps.

The end of a page says where the next one begins, so pages by id come one after the other. Where ids are dense, though,
a page of 250 is a range of 250 ids, and many ranges can be fetched at once for the price of one further request: what
the highest id is. Where there are gaps, ranges would cost requests and bring little, so nothing is fetched ahead.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from agent.connectors.bigcommerce.records import MOST_RECORDS
from agent.http.pacing import Quota

_DENSE = 0.9
"""The share of ids in use from which on ranges pay."""

_DENSE_PAGES = 2
"""How many dense pages in a row are taken as a sign that the next ones will be."""

_ANSWER_SECONDS = 0.5
_FEWEST_AT_ONCE, _USUAL_AT_ONCE, _MOST_AT_ONCE = 2, 4, 8

_Result = TypeVar("_Result")


def at_once(quota: Quota | None) -> int:
    """How many pages to fetch at the same time: as many as the quota can feed while an answer takes half a second."""
    if quota is None:
        return _USUAL_AT_ONCE
    fed = quota.quota / quota.window_seconds * _ANSWER_SECONDS
    return round(min(max(fed, _FEWEST_AT_ONCE), _MOST_AT_ONCE))


@dataclass(frozen=True, slots=True)
class Range(Generic[_Result]):
    """A range of ids, ends included, that is being fetched."""

    first: int
    last: int
    fetched: asyncio.Task[_Result]


class Ahead(Generic[_Result]):
    """The ranges of one pass that are being fetched, in the order of their ids.

    Args:
        fetch: Fetches the ids from the first to the last.
        highest: Asks for the highest id there is.
        at_once: How many ranges may be under way.
    """

    def __init__(
        self,
        *,
        fetch: Callable[[int, int], Coroutine[Any, Any, _Result]],
        highest: Callable[[], Coroutine[Any, Any, int]],
        at_once: Callable[[], int],
    ) -> None:
        self._fetch = fetch
        self._highest = highest
        self._at_once = at_once
        self._ranges: deque[Range[_Result]] = deque()
        self._asked: asyncio.Task[int] | None = None
        self._dense_pages = 0

    @property
    def begins(self) -> int | None:
        """The first id that is being fetched; None when nothing is."""
        return self._ranges[0].first if self._ranges else None

    def take(self, first: int) -> Range[_Result] | None:
        """The range that begins there, if it is the next one. The caller waits for it."""
        return self._ranges.popleft() if self.begins == first else None

    def saw(self, ids: Sequence[int], *, following: int) -> None:
        """Take note of a page, and fetch further ranges from `following` on, or from behind those under way.

        Call it with no ids for a page that shows nothing, e.g. one that the store was asked to keep small.
        """
        dense = bool(ids) and len(ids) >= _DENSE * max(MOST_RECORDS, ids[-1] - ids[0] + 1)
        self._dense_pages = self._dense_pages + 1 if dense else 0
        if self._dense_pages < _DENSE_PAGES:
            return
        if self._asked is None:
            self._asked = asyncio.ensure_future(self._highest())
        # Without an answer, or with an error, pages come one after the other: no harm is done.
        if not self._asked.done() or self._asked.cancelled() or self._asked.exception() is not None:
            return
        first = self._ranges[-1].last + 1 if self._ranges else following
        while len(self._ranges) < self._at_once() and first + MOST_RECORDS - 1 <= self._asked.result():
            last = first + MOST_RECORDS - 1
            self._ranges.append(Range(first, last, asyncio.ensure_future(self._fetch(first, last))))
            first = last + 1

    async def close(self) -> None:
        """Drop everything that is under way."""
        tasks: list[asyncio.Task[Any]] = [one.fetched for one in self._ranges]
        if self._asked is not None:
            tasks.append(self._asked)
        self._ranges.clear()
        self._asked = None
        self._dense_pages = 0
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
