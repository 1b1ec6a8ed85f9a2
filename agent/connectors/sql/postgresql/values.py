"""Values in PostgreSQL: comparisons in the column's own type."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from agent.connectors.sql.dialect import fetch
from agent.connectors.sql.moments import of_days
from agent.connectors.sql.postgresql.catalog import quoted
from agent.connectors.sql.tables import Column, Family

_SQL_OPERATORS = {
    "=": "=", "==": "=", "!=": "IS DISTINCT FROM", "<": "<", "<=": "<=", ">": ">", ">=": ">=",
}  # fmt: skip


def condition(connection: sa.Connection, column: Column, operator: str, values: Sequence[str]) -> tuple[str, list[Any]]:
    """A clause as a condition on `q`.

    Raises:
        ValueError: the server does not take a value for the column's type.
    """
    if column.family is Family.DATE and len(values) == 1:
        operator, *values = of_days(operator, values[0])
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
