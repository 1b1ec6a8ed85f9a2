"""Texts joined from plain paths, such as `$trim(first_name & " " & last_name)`, without asking JSONata.

Most expressions that are more than a path are of this kind, and JSONata takes longer for one of them than everything
else for twenty attributes. Only records where it cannot make a difference are joined here: every path gives a text, and
what is trimmed has no blanks but spaces. The others are left to JSONata.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from agent.engine.mapping.conversion import Column
from agent.engine.mapping.paths import Path, plain_path

_TRIM = re.compile(r"\s*\$trim\s*\((.*)\)\s*", re.DOTALL)
_TEXT = r""""[^"\\\x00-\x1f]*"|'[^'\\\x00-\x1f]*'"""
_OPERAND = re.compile(rf"\s*({_TEXT})\s*|((?:`[^`]*`|[^&`\"'])+)")


@dataclass(frozen=True, slots=True)
class Join:
    """Paths and what stands around them: `template` has a `%s` for each path."""

    template: str
    paths: tuple[Path, ...]
    trimmed: bool

    def joined(self, operands: Sequence[Column]) -> tuple[Column, list[int]]:
        """A text for each record, given a column for each path, and the indices of the records left to JSONata."""
        rows = list(zip(*operands, strict=True))
        if all(set(map(type, column)) <= _TEXT_ONLY for column in operands):
            values: Column = [self.template % row for row in rows]
            rest: list[int] = []
        else:
            rest = [index for index, row in enumerate(rows) if not set(map(type, row)) <= _TEXT_ONLY]
            others = frozenset(rest)
            values = [None if index in others else self.template % row for index, row in enumerate(rows)]
        if self.trimmed:
            # Of all blanks, only the space is printable.
            rest += [index for index, value in enumerate(values) if value is not None and not value.isprintable()]
            values = [None if value is None else " ".join(value.split()) for value in values]
        return values, rest


def plain_join(expression: str) -> Join | None:
    """What an expression joins, where it does nothing else; None for all others, and for a path alone."""
    trim = _TRIM.fullmatch(expression)
    pieces = _pieces(trim[1] if trim is not None else expression)
    if pieces is None or (trim is None and len(pieces) == 1):
        return None
    paths = tuple(piece for piece in pieces if isinstance(piece, tuple))
    template = "".join(piece.replace("%", "%%") if isinstance(piece, str) else "%s" for piece in pieces)
    return Join(template, paths, trim is not None) if paths else None


def _pieces(operands: str) -> list[str | Path] | None:
    pieces: list[str | Path] = []
    place = 0
    while True:
        found = _OPERAND.match(operands, place)
        if found is None:
            return None
        path = None if found[1] else plain_path(found[2])
        if not found[1] and path is None:
            return None
        pieces.append(found[1][1:-1] if path is None else path)
        place = found.end()
        if place == len(operands):
            return pieces
        if operands[place] != "&":
            return None
        place += 1


_TEXT_ONLY = {str}
