"""The receipts that are kept in a database beside what was written: alike in all kinds but for how they spell it."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from agent.connectors.sql.dialect import fetch

_SAVEPOINT = "opagent_receipt"


@dataclass(frozen=True, slots=True)
class Receipts:
    """The table of receipts of a kind of database. It is there when this is used.

    Attributes:
        mark: How a parameter is written.
        now: The present, as an expression.
        met: What follows an INSERT so that a receipt that is there is replaced.
        lock: What follows a SELECT so that it waits for whoever is writing that row.
        unmet: What follows an INSERT so that it does nothing to a receipt that is there; for databases in which no
            SELECT waits for a row that is being inserted, but another INSERT does.
    """

    mark: str
    now: str
    met: str = "ON CONFLICT (ledger_key) DO UPDATE SET receipt = excluded.receipt, committed_at = excluded.committed_at"
    lock: str = ""
    unmet: str = ""

    def find(self, connection: sa.Connection, ledger_key: str) -> bytes | None:
        """The receipt kept under that key, in a transaction that can write: it waits for one that keeps another."""
        if self.unmet and self._inserted(connection, ledger_key):
            return None
        query = f"SELECT receipt FROM opagent_receipts WHERE ledger_key = {self.mark}{self.lock}"  # noqa: S608 - no value in it
        found = fetch(connection, query, (ledger_key,))
        return bytes(found[0][0]) if found else None

    def keep(self, connection: sa.Connection, ledger_key: str, receipt: bytes) -> None:
        """Keep a receipt in place of the former."""
        self._insert(connection, ledger_key, receipt, self.met)

    def _inserted(self, connection: sa.Connection, ledger_key: str) -> bool:
        """Whether there was nothing, found out by an INSERT that is undone."""
        connection.exec_driver_sql(f"SAVEPOINT {_SAVEPOINT}")
        inserted = self._insert(connection, ledger_key, b"", self.unmet)
        connection.exec_driver_sql(f"ROLLBACK TO SAVEPOINT {_SAVEPOINT}")
        return inserted > 0

    def _insert(self, connection: sa.Connection, ledger_key: str, receipt: bytes, ending: str) -> int:
        return connection.exec_driver_sql(
            "INSERT INTO opagent_receipts (ledger_key, receipt, committed_at) "  # noqa: S608 - no value in it
            f"VALUES ({self.mark}, {self.mark}, {self.now}) {ending}",
            (ledger_key, receipt),
        ).rowcount
