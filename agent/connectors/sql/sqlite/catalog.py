"""What a file of SQLite says of its tables and of queries, and what is said of the file itself."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import sqlalchemy as sa

from agent.connectors.sql.dialect import fetch
from agent.connectors.sql.parameters import Lexis, Query
from agent.connectors.sql.sqlite import failures
from agent.connectors.sql.sqlite import values as sqlite_values
from agent.connectors.sql.tables import Table
from agent.domain.errors import ConfigurationError

_LEXIS = Lexis({"'": "'", '"': '"', "`": "`", "[": "]"})


def quoted(name: str) -> str:
    """A name for a statement."""
    escaped = name.replace('"', '""')
    return f'"{escaped}"'


def table(connection: sa.Connection, name: str) -> Table | None:
    """The table or view of that name."""
    found = fetch(
        connection,
        "SELECT name, type FROM sqlite_master WHERE type IN ('table', 'view') AND name = ? COLLATE NOCASE",
        (name,),
    )
    if not found:
        return None
    spelled, kind = found[0]
    shown = quoted(spelled)
    information = fetch(connection, f"PRAGMA table_xinfo({shown})")
    # cid, name, type, notnull, default, pk, hidden: 1 in a virtual table, 2 and 3 computed
    information = [one for one in information if one[6] != 1]
    key = tuple(one[1] for one in sorted(information, key=lambda one: one[5]) if one[5])
    rowid = len(key) == 1 and any(one[5] and one[2].upper() == "INTEGER" for one in information)
    columns = tuple(
        sqlite_values.column(
            one[1],
            one[2],
            required=bool(one[3]) or (bool(one[5]) and rowid),
            filled=one[4] is not None or (bool(one[5]) and rowid),
            computed=one[6] in (2, 3),
        )
        for one in information
    )
    return Table(spelled, shown, columns, key, _unique(connection, shown, key), view=kind == "view")


def query(connection: sa.Connection, asked: Query) -> Table:
    """A SELECT as something to read from. SQLite does not tell the types of its columns."""
    sql, given = asked.bound(_LEXIS, "?")
    source = f"(\n{sql}\n)"
    result = connection.exec_driver_sql(f"SELECT * FROM {source} AS q LIMIT 0", given)  # noqa: S608 - the operator's
    assert result.cursor is not None
    names = [one[0] for one in result.cursor.description]
    result.close()
    return Table("", source, tuple(sqlite_values.column(name, "") for name in names), view=True, parameters=given)


def facts(connection: sa.Connection, path: Path) -> tuple[list[tuple[str, str]], list[str]]:
    """What is in the file, and whether it can be written."""
    tables = fetch(
        connection,
        "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' "
        "AND name <> 'opagent_receipts'",
    )[0][0]
    writable = os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)
    facts = [
        ("Database", f"SQLite {sqlite3.sqlite_version}"),
        ("File", f"{path} ({_size(path.stat().st_size)})"),
        ("Tables", f"{tables:,}"),
        ("May write", "Yes" if writable else "No"),
    ]
    warnings = [] if writable else ["The file or its folder cannot be written: it can be read only."]
    return facts, warnings


def new_file(path: Path) -> tuple[list[tuple[str, str]], list[str]]:
    """What validation says of a file that is not there yet.

    Raises:
        ConfigurationError: it cannot be made.
    """
    if not path.parent.is_dir():
        raise failures.misplaced(path)
    if not os.access(path.parent, os.W_OK):
        raise ConfigurationError(
            f"The file {path.name} is not there, and the folder {path.parent} cannot be written, so it cannot be made.",
            code="folder-read-only",
            remedy="Give the agent's user the right to write there, or choose another folder.",
            field="database",
        )
    facts = [("Database", f"SQLite {sqlite3.sqlite_version}"), ("File", f"{path} (will be made)"), ("May write", "Yes")]
    return facts, ["The file is not there yet. It is made when the first record is written."]


def _unique(connection: sa.Connection, table: str, key: tuple[str, ...]) -> frozenset[frozenset[str]]:
    found = {frozenset(key)} if key else set()
    # seq, name, unique, origin, partial
    for index in fetch(connection, f"PRAGMA index_list({table})"):
        if index[2] and not index[4]:
            names = [one[2] for one in fetch(connection, f"PRAGMA index_info({quoted(index[1])})")]
            if None not in names:
                found.add(frozenset(names))
    return frozenset(found)


def _size(count: int) -> str:
    for limit, unit in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if count >= limit:
            return f"{count / limit:.1f} {unit}"
    return f"{count} bytes"
