"""The agent's own database: one SQLAlchemy engine, opened safely and brought to the present schema.

SQLite is in WAL mode with full synchronisation: what was committed survives a power cut, so the agent never believes
that a record was acknowledged when it was not. Writers take the lock when they begin and therefore never fail halfway.
PostgreSQL is made to behave the same: a reader sees one state throughout, and of writers one works at a time.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from agent.domain.errors import AgentError
from agent.store.databases.failures import explained
from agent.store.databases.schema_check import require_schema
from agent.store.databases.server import ServerAccess

_BUSY_SECONDS = 30
# Runs try again within a minute.
_TROUBLE_SECONDS = 90.0
# Of the advisory locks of a PostgreSQL database; the second number says what for.
LOCK_SPACE, _WRITING = 0x4F504147, 1
# The newest of the migrations.
SCHEMA = "0002"
_VERSION = sa.table("alembic_version", sa.column("version_num", sa.String))


class Database:
    """The agent's database.

    Args:
        engine: Connects to it; closed with it.
        monotonic: A clock that never goes back, in seconds.

    Raises:
        FatalError: code `database-newer`: a newer agent has upgraded this database; `database-of-development`: one
            before the first release has made it; `database-damaged`: it is none.
        AgentError: what `write` raises.
    """

    def __init__(self, engine: sa.Engine, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.engine = engine
        self._monotonic = monotonic
        self._failed: tuple[AgentError, float] | None = None
        try:
            self._migrate()
        except BaseException:
            self.close()
            raise

    @classmethod
    def at(cls, path: Path) -> Database:
        """The SQLite database in that file, made when it is not there."""
        path.parent.mkdir(parents=True, exist_ok=True)
        return cls(sqlite_engine(path))

    @classmethod
    def on(cls, access: ServerAccess) -> Database:
        """The database on a PostgreSQL server; its tables are made when they are not there."""
        return cls(_postgresql(access))

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A connection with a consistent view; nothing is written. Raises what `write` raises."""
        with explained(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """A transaction: committed at the end of the block, rolled back when it raises.

        Raises:
            TransientError: code `disk-full` when there is no space left, `database-busy` when it stayed locked,
                `database-unreachable` when the disk or the server does not answer as it should.
            ConfigurationError: code `database-unwritable`: this account may not write it; of a server also
                `database-refused` and `database-missing`.
            FatalError: code `database-damaged`.
        """
        try:
            with (
                explained(),
                self.engine.connect().execution_options(opagent_write=True) as connection,
                connection.begin(),
            ):
                yield connection
        except AgentError as error:
            if error.code.startswith(("disk-", "database-")):
                self._failed = error, self._monotonic()
            raise
        if self.trouble is None:
            self._failed = None

    @property
    def trouble(self) -> AgentError | None:
        """Why it could not be written, if it could not be just now: on a full disk, what is small may still fit."""
        failed = self._failed
        return failed[0] if failed is not None and self._monotonic() - failed[1] < _TROUBLE_SECONDS else None

    def vacuum(self, tables: Sequence[str], *, full: bool = False) -> None:
        """Let the space of removed rows be used again; `full`: give it back. PostgreSQL only, and only its owner.

        Raises:
            AgentError: what `write` raises.
        """
        what = f"VACUUM {'(FULL) ' if full else ''}{', '.join(tables)}"
        with explained(), self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql(what)

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()

    def _migrate(self) -> None:
        with self.write() as connection:
            if _schema_of(connection) != SCHEMA:
                from agent.store.databases.migrating import (
                    migrate,  # imported here: it takes a while, and once is enough
                )

                migrate(connection)
            require_schema(connection, place=_place(self.engine.url))


def _schema_of(connection: sa.Connection) -> str | None:
    """Which migration brought the database to where it is; None where none did."""
    if not sa.inspect(connection).has_table(_VERSION.name):
        return None
    return connection.execute(sa.select(_VERSION.c.version_num)).scalar()


def _place(url: sa.URL) -> str:
    """What somebody moves away who wants to begin anew."""
    if url.get_backend_name() == "sqlite" and url.database:
        return f"the data folder {Path(url.database).parent}"
    return f"the database “{url.database}”, and the data folder with it,"


def sqlite_engine(path: Path) -> sa.Engine:
    """Connections to a SQLite file, as safe as this module says."""
    engine = sa.create_engine(
        f"sqlite:///{path.as_posix()}", connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False}
    )

    @sa.event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        # First of all, while the file is still empty: later it has no effect. Snapshots give space back by it.
        for pragma in (
            "auto_vacuum=INCREMENTAL",
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "temp_store=MEMORY",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if _writes(connection) else "BEGIN")

    return engine


def _postgresql(access: ServerAccess) -> sa.Engine:
    engine = access.engine()

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        if _writes(connection):
            # Whatever decides by what it has just read decides rightly: nobody writes in between.
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK_SPACE}, {_WRITING})")
        elif "isolation_level" not in connection.get_execution_options():
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")

    return engine


def _writes(connection: sa.Connection) -> bool:
    return bool(connection.get_execution_options().get("opagent_write", False))
