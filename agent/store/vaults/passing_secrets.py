"""Secrets that come and go, such as an encrypted variable that takes a new value with each packet: any number of them,
in memory that does not grow with their number, and none of them is ever let through again.

The latest are known as they are. Of older ones only the beginning, the length and a hash are known; of yet older ones
the beginning alone, and shorter and shorter ones. What is not known exactly any more costs some text that was none.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

MOST_EXACT: Final = 20
MOST_HASHED: Final = 20_000
MOST_BEGINNINGS: Final = 20_000
_BEGINNING: Final = 6


@dataclass(slots=True)
class _Older:
    """What is known of older ones. Forms are added to `hashed` in place; everything else makes a new object, so that
    whoever looks sees one state. `hashed` leads from beginnings to lengths to hashes; `longest` is a length."""

    hashed: dict[str, dict[int, set[int]]] = field(default_factory=dict)
    beginnings: frozenset[str] = frozenset()
    size: int = _BEGINNING
    longest: int = 0


class PassingSecrets:
    """Secrets of six characters at least. Whoever adds holds a lock; whoever looks needs none.

    Args:
        exact: How many secrets are known as they are.
        hashed: How many forms of older ones are known by length and hash.
        beginnings: How many beginnings of yet older ones are known.
    """

    def __init__(
        self, *, exact: int = MOST_EXACT, hashed: int = MOST_HASHED, beginnings: int = MOST_BEGINNINGS
    ) -> None:
        self._most_exact, self._most_hashed, self._most_beginnings = exact, hashed, beginnings
        self._latest: OrderedDict[str, Collection[str]] = OrderedDict()
        self._older, self._count = _Older(), 0

    def __contains__(self, text: str) -> bool:
        return text in self._latest

    @property
    def exact(self) -> set[str]:
        """The forms of the latest."""
        return {form for forms in self._latest.values() for form in forms}

    @property
    def size(self) -> int:
        """How many things are remembered."""
        return len(self.exact) + self._count + len(self._older.beginnings)

    def add(self, text: str, forms: Collection[str]) -> None:
        """Another secret, in all the forms in which it travels."""
        self._latest[text] = forms
        while len(self._latest) > self._most_exact:
            # Known in both ways for a moment, rather than in none.
            self._retire(next(iter(self._latest.values())))
            self._latest.popitem(last=False)

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Where older secrets stand in a text, or may stand: first and behind the last character."""
        older = self._older
        if not older.hashed and not older.beginnings:
            return
        for at in range(len(text) - min(older.size, _BEGINNING) + 1):
            if older.beginnings and text[at : at + older.size] in older.beginnings:
                yield at, at + older.longest
            lengths = older.hashed.get(text[at : at + _BEGINNING])
            for length, hashes in list(lengths.items()) if lengths is not None else ():
                if hash(text[at : at + length]) in hashes:
                    yield at, at + length

    def _retire(self, forms: Iterable[str]) -> None:
        hashed = self._older.hashed
        for form in forms:
            hashes = hashed.setdefault(form[:_BEGINNING], {}).setdefault(len(form), set())
            self._count += hash(form) not in hashes
            hashes.add(hash(form))
        if self._count > self._most_hashed:
            self._forget_hashes()

    def _forget_hashes(self) -> None:
        older = self._older
        longest = max(older.longest, *(length for lengths in older.hashed.values() for length in lengths))
        size, beginnings = older.size, older.beginnings | {one[: older.size] for one in older.hashed}
        while len(beginnings) > self._most_beginnings and size > 1:
            size -= 1
            beginnings = frozenset(one[:size] for one in beginnings)
        self._older, self._count = _Older(beginnings=beginnings, size=size, longest=longest), 0
