"""Values in MariaDB and MySQL: what the driver gives, rows as JSON, how values are sent, and comparisons.

Moments have no zone there: the agent's sessions are in UTC, and what a column of DATETIME holds is taken as UTC. The
driver is made to give numbers as numbers and everything else as the server writes it, so that nothing is lost.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation, localcontext
from typing import Any

import msgspec
import pymysql.converters
from pymysql.constants import FIELD_TYPE

from agent.connectors.sql.moments import of_days
from agent.connectors.sql.tables import Column, Family, UnfitError
from agent.domain.packet import Value

DECODERS: Mapping[Any, Any] = {
    **pymysql.converters.encoders,
    **dict.fromkeys((FIELD_TYPE.TINY, FIELD_TYPE.SHORT, FIELD_TYPE.LONG, FIELD_TYPE.LONGLONG, FIELD_TYPE.INT24,
                     FIELD_TYPE.YEAR), int),
    **dict.fromkeys((FIELD_TYPE.FLOAT, FIELD_TYPE.DOUBLE), float),
}  # fmt: skip
"""How the driver reads and sends values. What is not named comes as text or as bytes."""

SCALE = 30
"""How many digits after the point columns of decimal numbers have that are made by the agent: the most there can be."""
_ENCODE = msgspec.json.Encoder().encode
_PLAIN = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?").fullmatch
_SCALE = re.compile(r"decimal\(\d+,(?P<scale>\d+)\)")
_MOMENT = re.compile(r"(?P<date>\d{4}-\d\d-\d\d) (?P<time>\d\d:\d\d:\d\d)(?:\.(?P<fraction>\d{1,6}))?").fullmatch
_WHOLE = re.compile(r"[+-]?[0-9]+").fullmatch


# Rows as JSON


def documents(columns: Sequence[Column], rows: Sequence[Sequence[Any]]) -> list[bytes]:
    """JSON objects of rows, a column at a time."""
    if not rows:
        return []
    names = [one.name for one in columns]
    values = list(zip(*rows, strict=True))
    for place, one in enumerate(columns):
        convert = _converted(one)
        if convert is not None:
            values[place] = tuple(None if value is None else convert(value) for value in values[place])
    return [_ENCODE(dict(zip(names, row, strict=True))) for row in zip(*values, strict=True)]


def _converted(column: Column) -> Callable[[Any], Any] | None:
    if filled_up(column):
        return lambda value: _decimal(shortened(value))
    return _CONVERTED.get(column.family)


def filled_up(column: Column) -> bool:
    """Whether the server fills the column's numbers up with zeros that nobody wrote, as it was made by the agent."""
    return column.family is Family.DECIMAL and column.declared.endswith(f",{SCALE})")


def shortened(value: Any) -> str:
    """A number without the zeros that fill it up."""
    text = str(value)
    return text.rstrip("0").rstrip(".") if "." in text else text


def _decimal(value: Any) -> Any:
    text = str(value)
    return msgspec.Raw(text.encode()) if _PLAIN(text) else text


def _boolean(value: Any) -> Any:
    if isinstance(value, bytes):  # bit(1)
        value = int.from_bytes(value, "big")
    return bool(value) if value in (0, 1) else value


def _json(value: Any) -> Any:
    try:
        return msgspec.json.decode(value, type=msgspec.Raw)
    except (msgspec.MsgspecError, UnicodeEncodeError):
        return value


def _moment(value: Any) -> Any:
    """A moment as ISO 8601 in UTC; nothing where the zero stands that means so."""
    found = _MOMENT(str(value))
    if found is None:
        return str(value)
    if found["date"] == "0000-00-00":
        return None
    fraction = (found["fraction"] or "").rstrip("0")
    return f"{found['date']}T{found['time']}{f'.{fraction}' if fraction else ''}Z"


def _date(value: Any) -> Any:
    return None if str(value) == "0000-00-00" else str(value)


def _usual(value: Any) -> Any:
    return f"\\x{value.hex()}" if isinstance(value, bytes) else value


_CONVERTED: Mapping[Family, Callable[[Any], Any]] = {
    Family.BOOLEAN: _boolean,
    Family.DECIMAL: _decimal,
    Family.JSON: _json,
    Family.MOMENT: _moment,
    Family.DATE: _date,
    Family.BINARY: _usual,
    Family.OTHER: _usual,
    Family.TEXT: _usual,
}


# Values to send


def sender(column: Column, where: str) -> Callable[[Any], Any] | None:
    """What makes of a value of a packet what the server takes for a column; None where it is taken as it is.

    It raises UnfitError: the server would round the number without a word.
    """
    if column.family is Family.MOMENT:
        return sent_moment
    found = _SCALE.fullmatch(column.declared)
    if found is not None and int(found["scale"]) == SCALE:

        def check(value: Any) -> Any:
            if len(str(value).partition(".")[2].rstrip("0")) > SCALE:
                raise UnfitError(
                    f"The number for {where} has more than {SCALE} digits after the point, and the column keeps "
                    "no more.",
                    "Round it in the Mapper.",
                )
            return value

        return check
    return None


def sent_moment(value: Any) -> Any:
    """A moment as the server writes it, in UTC; anything else as it is: the server says why it takes it not."""
    if not isinstance(value, str):
        return value
    moment = moment_of(value)
    return value if moment is None else written(moment)


def written(moment: datetime) -> str:
    """A moment as the server writes it."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")


def moment_of(text: str) -> datetime | None:
    """The moment that a text names, in UTC; without an offset it is taken as UTC."""
    try:
        moment = datetime.fromisoformat(text.strip())
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def compared(column: Column, value: Value) -> Any:
    """A value as it is compared with a column of this family, so that the server never guesses what a text means.

    Raises:
        ValueError: the column can hold no such value.
    """
    text = str(value).strip()
    if column.family is Family.INTEGER:
        if _WHOLE(text):
            return int(text)
        return _number(text)
    if column.family in (Family.DECIMAL, Family.FLOAT):
        return _number(text)
    if column.family is Family.BOOLEAN:
        return _TRUTH[text.casefold()] if text.casefold() in _TRUTH else _number(text)
    if column.family is Family.MOMENT:
        moment = moment_of(text)
        if moment is None:
            raise ValueError(text)
        return written(moment)
    if column.family is Family.DATE:
        moment = moment_of(text)
        if moment is None:
            raise ValueError(text)
        return written(moment) if moment.time() != datetime.min.time() else moment.date().isoformat()
    if column.family is Family.BINARY and text.startswith("\\x"):
        return bytes.fromhex(text[2:])
    return str(value)


def _number(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation as error:
        raise ValueError(text) from error
    if not number.is_finite() or abs(number.adjusted()) > 400:
        raise ValueError(text)
    return number


_TRUTH = {"true": 1, "false": 0, "1": 1, "0": 0}
_SQL_OPERATORS = {"=": "=", "==": "=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}


def condition(name: str, column: Column, operator: str, values: Sequence[str]) -> tuple[str, list[Any]]:
    """A clause as a condition.

    Raises:
        ValueError: a value cannot be compared with the column.
    """
    if column.family is Family.DATE and len(values) == 1:
        operator, *values = of_days(operator, values[0])
    given = [compared(column, value) for value in values]
    if operator in ("in", "not_in"):
        listed = f"{name} IN ({', '.join(['%s'] * len(given))})"
        return (listed if operator == "in" else f"({listed}) IS NOT TRUE"), given
    if operator == "!=":
        return f"NOT ({name} <=> %s)", given
    return f"{name} {_SQL_OPERATORS[operator]} %s", given


def settled(column: Column, texts: Sequence[str]) -> Sequence[Any] | None:
    """How a column would keep numbers that have more digits than it has; None for what it keeps as it is."""
    scale = _SCALE.fullmatch(column.declared)
    if scale is None:
        return None
    step = Decimal(1).scaleb(-int(scale["scale"]))
    with localcontext(prec=100):
        return [str(Decimal(text).quantize(step, ROUND_HALF_UP)) for text in texts]
