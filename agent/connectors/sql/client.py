"""One connection to a database: its transactions run in threads, are cancelled with the task that waits for them, and
fail with errors of ours. After a connection was lost, the next transaction opens another one.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import sqlalchemy as sa

from agent.connectors.sql.dialect import Dialect, Fault, StoppedError, cause
from agent.connectors.sql.failures import translated
from agent.domain.errors import AgentError, TransientError
from agent.domain.sent import Observer, Sent

_Result = TypeVar("_Result")
Work = Callable[[sa.Connection], _Result]

_INTERRUPT_EACH_SECONDS = 0.05


class Client:
    """Runs work in transactions, one after the other."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.observer: Observer | None = None
        self._engine: sa.Engine | None = None
        self._connection: sa.Connection | None = None
        self._turn = asyncio.Lock()
        self._stop = threading.Event()

    def tell(self, method: str, statement: str, *, rows: int, since: float) -> None:
        """Tell who listens of a statement that was carried out, without its values.

        Args:
            method: What it is for, in a word.
            statement: The statement.
            rows: How many rows it carried or gave.
            since: When it was sent, by `time.perf_counter`.
        """
        if self.observer is not None:
            place, seconds = self.dialect.place, time.perf_counter() - since
            self.observer(Sent(method, place, body=statement.encode(), rows=rows, seconds=seconds))

    def stopped(self) -> bool:
        """Whether the work that is being done was cancelled."""
        return self._stop.is_set()

    async def read(self, work: Work[_Result]) -> _Result:
        """Do work in a transaction that sees a consistent state and cannot write."""
        return await self._run(work, write=False)

    async def write(self, work: Work[_Result]) -> _Result:
        """Do work in a transaction and commit it.

        Raises:
            AmbiguousWriteError: the connection was lost while committing.
        """
        return await self._run(work, write=True)

    async def look_and_lock(self, work: Work[_Result]) -> _Result:
        """Do work in a transaction that can write, so that it can take locks, and roll it back."""
        return await self._run(work, write=True, keep=False)

    async def close(self) -> None:
        """Close the connection, if there is one."""
        async with self._turn:
            await asyncio.to_thread(self._drop)

    async def _run(self, work: Work[_Result], *, write: bool, keep: bool = True) -> _Result:
        async with self._turn:
            if self._connection is None:
                await self._connect()
            assert self._connection is not None
            return await self._in_thread(partial(self._transaction, self._connection, work, write=write, keep=keep))

    async def _connect(self) -> None:
        await self.dialect.reach()
        engine = self._engine = self._engine or self.dialect.engine()
        connecting = _in_thread_of_its_own(partial(self._opened, engine))
        try:
            opened = await asyncio.wait_for(asyncio.shield(connecting), self.dialect.patience.connect_seconds)
        except TimeoutError:
            opened = _too_slow(self.dialect)
        finally:
            # Whoever does not wait any longer does not want a connection that comes late.
            connecting.cancel()
        if isinstance(opened, AgentError):
            raise opened
        self._connection = opened

    def _opened(self, engine: sa.Engine) -> sa.Connection | AgentError:
        """The connection, or why there is none: returned, so that the driver's error is not dragged along."""
        try:
            return engine.connect()
        except AgentError as error:
            return error
        except Exception as error:  # noqa: BLE001 - whatever the driver raises, it says why there is no connection
            return self.dialect.unreachable(cause(error))

    async def _in_thread(self, work: Callable[[], _Result | AgentError]) -> _Result:
        running = asyncio.get_running_loop().run_in_executor(None, work)
        try:
            result = await asyncio.shield(running)
        except asyncio.CancelledError:
            self._stop.set()
            await self._end(running)
            raise
        finally:
            self._stop.clear()
        if isinstance(result, AgentError):
            raise result
        return result

    async def _end(self, running: asyncio.Future[Any]) -> None:
        """Interrupt until the thread is done: a statement may begin just after it was interrupted once."""
        cut_at = time.monotonic() + self.dialect.patience.stop_seconds
        while not running.done():
            connection = self._connection
            with contextlib.suppress(asyncio.CancelledError):
                if connection is not None:
                    await asyncio.to_thread(self._interrupt, connection, cut=time.monotonic() >= cut_at)
                await asyncio.wait({running}, timeout=_INTERRUPT_EACH_SECONDS)

    def _interrupt(self, connection: sa.Connection, *, cut: bool) -> None:
        with contextlib.suppress(Exception):
            self.dialect.interrupt(connection.connection.driver_connection, cut=cut)

    def _transaction(
        self, connection: sa.Connection, work: Work[_Result], *, write: bool, keep: bool
    ) -> _Result | AgentError:
        committing = False
        try:
            self.dialect.begin(connection, write=write, stopped=self.stopped)
            result = work(connection)
            if not keep:
                self.dialect.roll_back(connection)
                return result
            committing = write
            self.dialect.commit(connection, stopped=self.stopped)
        except BaseException as error:
            self._roll_back(connection, error)
            if isinstance(error, AgentError):
                # What the driver said stays behind: its text may quote records.
                error.__context__ = error.__cause__ = None
                return error
            if isinstance(error, Exception):
                return translated(self.dialect, error, write=write, committing=committing)
            raise
        return result

    def _roll_back(self, connection: sa.Connection, error: BaseException) -> None:
        if not isinstance(error, AgentError | StoppedError) and self.dialect.fault(cause(error)) is Fault.LOST:
            self._drop()
            return
        try:
            self.dialect.roll_back(connection)
        except Exception:  # noqa: BLE001 - the transaction is gone with the connection, whatever the reason
            if self._no_transaction(connection):
                return
            self._drop()

    def _no_transaction(self, connection: sa.Connection) -> bool:
        """Whether the database ended the transaction itself, as SQLite does after some errors."""
        if connection.invalidated:  # what the server said made no sense, and the driver hung up
            return False
        driver: Any = connection.connection.driver_connection
        return getattr(driver, "in_transaction", True) is False

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            _close(connection)
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None


def _close(connection: sa.Connection) -> None:
    with contextlib.suppress(Exception):
        connection.invalidate()
    with contextlib.suppress(Exception):
        connection.close()


def _in_thread_of_its_own(
    connect: Callable[[], sa.Connection | AgentError],
) -> asyncio.Future[sa.Connection | AgentError]:
    """Connect in a thread that nobody has to wait for: drivers cannot be stopped while they connect."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[sa.Connection | AgentError] = loop.create_future()

    def settle(opened: sa.Connection | AgentError) -> None:
        if not future.done():
            future.set_result(opened)
        elif isinstance(opened, sa.Connection):
            threading.Thread(target=_close, args=(opened,), name="sql-close", daemon=True).start()

    def run() -> None:
        opened = connect()
        try:
            loop.call_soon_threadsafe(settle, opened)
        except RuntimeError:  # the loop is closed
            if isinstance(opened, sa.Connection):
                _close(opened)

    threading.Thread(target=run, name="sql-connect", daemon=True).start()
    return future


def _too_slow(dialect: Dialect) -> TransientError:
    return TransientError(
        f"{dialect.place[0].upper()}{dialect.place[1:]} accepted the connection, but did not answer in "
        f"{dialect.patience.connect_seconds:g} seconds.",
        code="connect-timeout",
        remedy="Check that a database server listens there, and that it is not overloaded.",
        field="host",
    )
