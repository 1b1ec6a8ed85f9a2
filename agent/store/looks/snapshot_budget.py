"""Keeps snapshots within their budget, and gives the space back to the file system, in steps that hold nobody up.

A step is a transaction of a few milliseconds, so that runs book their packets in between. What is removed leaves free
pages in the database's file; those that are more than the next packets will use are cut off its end.

PostgreSQL is told at once that the space may be used again: its own housekeeping comes too late for a queue such as
this, and the tables would grow many times over. Where most of them is free, they are written anew.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from agent.store.databases.database import Database
from agent.store.moments import to_milliseconds
from agent.store.tables.runs import RUNS
from agent.store.tables.snapshots import DATA_LOG, NODE_ENTRIES

_MEGABYTE = 1_000_000
_ROWS_AT_ONCE = 100
_RUNS_AT_ONCE = 50
_ENTRY_BYTES = 150
_PAGES_AT_ONCE = 250
# Free pages are used again by what comes next: cutting them off to grow again would be work for nothing.
_SPARE_BYTES, _SPARE_SHARE = 8 * _MEGABYTE, 0.1
_TABLES = (DATA_LOG.name, NODE_ENTRIES.name)
_RELATION_SPARE_BYTES, _RELATION_SPARE_SHARE = 64 * _MEGABYTE, 2
# Removing a little more than is needed keeps most looks from having to remove anything.
_CLEAR_TO = 0.95


@dataclass(frozen=True, slots=True)
class SnapshotBudget:
    """How long and how large the snapshots may become."""

    days: int = 30
    bytes: int = 1_024 * _MEGABYTE


@dataclass(frozen=True, slots=True)
class Removed:
    """What was removed: data log rows, entries of nodes, and by how many bytes the file has become smaller."""

    packets: int = 0
    entries: int = 0
    bytes: int = 0


class SnapshotKeeper:
    """Removes the oldest part of the snapshots where they are over their budget.

    Args:
        database: The agent's database.
        budget: At first; see `budget`.
        clock: Gives the present, aware.
        stopped: Asked between two steps; true ends the work early.
    """

    def __init__(
        self,
        database: Database,
        *,
        budget: SnapshotBudget | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        self._database = database
        self.budget = budget or SnapshotBudget()
        self._clock, self._stopped = clock, stopped

    def used(self) -> int:
        """About how many bytes the snapshots take."""
        with self._database.read() as connection:
            logged = connection.execute(sa.select(sa.func.coalesce(sa.func.sum(DATA_LOG.c.size), 0))).scalar_one()
            entries = connection.execute(sa.select(sa.func.count()).select_from(NODE_ENTRIES)).scalar_one()
        return int(logged) + int(entries) * _ENTRY_BYTES

    def enforce(self) -> Removed:
        """Remove what is too old, then the oldest until the rest fits; give the space back.

        Raises:
            AgentError: what `Database.write` raises.
        """
        oldest = to_milliseconds(self._clock() - timedelta(days=self.budget.days))
        packets = self._repeat(lambda: self._remove_packets_before(oldest))
        # A run's id begins with its time.
        entries = self._repeat(lambda: self._remove_entries(before=f"{max(oldest, 0):012x}"))
        excess = self._excess()
        while excess > 0 and not self._stopped() and (step := self._remove_oldest_packets(excess))[0]:
            packets, excess = packets + step[0], excess - step[1]
        while excess > 0 and not self._stopped() and (removed := self._remove_entries(before="")):
            entries, excess = entries + removed, excess - removed * _ENTRY_BYTES
        if self._database.engine.dialect.name == "sqlite":
            return Removed(packets, entries, self._cut_off())
        return Removed(packets, entries, self._vacuum() if packets or entries else 0)

    def _excess(self) -> int:
        used = self.used()
        return used - int(self.budget.bytes * _CLEAR_TO) if used > self.budget.bytes else 0

    def _repeat(self, step: Callable[[], int]) -> int:
        total = 0
        while not self._stopped() and (removed := step()):
            total += removed
        return total

    def _remove_packets_before(self, oldest: int) -> int:
        first = sa.select(DATA_LOG.c.id).order_by(DATA_LOG.c.id).limit(_ROWS_AT_ONCE)
        with self._database.write() as connection:
            delete = DATA_LOG.delete().where(DATA_LOG.c.id.in_(first.scalar_subquery()), DATA_LOG.c.at < oldest)
            return connection.execute(delete).rowcount

    def _remove_oldest_packets(self, excess: int) -> tuple[int, int]:
        """Remove some of the oldest packets, as many as are too much; returns how many, and their size."""
        query = sa.select(DATA_LOG.c.id, DATA_LOG.c.size).order_by(DATA_LOG.c.id).limit(_ROWS_AT_ONCE)
        with self._database.write() as connection:
            size, ids = 0, list[int]()
            for row in connection.execute(query):
                if size >= excess:
                    break
                size, ids = size + row.size, [*ids, row.id]
            connection.execute(DATA_LOG.delete().where(DATA_LOG.c.id.in_(ids)))
        return len(ids), size

    def _remove_entries(self, *, before: str) -> int:
        """Remove the entries of some of the oldest runs, those that have not ended left out."""
        active = sa.select(RUNS.c.id).where(RUNS.c.ended_at.is_(None)).scalar_subquery()
        runs = sa.select(NODE_ENTRIES.c.run).where(NODE_ENTRIES.c.run.not_in(active)).distinct()
        if before:
            runs = runs.where(NODE_ENTRIES.c.run < before)
        with self._database.write() as connection:
            oldest = connection.execute(runs.order_by(NODE_ENTRIES.c.run).limit(_RUNS_AT_ONCE)).scalars().all()
            if not oldest:
                return 0
            return connection.execute(NODE_ENTRIES.delete().where(NODE_ENTRIES.c.run.in_(oldest))).rowcount

    def _vacuum(self) -> int:
        """Have PostgreSQL use the space again; while it writes tables anew, whoever books a packet waits."""
        before = self._relation_bytes()
        self._database.vacuum(_TABLES)
        if self._relation_bytes() > _RELATION_SPARE_BYTES + _RELATION_SPARE_SHARE * self.used():
            self._database.vacuum(_TABLES, full=True)
        return before - self._relation_bytes()

    def _relation_bytes(self) -> int:
        """What the tables take on the server's disk, with their indexes and whatever is free in them."""
        sizes = [sa.func.pg_total_relation_size(name) for name in _TABLES]
        with self._database.read() as connection:
            return sum(connection.execute(sa.select(*sizes)).one())

    def _cut_off(self) -> int:
        """Cut free pages off the end of SQLite's file."""
        before = pages, free, page_bytes = self._pages()
        while not self._stopped() and free * page_bytes > max(_SPARE_BYTES, pages * page_bytes * _SPARE_SHARE):
            with self._database.read() as connection:
                # As a script: the driver executes it to its end only so. It is a transaction of its own.
                driver: Any = connection.connection.driver_connection
                driver.executescript(f"PRAGMA incremental_vacuum({_PAGES_AT_ONCE})")
            last, (pages, free, _) = free, self._pages()
            if free >= last:
                break  # a file of before this was possible
        if pages < before[0]:
            with self._database.read() as connection:
                # Only now the file itself becomes smaller. Whoever is at work is not waited for.
                driver = connection.connection.driver_connection
                driver.executescript("PRAGMA wal_checkpoint(PASSIVE)")
        return (before[0] - pages) * page_bytes

    def _pages(self) -> tuple[int, int, int]:
        """Pages of the file, those of them that are free, and the bytes of one."""
        with self._database.read() as connection:
            found = [
                int(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one())
                for name in ("page_count", "freelist_count", "page_size")
            ]
        return found[0], found[1], found[2]
