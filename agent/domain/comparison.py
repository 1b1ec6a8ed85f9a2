"""Whether two values, in the forms of `agent.domain.packet`, mean the same: 10.0 and 10.00 do, and so do two ways to
write a moment or a JSON document."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal

from agent.domain.app import DataType
from agent.domain.packet import Value


def same(data_type: DataType, one: Value, other: Value) -> bool:
    """Whether two values of a plain type mean the same. No value is the same as no value, and as nothing else."""
    if one == other and one.__class__ is other.__class__:
        return True
    if one is None or other is None:
        return False
    meaning = _MEANINGS.get(data_type)
    try:
        return meaning is not None and meaning(one) == meaning(other)
    except (ValueError, ArithmeticError, RecursionError):
        return False


def moment_of(text: str) -> datetime:
    """The moment that an ISO 8601 text stands for, in UTC; without an offset it is taken as UTC.

    Raises:
        ValueError: it is none.
    """
    try:
        moment = datetime.fromisoformat(text.strip())
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(text) from error


def _number(value: Value) -> object:
    return Decimal(str(value).strip())


def _moment(value: Value) -> object:
    return moment_of(str(value))


def _document(value: Value) -> object:
    read = json.loads(str(value), parse_float=_marked, parse_int=_marked)
    return json.dumps(read, sort_keys=True)


def _marked(number: str) -> str:
    """A number as text that no text of a document is: 1.0 is 1, and true is not."""
    return f"\0{Decimal(number).normalize()}"


_MEANINGS: Mapping[DataType, Callable[[Value], object]] = {
    DataType.INTEGER: _number,
    DataType.DECIMAL: _number,
    DataType.DATETIME: _moment,
    DataType.JSON: _document,
}
