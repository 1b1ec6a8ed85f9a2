"""How far an incremental read has come, where not all values of the column are of one kind.

A column of moments may have “n/a” in it, or “infinity”: that comes behind all moments, and if the next read began
there, no change would ever be read again. So the highest value of each kind is remembered, and the next read begins at
the one that counts; rows with odd values behind it are read each time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum

from agent.connectors.sql.tables import Column, Family
from agent.domain.packet import JsonValue

Seen = Mapping[str, tuple[int, JsonValue]]
"""By kind, how many values were seen, and the highest of them."""

_NUMBERS = frozenset({Family.INTEGER, Family.DECIMAL, Family.FLOAT})


class Kind(StrEnum):
    """What a value of an incremental column is."""

    MOMENT = "moment"
    NUMBER = "number"
    OTHER = "other"


def seen(column: Column, values: Sequence[JsonValue]) -> Seen:
    """What is seen in values that come in their order."""
    counts: dict[str, tuple[int, JsonValue]] = {}
    for value in values:
        its = _kind(column, value)
        counts[its] = (counts[its][0] + 1 if its in counts else 1, value)
    return counts


def together(before: Seen, after: Seen) -> Seen:
    """What is seen in one part and in another that comes behind it."""
    counts = dict(before)
    for its, (count, value) in after.items():
        counts[its] = (count + (before[its][0] if its in before else 0), value)
    return counts


def furthest(column: Column, found: Seen, begun: JsonValue) -> JsonValue:
    """The value that the next read begins at; None where nothing was seen that says more than where this one began.

    Moments and numbers count before all else. Of the two it is those by which the reads before were told apart, and
    those that are more in the first one.

    Args:
        column: The incremental column.
        found: What this read has seen.
        begun: Where this read began, None for the first one.
    """
    settled = _kind(column, begun) if begun is not None else Kind.OTHER
    if settled is not Kind.OTHER:
        return found[settled][1] if settled in found else None
    telling = [found[one] for one in (Kind.MOMENT, Kind.NUMBER) if one in found]
    if telling:
        return max(telling, key=lambda one: one[0])[1]
    return found[Kind.OTHER][1] if found else None


def stored(found: Seen) -> JsonValue:
    """For a position."""
    return {its: [count, value] for its, (count, value) in found.items()}


def recalled(position: JsonValue) -> Seen:
    """From a position; raises ValueError where it is none."""
    if not isinstance(position, Mapping):
        raise ValueError("no mapping")  # noqa: TRY004 - whoever calls takes them for one
    counts: dict[str, tuple[int, JsonValue]] = {}
    for its, pair in position.items():
        if isinstance(pair, str) or not isinstance(pair, Sequence) or len(pair) != 2 or not isinstance(pair[0], int):
            raise ValueError("no pair")
        counts[Kind(its)] = (pair[0], pair[1])
    return counts


def _kind(column: Column, value: JsonValue) -> Kind:
    if isinstance(value, str):
        # Looked at before it is parsed: most texts that are no moments do not begin like one.
        if value[4:5] == "-" and value[:4].isdecimal() and _is_moment(value):
            return Kind.MOMENT
        return Kind.NUMBER if column.family in _NUMBERS and _is_finite(value) else Kind.OTHER
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Kind.NUMBER if abs(value) != float("inf") else Kind.OTHER
    return Kind.OTHER


def _is_moment(text: str) -> bool:
    try:
        datetime.fromisoformat(text.strip())
    except ValueError:
        return False
    return True


def _is_finite(text: str) -> bool:
    try:
        return Decimal(text).is_finite()
    except InvalidOperation:
        return False
