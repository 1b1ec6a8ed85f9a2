"""What databases give, in the forms in which values travel in a packet, so that the two can be compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from agent.domain.app import DataType
from agent.domain.comparison import moment_of
from agent.domain.packet import Value

_MOST_DIGITS = 400
"""Written out, a number like 1E+400000 would be longer than anybody wants to see."""


def canonical(kind: DataType, raw: Any) -> Value:
    """What a driver gave, in the form of a packet; as text where it has none of that type."""
    if raw is None:
        return None
    if isinstance(raw, bytes | memoryview):
        return f"\\x{bytes(raw).hex()}"
    try:
        return _FORMS[kind](raw)
    except (ValueError, ArithmeticError, KeyError):
        return str(raw)


def _decimal(raw: Any) -> str:
    number = Decimal(str(raw))
    if not number.is_finite() or abs(number.adjusted()) > _MOST_DIGITS:
        return str(raw)
    return format(number, "f")


def _integer(raw: Any) -> int:
    number = Decimal(str(raw))
    if number != number.to_integral_value() or number.adjusted() > _MOST_DIGITS:
        raise InvalidOperation
    return int(number)


def _boolean(raw: Any) -> bool:
    return _TRUTH[str(raw)]


def _moment(raw: Any) -> str:
    return moment_of(str(raw)).isoformat().replace("+00:00", "Z")


_TRUTH = {"0": False, "1": True, "false": False, "true": True, "False": False, "True": True}
_FORMS: Mapping[DataType, Callable[[Any], Value]] = {
    DataType.TEXT: str,
    DataType.INTEGER: _integer,
    DataType.DECIMAL: _decimal,
    DataType.BOOLEAN: _boolean,
    DataType.DATETIME: _moment,
    DataType.JSON: str,
}


def mark(kind: DataType, value: Value) -> object:
    """A part of a key, in a form in which parts that mean the same are equal."""
    try:
        if kind is DataType.DECIMAL:
            return Decimal(str(value))
        return moment_of(str(value)) if kind is DataType.DATETIME else value
    except (ValueError, ArithmeticError):
        return value
