"""A database of each kind for the tests of the SQL connector: real ones, empty, and looked at from outside."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.connectors.sql.places import MariadbPlace, Place, PostgresPlace, SqlitePlace
from tests.helpers.mariadb_server import MariadbServer
from tests.helpers.postgres_server import PostgresServer


@pytest.fixture(
    params=[
        "sqlite",
        pytest.param("postgresql", marks=pytest.mark.postgres),
        pytest.param("mariadb", marks=pytest.mark.mariadb),
    ]
)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """An empty database, once of each kind."""
    if request.param == "sqlite":
        return SqlitePlace(tmp_path / "shop.db")
    if request.param == "mariadb":
        mariadb = request.getfixturevalue("mariadb_server")
        return MariadbPlace(mariadb, mariadb.emptied_database())
    server = request.getfixturevalue("postgres_server")
    return PostgresPlace(server, server.emptied_database())


@pytest.fixture
def sqlite_place(tmp_path: Path) -> SqlitePlace:
    """An empty SQLite database."""
    return SqlitePlace(tmp_path / "shop.db")


@pytest.fixture
def postgres_place(postgres_server: PostgresServer) -> PostgresPlace:
    """An empty PostgreSQL database."""
    return PostgresPlace(postgres_server, postgres_server.emptied_database())


@pytest.fixture
def mariadb_place(mariadb_server: MariadbServer) -> MariadbPlace:
    """An empty MariaDB database."""
    return MariadbPlace(mariadb_server, mariadb_server.emptied_database())


@pytest.fixture(
    params=[
        pytest.param("postgres_place", marks=pytest.mark.postgres),
        pytest.param("mariadb_place", marks=pytest.mark.mariadb),
    ]
)
def server_place(request: pytest.FixtureRequest) -> PostgresPlace | MariadbPlace:
    """An empty database on a server, once of each kind."""
    found: PostgresPlace | MariadbPlace = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def other_program(sqlite_place: SqlitePlace) -> Iterator[sqlite3.Connection]:
    """Another program that has the file open."""
    connection = sqlite3.connect(sqlite_place.path, isolation_level=None, timeout=0)
    yield connection
    connection.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark whatever needs the server."""
    for item in items:
        if "postgres_server" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.postgres)
        if "mariadb_server" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.mariadb)
