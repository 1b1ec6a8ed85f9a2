"""Collects what is wrong in a document, each at its place, and finds out what was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Final, NamedTuple

from agent.domain.processflow import Problem

_MOST_PROBLEMS: Final = 100
_MOST_NAMES: Final = 12
_SHOWN_CHARACTERS: Final = 60


class Place(NamedTuple):
    """A line and a column, counted from 1."""

    line: int
    column: int


class Report:
    """The problems of one file, a bounded number of them."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._problems: list[Problem] = []

    def add(self, place: Place, code: str, message: str, suggestion: str = "") -> None:
        """Note a problem."""
        if len(self._problems) < _MOST_PROBLEMS:
            self._problems.append(Problem(message, self._file, place.line, place.column, code, suggestion))

    def add_unknown(self, place: Place, code: str, message: str, *, name: str, known: Iterable[str]) -> None:
        """Note a name that is not known, with what was probably meant."""
        if len(self._problems) < _MOST_PROBLEMS:
            self.add(place, code, message, meant(name, known))

    @property
    def problems(self) -> list[Problem]:
        """What was noted, in the order of the document."""
        return sorted(self._problems, key=lambda problem: (problem.line, problem.column))

    def __bool__(self) -> bool:
        """Whether anything was noted."""
        return bool(self._problems)


def closest(name: str, known: Iterable[str]) -> str | None:
    """The known name that was probably meant."""
    by_folded = {one.casefold(): one for one in known}
    if name.casefold() in by_folded:
        return by_folded[name.casefold()]
    close = difflib.get_close_matches(name.casefold()[:_SHOWN_CHARACTERS], by_folded, n=1)
    return by_folded[close[0]] if close else None


def meant(name: str, known: Iterable[str], *, otherwise: str = "") -> str:
    """A sentence with what was probably meant, else with all that is known."""
    names = sorted(set(known))
    close = closest(name, names)
    if close is not None:
        return f"Did you mean “{close}”?"
    if not names:
        return otherwise
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return f"Known are {', '.join(names[:_MOST_NAMES])}{more}."


def quoted(text: str) -> str:
    """A text from the document for a message: in one line, and shortened."""
    line = "".join(sign if sign.isprintable() else "·" for sign in text[: _SHOWN_CHARACTERS + 1])
    return f"“{line[:_SHOWN_CHARACTERS]}…”" if len(line) > _SHOWN_CHARACTERS else f"“{line}”"
