"""The table of receipts: made before anything is written for which one is kept, and asked so that it tells the truth.

A server may still be committing what a process sent that is long gone, or that hung up. Whoever asks for a receipt then
waits for the end of that: else the same records would be sent again, and a procedure be called twice. So the table is
made in a transaction of its own, committed before the first that writes: whoever does not find it knows that none did.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import sqlalchemy as sa

from agent.connectors.sql.client import Client
from agent.connectors.sql.savepoints import TRANSACTION_ENDED
from agent.connectors.sql.structure import RECEIPTS, define, refuse_unfit
from agent.domain.errors import AgentError, TransientError

_Result = TypeVar("_Result")
_MISSING = "receipts-missing"


class Bookkeeping:
    """The receipts of one database. Remembers that their table is there, until something goes wrong."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._ready = False

    async def write(self, work: Callable[[sa.Connection], _Result]) -> _Result:
        """Do work in a transaction and commit it. It calls `open` before it writes anything.

        Raises:
            AgentError: whatever the work raises.
            AmbiguousWriteError: the connection was lost while committing.
        """
        try:
            try:
                result = await self._client.write(work)
            except AgentError as error:
                if error.code != _MISSING:
                    raise
                await self._client.write(self._make)
                self._ready = True
                result = await self._client.write(work)
        except AgentError as error:
            self._ready = self._ready and error.code == TRANSACTION_ENDED
            raise
        self._ready = True
        return result

    def open(self, connection: sa.Connection) -> None:
        """Make sure that a receipt can be kept in this transaction, or have `write` begin anew.

        Raises:
            ConfigurationError: the table is one in which a receipt would stay without what it is for.
        """
        if self._ready:
            return
        found = self._client.dialect.table(connection, RECEIPTS)
        if found is None:
            raise TransientError("The table of receipts has to be made first.", code=_MISSING)
        refuse_unfit(RECEIPTS, found)

    async def receipt(self, ledger_key: str) -> bytes | None:
        """The last receipt that was committed under that key, after the end of what is being committed.

        Raises:
            TransientError: somebody is at it for too long.
        """
        dialect = self._client.dialect
        if not dialect.exists():
            return None

        def found(connection: sa.Connection) -> bytes | None:
            if dialect.table(connection, RECEIPTS) is None:
                return None
            return dialect.receipt(connection, ledger_key)

        return await self._client.look_and_lock(found)

    def _make(self, connection: sa.Connection) -> None:
        dialect = self._client.dialect
        if dialect.table(connection, RECEIPTS) is None:
            define(connection, dialect, RECEIPTS, dialect.receipts_table)
