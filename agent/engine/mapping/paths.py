"""Plain dotted paths such as `billing_address.email`: telling them from other expressions, and walking a document.

`walk` gives what JSONata gives for the same path, arrays on the way included, but leaves every number exactly as it is.
"""

from __future__ import annotations

import re
from typing import Any, Final

Path = tuple[str, ...]

_STEP = r"(?:[A-Za-z_][A-Za-z0-9_]*|`[^`]+`)"
_PATH = re.compile(rf"\s*(?:\$\s*\.\s*)?({_STEP}(?:\s*\.\s*{_STEP})*)\s*")
_STEPS = re.compile(_STEP)
_WORDS = frozenset({"true", "false", "null", "and", "or", "in", "function"})


class _Missing:
    """The type of `MISSING`."""


MISSING: Final = _Missing()
"""What a path gives where a document has nothing at it. A JSON null is None."""


def plain_path(expression: str) -> Path | None:
    """The steps of an expression that is nothing but a dotted path; None for all others."""
    matched = _PATH.fullmatch(expression)
    if matched is None:
        return None
    steps = tuple(_STEPS.findall(matched[1]))
    if any(step in _WORDS for step in steps):
        return None
    return tuple(step.strip("`") for step in steps)


def walk(document: object, path: Path) -> Any:
    """The value at the path, as JSONata sees it: arrays are gone through, a single find is not wrapped."""
    found = _finds(document, path)
    if isinstance(found, _Kept):
        return found.items
    if not found:
        return MISSING
    return found[0] if len(found) == 1 else found


def children(document: object, path: Path) -> list[object]:
    """All that the path selects, arrays in arrays opened, without nulls: the child records of a collection."""
    found = _finds(document, path)
    return opened(found.items if isinstance(found, _Kept) else found)


def opened(value: object) -> list[object]:
    """The items of a value, arrays in arrays opened, without nulls; a value that is no array is the one item."""
    if not isinstance(value, list):
        return [] if value is None else [value]
    if any(item is None or isinstance(item, list) for item in value):
        return [item for nested in value for item in opened(nested)]
    return value


class _Kept:
    """An array that stood at the end of the path and stays an array, even with a single item."""

    __slots__ = ("items",)

    def __init__(self, items: list[object]) -> None:
        self.items = items


def _finds(document: object, path: Path) -> list[object] | _Kept:
    items: list[object] = [document]
    for number, name in enumerate(path, start=1):
        found = [value for value in (_look_up(item, name) for item in items) if value is not MISSING]
        if number == len(path) and len(found) == 1 and type(found[0]) is list:
            return _Kept(found[0])
        items = _flattened(found)
    return items


def _look_up(item: object, name: str) -> object:
    if isinstance(item, dict):
        return item.get(name, MISSING)
    if isinstance(item, list):
        found = _flattened([value for value in (_look_up(one, name) for one in item) if value is not MISSING])
        if not found:
            return MISSING
        return found[0] if len(found) == 1 else found
    return MISSING


def _flattened(found: list[object]) -> list[object]:
    if not any(type(value) is list for value in found):
        return found
    items: list[object] = []
    for value in found:
        if type(value) is list:
            items.extend(value)
        else:
            items.append(value)
    return items
