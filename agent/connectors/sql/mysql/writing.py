"""How rows get into MariaDB and MySQL.

Many rows go in one INSERT, as long as the server takes it. ON DUPLICATE KEY would take a row for another one that has
the same value in any unique index, and overwrite that one; so it is used only where the key is all that has to be
unique. Else rows that are there are told from new ones beforehand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from agent.connectors.sql.dialect import fetch
from agent.connectors.sql.loading import check_digits
from agent.connectors.sql.mysql.catalog import quoted
from agent.connectors.sql.mysql.values import compared, filled_up, sender, shortened
from agent.connectors.sql.tables import Column, Load, Loaded, Mode, Table, UnfitError
from agent.domain.packet import Value

_STATEMENT_BYTES = 1_000_000
_PACKET_SPARE_BYTES = 1_000
_KEYS_AT_ONCE = 100
"""For each key a SELECT of its own is joined by UNION ALL: so each is compared as the column compares, by its index."""


def load(connection: sa.Connection, load: Load, rows: Sequence[tuple[Value, ...]]) -> Loaded:
    """Insert or update rows; the statement is told without its values.

    Raises:
        UnfitError: a number would be rounded, or a row is longer than the server takes.
        pymysql.Error: anything else.
    """
    check_digits(load, rows)
    sent = _sent(load, rows)
    if not load.key or load.mode is Mode.INSERT or (load.mode is Mode.UPSERT and load.table.alone):
        return Loaded(_insert(connection, load, sent, met=bool(load.key) and load.mode is Mode.UPSERT))
    if load.mode is Mode.UPDATE:
        return _update(connection, load, sent)
    places = [load.columns.index(column) for column in load.key]
    keys = [tuple(row[place] for place in places) for row in rows]
    there = {number for number, _ in beside(connection, load.table, load.key, load.key, keys, lock=True)}
    old = [row for number, row in enumerate(sent) if number in there]
    new = [row for number, row in enumerate(sent) if number not in there]
    updated = _update(connection, load, old) if old else Loaded("")
    return Loaded(_insert(connection, load, new, met=False)) if new else updated


def clear(connection: sa.Connection, load: Load, keys: Sequence[tuple[Value, ...]]) -> int:
    """Remove the rows with these values in the roots of a load."""
    names = [quoted(column.name) for column in load.roots]
    removed = 0
    for start in range(0, len(keys), _KEYS_AT_ONCE):
        some = keys[start : start + _KEYS_AT_ONCE]
        if len(names) == 1:
            where = f"{names[0]} IN ({', '.join(['%s'] * len(some))})"
        else:
            each = " AND ".join(f"{name} = %s" for name in names)
            where = " OR ".join([f"({each})"] * len(some))
        given = tuple(_part(column, part) for key in some for column, part in zip(load.roots, key, strict=True))
        statement = f"DELETE FROM {load.table.quoted} WHERE {where}"  # noqa: S608 - quoted names
        removed += connection.exec_driver_sql(statement, given).rowcount
    return removed


def beside(
    connection: sa.Connection,
    table: Table,
    columns: Sequence[Column],
    by: Sequence[Column],
    keys: Sequence[tuple[object, ...]],
    *,
    lock: bool = False,
) -> list[tuple[int, tuple[Any, ...]]]:
    """The rows that have one of these keys, with its number; locked until the transaction ends, if wanted."""
    selected = ", ".join(f"q.{quoted(column.name)}" for column in columns)
    where = " AND ".join(f"q.{quoted(column.name)} = %s" for column in by)
    one = f"(SELECT %s, {selected} FROM {table.quoted} AS q WHERE {where}{' FOR UPDATE' if lock else ''})"  # noqa: S608 - quoted names
    found: list[tuple[int, tuple[Any, ...]]] = []
    for start in range(0, len(keys), _KEYS_AT_ONCE):
        some = keys[start : start + _KEYS_AT_ONCE]
        given: list[Any] = []
        for number, key in enumerate(some, start):
            given += [number, *(_part(column, part) for column, part in zip(by, key, strict=True))]
        found += [(int(row[0]), row[1:]) for row in fetch(connection, " UNION ALL ".join([one] * len(some)), given)]
    filled = [place for place, column in enumerate(columns) if filled_up(column)]
    return [(number, _shortened(row, filled)) for number, row in found] if filled else found


def _shortened(row: tuple[Any, ...], filled: Sequence[int]) -> tuple[Any, ...]:
    """A row with numbers as they were written, without the zeros that fill them up."""
    return tuple(
        shortened(value) if place in filled and value is not None else value for place, value in enumerate(row)
    )


def _part(column: Column, part: object) -> Any:
    """A part of a key to be compared with its column. Raises UnfitError where it can be none of the column's."""
    try:
        return compared(column, part)  # type: ignore[arg-type]  # parts of keys are values
    except (ValueError, ArithmeticError):
        raise UnfitError(
            f"The record's key does not fit the column {column.name}, which is {column.declared}.",
            "Correct it in the source app, or map it differently.",
        ) from None


def _sent(load: Load, rows: Sequence[tuple[Value, ...]]) -> list[tuple[Any, ...]]:
    """The rows as the server takes them."""
    converters: list[tuple[int, Callable[[Any], Any]]] = []
    for place, column in enumerate(load.columns):
        convert = sender(column, f"{load.table.name}.{column.name}")
        if convert is not None:
            converters.append((place, convert))
    if not converters:
        return list(rows)
    changed = [list(row) for row in rows]
    for row in changed:
        for place, convert in converters:
            if row[place] is not None:
                row[place] = convert(row[place])
    return [tuple(row) for row in changed]


def _insert(connection: sa.Connection, load: Load, rows: Sequence[tuple[Any, ...]], *, met: bool) -> str:
    """Insert rows; with `met`, those that are there are updated."""
    names = ", ".join(quoted(column.name) for column in load.columns)
    before = f"INSERT INTO {load.table.quoted} ({names}) VALUES "  # noqa: S608 - quoted names
    after = ""
    if met:
        others = [quoted(column.name) for column in load.columns if column not in load.key]
        same = quoted(load.key[0].name)
        changes = ", ".join(f"{name} = VALUES({name})" for name in others) or f"{same} = {same}"
        after = f" ON DUPLICATE KEY UPDATE {changes}"
    driver: Any = connection.connection.driver_connection
    head, tail = before.replace("%%", "%").encode(), after.replace("%%", "%").encode()
    for values in _portions(connection, load, rows, spare=len(head) + len(tail)):
        with driver.cursor() as cursor:
            cursor.execute(head + b",".join(values) + tail)
    return f"{before}(…){after}"


def _portions(
    connection: sa.Connection, load: Load, rows: Sequence[tuple[Any, ...]], *, spare: int
) -> Iterator[list[bytes]]:
    """Rows as they are written in a statement, as many at once as the server takes."""
    driver: Any = connection.connection.driver_connection
    # Each time anew, for the setting is the server's and may have been changed.
    most = int(fetch(connection, "SELECT @@max_allowed_packet")[0][0]) - spare - _PACKET_SPARE_BYTES
    write = driver.cursor().mogrify
    marks = f"({','.join(['%s'] * len(load.columns))})"
    portion: list[bytes] = []
    size = 0
    for row in rows:
        text = write(marks, row).encode()
        if len(text) > most:
            raise UnfitError(
                f"The record for the table {load.table.name} has {len(text):,} bytes, and the server takes {most:,} at "
                "once (max_allowed_packet).",
                "Leave out or shorten its largest value, or raise max_allowed_packet on the server.",
            )
        if portion and size + len(text) > min(most, _STATEMENT_BYTES):
            yield portion
            portion, size = [], 0
        portion.append(text)
        size += len(text) + 1
    if portion:
        yield portion


def _update(connection: sa.Connection, load: Load, rows: Sequence[tuple[Any, ...]]) -> Loaded:
    """Update rows that are there, one after the other."""
    keys = [place for place, column in enumerate(load.columns) if column in load.key]
    others = [place for place, column in enumerate(load.columns) if column not in load.key]
    if not others:
        return Loaded("")
    change = ", ".join(f"{quoted(load.columns[place].name)} = %s" for place in others)
    where = " AND ".join(f"{quoted(load.columns[place].name)} = %s" for place in keys)
    statement = f"UPDATE {load.table.quoted} SET {change} WHERE {where}"  # noqa: S608 - quoted names
    given = [
        (*(row[place] for place in others), *(_part(load.columns[place], row[place]) for place in keys)) for row in rows
    ]
    return Loaded(statement, connection.exec_driver_sql(statement, given).rowcount)
