"""A function of ours that expressions can call: its name, its arguments, and what happens when they are wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

MOST_CHARACTERS: Final = 1_000
REMEDY: Final = "\x1f"
"""Stands in a refusal before what to do about it."""


class RefusedError(ValueError):
    """A function does not take what it was given; the text says why, for the operator."""


@dataclass(frozen=True)
class Function:
    """A function. `arguments` are as the documentation shows them: `(date, format [, zone])`; with `…` any number."""

    name: str
    arguments: str
    work: Callable[..., object]

    def call(self, *given: Any) -> Any:
        """Call it as an expression does. Raises RefusedError, or ValueError from what reads dates."""
        least, most = self.counts
        if len(given) < least:
            raise RefusedError(f"${self.name} takes {self.arguments}")
        try:
            # As with JSONata's own functions what is too much does no harm: $map gives everything three arguments.
            return self.work(*given[:most])
        except (ArithmeticError, TypeError, RecursionError) as error:
            raise RefusedError(f"${self.name} cannot work with what it was given") from error

    @cached_property
    def counts(self) -> tuple[int, int | None]:
        """The least and the greatest number of arguments; None where there is no greatest."""
        required, _, optional = self.arguments.partition("[")
        if "…" in self.arguments:
            return 1, None
        least = len(_WORD.findall(required))
        return least, least + len(_WORD.findall(optional))


_WORD = re.compile(r"\w+")


def as_text(value: object, what: str, *, most: int = MOST_CHARACTERS) -> str:
    """An argument that has to be a text. Raises RefusedError."""
    if not isinstance(value, str):
        raise RefusedError(f"{what} must be a text")
    if len(value) > most:
        raise RefusedError(f"{what} is longer than {most:,} characters")
    return value


def as_whole(value: object, what: str, *, least: int, most: int) -> int:
    """An argument that has to be a whole number, also as text. Raises RefusedError."""
    if isinstance(value, str) and re.fullmatch(r"\s*[+-]?[0-9]{1,12}\s*", value):
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise RefusedError(f"{what} must be a whole number from {least:,} to {most:,}")
    return value


def one_of(value: object, what: str, known: Sequence[str]) -> str:
    """An argument that has to be one of these words. Raises RefusedError."""
    if not isinstance(value, str) or value not in known:
        raise RefusedError(f"{what} must be one of {', '.join(known)}")
    return value
