"""Snapshots in the store: within their budget, with the space given back, while packets go on being booked."""

from __future__ import annotations

import random
import sqlite3
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from agent.domain.run import RunState
from agent.store.databases.database import Database
from agent.store.looks import data_log
from agent.store.looks.snapshot_budget import SnapshotBudget, SnapshotKeeper
from agent.store.looks.snapshots import Snapshots
from agent.store.moments import to_milliseconds
from agent.store.runs.acknowledgement import Acknowledgement
from agent.store.runs.ledger import Ledger
from agent.store.runs.runs import RunStore, new_run_id
from tests.helpers.agent_database import access_to
from tests.helpers.postgres_server import PostgresServer
from tests.helpers.queued_runs import queue_run

NOW = datetime(2026, 6, 1, tzinfo=UTC)
_RECORDS = 50


class Books:
    """Runs that book packets, each at its moment."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.ledger, self.runs = Ledger(database), RunStore(database)
        self.stream = self.ledger.stream(flow="orders", node="post")
        self.keeper = SnapshotKeeper(database, clock=lambda: NOW)

    def run(self, at: datetime, *, packets: int, ends: bool = True) -> str:
        run_id = new_run_id(at)
        queue_run(self.database, run_id, flow="orders", at=at)
        self.ledger.cursor(run=run_id, stream=self.stream)
        for number in range(1, packets + 1):
            self.book(run_id, number, at)
        if ends:
            self.runs.end(run_id, state=RunState.SUCCESS, message="", remedy="", at=at)
        return run_id

    def book(self, run_id: str, number: int, at: datetime) -> None:
        self.ledger.acknowledge(self._packet(run_id, number, at, _RECORDS))

    def log(self, run_id: str, *, packets: int, records: int) -> None:
        """Rows of the data log alone, as the ledger writes them, all at once."""
        with self.database.write() as connection:
            for number in range(packets):
                data_log.put(connection, self._packet(run_id, number, NOW, records), node="post", tries={})

    def _packet(self, run_id: str, number: int, at: datetime, records: int) -> Acknowledgement:
        # Random ids, as UUIDs are: they can hardly be packed.
        digits = random.Random(f"{run_id} {number}").randbytes(8 * records).hex()
        ids = [digits[16 * one : 16 * one + 16] for one in range(records)]
        return Acknowledgement(
            run=run_id, stream=self.stream, number=number, move=None, source_ids=ids, destination_ids=ids,
            fingerprints=[1] * records, troubled=[], at=to_milliseconds(at),
        )  # fmt: skip

    def logged(self, run_id: str) -> int:
        return Snapshots(self.database).logged(run_id) // _RECORDS


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "agent.db"


@pytest.fixture
def books(path: Path) -> Iterator[Books]:
    database = Database.at(path)

    @sa.event.listens_for(database.engine, "connect")
    def _hasten(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("PRAGMA synchronous=OFF")  # the file's content is the same without waiting for the disk

    database.close()
    yield Books(database)
    database.close()


def test_what_is_older_than_the_days_goes_and_younger_runs_stay_whole(books: Books) -> None:
    old = books.run(NOW - timedelta(days=8), packets=3)
    young = books.run(NOW - timedelta(days=6), packets=3)
    books.keeper.budget = SnapshotBudget(days=7)
    removed = books.keeper.enforce()
    assert removed.packets == 3
    assert (books.logged(old), books.logged(young)) == (0, 3)
    nodes = Snapshots(books.database).nodes
    assert (nodes(old), [one.work.packets_in for one in nodes(young)]) == ([], [3])
    assert books.keeper.enforce().packets == 0


def test_over_the_bytes_the_oldest_packets_go_first(books: Books) -> None:
    runs = [books.run(NOW - timedelta(hours=10 - number), packets=10) for number in range(4)]
    used = books.keeper.used()
    books.keeper.budget = SnapshotBudget(bytes=used // 2)
    books.keeper.enforce()
    left = [books.logged(run) for run in runs]
    assert left[0] == 0
    assert left[-1] == 10
    assert left == sorted(left)
    assert used // 3 < books.keeper.used() <= used // 2


def test_what_is_counted_is_about_what_the_disk_holds(books: Books) -> None:
    books.log("run", packets=30, records=3_000)
    books.log("run", packets=300, records=10)
    with books.database.read() as connection:
        query = "SELECT sum(pgsize) FROM dbstat WHERE name LIKE 'data_log%'"
        try:
            on_disk = connection.exec_driver_sql(query).scalar_one()
        except Exception:  # noqa: BLE001 - a driver without dbstat
            pytest.skip("this SQLite was built without dbstat")
    assert 0.7 < books.keeper.used() / on_disk < 1.3


def test_the_space_is_given_back_to_the_file_system(books: Books, path: Path) -> None:
    books.log("run", packets=400, records=5_000)
    _checkpoint(books.database)
    before = path.stat().st_size
    used = books.keeper.used()
    assert used > 15_000_000
    books.keeper.budget = SnapshotBudget(bytes=1_000_000)
    removed = books.keeper.enforce()
    _checkpoint(books.database)
    assert removed.bytes > 7_000_000
    assert path.stat().st_size <= before - removed.bytes + 1_000_000


def test_packets_are_booked_while_snapshots_are_removed(books: Books) -> None:
    books.log(new_run_id(NOW - timedelta(days=9)), packets=3_000, records=20)
    with books.database.write() as connection:
        connection.exec_driver_sql(f"UPDATE data_log SET at = {to_milliseconds(NOW - timedelta(days=9))}")
    books.keeper.budget = SnapshotBudget(days=1)
    run_id = books.run(NOW, packets=0, ends=False)
    over, booked = threading.Event(), 0

    def remove() -> None:
        books.keeper.enforce()
        over.set()

    removing = threading.Thread(target=remove)
    removing.start()
    while not over.is_set() and booked < 500:
        booked += 1
        books.book(run_id, booked, NOW)
    removing.join()
    assert books.logged(run_id) == booked > 0
    assert books.keeper.used() > 0


def test_the_nodes_of_a_run_that_goes_on_for_longer_than_the_days_stay(books: Books) -> None:
    run_id = books.run(NOW - timedelta(days=40), packets=1, ends=False)
    books.keeper.enforce()
    assert books.logged(run_id) == 0
    assert [one.work.packets_in for one in Snapshots(books.database).nodes(run_id)] == [1]


def _checkpoint(database: Database) -> None:
    with database.read() as connection:
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").all()


@pytest.mark.postgres
def test_on_a_server_the_tables_stay_near_their_budget(postgres_server: PostgresServer) -> None:
    database = Database.on(access_to(postgres_server, postgres_server.emptied_database()))
    try:
        books = Books(database)
        books.keeper.budget = SnapshotBudget(bytes=4_000_000)
        for _ in range(6):
            books.log("run", packets=60, records=5_000)
            books.keeper.enforce()
        with database.read() as connection:
            size = connection.exec_driver_sql("SELECT pg_total_relation_size('data_log')").scalar_one()
        assert size < 3 * books.keeper.budget.bytes
    finally:
        database.close()
