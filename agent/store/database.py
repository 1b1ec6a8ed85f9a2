"""The agent's own database: one SQLAlchemy engine, opened safely and brought to the present schema.

SQLite is in WAL mode with full synchronisation: what was committed survives a power cut, so the agent never believes
that a record was acknowledged when it was not. Writers take the lock when they begin and therefore never fail halfway.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from agent.domain.errors import FatalError, TransientError

_BUSY_SECONDS = 30
_MIGRATIONS = Path(__file__).parent / "migrations"


class Database:
    """The agent's database.

    Args:
        url: A SQLAlchemy URL; `sqlite:///<path>` is the default of an installation.

    Raises:
        FatalError: code `database-newer`: a newer agent has upgraded this database.
    """

    def __init__(self, url: str) -> None:
        self.engine = _engine(url)
        self._migrate()

    @classmethod
    def at(cls, path: Path) -> Database:
        """The SQLite database in that file, made when it is not there."""
        path.parent.mkdir(parents=True, exist_ok=True)
        return cls(f"sqlite:///{path.as_posix()}")

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A connection with a consistent view; nothing is written."""
        with self.engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """A transaction: committed at the end of the block, rolled back when it raises.

        Raises:
            TransientError: code `disk-full` when there is no space left, `database-busy` when it stayed locked.
        """
        try:
            with self.engine.connect().execution_options(opagent_write=True) as connection, connection.begin():
                yield connection
        except sa.exc.OperationalError as error:
            raise _classified(error) from error

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()

    def _migrate(self) -> None:
        config = Config()
        config.set_main_option("script_location", _MIGRATIONS.as_posix())
        with self.engine.begin() as connection:
            config.attributes["connection"] = connection
            try:
                command.upgrade(config, "head")
            except Exception as error:
                if "Can't locate revision" not in str(error):
                    raise
                raise FatalError(
                    "This data folder was used by a newer version of the agent.",
                    code="database-newer",
                    remedy="Install that version or a later one.",
                ) from error


def _engine(url: str) -> sa.Engine:
    parsed = sa.make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return sa.create_engine(parsed, pool_pre_ping=True)
    engine = sa.create_engine(parsed, connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False})

    @sa.event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "temp_store=MEMORY"):
            connection.execute(f"PRAGMA {pragma}")

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        write = connection.get_execution_options().get("opagent_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


def _classified(error: sa.exc.OperationalError) -> Exception:
    text = str(error.orig).lower()
    if "full" in text or "no space" in text:
        return TransientError(
            "The disk that holds the agent's data is full.",
            code="disk-full",
            remedy="Make room, for instance with Agent → Clear Temp; the agent goes on by itself.",
        )
    if "locked" in text or "busy" in text:
        return TransientError(
            "The agent's database stayed locked.",
            code="database-busy",
            remedy="Close other programs that have opened it; the agent tries again by itself.",
        )
    return error


def one(row: sa.Row[Any] | None) -> dict[str, Any] | None:
    """A row as a dictionary, or None."""
    return dict(row._mapping) if row is not None else None  # noqa: SLF001 - SQLAlchemy's documented access
