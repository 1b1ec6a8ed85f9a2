"""Values in SQLite: what a column holds by its declared type, rows as JSON, and comparisons that mean what they say.

SQLite keeps a type with each value rather than with a column. What is written by the agent says what it is by the
column's declared type; anything else is taken by what the value is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from math import isfinite
from typing import Any

import msgspec

from agent.connectors.sql.chosen import bytes_of
from agent.connectors.sql.moments import earlier_text, of_days
from agent.connectors.sql.tables import Column, Family
from agent.domain.packet import JsonValue

DECIMAL, JSON = "DECIMAL_TEXT", "JSON_TEXT"
"""Declared types of our own: their affinity is TEXT, so that every digit and sign is kept."""

_DOUBLE_DIGITS = 15
_SECONDS_FROM = 100_000_000
"""Numbers below are no seconds since 1970: they would be before 1973. They are versions, or the like."""
_MILLISECONDS_FROM = 100_000_000_000
_PLAIN = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?").fullmatch
_MOMENT = re.compile(r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})(?P<middle>[T ])(?P<time>[0-9]{2}:[0-9]{2}:[0-9]{2})").match
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}").fullmatch
_ENCODE = msgspec.json.Encoder().encode


def column(name: str, declared: str, *, required: bool = False, filled: bool = False, computed: bool = False) -> Column:
    """A column, understood from its declared type as SQLite itself does, and from the usual names."""
    family, digits = _family(declared.upper())
    return Column(name, declared, family, required=required, filled=filled, computed=computed, digits=digits)


def _family(declared: str) -> tuple[Family, int | None]:  # noqa: PLR0911 - one rule of SQLite after the other
    if declared == DECIMAL:
        return Family.DECIMAL, None
    if declared == JSON:
        return Family.JSON, None
    if "INT" in declared:
        return Family.INTEGER, None
    if any(part in declared for part in ("CHAR", "CLOB", "TEXT")):
        return Family.TEXT, None
    if not declared or "BLOB" in declared:
        return Family.OTHER, None
    if any(part in declared for part in ("REAL", "FLOA", "DOUB")):
        return Family.FLOAT, _DOUBLE_DIGITS
    if "BOOL" in declared:
        return Family.BOOLEAN, None
    if "TIME" in declared:
        return Family.MOMENT, None
    if "DATE" in declared:
        return Family.DATE, None
    return Family.DECIMAL, _DOUBLE_DIGITS


# Rows as JSON


def documents(columns: Sequence[Column], rows: Sequence[Sequence[Any]]) -> list[bytes]:
    """JSON objects of rows, a column at a time: most columns can stay as they are."""
    try:
        return _documents(columns, rows)
    except UnicodeEncodeError:
        return _documents(columns, list(map(readable, rows)))


def readable(row: Sequence[Any]) -> tuple[Any, ...]:
    """A row in which U+FFFD stands for bytes that are no text, instead of what the driver puts there."""
    return tuple(
        value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        if isinstance(value, str) and not value.isascii()
        else value
        for value in row
    )


def _documents(columns: Sequence[Column], rows: Sequence[Sequence[Any]]) -> list[bytes]:
    if not rows:
        return []
    names = [one.name for one in columns]
    values = list(zip(*rows, strict=True))
    for place, one in enumerate(columns):
        types = set(map(type, values[place]))
        convert = _CONVERTED.get(one.family)
        if convert is not None or not types <= _PLAIN_TYPES:
            values[place] = tuple(map(convert or _usual, values[place]))
    return [_ENCODE(dict(zip(names, row, strict=True))) for row in zip(*values, strict=True)]


_PLAIN_TYPES = {str, int, type(None)}


def _usual(value: Any) -> Any:
    if isinstance(value, bytes):
        return f"\\x{value.hex()}"
    if isinstance(value, float) and not isfinite(value):
        return "Infinity" if value > 0 else "-Infinity"
    return value


def _boolean(value: Any) -> Any:
    return bool(value) if value in (0, 1) and type(value) is int else _usual(value)


def _decimal(value: Any) -> Any:
    return msgspec.Raw(value.encode()) if type(value) is str and _PLAIN(value) else _usual(value)


def _json(value: Any) -> Any:
    if type(value) is not str:
        return _usual(value)
    try:
        return msgspec.json.decode(value, type=msgspec.Raw)
    except (msgspec.MsgspecError, UnicodeEncodeError):
        return value


_CONVERTED: dict[Family, Callable[[Any], Any]] = {
    Family.BOOLEAN: _boolean,
    Family.DECIMAL: _decimal,
    Family.JSON: _json,
}


# Ids


def written_so(text: str) -> Sequence[Any]:
    """The values that have this text as an id: the text itself, and a number or bytes, if any is written so."""
    found: list[Any] = [text, *bytes_of(text)]
    with suppress(ValueError):
        whole = int(text)
        if str(whole) == text and whole.bit_length() < 64:
            found.append(whole)
    with suppress(ValueError):
        number = float(text)
        if str(number) == text:
            found.append(number)
    return found


# Comparisons

_SQL_OPERATORS = {"=": "IS", "==": "IS", "!=": "IS NOT", "<": "<", "<=": "<=", ">": ">", ">=": ">="}


def telling(values: Sequence[Any]) -> Any:
    """Of some values of a column the one that shows best how it is written: a moment or a number, whichever is more."""
    moments: list[Any] = [one for one in values if isinstance(one, str) and (_MOMENT(one) or _DAY(one))]
    numbers: list[Any] = [one for one in values if isinstance(one, int | float)]
    found = moments if len(moments) >= len(numbers) else numbers
    return next(iter(found or values), None)


def condition(name: str, column_: Column, operator: str, values: Sequence[str], sample: Any) -> tuple[str, list[Any]]:
    """A clause as a condition. `sample` is one value of the column, which shows how moments and numbers are written.

    Raises:
        ValueError: a value cannot be compared with the column.
    """
    mark = "?"
    if isinstance(sample, str) and _DAY(sample) and len(values) == 1:
        operator, *values = of_days(operator, values[0])
    if column_.family is Family.DECIMAL and isinstance(sample, str):
        name, mark = f"CAST({name} AS NUMERIC)", "CAST(? AS NUMERIC)"
        given: list[Any] = [_number_text(value) for value in values]
    else:
        given = [_written(column_, value, sample, operator) for value in values]
    if operator in ("in", "not_in"):
        listed = f"{name} IN ({', '.join([mark] * len(given))})"
        return (listed if operator == "in" else f"({listed}) IS NOT TRUE"), given
    return f"{name} {_SQL_OPERATORS[operator]} {mark}", given


def _number_text(value: str) -> str:
    try:
        return format(Decimal(value.strip()), "f")
    except InvalidOperation as error:
        raise ValueError("a number") from error


def _written(column_: Column, value: str, sample: Any, operator: str) -> Any:
    if column_.family is Family.BOOLEAN and value.strip().casefold() in _TRUTH:
        return _TRUTH[value.strip().casefold()]
    if isinstance(sample, int | float):
        return _number(value, sample)
    if isinstance(sample, str) and (shape := _MOMENT(sample)) is not None and (moment := _moment(value)) is not None:
        text = moment.replace(tzinfo=None).isoformat(shape["middle"], "seconds")
        if operator in (">=", "<"):
            return text  # it comes before every way to write that second, with a fraction or without
        rest = sample[shape.end() :].lstrip("0123456789.,")
        return text + (rest if rest in ("Z", "+00:00", "+00") else "")
    if isinstance(sample, str) and _DAY(sample) and (moment := _moment(value)) is not None:
        return f"{moment:%Y-%m-%d}"
    if sample is None and column_.family in (Family.INTEGER, Family.FLOAT):
        return _number(value, 0)
    return value


def _number(value: str, sample: float) -> int | float:
    text = value.strip()
    try:
        return int(text)
    except ValueError:
        pass
    moment = _moment(text)
    if moment is not None:
        if 0 < abs(sample) < _SECONDS_FROM:
            raise ValueError("a number, as the column has no moments")
        seconds = moment.timestamp()
        return int(seconds * 1000) if abs(sample) >= _MILLISECONDS_FROM else int(seconds)
    try:
        return float(Decimal(text))
    except InvalidOperation as error:
        raise ValueError("a number") from error


def _moment(text: str) -> datetime | None:
    """The moment in UTC, None where the text is not one. Without an offset it is taken as UTC."""
    if not re.match(r"\s*[0-9]{4}-[0-9]{2}", text):
        return None
    try:
        moment = datetime.fromisoformat(text.strip())
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


_TRUTH = {"true": 1, "false": 0, "1": 1, "0": 0}


# Bookmarks


def earlier(highest: JsonValue, *, overlap: int | None, usual: int, now: datetime) -> tuple[JsonValue, datetime | None]:
    """Where the next read begins: somewhat before the highest value seen, and never after the present moment."""
    if isinstance(highest, str):
        return earlier_text(highest, overlap=overlap, now=now)
    if isinstance(highest, int) and not isinstance(highest, bool):
        return highest - (usual if overlap is None else overlap), None
    if isinstance(highest, float):
        return highest - (overlap or 0), None
    return highest, None
