"""The clauses of a filter, alone and in groups: what an action filter says before it is rendered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

MOST_CLAUSES: Final = 200
"""How many clauses a filter may have in all."""
MOST_LEVELS: Final = 6
"""How deep groups may stand in each other."""


RECORD_ID: Final = "{$}"
"""In a retry filter, the id of the record."""


class FilterPlace(StrEnum):
    """Where a filter clause is sent."""

    QUERY = "query"
    HEADER = "header"
    BODY = "body"


OPERATORS = ("=", "!=", "<", "<=", ">", ">=", "in", "not_in")


class Join(StrEnum):
    """How the members of a group belong together."""

    ALL = "&&"
    ANY = "||"


@dataclass(frozen=True, slots=True)
class Clause:
    """One key-operator-value clause. `value` may hold `~{Function(…)}~` and `${variable}`."""

    key: str
    operator: str
    value: str
    place: FilterPlace = FilterPlace.QUERY


@dataclass(frozen=True, slots=True)
class Group:
    """Clauses and groups of which all have to hold, or any. All clauses in it go to the same place, never a header."""

    join: Join
    members: tuple[FilterPart, ...]


FilterPart: TypeAlias = "Clause | Group"
"""What a filter is made of. All parts of a filter have to hold."""


def all_clauses(parts: Iterable[FilterPart]) -> Iterator[Clause]:
    """Every clause, wherever it stands, in the order in which they are written."""
    for part in parts:
        if isinstance(part, Group):
            yield from all_clauses(part.members)
        else:
            yield part
