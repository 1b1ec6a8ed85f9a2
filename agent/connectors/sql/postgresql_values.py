"""Values in PostgreSQL: comparisons in the column's own type, and where the next incremental read begins."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import sqlalchemy as sa

from agent.connectors.sql.dialect import Column, Family, fetch
from agent.connectors.sql.moments import bound_of
from agent.connectors.sql.postgresql_catalog import quoted
from agent.domain.packet import JsonValue

_SQL_OPERATORS = {
    "=": "=", "==": "=", "!=": "IS DISTINCT FROM", "<": "<", "<=": "<=", ">": ">", ">=": ">=",
}  # fmt: skip


def condition(connection: sa.Connection, column: Column, operator: str, values: Sequence[str]) -> tuple[str, list[Any]]:
    """A clause as a condition on `q`.

    Raises:
        ValueError: the server does not take a value for the column's type.
    """
    name, mark = f"q.{quoted(column.name)}", f"CAST(%s AS {column.comparable})"
    if column.family is Family.JSON:
        name, mark = f"{name}::text", "%s"
    for value in values:
        try:
            fetch(connection, f"SELECT {mark}", (value,))
        except sa.exc.DataError:
            raise ValueError(column.declared) from None
    if operator in ("in", "not_in"):
        listed = f"{name} IN ({', '.join([mark] * len(values))})"
        return (listed if operator == "in" else f"({listed}) IS NOT TRUE"), list(values)
    return f"{name} {_SQL_OPERATORS[operator]} {mark}", list(values)


def earlier(
    column: Column, highest: str, *, overlap: int | None, usual: int, now: datetime
) -> tuple[JsonValue, datetime | None]:
    """Where the next read begins: somewhat before the highest value seen, and never after the present moment."""
    if column.family in (Family.MOMENT, Family.DATE):
        moment = _moment(highest)
        if moment is None:
            return highest, None
        bound = bound_of(moment, overlap=overlap, now=now)
        return bound.isoformat(), bound
    if column.family is Family.INTEGER:
        return str(int(highest) - (usual if overlap is None else overlap)), None
    if column.family in (Family.DECIMAL, Family.FLOAT) and overlap:
        try:
            return format(Decimal(highest) - overlap, "f"), None
        except InvalidOperation:
            return highest, None
    return highest, None


def _moment(text: str) -> datetime | None:
    if text == "infinity" or text[:5].isdecimal():  # a year that Python does not have
        return datetime.max.replace(tzinfo=UTC)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
