"""How rows get into PostgreSQL.

Batches travel by COPY into a temporary table and from there into the table itself, which is the quickest way there is
that can update rows; child rows, which never meet others, go straight in.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, cast

import psycopg
import sqlalchemy as sa

from agent.connectors.sql.loading import check_digits, on_conflict
from agent.connectors.sql.postgresql import failures
from agent.connectors.sql.postgresql.catalog import quoted
from agent.connectors.sql.tables import Load, Loaded, Mode
from agent.domain.errors import ConfigurationError
from agent.domain.packet import Value


def driver_of(connection: sa.Connection) -> psycopg.Connection[Any]:
    """The driver's own connection."""
    driver: Any = connection.connection.driver_connection
    return cast("psycopg.Connection[Any]", driver)


def load(
    connection: sa.Connection, load: Load, rows: Sequence[tuple[Value, ...]], *, again: bool, place: str, username: str
) -> Loaded:
    """Copy rows in.

    Args:
        connection: In a transaction that can write.
        load: The table.
        rows: The rows.
        again: Whether rows for the same table were sent in this transaction and rolled back.
        place: The database, for people.
        username: Who writes, for people.

    Raises:
        UnfitError: a number has more digits than its column keeps.
        ConfigurationError: the user may not make temporary tables.
        psycopg.Error: anything else.
    """
    check_digits(load, rows)
    driver = driver_of(connection)
    names = ", ".join(quoted(column.name) for column in load.columns)
    apart = not load.key or load.mode is Mode.INSERT
    if apart and not load.table.guarded:
        copied = f"COPY {load.table.quoted} ({names}) FROM STDIN"
        return Loaded(copied, _copy(driver, copied, rows))
    staged = _staged(driver, load, names, place, username)
    if again:
        _execute(driver, f"TRUNCATE {staged}")
    _copy(driver, f"COPY {staged} ({names}) FROM STDIN", rows)
    if load.mode is Mode.UPDATE and load.key:
        statement = _update(load, staged)
        if not statement:
            return Loaded("")
    else:
        statement = f"INSERT INTO {load.table.quoted} ({names}) SELECT {names} FROM {staged}"  # noqa: S608 - quoted
        statement += on_conflict(load, quoted)
    written = _execute(driver, statement)
    # Rows that are there and have nothing to be updated are not counted.
    return Loaded(statement, None if statement.endswith("DO NOTHING") else written)


def _update(load: Load, staged: str) -> str:
    """A statement that brings what is staged into the rows that are there; empty where there is nothing to bring."""
    names = [quoted(column.name) for column in load.columns if column not in load.key]
    if not names and load.key[0].computed:
        return ""
    names = names or [quoted(load.key[0].name)]
    where = " AND ".join(f"q.{key} = s.{key}" for key in (quoted(column.name) for column in load.key))
    change = ", ".join(f"{name} = s.{name}" for name in names)
    return f"UPDATE {load.table.quoted} AS q SET {change} FROM {staged} AS s WHERE {where}"  # noqa: S608 - quoted names


def clear(connection: sa.Connection, load: Load, keys: Sequence[tuple[Value, ...]]) -> int:
    """Remove the child rows of parents."""
    given = tuple(list(column) for column in zip(*keys, strict=True))
    arrays = [f"%s::{column.comparable}[]" for column in load.roots]
    names = [f"q.{quoted(column.name)}" for column in load.roots]
    if len(names) == 1:
        # An index is used for this however large the table is; for a join, the planner would have to choose it.
        statement = f"DELETE FROM {load.table.quoted} AS q WHERE {names[0]} = ANY({arrays[0]})"  # noqa: S608 - quoted names
    else:
        keyed = [f"k{number}" for number in range(len(names))]
        where = " AND ".join(f"{name} = k.{key}" for name, key in zip(names, keyed, strict=True))
        source = f"unnest({', '.join(arrays)}) AS k ({', '.join(keyed)})"
        statement = f"DELETE FROM {load.table.quoted} AS q USING {source} WHERE {where}"  # noqa: S608 - quoted names
    return connection.exec_driver_sql(statement, given).rowcount


def _staged(driver: psycopg.Connection[Any], load: Load, names: str, place: str, username: str) -> str:
    """The temporary table for a load: of the same types, without the rules, empty after each transaction."""
    shape = f"{load.table.quoted} {names} {[column.declared for column in load.columns]}"
    staged = f"opagent_{hashlib.blake2b(shape.encode(), digest_size=8).hexdigest()}"
    try:
        _execute(
            driver,
            f"CREATE TEMPORARY TABLE IF NOT EXISTS {staged} ON COMMIT DELETE ROWS "  # noqa: S608 - quoted names
            f"AS SELECT {names} FROM {load.table.quoted} WITH NO DATA",
        )
    except psycopg.errors.InsufficientPrivilege as error:
        raise ConfigurationError(
            f"The agent may not make temporary tables in {place}, or not read {load.table.name}.",
            code="not-permitted",
            remedy=f"Grant TEMPORARY on the database, and SELECT, INSERT and UPDATE on the table, to the user "
            f"{username}.",
            detail=failures.code(error),
            field="username",
        ) from None
    return staged


def _execute(driver: psycopg.Connection[Any], statement: str) -> int:
    # With parameters, even none, the driver takes %% for a percent sign; so names are written once for all statements.
    return driver.execute(statement.encode(), ()).rowcount


def _copy(driver: psycopg.Connection[Any], statement: str, rows: Sequence[tuple[Value, ...]]) -> int:
    # The one statement that the driver sends as it is: a percent sign stands for itself.
    with driver.cursor() as cursor:
        with cursor.copy(statement.replace("%%", "%").encode()) as copy:
            write = copy.write_row
            for row in rows:
                write(row)
        return cursor.rowcount
