"""Whether a database has the tables and columns that this version works with.

Revisions say so from the first one that was frozen on. Before that, development versions changed the first one in
place: their databases bear its number and are others all the same.
"""

from __future__ import annotations

import sqlalchemy as sa

from agent.domain.errors import FatalError
from agent.store.tables import METADATA


def require_schema(connection: sa.Connection, *, place: str) -> None:
    """Refuse a database of a development version.

    Args:
        connection: A connection to the database, which has the newest revision that is known here.
        place: Where it lies, for people.

    Raises:
        FatalError: code `database-of-development`.
    """
    there = {table: {str(column["name"]) for column in columns} for (_, table), columns in _columns(connection).items()}
    lacks = [
        f"{table.name}.{column.name}"
        for table in METADATA.sorted_tables
        for column in table.columns
        if column.name not in there.get(table.name, ())
    ]
    strange = [
        f"{table.name}.{column}"
        for table in METADATA.sorted_tables
        for column in sorted(there.get(table.name, set()) - set(table.columns.keys()))
    ]
    if lacks or strange:
        which = "an earlier" if lacks else "another"
        raise FatalError(
            f"This data folder was made by {which} development version of the agent, and cannot be used by this one.",
            code="database-of-development",
            remedy=f"Move {place} away, then start the agent: it begins anew, and App Configurations and processflows "
            "have to be set up again. Or go on with the version that made it.",
            detail=f"Lacking: {', '.join(lacks[:10]) or 'nothing'}. Unknown: {', '.join(strange[:10]) or 'nothing'}.",
        )


def _columns(connection: sa.Connection) -> dict[tuple[str | None, str], list[sa.engine.interfaces.ReflectedColumn]]:
    return dict(sa.inspect(connection).get_multi_columns())
