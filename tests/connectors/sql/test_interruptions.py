"""What happens when something comes in between: a cancelled run, a lost connection, a lock, a full disk, a kill."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, cast

import psycopg
import pytest

from agent.connectors.conformance import Fault, Trouble, fault_proxy
from agent.connectors.sql.connector import SqlConnection, SqlConnector
from agent.connectors.sql.dialect import Patience, fetch
from agent.connectors.sql.postgresql.dialect import PostgresDialect
from agent.domain.app import Attribute, DataType
from agent.domain.errors import AmbiguousWriteError, ConfigurationError, TransientError
from agent.domain.packet import Packet, Row, WriteReport
from agent.domain.secret import Secret
from tests.connectors.sql import writing_program
from tests.connectors.sql.places import (
    ID,
    MariadbPlace,
    Place,
    PostgresPlace,
    SqlitePlace,
    batch,
    ids,
    opened,
    read,
    read_request,
    target,
    write,
)
from tests.helpers.unprivileged import open_to_all, unprivileged

PROJECT = Path(__file__).parents[3]
POSTGRES_RECEIPTS = PostgresDialect.receipts_table
HASTY = Patience(busy_seconds=0.3)
ENDLESS = {
    "sqlite": "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS id FROM n WHERE i < 0",
    "postgresql": "SELECT 1 AS id FROM pg_sleep(600)",
    "mariadb": "SELECT sleep(600) AS id",
}
LINES = Attribute("lines", DataType.COLLECTION, members=(ID, Attribute("sku")))
ORDER = (ID, Attribute("name"), LINES)


def orders(first: int, count: int, name: str) -> list[Row]:
    return [(number, name, [(1, name), (2, name)]) for number in range(first, first + count)]


def through(place: PostgresPlace, port: int) -> SqlConnection:
    """A connection through a proxy, which has to see what is said."""
    return SqlConnector().open({**place.values(), "port": str(port), "tls": "Off"}, place.secrets())


# Cancelling


async def test_a_cancelled_read_stops_the_query(place: Place) -> None:
    place.run("CREATE TABLE stock (id integer PRIMARY KEY)", "INSERT INTO stock VALUES (1)")
    async with opened(place) as connection:
        await read(connection, read_request("stock"))
        busy = _busy(place, connection)
        query = read_request("stock", options={"query": ENDLESS[place.kind], "key": "id"})
        reading = asyncio.create_task(read(connection, query))
        await asyncio.to_thread(busy)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert ids(await read(connection, read_request("stock"))) == ["1"]
    if place.kind == "postgresql":
        assert place.rows(SLEEPING) == [(0,)]


SLEEPING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"


def _busy(place: Place, connection: SqlConnection) -> Callable[[], object]:
    """Something that waits until the connection is in the middle of a long statement."""
    if place.kind == "sqlite":
        begun = threading.Event()
        opened_connection = connection._client._connection
        assert opened_connection is not None
        driver: Any = opened_connection.connection.driver_connection
        driver.set_progress_handler(begun.set, 100_000)
        return lambda: begun.wait(30)

    sleeping = SLEEPING if place.kind == "postgresql" else (
        "SELECT count(*) FROM information_schema.processlist WHERE state = 'User sleep'"
    )  # fmt: skip
    return lambda: _until(lambda: place.rows(sleeping) == [(1,)])


def _until(condition: Callable[[], bool]) -> None:
    """Wait in a thread for something that no event tells of."""
    while not condition():
        time.sleep(0.005)


async def test_a_cancelled_write_leaves_nothing(place: Place) -> None:
    waiting, go_on = threading.Event(), threading.Event()

    def slow_seal(_: WriteReport) -> bytes:
        waiting.set()
        go_on.wait(30)
        return b"too late"

    async with opened(place) as connection:
        await write(connection, "orders", ORDER, orders(1, 2, "before"))
        writing = asyncio.create_task(
            connection.write(target("orders"), batch(ORDER, orders(1, 9, "after")), slow_seal)
        )
        await asyncio.to_thread(waiting.wait, 30)
        writing.cancel()
        await asyncio.sleep(0)
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await writing
        receipt = await connection.receipt(target("orders"))
        names = {name for (name,) in place.rows("SELECT name FROM orders")}
        # The commit may have been quicker than the cancel; then the receipt says so.
        assert (receipt, names) in [(b"receipt", {"before"}), (b"too late", {"after"})]
        await write(connection, "orders", ORDER, orders(1, 9, "again"))
    assert place.rows("SELECT count(*) FROM orders WHERE name = 'again'") == [(9,)]


async def test_a_cancelled_wait_for_a_lock_ends_at_once(
    sqlite_place: SqlitePlace, other_program: sqlite3.Connection
) -> None:
    async with opened(sqlite_place) as connection:
        await write(connection, "orders", ORDER, orders(1, 1, "before"))
        other_program.execute("BEGIN IMMEDIATE")
        writing = asyncio.create_task(write(connection, "orders", ORDER, orders(1, 1, "after")))
        await asyncio.to_thread(_until, connection._client._turn.locked)
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing
        other_program.execute("ROLLBACK")
        await write(connection, "orders", ORDER, orders(1, 1, "again"))
    assert sqlite_place.rows("SELECT name FROM orders") == [("again",)]


async def test_a_run_is_cancelled_although_the_server_has_fallen_silent(postgres_place: PostgresPlace) -> None:
    server = postgres_place.server
    async with fault_proxy(server.host, server.port) as proxy:
        values = {**postgres_place.values(), "port": str(proxy.port), "tls": "Off"}
        connector = SqlConnector(Patience(stop_seconds=0.2))
        async with connector.open(values, postgres_place.secrets()) as connection:
            await write(connection, "orders", ORDER, orders(1, 1, "before"))
            proxy.put(Fault(Trouble.SILENCE, b"COMMIT\0"))
            writing = asyncio.create_task(write(connection, "orders", ORDER, orders(1, 1, "after")))
            await proxy.struck.wait()
            writing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await writing
            await write(connection, "orders", ORDER, orders(1, 1, "again"))
    assert postgres_place.rows("SELECT name FROM orders") == [("again",)]


# Lost connections


@pytest.mark.parametrize("deliver", [True, False])
async def test_after_a_commit_without_an_answer_the_receipt_tells(postgres_place: PostgresPlace, deliver: bool) -> None:
    server = postgres_place.server
    async with fault_proxy(server.host, server.port) as proxy, through(postgres_place, proxy.port) as connection:
        await write(connection, "orders", ORDER, orders(1, 3, "before"))
        proxy.put(Fault(Trouble.LOSE if deliver else Trouble.REFUSE, b"COMMIT\0"))
        with pytest.raises(AmbiguousWriteError) as caught:
            await connection.write(target("orders"), batch(ORDER, orders(1, 9, "after")), lambda _: b"second")
        receipt = await connection.receipt(target("orders"))
        written = postgres_place.rows("SELECT count(*) FROM orders WHERE name = 'after'")
        assert (receipt, written) == ((b"second", [(9,)]) if deliver else (b"receipt", [(0,)]))
        await connection.write(target("orders"), batch(ORDER, orders(1, 9, "after")), lambda _: b"second")
    assert proxy.strikes == 1
    assert caught.value.code == "commit-unanswered"
    assert postgres_place.rows("SELECT count(*) FROM orders_lines WHERE sku = 'after'") == [(18,)]


async def test_a_connection_that_is_lost_before_the_commit_has_written_nothing(postgres_place: PostgresPlace) -> None:
    server = postgres_place.server
    async with fault_proxy(server.host, server.port) as proxy, through(postgres_place, proxy.port) as connection:
        await write(connection, "orders", ORDER, orders(1, 3, "before"))
        proxy.put(Fault(Trouble.REFUSE, b"opagent_receipts"))
        with pytest.raises(TransientError) as caught:
            await write(connection, "orders", ORDER, orders(1, 9, "after"))
        assert (type(caught.value), caught.value.code) == (TransientError, "connection-lost")
        assert postgres_place.rows("SELECT DISTINCT name FROM orders") == [("before",)]
        await write(connection, "orders", ORDER, orders(1, 9, "after"))
    assert postgres_place.rows("SELECT count(*) FROM orders WHERE name = 'after'") == [(9,)]


async def test_a_server_that_hangs_up_while_reading_is_asked_again(postgres_place: PostgresPlace) -> None:
    postgres_place.run("CREATE TABLE stock (id integer PRIMARY KEY)", "INSERT INTO stock SELECT generate_series(1, 9)")
    hang_up = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'OP Agent'"
    async with opened(postgres_place) as connection:
        stream = connection.read(read_request("stock", records=2))
        first = await anext(stream)
        await asyncio.to_thread(_until, lambda: postgres_place.rows(hang_up) == [])
        packets = [await anext(stream)]
        with pytest.raises(TransientError) as caught:
            packets += [packet async for packet in stream]
        rest = await read(connection, read_request("stock", records=2, position=packets[-1].position))
    assert caught.value.code == "connection-lost"
    assert ids([first, *packets, *rest]) == [str(number) for number in range(1, 10)]


# Locks


async def test_a_writer_waits_for_other_programs(sqlite_place: SqlitePlace, other_program: sqlite3.Connection) -> None:
    async with opened(sqlite_place) as connection:
        await write(connection, "orders", ORDER, orders(1, 1, "before"))
        other_program.execute("BEGIN IMMEDIATE")
        other_program.execute("INSERT INTO orders VALUES (77, 'theirs')")
        writing = asyncio.create_task(write(connection, "orders", ORDER, orders(1, 1, "after")))
        assert ids(await _read_beside(sqlite_place)) == ["1"]
        other_program.execute("COMMIT")
        await writing
    assert sqlite_place.rows("SELECT id, name FROM orders ORDER BY id") == [(1, "after"), (77, "theirs")]


async def _read_beside(place: SqlitePlace) -> list[Packet]:
    async with opened(place) as connection:
        return await read(connection, read_request("orders"))


async def test_a_lock_that_is_held_too_long_is_for_later(place: Place) -> None:
    async with SqlConnector(HASTY).open(place.values(), place.secrets()) as connection:
        await write(connection, "orders", ORDER, orders(1, 1, "before"))
        with _locked(place), pytest.raises(TransientError) as caught:
            await write(connection, "orders", ORDER, orders(1, 1, "after"))
        assert (type(caught.value), caught.value.code) == (TransientError, "database-busy")
        assert place.rows("SELECT name FROM orders") == [("before",)]
        await write(connection, "orders", ORDER, orders(1, 1, "after"))
    assert place.rows("SELECT name FROM orders") == [("after",)]


@contextmanager
def _locked(place: Place) -> Iterator[None]:
    """Another program is writing the record 1 and takes its time."""
    if isinstance(place, SqlitePlace):
        with closing(sqlite3.connect(place.path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield
    elif isinstance(place, MariadbPlace):
        with closing(place.server.connect(place.database)) as driver, driver.cursor() as cursor:
            cursor.execute("START TRANSACTION")
            cursor.execute("UPDATE orders SET name = concat(name, '!') WHERE id = 1")
            yield
            cursor.execute("ROLLBACK")
    else:
        with place.server.connect(place.database) as driver, driver.transaction():
            driver.execute("UPDATE orders SET name = name WHERE id = 1")
            yield


@pytest.mark.parametrize("mode", ["delete", "truncate", "wal"])
async def test_a_reader_and_a_writer_of_one_file_go_on_together_and_leave_it_as_it_is(
    sqlite_place: SqlitePlace, mode: str
) -> None:
    sqlite_place.run("CREATE TABLE theirs (id INTEGER PRIMARY KEY)")
    sqlite_place.rows(f"PRAGMA journal_mode={mode}")
    async with opened(sqlite_place) as writer, opened(sqlite_place) as reader:
        await write(writer, "orders", ORDER, orders(1, 20, "before"))
        async for packet in reader.read(read_request("orders", records=5)):
            assert len(packet) == 5
            await write(writer, "copies", ORDER, orders(1, 20, "copied"))
            copied = sqlite_place.rows("SELECT count(*) FROM copies")
    assert copied == [(20,)]
    # Of the other modes the file itself says nothing.
    assert sqlite_place.rows("PRAGMA journal_mode") == [("wal" if mode == "wal" else "delete",)]
    assert sqlite_place.path.read_bytes()[18:20] == (b"\2\2" if mode == "wal" else b"\1\1")


async def test_a_file_in_which_readers_and_writers_take_turns_works_as_well(
    sqlite_place: SqlitePlace, other_program: sqlite3.Connection
) -> None:
    other_program.execute("CREATE TABLE stock (id INTEGER PRIMARY KEY)")
    other_program.execute("INSERT INTO stock VALUES (1)")
    other_program.execute("BEGIN")
    other_program.execute("SELECT * FROM stock").fetchall()
    async with opened(sqlite_place) as connection:
        writing = asyncio.create_task(write(connection, "orders", ORDER, orders(1, 5, "x")))
        await asyncio.to_thread(_until, connection._client._turn.locked)
        other_program.execute("COMMIT")
        await writing
        assert ids(await read(connection, read_request("stock"))) == ["1"]
    assert sqlite_place.rows("SELECT count(*) FROM orders_lines") == [(10,)]


# Disks and rights


async def test_a_full_disk_is_for_later(sqlite_place: SqlitePlace) -> None:
    async with opened(sqlite_place) as connection:
        await write(connection, "orders", ORDER, orders(1, 1, "before"))
        pages = sqlite_place.rows("PRAGMA page_count")[0][0]
        await _limit_pages(connection, pages + 2)
        with pytest.raises(TransientError) as caught:
            await write(connection, "orders", ORDER, orders(1, 5_000, "after"))
        assert (type(caught.value), caught.value.code) == (TransientError, "disk-full")
        assert sqlite_place.rows("SELECT name FROM orders") == [("before",)]
        assert await connection.receipt(target("orders")) == b"receipt"
        await _limit_pages(connection, 1_000_000)
        await write(connection, "orders", ORDER, orders(1, 5_000, "after"))
    assert sqlite_place.rows("SELECT count(*) FROM orders WHERE name = 'after'") == [(5_000,)]


async def _limit_pages(connection: SqlConnection, pages: int) -> None:
    await connection._client.read(lambda driver: fetch(driver, f"PRAGMA max_page_count = {pages}"))


async def test_a_file_that_may_not_be_written_is_for_a_person(sqlite_place: SqlitePlace) -> None:
    sqlite_place.run("CREATE TABLE stock (id INTEGER PRIMARY KEY)", "INSERT INTO stock VALUES (1)")
    open_to_all(sqlite_place.path.parent)
    sqlite_place.path.chmod(0o444)
    with unprivileged():
        async with opened(sqlite_place) as connection:
            assert ids(await read(connection, read_request("stock"))) == ["1"]
            with pytest.raises(ConfigurationError) as caught:
                await write(connection, "orders", ORDER, orders(1, 1, "x"))
    assert caught.value.code == "not-permitted"
    sqlite_place.path.chmod(0o600)
    async with opened(sqlite_place) as connection:
        await write(connection, "orders", ORDER, orders(1, 1, "x"))


async def test_a_table_that_may_not_be_written_is_for_a_person(postgres_place: PostgresPlace) -> None:
    postgres_place.run("CREATE TABLE stock (id bigint PRIMARY KEY)", "CREATE ROLE reader LOGIN PASSWORD 'reader'",
                       "GRANT SELECT ON stock TO reader")  # fmt: skip
    values = {**postgres_place.values(), "username": "reader"}
    try:
        async with SqlConnector().open(values, {"password": Secret("reader")}) as connection:
            with pytest.raises(ConfigurationError) as made:
                await write(connection, "orders", (ID,), [(1,)])
            postgres_place.run(POSTGRES_RECEIPTS, "GRANT ALL ON opagent_receipts TO reader")
            with pytest.raises(ConfigurationError) as written:
                await write(connection, "stock", (ID,), [(1,), (2,)])
            postgres_place.run("GRANT INSERT, UPDATE ON stock TO reader")
            await write(connection, "stock", (ID,), [(1,), (2,)])
    finally:
        postgres_place.run("DROP OWNED BY reader", "DROP ROLE reader")
    assert (made.value.code, written.value.code) == ("table-not-permitted", "not-permitted")
    assert "CREATE TABLE" in made.value.remedy


# Kills


@pytest.mark.parametrize("die_at", [0, 1, 3])
async def test_a_kill_between_writing_and_committing_leaves_nothing_of_the_batch(place: Place, die_at: int) -> None:
    with _program(place, batches=5, die_at=die_at) as program:
        said = await asyncio.to_thread(program.communicate)
    assert said[0].split() == [str(number) for number in range(die_at)]
    assert await _left(place) == (None if die_at == 0 else die_at - 1)
    with _program(place, batches=5, die_at=None) as program:
        await asyncio.to_thread(program.communicate)
    assert await _left(place) == 4


@pytest.mark.parametrize("heard", [1, 4, 9])
async def test_a_kill_at_any_other_time_leaves_whole_batches(place: Place, heard: int) -> None:
    with _program(place, batches=10_000, die_at=None) as program:
        assert program.stdout is not None
        for _ in range(heard):
            await asyncio.to_thread(program.stdout.readline)
        program.kill()
        await asyncio.to_thread(program.communicate)
    left = await _left(place)
    assert left is not None
    assert left >= heard - 1


@contextmanager
def _program(place: Place, *, batches: int, die_at: int | None) -> Iterator[subprocess.Popen[str]]:
    password = next((secret.reveal() for secret in place.secrets().values()), "")
    wanted = {"values": place.values(), "password": password, "batches": batches, "die_at": die_at}
    with subprocess.Popen(
        [sys.executable, "-m", "tests.connectors.sql.writing_program"], cwd=PROJECT, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as program:  # fmt: skip
        assert program.stdin is not None
        program.stdin.write(json.dumps(wanted) + "\n")
        program.stdin.flush()
        try:
            yield program
        finally:
            program.kill()


async def _left(place: Place) -> int | None:
    """The number of the last batch in the database, which has to be there as a whole, like all before it."""
    async with opened(place) as connection:
        receipt = await connection.receipt(writing_program.TARGET)
    if receipt is None and place.kind == "mariadb":
        # Making a table commits at once there: it is there, and empty.
        assert place.rows("SELECT * FROM orders") == place.rows("SELECT * FROM orders_lines") == []
        return None
    if receipt is None:
        with pytest.raises((sqlite3.OperationalError, psycopg.errors.UndefinedTable)):
            place.rows("SELECT * FROM orders")
        return None
    last = int(receipt)
    expected = {row[0]: row for number in range(last + 1) for row in writing_program.rows(number)}
    assert sorted(place.rows("SELECT id, name FROM orders")) == sorted((row[0], row[1]) for row in expected.values())
    lines = [(row[0], *line) for row in expected.values() for line in cast("list[Row]", row[2])]
    assert sorted(place.rows("SELECT order_id, id, sku FROM orders_lines")) == sorted(lines)
    return last
