"""Collects what is wrong in a document, each at its place, with what was probably meant."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from agent.domain.meant import meant
from agent.domain.processflow import Problem

_MOST_PROBLEMS: Final = 100
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


def quoted(text: str) -> str:
    """A text from the document for a message: in one line, and shortened."""
    line = "".join(sign if sign.isprintable() else "·" for sign in text[: _SHOWN_CHARACTERS + 1])
    return f"“{line[:_SHOWN_CHARACTERS]}…”" if len(line) > _SHOWN_CHARACTERS else f"“{line}”"
