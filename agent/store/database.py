"""The agent's own database: one SQLAlchemy engine, opened safely and brought to the present schema.

SQLite is in WAL mode with full synchronisation: what was committed survives a power cut, so the agent never believes
that a record was acknowledged when it was not. Writers take the lock when they begin and therefore never fail halfway.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.util import CommandError

from agent.domain.errors import AgentError, ConfigurationError, FatalError, TransientError
from agent.store.schema_check import require_schema

_BUSY_SECONDS = 30
_MIGRATIONS = Path(__file__).parent / "migrations"


class Database:
    """The agent's database.

    Args:
        url: A SQLAlchemy URL; `sqlite:///<path>` is the default of an installation.

    Raises:
        FatalError: code `database-newer`: a newer agent has upgraded this database; `database-of-development`: one
            before the first release has made it; `database-damaged`: it is none.
        AgentError: what `write` raises.
    """

    def __init__(self, url: str) -> None:
        self.engine = _engine(url)
        try:
            self._migrate()
        except BaseException:
            self.close()
            raise

    @classmethod
    def at(cls, path: Path) -> Database:
        """The SQLite database in that file, made when it is not there."""
        path.parent.mkdir(parents=True, exist_ok=True)
        return cls(f"sqlite:///{path.as_posix()}")

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A connection with a consistent view; nothing is written. Raises what `write` raises."""
        with _explained(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """A transaction: committed at the end of the block, rolled back when it raises.

        Raises:
            TransientError: code `disk-full` when there is no space left, `database-busy` when it stayed locked,
                `database-unreachable` when the disk or the server does not answer as it should.
            ConfigurationError: code `database-unwritable`: this account may not write it.
            FatalError: code `database-damaged`.
        """
        with (
            _explained(),
            self.engine.connect().execution_options(opagent_write=True) as connection,
            connection.begin(),
        ):
            yield connection

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()

    def _migrate(self) -> None:
        config = Config()
        config.set_main_option("script_location", _MIGRATIONS.as_posix())
        with self.write() as connection:
            config.attributes["connection"] = connection
            try:
                command.upgrade(config, "head")
            except CommandError as error:
                if "Can't locate revision" not in str(error):
                    raise
                raise FatalError(
                    "This data folder was used by a newer version of the agent.",
                    code="database-newer",
                    remedy="Install that version or a later one.",
                ) from error
            require_schema(connection, place=_place(self.engine.url))


def _place(url: sa.URL) -> str:
    """What somebody moves away who wants to begin anew."""
    if url.get_backend_name() == "sqlite" and url.database:
        return f"the data folder {Path(url.database).parent}"
    return f"the database “{url.database}”, and the data folder with it,"


def _engine(url: str) -> sa.Engine:
    parsed = sa.make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return sa.create_engine(parsed, pool_pre_ping=True)
    engine = sa.create_engine(parsed, connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False})

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
        write = connection.get_execution_options().get("opagent_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except sa.exc.DBAPIError as error:
        if (explained := _classified(error)) is not None:
            raise explained from error
        raise


def _classified(error: sa.exc.DBAPIError) -> AgentError | None:
    text = str(error.orig).lower()
    if "disk is full" in text or "no space left" in text:
        return TransientError(
            "The disk that holds the agent's data is full.",
            code="disk-full",
            remedy="Make room, for instance with Agent → Clear Temp; the agent goes on by itself.",
        )
    if "is locked" in text or "is busy" in text:
        return TransientError(
            "The agent's database stayed locked.",
            code="database-busy",
            remedy="Close other programs that have opened it; the agent tries again by itself.",
        )
    if "readonly database" in text or "read-only" in text:
        return ConfigurationError(
            "The agent's database cannot be written.",
            code="database-unwritable",
            remedy="Give the account that runs the agent write access to its data folder.",
        )
    if "malformed" in text or "not a database" in text:
        return FatalError(
            "The agent's database is damaged.",
            code="database-damaged",
            remedy="Stop the agent and restore its data folder from a backup.",
            detail=str(error.orig),
        )
    if error.connection_invalidated or "i/o error" in text or "unable to open" in text:
        return TransientError(
            "The agent's database does not answer.",
            code="database-unreachable",
            remedy="Check the disk or the server that holds it; the agent tries again by itself.",
            detail=str(error.orig),
        )
    return None
