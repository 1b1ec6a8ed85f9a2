"""The agent's own database: safe to open, safe to lose power on, and clear about what is wrong with it."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from agent.domain.errors import ConfigurationError, FatalError, TransientError
from agent.store.databases import migrating
from agent.store.databases.database import SCHEMA, Database, sqlite_engine
from agent.store.databases.moving import is_empty, move
from agent.store.key_values import KeyValues
from agent.store.tables import METADATA
from agent.store.tables.service import KEY_VALUES
from agent.store.tables.snapshots import DATA_LOG
from tests.helpers.agent_database import BOTH_KINDS, access_to, opened
from tests.helpers.postgres_server import PostgresServer


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database.at(tmp_path / "agent.db")
    yield database
    database.close()


@pytest.fixture(params=BOTH_KINDS)
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    with opened(request, tmp_path) as database:
        yield database


def pragma(database: Database, name: str) -> object:
    with database.read() as connection:
        return connection.exec_driver_sql(f"PRAGMA {name}").scalar()


def test_a_new_database_has_every_table_as_it_is_declared(database: Database) -> None:
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = [one for one in compare_metadata(context, METADATA) if "alembic_version" not in str(one)]
    assert differences == []


def test_a_database_that_needs_no_migration_is_one_that_had_the_newest() -> None:
    assert migrating.newest() == SCHEMA


def test_what_is_committed_survives_a_power_cut(database: Database) -> None:
    assert pragma(database, "journal_mode") == "wal"
    assert pragma(database, "synchronous") == 2


def test_opening_it_again_changes_nothing(database: Database, tmp_path: Path) -> None:
    KeyValues(database, "area").save("name", "value")
    database.close()
    for _ in range(2):
        again = Database.at(tmp_path / "agent.db")
        assert KeyValues(again, "area").load() == {"name": "value"}
        again.close()


def test_its_folder_is_made(tmp_path: Path) -> None:
    Database.at(tmp_path / "new" / "folder" / "agent.db").close()
    assert (tmp_path / "new" / "folder" / "agent.db").exists()


def test_a_database_of_a_newer_agent_is_refused_and_left_alone(database: Database, tmp_path: Path) -> None:
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    with pytest.raises(FatalError) as caught:
        Database.at(tmp_path / "agent.db")
    assert caught.value.code == "database-newer"
    with closing(sqlite3.connect(tmp_path / "agent.db")) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("9999",)]


@pytest.mark.parametrize(
    ("change", "which"),
    [
        ("ALTER TABLE runs DROP COLUMN plan", "an earlier"),
        ("DROP TABLE retry_policies", "an earlier"),
        ("ALTER TABLE runs ADD COLUMN weight INTEGER NOT NULL DEFAULT 0", "another"),
    ],
)
def test_a_database_of_a_development_version_is_told_as_such_and_left_alone(
    database: Database, tmp_path: Path, change: str, which: str
) -> None:
    path = tmp_path / "agent.db"
    KeyValues(database, "area").save("name", "value")
    with database.write() as connection:
        connection.exec_driver_sql(change)
    database.close()
    with pytest.raises(FatalError) as caught:
        Database.at(path)
    assert caught.value.code == "database-of-development"
    assert f"made by {which} development version" in caught.value.message
    assert f"Move the data folder {tmp_path} away" in caught.value.remedy
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT value FROM key_values").fetchall() == [("value",)]


def test_a_migration_that_fails_halfway_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "agent.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE runs (id TEXT)")
    with pytest.raises(sa.exc.OperationalError, match="already exists"):
        Database.at(path)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("runs",)]
        connection.execute("DROP TABLE runs")
    Database.at(path).close()


def test_a_file_that_is_no_database_is_called_damaged(tmp_path: Path) -> None:
    (tmp_path / "agent.db").write_bytes(b"this is not a database, whatever its name says" * 100)
    with pytest.raises(FatalError) as caught:
        Database.at(tmp_path / "agent.db")
    assert caught.value.code == "database-damaged"
    assert "backup" in caught.value.remedy


def test_a_block_that_raises_writes_nothing(database: Database) -> None:
    def half_done() -> None:
        with database.write() as connection:
            connection.exec_driver_sql("INSERT INTO key_values VALUES ('area', 'name', 'value')")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half_done()
    assert KeyValues(database, "area").load() == {}


def test_a_full_disk_is_told_as_such_for_a_while_loses_nothing_and_heals(tmp_path: Path) -> None:
    now = [0.0]
    database = Database(sqlite_engine(tmp_path / "agent.db"), monotonic=lambda: now[0])
    values = KeyValues(database, "area")
    values.save("before", "x")
    limit = pragma(database, "page_count")
    database.close()

    @sa.event.listens_for(database.engine, "connect")
    def _small(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute(f"PRAGMA max_page_count={limit}")

    with pytest.raises(TransientError) as caught:
        values.save("too much", "x" * 100_000)
    assert caught.value.code == "disk-full"
    assert "Clear Temp" in caught.value.remedy
    assert values.load() == {"before": "x"}
    values.save("before", "y")  # what fits is still written
    told = [database.trouble]
    limit = 1_000_000
    database.close()
    values.save("too much", "x" * 100_000)
    now[0] = 100.0
    assert [*told, database.trouble] == [caught.value, None]
    database.close()
    assert values.load() == {"before": "y", "too much": "x" * 100_000}


def test_a_database_that_stays_locked_is_told_as_such_and_works_afterwards(database: Database, tmp_path: Path) -> None:
    values = KeyValues(database, "area")
    values.save("name", "before")  # a connection that is pooled

    @sa.event.listens_for(database.engine, "checkout")
    def _impatient(connection: sqlite3.Connection, _record: object, _proxy: object) -> None:
        connection.execute("PRAGMA busy_timeout=1")

    with closing(sqlite3.connect(tmp_path / "agent.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(TransientError) as caught:
            values.save("name", "now")
        assert caught.value.code == "database-busy"
        assert values.load() == {"name": "before"}  # readers never wait
        other.execute("ROLLBACK")
    values.save("name", "now")
    assert values.load() == {"name": "now"}


def test_writers_wait_for_each_other_and_none_fails(either: Database) -> None:
    values = KeyValues(either, "area")
    values.save("count", "0")

    def work() -> None:
        for _ in range(50):
            with either.write() as connection:
                before = connection.exec_driver_sql("SELECT value FROM key_values").scalar()
                connection.execute(KEY_VALUES.update().values(value=str(int(str(before)) + 1)))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert values.load() == {"count": "200"}


def test_a_reader_sees_one_state_throughout(either: Database) -> None:
    values = KeyValues(either, "area")
    values.save("name", "before")
    with either.read() as connection:
        first = connection.exec_driver_sql("SELECT value FROM key_values").scalar()
        values.save("name", "after")
        assert connection.exec_driver_sql("SELECT value FROM key_values").scalar() == first == "before"
    assert values.load() == {"name": "after"}


def test_a_database_that_may_not_be_written_asks_for_access(database: Database) -> None:
    values = KeyValues(database, "area")
    values.save("name", "before")
    database.close()

    @sa.event.listens_for(database.engine, "connect")
    def _read_only(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("PRAGMA query_only=ON")  # what the operating system does to an account without rights

    with pytest.raises(ConfigurationError) as caught:
        values.save("name", "now")
    assert caught.value.code == "database-unwritable"
    assert values.load() == {"name": "before"}


def test_a_folder_in_the_place_of_the_file_is_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "agent.db").mkdir()
    with pytest.raises(TransientError) as caught:
        Database.at(tmp_path / "agent.db")
    assert caught.value.code == "database-unreachable"
    (tmp_path / "agent.db").rmdir()
    Database.at(tmp_path / "agent.db").close()


def test_killed_in_the_middle_of_a_transaction_it_holds_what_was_committed(database: Database, tmp_path: Path) -> None:
    dying = (
        "import os, sys, pathlib\n"
        "from agent.store.databases.database import Database\n"
        "from agent.store.key_values import KeyValues\n"
        "database = Database.at(pathlib.Path(sys.argv[1]))\n"
        "KeyValues(database, 'area').save('committed', 'x')\n"
        "with database.write() as connection:\n"
        "    connection.exec_driver_sql(\"INSERT INTO key_values VALUES ('area', 'half', 'x')\")\n"
        "    os._exit(9)\n"
    )
    path = str(tmp_path / "agent.db")
    assert subprocess.run([sys.executable, "-c", dying, path], check=False).returncode == 9
    assert KeyValues(database, "area").load() == {"committed": "x"}


@pytest.mark.postgres
def test_a_server_that_drops_the_connection_is_told_as_such_and_used_again(postgres_server: PostgresServer) -> None:
    database = Database.on(access_to(postgres_server, postgres_server.emptied_database()))
    values = KeyValues(database, "area")

    def dropped() -> None:
        with database.write() as connection:
            connection.exec_driver_sql("INSERT INTO key_values VALUES ('area', 'half', 'x')")
            own = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()
            postgres_server.execute("postgres", f"SELECT pg_terminate_backend({own})")
            connection.exec_driver_sql("SELECT 1")

    with pytest.raises(TransientError) as caught:
        dropped()
    assert caught.value.code == "database-unreachable"
    assert postgres_server.password not in f"{caught.value} {caught.value.detail}"
    values.save("whole", "x")
    assert values.load() == {"whole": "x"}
    database.close()


@pytest.mark.postgres
def test_a_move_takes_all_along_and_the_numbers_go_on(database: Database, postgres_server: PostgresServer) -> None:
    KeyValues(database, "area").save("name", "ends with NUL\0")
    numbers = [_logged(database) for _ in range(3)]
    there = Database.on(access_to(postgres_server, postgres_server.emptied_database()))
    try:
        assert is_empty(there)
        assert move(database, there) == 4
        assert not is_empty(there)
        # PostgreSQL cannot keep a NUL; what stands for it is shown alike.
        assert KeyValues(there, "area").load() == {"name": "ends with NUL\u2400"}
        assert _logged(there) == numbers[-1] + 1
    finally:
        there.close()


@pytest.mark.postgres
def test_tables_of_something_else_are_left_alone(postgres_server: PostgresServer) -> None:
    name = postgres_server.emptied_database()
    postgres_server.execute(name, "CREATE TABLE runs (id text)")
    with pytest.raises(ConfigurationError) as caught:
        Database.on(access_to(postgres_server, name))
    assert caught.value.code == "database-foreign"
    assert postgres_server.rows(name, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'") == [("runs",)]


def _logged(database: Database) -> int:
    """The number that the next row of the data log gets."""
    row: dict[str, object] = dict.fromkeys((column.name for column in DATA_LOG.columns if column.name != "id"), 0)
    row |= {"run": "", "node": "", "hashes": b"", "content": b""}
    with database.write() as connection:
        return int(connection.execute(DATA_LOG.insert().values(row).returning(DATA_LOG.c.id)).scalar_one())
