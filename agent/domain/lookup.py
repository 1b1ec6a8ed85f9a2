"""One row of a lookup table: a source value, the destination value that stands for it, and of which type that is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Final

MOST_SOURCE_CHARACTERS: Final = 100
MOST_CHARACTERS: Final = 1_000
MOST_ROWS: Final = 250_000
"""Of a table."""
TABLE_NAME: Final = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}"
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029\ud800-\udfff]")
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
_DECIMAL = re.compile(r"[+-]?[0-9]{1,30}(?:\.[0-9]{1,30})?")
_TRUE, _FALSE = frozenset({"true", "yes", "1"}), frozenset({"false", "no", "0"})
_WHOLE_LIMIT: Final = 2**53
_EXACT_DIGITS: Final = 15


class LookupType(StrEnum):
    """The type of a destination value."""

    TEXT = "text"
    INTEGER = "integer"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"


@dataclass(frozen=True, slots=True)
class LookupRow:
    """A row as it is kept. `destination` is text that fits `type`; see `lookup_row`."""

    source: str
    destination: str
    type: LookupType = LookupType.TEXT
    description: str = ""

    @property
    def value(self) -> str | int | float | bool:
        """The destination value for expressions. A number that a double cannot hold exactly is text."""
        match self.type:
            case LookupType.BOOLEAN:
                return self.destination == "true"
            case LookupType.INTEGER:
                whole = int(self.destination)
                return whole if abs(whole) <= _WHOLE_LIMIT else self.destination
            case LookupType.DECIMAL:
                digits = len(Decimal(self.destination).normalize().as_tuple().digits)
                return float(self.destination) if digits <= _EXACT_DIGITS else self.destination
        return self.destination


def lookup_row(source: str, destination: str, type_: str = "", description: str = "") -> LookupRow:
    """A row made of what somebody wrote. Blanks around it are left out; without a type it is text.

    Raises:
        ValueError: what is wrong, as the end of a sentence.
    """
    source, destination, description = source.strip(), destination.strip(), description.strip()
    if not source:
        raise ValueError("the source value is missing")
    if len(source) > MOST_SOURCE_CHARACTERS:
        raise ValueError(f"the source value is longer than {MOST_SOURCE_CHARACTERS} characters")
    for what, text in (("destination value", destination), ("description", description)):
        if len(text) > MOST_CHARACTERS:
            raise ValueError(f"the {what} is longer than {MOST_CHARACTERS:,} characters")
    if _CONTROL.search(source + destination + description):
        raise ValueError("it holds a line break or another control character")
    try:
        known = LookupType(type_.strip().casefold() or LookupType.TEXT)
    except ValueError:
        types = ", ".join(LookupType)
        raise ValueError(f"there is no type “{type_.strip()[:30]}”; known are {types}") from None
    return LookupRow(source, _fitting(destination, known), known, description)


def _fitting(destination: str, type_: LookupType) -> str:
    """The destination value in the one form in which its type is kept."""
    refused = ValueError(f"the destination value “{destination[:60]}” is no {_NAMES.get(type_, 'text')}")
    if type_ is LookupType.INTEGER:
        if not _WHOLE.fullmatch(destination):
            raise refused
        return str(int(destination))
    if type_ is LookupType.DECIMAL:
        if not _DECIMAL.fullmatch(destination):
            raise refused
        try:
            return format(Decimal(destination), "f")
        except InvalidOperation:
            raise refused from None
    if type_ is LookupType.BOOLEAN:
        word = destination.casefold()
        if word not in _TRUE | _FALSE:
            raise refused
        return "true" if word in _TRUE else "false"
    return destination


_NAMES: Final = {
    LookupType.INTEGER: "whole number",
    LookupType.DECIMAL: "decimal number with a point",
    LookupType.BOOLEAN: "true or false",
}
