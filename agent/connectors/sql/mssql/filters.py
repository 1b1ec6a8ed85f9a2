"""Clauses of a filter as conditions in SQL Server: each value is bound in the form in which its column is compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agent.connectors.sql.moments import of_days
from agent.connectors.sql.mssql.fitting import as_date, as_moment, as_number
from agent.connectors.sql.mssql.values import UNORDERED, base, collation, length, quoted, typed
from agent.connectors.sql.tables import Column, Family

_SQL_OPERATORS = {"=": "=", "==": "=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_MOST_DIGITS = 38


def condition(column: Column, operator: str, values: Sequence[str]) -> tuple[str, list[Any]]:
    """A clause as a condition on `q`.

    Raises:
        ValueError: a value cannot be compared with the column.
        KeyError: the operator is none.
    """
    if column.family is Family.DATE and len(values) == 1:
        operator, *values = of_days(operator, values[0])
    name = f"q.{quoted(column.name)}"
    if base(column) in UNORDERED:
        name = f"CONVERT(nvarchar(max), {name})"
    pairs = [_compared(column, value) for value in values]
    given = [value for _, value in pairs]
    if operator in ("in", "not_in"):
        listed = f"{name} IN ({', '.join(mark for mark, _ in pairs)})"
        return (listed if operator == "in" else f"(NOT {listed} OR {name} IS NULL)"), given
    ((mark, value),) = pairs
    if operator == "!=":
        return f"({name} <> {mark} OR {name} IS NULL)", [value]
    return f"{name} {_SQL_OPERATORS[operator]} {mark}", [value]


def _compared(column: Column, value: str) -> tuple[str, Any]:  # noqa: PLR0911 - one family after another
    """What to compare with a column, and the parameter in it."""
    text = value.strip()
    if column.family is Family.TEXT:
        most = length(column)
        fits = most is not None and len(value) * 2 <= most and (value.isascii() or base(column)[:1] == "n")
        return (typed(column, "%s") if fits else f"%s COLLATE {collation(column)}"), value
    if column.family is Family.BOOLEAN:
        return "%s", _TRUTH[text.casefold()] if text.casefold() in _TRUTH else int(as_number(text))
    if column.family in (Family.INTEGER, Family.DECIMAL, Family.FLOAT):
        number = as_number(text)
        if base(column) == "timestamp":
            return typed(column, "%s"), str(int(number))
        if number == number.to_integral_value() and number.adjusted() < _MOST_DIGITS:
            return "%s", int(number)
        if len(number.as_tuple().digits) > _MOST_DIGITS or abs(number.adjusted()) >= _MOST_DIGITS:
            raise ValueError(text)
        return "%s", number
    if column.family is Family.MOMENT:
        return typed(column, "%s"), as_moment(column, text)
    if column.family is Family.DATE:
        # A moment is compared as one: a day is over when its first moment is.
        return ("CAST(%s AS date)", text) if as_date(text) else ("CAST(%s AS datetime2(7))", as_moment(column, text))
    if column.family is Family.BINARY:
        if not text.startswith("\\x"):
            raise ValueError(text)
        return "CONVERT(varbinary(max), %s, 1)", f"0x{bytes.fromhex(text[2:]).hex()}"
    if base(column) in UNORDERED:
        return "%s", value
    return typed(column, "%s"), value


_TRUTH = {"true": 1, "false": 0, "1": 1, "0": 0}
