"""Turns columns of JSON values into the scalar forms of `agent.domain.packet`, a whole column at a time.

A column whose values are already in form costs next to nothing. Values that do not fit are reported by their index with
a reason for people, which quotes the value, shortened.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import msgspec

from agent.domain.app import DataType
from agent.domain.packet import Value
from agent.engine.expressions.moments import parse_moment, usual_moments, write_moment

Column = list[Any]
Converted = tuple[list[Value], dict[int, str]]

_SHOWN_CHARACTERS: Final = 40
_MOST_DIGITS: Final = 300
_LAST_INTEGER: Final = 2**63 - 1
_EXACT_BITS: Final = 53

_PLAIN = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?").fullmatch
_ALL_PLAIN = re.compile(r"(?:-?+(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?+,)*+").fullmatch
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?").fullmatch
_TRUTH: Mapping[str, bool] = {"true": True, "false": False, "1": True, "0": False}
_EXPECTED: Mapping[DataType, str] = {
    DataType.INTEGER: "a whole number",
    DataType.DECIMAL: "a number such as 1234.50 (without thousands separators)",
    DataType.BOOLEAN: "true or false",
    DataType.DATETIME: "a date and time such as 2026-01-31T09:15:00Z",
}


class _UnfitError(ValueError):
    """A value does not fit, for a reason of its own."""


class JsonNumber(str):
    """A JSON number with a fraction or an exponent, as it is written in the source."""

    __slots__ = ()


def convert(column: Column, type_: DataType) -> Converted:
    """The column in the form of its type, and why the values at some indices cannot be: these are None."""
    return _CONVERTERS[type_](column)


def json_text(value: object) -> str:
    """JSON text of a decoded value, numbers exactly as they were."""
    return _ENCODER.encode(value).decode()


def shown(value: object) -> str:
    """A value for a message: short, and never a whole document."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    text = json_text(value) if isinstance(value, bool | float | JsonNumber) or value is None else str(value)
    text = "".join(sign if sign.isprintable() else "·" for sign in text[: _SHOWN_CHARACTERS + 1])
    return f"“{text[:_SHOWN_CHARACTERS]}…”" if len(text) > _SHOWN_CHARACTERS else f"“{text}”"


def _texts(column: Column) -> Converted:
    if _types(column) <= _TEXT_TYPES:
        return column, {}
    return [_text(value) for value in column], {}


def _text(value: object) -> str | None:
    if value is None or type(value) is str:
        return value
    if isinstance(value, JsonNumber):
        return str.__str__(value)
    if isinstance(value, float):
        return _computed(value)
    return json_text(value)


def _integers(column: Column) -> Converted:
    if _types(column) <= _INTEGER_TYPES:
        numbers = [value for value in column if value is not None]
        if not numbers or (min(numbers) >= -_LAST_INTEGER and max(numbers) <= _LAST_INTEGER):
            return column, {}
    return _each(column, _integer, DataType.INTEGER)


def _integer(value: object) -> int | None:
    if type(value) is int:
        number = value
    elif isinstance(value, float):
        number = int(value)
        if number != value:
            raise ValueError
        if number.bit_length() > _EXACT_BITS:
            raise _UnfitError("it is too large to be computed exactly; map it with a plain path")
    else:
        exact = _decimal_value(value)
        number = int(exact)
        if number != exact:
            raise ValueError
    if abs(number) > _LAST_INTEGER:
        raise _UnfitError("it does not fit into 64 bits; map it as text or decimal")
    return number


def _decimals(column: Column) -> Converted:
    if _types(column) == {str}:
        joined = ",".join(column) + ","
        if joined.count(",") == len(column) and _ALL_PLAIN(joined):
            return column, {}
    return _each(column, _decimal, DataType.DECIMAL)


def _decimal(value: object) -> str | None:
    if isinstance(value, str) and _PLAIN(value):
        return str.__str__(value)
    if isinstance(value, float):
        return format(Decimal(_computed(value)), "f")
    return format(_decimal_value(value), "f")


def _decimal_value(value: object) -> Decimal:
    if type(value) is int:
        return Decimal(value)
    text = value.strip() if isinstance(value, str) else ""
    if not _NUMBER(text) or len(text) > _MOST_DIGITS:
        raise ValueError
    number = Decimal(text)
    if number and abs(number.adjusted()) > _MOST_DIGITS:
        raise ValueError
    return number


def _computed(value: float) -> str:
    """What an expression computed, as JSONata's own $string writes it: 0.1 + 0.2 is 0.3."""
    whole = int(value) if abs(value) < 1e15 else None
    return str(whole) if whole == value else format(value, ".15g")


def _booleans(column: Column) -> Converted:
    if _types(column) <= _BOOLEAN_TYPES:
        return column, {}
    return _each(column, _boolean, DataType.BOOLEAN)


def _boolean(value: object) -> bool | None:
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float) and value in (0, 1):
        return bool(value)
    if isinstance(value, str) and (truth := _TRUTH.get(value.strip().casefold())) is not None:
        return truth
    raise ValueError


def _datetimes(column: Column) -> Converted:
    if _types(column) <= _TEXT_TYPES and (moments := usual_moments(column)) is not None:
        return list(moments), {}
    return _each(column, _datetime, DataType.DATETIME)


def _datetime(value: object) -> str | None:
    if type(value) is str:
        return parse_moment(value)
    if isinstance(value, int | float | JsonNumber) and not isinstance(value, bool):
        seconds = float(value)
        if not 0 <= seconds <= _LAST_SECOND:
            raise _UnfitError("Unix time is counted in seconds")
        return write_moment(datetime.fromtimestamp(seconds, UTC))
    raise ValueError


def _jsons(column: Column) -> Converted:
    values: list[Value] = []
    for value in column:
        text = bytes(value).decode() if isinstance(value, msgspec.Raw) else None if value is None else json_text(value)
        values.append(None if text == "null" else text)
    return values, {}


def _each(column: Column, convert_one: Callable[[Any], Value], type_: DataType) -> Converted:
    values: list[Value] = []
    failures: dict[int, str] = {}
    for index, value in enumerate(column):
        if value is None or value == "":
            values.append(None)
            continue
        try:
            values.append(convert_one(value))
        except (ValueError, OverflowError) as error:
            values.append(None)
            if isinstance(value, str) and not value.strip():
                continue
            unfit = f"cannot be taken: {error}" if isinstance(error, _UnfitError) else f"is not {_EXPECTED[type_]}"
            failures[index] = f"{shown(value)} {unfit}"
    return values, failures


def _types(column: Iterable[object]) -> set[type]:
    return set(map(type, column))


def _raw_number(value: object) -> msgspec.Raw:
    if isinstance(value, JsonNumber):
        return msgspec.Raw(value.encode())
    raise NotImplementedError


_LAST_SECOND = 253_402_300_799
_TEXT_TYPES = {str, type(None)}
_INTEGER_TYPES = {int, type(None)}
_BOOLEAN_TYPES = {bool, type(None)}
_ENCODER = msgspec.json.Encoder(enc_hook=_raw_number)
_CONVERTERS: Mapping[DataType, Callable[[Column], Converted]] = {
    DataType.TEXT: _texts,
    DataType.INTEGER: _integers,
    DataType.DECIMAL: _decimals,
    DataType.BOOLEAN: _booleans,
    DataType.DATETIME: _datetimes,
    DataType.JSON: _jsons,
}
