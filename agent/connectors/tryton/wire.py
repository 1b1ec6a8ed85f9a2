"""How Tryton's JSON-RPC writes values that JSON has no form for: decimals, moments, days, durations, bytes.

Such a value is an object with `__class__` (https://docs.tryton.org/latest/server/topics/rpc.html). Moments have no zone
on the wire and are UTC.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final

import msgspec

_CLASS: Final = "__class__"


def encode(value: object) -> bytes:
    """The JSON of a value that is made of what JSON has, and of the kinds above."""
    return msgspec.json.encode(_written(value))


def decode(content: bytes) -> Any:
    """The value that JSON of Tryton's stands for; its moments are aware and in UTC.

    Raises:
        ValueError: It is no JSON, or has an object of a known class that is not as it should be.
    """
    try:
        return _read(msgspec.json.decode(content))
    except (msgspec.DecodeError, ArithmeticError, KeyError, TypeError, RecursionError) as error:
        raise ValueError("not Tryton's JSON") from error


def plain(value: Any) -> Any:
    """A decoded value as JSON without classes has it: decimals as texts in plain notation, moments in ISO 8601."""
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [plain(one) for one in value]
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value


def _written(value: object) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _written(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_written(one) for one in value]
    writer = _WRITERS.get(type(value))
    return value if writer is None else writer(value)


def _parts(value: object, names: str) -> dict[str, int]:
    return {name: getattr(value, name) for name in names.split()}


_WRITERS: Mapping[type, Callable[[Any], dict[str, object]]] = {
    datetime: lambda one: {
        _CLASS: "datetime",
        **_parts(one.astimezone(UTC), "year month day hour minute second microsecond"),
    },
    date: lambda one: {_CLASS: "date", **_parts(one, "year month day")},
    time: lambda one: {_CLASS: "time", **_parts(one, "hour minute second microsecond")},
    timedelta: lambda one: {_CLASS: "timedelta", "seconds": one.total_seconds()},
    Decimal: lambda one: {_CLASS: "Decimal", "decimal": str(one)},
    bytes: lambda one: {_CLASS: "bytes", "base64": base64.b64encode(one).decode()},
}
_READERS: Mapping[str, Callable[[Mapping[str, Any]], object]] = {
    "datetime": lambda one: datetime(
        one["year"], one["month"], one["day"], one["hour"], one["minute"], one["second"], one["microsecond"], tzinfo=UTC
    ),
    "date": lambda one: date(one["year"], one["month"], one["day"]),
    "time": lambda one: time(one["hour"], one["minute"], one["second"], one["microsecond"]),
    "timedelta": lambda one: timedelta(seconds=one["seconds"]),
    "bytes": lambda one: base64.b64decode(one["base64"]),
    "Decimal": lambda one: Decimal(one["decimal"]),
}


def _read(value: Any) -> Any:
    if isinstance(value, list):
        return [_read(one) for one in value]
    if isinstance(value, dict):
        reader = _READERS.get(str(value.get(_CLASS)))
        return reader(value) if reader is not None else {name: _read(one) for name, one in value.items()}
    return value
