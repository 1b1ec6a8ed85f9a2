"""The pages of a very long list: the least recently seen of them go when there are too many. No Qt."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")
PAGE_ROWS = 256
_KEPT_PAGES = 64


class PageCache(Generic[T]):
    """Answers rows at once, or not at all: a missing page is asked for through `request`, once."""

    def __init__(self, request: Callable[[int], object]) -> None:
        self._request = request
        self._pages: OrderedDict[int, Sequence[T]] = OrderedDict()
        self._asked: set[int] = set()

    def row(self, index: int) -> T | None:
        """A row, or None while its page is on its way."""
        number, place = divmod(index, PAGE_ROWS)
        page = self._pages.get(number)
        if page is not None and place < len(page):
            self._pages.move_to_end(number)
            return page[place]
        if number not in self._asked:
            self._asked.add(number)
            self._request(number)
        return page[place] if page is not None and place < len(page) else None

    def put(self, number: int, rows: Sequence[T]) -> None:
        """A page arrived; it may still grow at its end."""
        self._asked.discard(number)
        self._pages[number] = rows
        self._pages.move_to_end(number)
        while len(self._pages) > _KEPT_PAGES:
            self._pages.popitem(last=False)

    def missed(self, number: int) -> None:
        """A page does not come: it is asked for again when it is looked at again."""
        self._asked.discard(number)

    def clear(self) -> None:
        """Forget everything."""
        self._pages.clear()
        self._asked.clear()

    def __len__(self) -> int:
        return len(self._pages)
