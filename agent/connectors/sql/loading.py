"""What kinds of databases do alike when rows are loaded into a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from agent.connectors.sql.tables import Load, Mode, UnfitError
from agent.domain.packet import Value


def on_conflict(load: Load, quote: Callable[[str], str]) -> str:
    """What follows an INSERT so that a row that is there is updated; empty for rows that are to meet no others."""
    if not load.key or load.mode is Mode.INSERT:
        return ""
    keys = {column.name for column in load.key}
    others = [quote(column.name) for column in load.columns if column.name not in keys]
    then = f"UPDATE SET {', '.join(f'{one} = excluded.{one}' for one in others)}" if others else "NOTHING"
    return f" ON CONFLICT ({', '.join(quote(column.name) for column in load.key)}) DO {then}"


def check_digits(load: Load, rows: Sequence[tuple[Value, ...]]) -> None:
    """Refuse numbers with more digits than a column can keep; columns made by the agent keep all."""
    for place, column in enumerate(load.columns):
        if column.digits is not None:
            for row in rows:
                significant = len(str(row[place]).lstrip("-").replace(".", "").strip("0"))
                if significant > column.digits and row[place] is not None:
                    raise UnfitError(
                        f"The number for {load.table.name}.{column.name} has {significant} digits, and a column of "
                        f"the type {column.declared} keeps {column.digits}.",
                        "Round it in the Mapper, or change the type of the column.",
                    )
