"""How rows get into SQL Server.

Rows travel as one JSON document, which OPENJSON makes a table of: one statement for a whole batch, however many columns
there are. MERGE is not used: it takes no lock on rows that are not there, so that two writers may both insert one, and
it has had errors of its own. Keys are looked up with locks (UPDLOCK, HOLDLOCK: also on the places where a row is
missing) that last to the end of the transaction; rows that are there are updated, and the others inserted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from agent.connectors.sql.dialect import fetch
from agent.connectors.sql.loading import check_digits
from agent.connectors.sql.mssql.failures import UNFIT
from agent.connectors.sql.mssql.fitting import Row, doubtful, fitted, not_kept, texts
from agent.connectors.sql.mssql.values import base, length, plain, quoted, shown, typed
from agent.connectors.sql.tables import Column, Family, Load, Mode, Table
from agent.domain.packet import Value

_ENCODE = msgspec.json.Encoder().encode
_LOCKS = " WITH (UPDLOCK, HOLDLOCK)"


def load(connection: sa.Connection, load: Load, rows: Sequence[tuple[Value, ...]]) -> str:
    """Insert or update rows; returns a statement as it was sent.

    Raises:
        UnfitError: a value does not fit its column.
        ServerError: anything else that the server refuses.
    """
    check_digits(load, rows)
    sent = fitted(load, rows)
    _refuse_doubtful(connection, load, sent)
    if not load.key or load.mode is Mode.INSERT:
        return _insert(connection, load, sent)
    places = [load.columns.index(column) for column in load.key]
    keys = [tuple(row[place] for place in places) for row in rows]
    found = dict(beside(connection, load.table, load.key, load.key, keys, lock=True))
    statement = ""
    for part in _apart(found):
        statement = _update(connection, load, [sent[number] for number in part])
    new = [row for number, row in enumerate(sent) if number not in found]
    return _insert(connection, load, new) if new and load.mode is Mode.UPSERT else statement


def clear(connection: sa.Connection, load: Load, keys: Sequence[tuple[Value, ...]]) -> None:
    """Remove the rows with these values in the roots of a load."""
    sent = _keys(load.table, load.roots, keys)
    joined = f"{_staged(load.roots)} INNER LOOP JOIN {load.table.quoted} AS q ON {_same(load.roots)}"
    connection.exec_driver_sql(f"DELETE q FROM {joined}", (_document(sent),))


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
    sent = _keys(table, by, keys)
    selected = ", ".join(shown(column, f"q.{quoted(column.name)}") for column in columns)
    hint = _LOCKS if lock else ""
    found = fetch(
        connection,
        f"SELECT j.n, {selected} FROM {_staged(by)} INNER LOOP JOIN {table.quoted} AS q{hint} ON {_same(by)}",  # noqa: S608 - quoted names
        (_document(sent),),
    )
    return [(int(row[0]), plain(columns, row[1:])) for row in found]


def settled(connection: sa.Connection, column: Column, values: Sequence[str]) -> Sequence[Any] | None:
    """How a column would keep numbers and moments; None for what it keeps as it is."""
    if column.family not in (Family.DECIMAL, Family.FLOAT, Family.MOMENT):
        return None
    sent = [(text,) for text in texts(column, "")(values)]
    kept = shown(column, f"({typed(column, 'j.c0')})")
    found = fetch(
        connection,
        f"SELECT {kept} FROM {_staged((column,))} ORDER BY j.n",  # noqa: S608 - no value in it
        (_document(sent),),
    )
    return [plain((column,), row)[0] for row in found]


def _keys(table: Table, columns: Sequence[Column], keys: Sequence[tuple[object, ...]]) -> list[Row]:
    if not keys:
        return []
    parts = [texts(column, table.name)(part) for column, part in zip(columns, zip(*keys, strict=True), strict=True)]
    return list(zip(*parts, strict=True))


def _document(rows: Sequence[Row]) -> str:
    """Rows as they travel, each with its number before it. Raises UnicodeEncodeError for what is no proper text."""
    return _ENCODE([[number, *row] for number, row in enumerate(rows)]).decode()


def _staged(columns: Sequence[Column]) -> str:
    """The document as the table `j`, of texts."""
    each = "".join(f", c{number} nvarchar(max) '$[{number + 1}]'" for number in range(len(columns)))
    return f"OPENJSON(%s) WITH (n int '$[0]'{each}) AS j"


def _same(columns: Sequence[Column]) -> str:
    """Where a row of `q` has the key in the first columns of `j`; compared in the type of its column, by its index."""
    return " AND ".join(
        f"q.{quoted(column.name)} = {typed(column, f'j.c{number}')}" for number, column in enumerate(columns)
    )


def _kept(column: Column, number: int) -> str:
    """What is written into a column. A text goes in as it is: the server refuses one that would be cut."""
    return f"j.c{number}" if column.family is Family.TEXT else typed(column, f"j.c{number}")


def _apart(found: dict[int, tuple[Any, ...]]) -> list[list[int]]:
    """The numbers of keys that were found, in parts in which no row is met twice: to some collations “A” is “a”, and
    the later record counts."""
    parts: list[list[int]] = []
    met: Counter[tuple[Any, ...]] = Counter()
    for number, row in sorted(found.items()):
        if met[row] == len(parts):
            parts.append([])
        parts[met[row]].append(number)
        met[row] += 1
    return parts


def _insert(connection: sa.Connection, load: Load, rows: Sequence[Row]) -> str:
    names = ", ".join(quoted(column.name) for column in load.columns)
    values = ", ".join(_kept(column, number) for number, column in enumerate(load.columns))
    statement = f"INSERT INTO {load.table.quoted} ({names}) SELECT {values} FROM {_staged(load.columns)}"  # noqa: S608 - quoted names
    connection.exec_driver_sql(statement, (_document(rows),))
    return statement


def _update(connection: sa.Connection, load: Load, rows: Sequence[Row]) -> str:
    # The key first, so that its numbers are those that `_same` counts from.
    columns = (*load.key, *(column for column in load.columns if column not in load.key))
    places = [load.columns.index(column) for column in columns]
    change = ", ".join(
        f"{quoted(column.name)} = {_kept(column, number)}"
        for number, column in enumerate(columns)
        if column not in load.key
    )
    if not change:
        return ""
    joined = f"{_staged(columns)} INNER LOOP JOIN {load.table.quoted} AS q{_LOCKS} ON {_same(load.key)}"
    statement = f"UPDATE q SET {change} FROM {joined}"  # noqa: S608 - quoted names
    connection.exec_driver_sql(statement, (_document([tuple(row[place] for place in places) for row in rows]),))
    return statement


def _refuse_doubtful(connection: sa.Connection, load: Load, rows: Sequence[Row]) -> None:
    """Ask the server beforehand of what it alone can know. Raises MisfitError of a value that it would not keep."""
    conditions: dict[int, str] = {}
    for number, column in enumerate(load.columns):
        condition = doubtful(column, [row[number] for row in rows])
        if condition:
            text = f"j.c{number}"
            conditions[number] = f"{text} IS NOT NULL AND {condition.format(text)}"
    if not conditions:
        return
    cases = " ".join(f"WHEN {condition} THEN {number}" for number, condition in conditions.items())
    where = " OR ".join(f"({condition})" for condition in conditions.values())
    found = fetch(
        connection,
        f"SELECT TOP (1) CASE {cases} END FROM {_staged(load.columns)} WHERE {where} ORDER BY j.n",  # noqa: S608 - no value in it
        (_document(rows),),
    )
    if found:
        raise not_kept(load.columns[int(found[0][0])], load.table.name)


def calling(quoted_name: str, given: Sequence[Column]) -> str:
    """A batch that calls a procedure with parameters for these of its own. Each value is made one of its parameter's
    type beforehand, and refused where it is none: the server would cut texts, and end the transaction for the rest."""
    lines = []
    for number, column in enumerate(given):
        text, value, most = f"@i{number}", f"@o{number}", length(column)
        made = text if column.family is Family.TEXT else typed(column, text)
        if column.family is Family.MOMENT:  # else an offset would be dropped with what it says
            made = typed(column, f"SWITCHOFFSET(TRY_CAST({text} AS datetimeoffset(7)), '+00:00')")
        lines += [f"DECLARE {text} nvarchar(max) = %s", f"DECLARE {value} {column.declared} = {made}"]
        lost = f"{value} IS NULL"
        if column.family is Family.TEXT and (most is None or base(column) in ("char", "nchar")):
            lost = "1 = 0" if most is None else f"LEN({text}) > {most}"
        elif column.family is Family.TEXT:
            lost = f"CONVERT(nvarchar(max), {value}) + N'.' <> {text} + N'.'"
        # The name as it comes back out of RAISERROR, which gives % a meaning, out of a literal, and out of the driver.
        name = column.name.replace("%", "%%").replace("'", "''").replace("%", "%%")
        lines.append(f"IF {text} IS NOT NULL AND {lost} BEGIN RAISERROR(N'{UNFIT}{name}', 16, 1); RETURN END")
    assigned = ", ".join(f"@{column.name.replace('%', '%%')} = @o{number}" for number, column in enumerate(given))
    return ";\n".join([*lines, f"EXEC {quoted_name} {assigned}".rstrip()])
