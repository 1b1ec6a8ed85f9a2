"""The receipts that are kept in a database beside what was written: alike in all kinds but for how they spell it."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from agent.connectors.sql.dialect import fetch


@dataclass(frozen=True, slots=True)
class Receipts:
    """The table of receipts of a kind of database. It is there when this is used.

    Attributes:
        mark: How a parameter is written.
        now: The present, as an expression.
        met: What follows an INSERT so that a receipt that is there is replaced.
    """

    mark: str
    now: str
    met: str = "ON CONFLICT (ledger_key) DO UPDATE SET receipt = excluded.receipt, committed_at = excluded.committed_at"

    def find(self, connection: sa.Connection, ledger_key: str) -> bytes | None:
        """The receipt kept under that key."""
        query = f"SELECT receipt FROM opagent_receipts WHERE ledger_key = {self.mark}"  # noqa: S608 - no value in it
        found = fetch(connection, query, (ledger_key,))
        return bytes(found[0][0]) if found else None

    def keep(self, connection: sa.Connection, ledger_key: str, receipt: bytes) -> None:
        """Keep a receipt in place of the former."""
        connection.exec_driver_sql(
            "INSERT INTO opagent_receipts (ledger_key, receipt, committed_at) "  # noqa: S608 - no value in it
            f"VALUES ({self.mark}, {self.mark}, {self.now}) {self.met}",
            (ledger_key, receipt),
        )
