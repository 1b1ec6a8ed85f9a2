"""A database that ends the whole transaction when it refuses a record: the others are written all the same, once."""

from __future__ import annotations

import pytest

from agent.connectors.sql.connector import SqlConnection
from agent.connectors.sql.dialect import Patience
from agent.connectors.sql.savepoints import Savepoints
from agent.connectors.sql.sqlite.dialect import SqliteDialect
from agent.domain.app import Attribute, DataType
from tests.connectors.sql.places import ID, SqlitePlace, batch, target

NAME = Attribute("name", DataType.TEXT)


@pytest.fixture
def connection(sqlite_place: SqlitePlace) -> SqlConnection:
    """A connection to a database after whose refusals nothing can be gone back to."""
    dialect = SqliteDialect(sqlite_place.path, Patience())
    dialect.savepoints = Savepoints(lasts=lambda _: False)
    return SqlConnection(dialect)


@pytest.mark.parametrize("refused", [[], [0], [6], [2, 3], [0, 5, 6], list(range(7))])
async def test_records_beside_refused_ones_are_written(
    connection: SqlConnection, sqlite_place: SqlitePlace, refused: list[int]
) -> None:
    sqlite_place.run("CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT CHECK (name <> 'bad'))")
    rows = [(number, "bad" if number in refused else f"n{number}") for number in range(7)]
    async with connection:
        report = await connection.write(target("people"), batch([ID, NAME], rows), lambda _: b"receipt")
        assert sorted(report.failures) == refused
        assert {failure.code for failure in report.failures.values()} <= {"value-refused"}
        assert [one for one in report.destination_ids if one] == [str(n) for n in range(7) if n not in refused]
        assert await connection.receipt(target("people")) == b"receipt"
    written = [row for row in rows if row[0] not in refused]
    assert sqlite_place.rows("SELECT id, name FROM people ORDER BY id") == written
