"""One agent for each database on a server: a lock that the server holds for us as long as our connection lives.

A file on this machine keeps a second service away from a data folder; this keeps away one of another machine that was
set to the same database. Who loses the lock, because the server was restarted, takes it again; who finds somebody else
with it has to end at once, before it books anything more.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psycopg

from agent.domain.errors import ConflictError, TransientError
from agent.store.databases.database import LOCK_SPACE
from agent.store.databases.failures import unreached
from agent.store.databases.server import ServerAccess

_USING = 2
_LOOK_SECONDS = 5.0
# A service that was killed is missed by the server within moments, one whose machine died within a minute.
PATIENCE_SECONDS = 15.0
_POLL_SECONDS = 0.1


class SoleUse:
    """The lock on a database, from when it is made until `release`.

    Args:
        access: Where the database is, and the account's password.
        lost: Called once, from another thread, when another agent has the database; nothing more may be written.
        patience_seconds: How long somebody else may still hold it.

    Raises:
        ConflictError: code `database-taken`: another agent uses it.
        AgentError: the server cannot be reached.
    """

    def __init__(
        self, access: ServerAccess, *, lost: Callable[[], None], patience_seconds: float = PATIENCE_SECONDS
    ) -> None:
        self._access, self._lost, self._patience_seconds = access, lost, patience_seconds
        self._ending = threading.Event()
        try:
            self._connection = self._taken()
        except psycopg.Error as error:
            raise unreached(error) from None
        self._thread = threading.Thread(target=self._watch, name="sole-use", daemon=True)
        self._thread.start()

    def release(self) -> None:
        """Let another agent have the database."""
        self._ending.set()
        self._thread.join()
        with suppress(psycopg.Error):
            self._connection.close()

    def _taken(self) -> psycopg.Connection[Any]:
        connection = self._access.connect()
        try:
            connection.autocommit = True
            self._lock(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _lock(self, connection: psycopg.Connection[Any]) -> None:
        end = time.monotonic() + self._patience_seconds
        while not _try(connection):
            if time.monotonic() > end:
                raise ConflictError(
                    f"Another agent uses {self._access.server.place}.",
                    code="database-taken",
                    remedy="Stop that one first. Each agent needs a database of its own.",
                )
            self._ending.wait(_POLL_SECONDS)

    def _watch(self) -> None:
        while not self._ending.wait(_LOOK_SECONDS):
            try:
                self._connection.execute("SELECT 1")
            except psycopg.Error:
                with suppress(psycopg.Error, TransientError):
                    self._connection.close()
                    try:
                        self._connection = self._taken()
                    except ConflictError:
                        self._lost()
                        return


def _try(connection: psycopg.Connection[Any]) -> bool:
    row = connection.execute("SELECT pg_try_advisory_lock(%s, %s)", (LOCK_SPACE, _USING)).fetchone()
    return row is not None and bool(row[0])
