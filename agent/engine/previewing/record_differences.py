"""Compares the records that a processflow would write with those that a test expects, and says what is not the same.

Only the attributes that the test names are compared. Numbers are equal by value (12.5 and 12.50), also where the test
has them between quotes; moments are equal if they are the same one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from agent.domain.flow_test import Expected
from agent.engine.expressions.moments import read_moment

_DECODER = msgspec.json.Decoder(float_hook=Decimal)
_ENCODER = msgspec.json.Encoder(decimal_format="number")
_MOST_CHARACTERS = 300


def decoded(document: bytes) -> Any:
    """A record or value with its numbers as they are written."""
    return _DECODER.decode(document)


def differences(actual: Sequence[Mapping[str, Any]], expected: Expected) -> Iterator[str]:
    """What is not the same, in sentences."""
    wanted = [decoded(record) for record in expected.records]
    if expected.any_order:
        yield from _unordered(list(actual), wanted)
        return
    for number, (one, other) in enumerate(zip(actual, wanted, strict=False), 1):
        for where, found, right in _unequal(one, other, ""):
            yield f"record {number}: “{where}” is {found}, expected {right}"
    for number, other in enumerate(wanted[len(actual) :], len(actual) + 1):
        yield f"record {number} is missing: {_shown(other)}"
    for number, one in enumerate(actual[len(wanted) :], len(wanted) + 1):
        yield f"record {number} is one too many: {_shown(one)}"


def _unordered(left: list[Mapping[str, Any]], wanted: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for other in wanted:
        place = next((index for index, one in enumerate(left) if not any(_unequal(one, other, ""))), None)
        if place is None:
            yield f"no record is as expected: {_shown(other)}"
        else:
            del left[place]
    for one in left:
        yield f"a record is one too many: {_shown(one)}"


def _unequal(actual: Any, expected: Any, where: str) -> Iterator[tuple[str, str, str]]:
    """Where two values differ: the place, what is there, and what was expected."""
    if isinstance(expected, Mapping) and isinstance(actual, Mapping):
        for name, value in expected.items():
            inner = f"{where}.{name}" if where else name
            if name in actual:
                yield from _unequal(actual[name], value, inner)
            else:
                yield inner, "not written at all", _shown(value)
    elif isinstance(expected, list) and isinstance(actual, list):
        if len(actual) != len(expected):
            yield where, f"a list of {len(actual)}: {_shown(actual)}", f"{len(expected)}: {_shown(expected)}"
            return
        for number, (one, other) in enumerate(zip(actual, expected, strict=True), 1):
            yield from _unequal(one, other, f"{where}[{number}]")
    elif not _same(actual, expected):
        yield where, _shown(actual), _shown(expected)


def _same(actual: Any, expected: Any) -> bool:
    if isinstance(actual, bool) or isinstance(expected, bool):
        return actual is expected
    if isinstance(actual, int | Decimal) and isinstance(expected, int | Decimal | str):
        try:
            return bool(Decimal(actual) == Decimal(expected))
        except InvalidOperation:
            return False
    if isinstance(actual, str) and isinstance(expected, str) and actual != expected:
        return _same_moment(actual, expected)
    return type(actual) is type(expected) and bool(actual == expected)


def _same_moment(actual: str, expected: str) -> bool:
    if "T" not in actual or ":" not in actual:
        return False
    try:
        return read_moment(actual) == read_moment(expected)
    except (ValueError, OverflowError):
        return False


def _shown(value: Any) -> str:
    text = _ENCODER.encode(value).decode()
    return text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]} …"
