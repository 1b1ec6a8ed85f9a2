"""Takes the content of one database into another that is empty, in one transaction: all of it, or nothing."""

from __future__ import annotations

from contextlib import suppress
from itertools import count
from pathlib import Path

import sqlalchemy as sa

from agent.store.databases.database import Database
from agent.store.tables import METADATA

_ROWS_AT_ONCE = 2_000


def is_empty(database: Database) -> bool:
    """Whether no agent has ever used it."""
    with database.read() as connection:
        return not any(
            connection.execute(sa.select(sa.literal(1)).select_from(table).limit(1)).first()
            for table in METADATA.sorted_tables
        )


def move(source: Database, target: Database) -> int:
    """Copy every row; returns how many. Afterwards the target goes on with the numbers that the source had reached.

    Raises:
        AgentError: what `Database.write` raises; nothing was copied.
    """
    moved = 0
    with source.read() as reading, target.write() as writing:
        for table in METADATA.sorted_tables:
            with reading.execution_options(yield_per=_ROWS_AT_ONCE).execute(sa.select(table)) as rows:
                for some in rows.mappings().partitions():
                    writing.execute(table.insert(), [dict(row) for row in some])
                    moved += len(some)
            _go_on_numbering(writing, table)
    return moved


def set_aside(path: Path) -> None:
    """Rename a SQLite file that is not in use any more, so that nobody takes it for what counts."""
    if not path.exists():
        return
    numbers = (f"-{number}" if number > 1 else "" for number in count(1))
    names = (path.with_name(f"{path.stem}-before-move{number}{path.suffix}") for number in numbers)
    aside = next(one for one in names if not one.exists())
    for suffix in ("-wal", "-shm", ""):  # the file itself last: until then it is done again
        with suppress(FileNotFoundError):
            path.with_name(path.name + suffix).replace(aside.with_name(aside.name + suffix))


def _go_on_numbering(connection: sa.Connection, table: sa.Table) -> None:
    column = table.autoincrement_column
    if connection.dialect.name != "postgresql" or column is None:
        return
    sequence = sa.func.pg_get_serial_sequence(table.name, column.name)
    highest = sa.select(sa.func.max(column)).scalar_subquery()
    has_sequence = connection.execute(sa.select(sequence)).scalar()
    if has_sequence is not None:
        connection.execute(sa.select(sa.func.setval(sequence, sa.func.coalesce(highest, 1), highest.is_not(None))))
