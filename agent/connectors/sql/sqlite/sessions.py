"""Connections to a file of SQLite, which other programs may have open at the same time.

Writers take the lock when they begin, and wait for it in small steps, so that a cancelled run need not wait. How the
file is journalled is not changed: that would outlast the agent, and some files may not have it otherwise. Unless it is
WAL, readers and a writer take turns: a commit waits for readers, who hold no lock longer than one page takes.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa

from agent.connectors.sql.dialect import Fault, Patience, Stopped, StoppedError, cause, fetch
from agent.connectors.sql.sqlite import failures

_Result = TypeVar("_Result")

_STEP_SECONDS = 0.1


class SqliteSessions:
    """Connections to one file, one at a time, and their transactions."""

    def __init__(self, path: Path, patience: Patience) -> None:
        self._path, self._patience = path, patience

    def connect(self) -> sqlite3.Connection:
        """Open the file, which is made where it is missing."""
        if self._path.is_dir() or not self._path.parent.is_dir():
            raise failures.misplaced(self._path)
        driver = sqlite3.connect(self._path, timeout=_STEP_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            # EXTRA: else a power failure may bring back a journal that a commit had removed, and undo that commit.
            for pragma in ("foreign_keys=ON", "synchronous=EXTRA", "temp_store=MEMORY", "cache_size=-16000"):
                driver.execute(f"PRAGMA {pragma}")
            self._patiently(lambda: driver.execute("SELECT count(*) FROM sqlite_master").fetchone(), _never)
        except BaseException:
            driver.close()
            raise
        return driver

    def begin(self, connection: sa.Connection, *, write: bool, stopped: Stopped) -> None:
        """Take the writer's lock at once, or promise to write nothing."""
        connection.exec_driver_sql(f"PRAGMA query_only={'OFF' if write else 'ON'}")
        self._patiently(lambda: connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN"), stopped)
        if not write:
            # A transaction of readers begins with its first look, which may have to wait.
            self._patiently(lambda: fetch(connection, "SELECT count(*) FROM sqlite_master"), stopped)

    def commit(self, connection: sa.Connection, *, stopped: Stopped) -> None:
        """Commit. Readers may have to be waited for where they and writers take turns."""
        self._patiently(lambda: connection.exec_driver_sql("COMMIT"), stopped)

    def _patiently(self, attempt: Callable[[], _Result], stopped: Stopped) -> _Result:
        """Try again while somebody else holds a lock, for a while."""
        end = time.monotonic() + self._patience.busy_seconds
        while True:
            try:
                return attempt()
            except (sqlite3.OperationalError, sa.exc.OperationalError) as error:
                if failures.fault(cause(error)) is not Fault.BUSY or time.monotonic() >= end:
                    raise
            if stopped():
                raise StoppedError
            # The driver waits a little by itself, but not where it sees that waiting cannot help.
            time.sleep(_STEP_SECONDS / 5)


def _never() -> bool:
    return False
