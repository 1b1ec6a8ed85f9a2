"""Neither a password nor what is in a record ever gets into an error, its chain, a repr or the log."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Awaitable, Callable

import pytest

from agent.connectors.contract import SentClause
from agent.connectors.sql.connector import SqlConnection, SqlConnector
from agent.domain.app import Attribute, DataType
from agent.domain.errors import AgentError
from tests.connectors.sql.places import ID, Place, PostgresPlace, SqlitePlace, opened, read, read_request, write

PLANTED = "PLANTED-e7c1"


def told(error: BaseException | None) -> str:
    """Everything that somebody could get out of an error."""
    text = ""
    while error is not None:
        parts = [repr(error), *map(str, error.args), *traceback.format_exception(error)]
        text += "\n".join([*parts, *(str(value) for value in vars(error).values())])
        error = error.__cause__ or error.__context__
    return text


async def _refused(connection: SqlConnection) -> None:
    for attributes in ((ID, Attribute("x")), (ID, Attribute("x"), Attribute("y", DataType.INTEGER))):
        rows = [(1, PLANTED * 3, 1)[: len(attributes)], (2, PLANTED * 3, 1)[: len(attributes)]]
        report = await write(connection, "things", attributes, rows)
        assert report.failures
        for error in report.failures.values():
            raise error


async def _wrong_filter(connection: SqlConnection) -> None:
    await read(connection, read_request("things", SentClause("n", "=", PLANTED)))


async def _wrong_query(connection: SqlConnection) -> None:
    query = f"SELECT {PLANTED} FROM things WHERE x = '{PLANTED}'"
    await read(connection, read_request("things", options={"query": query, "key": "id"}))


async def _failing_query(connection: SqlConnection) -> None:
    query = f"SELECT abs(-9223372036854775807 - length('{PLANTED}') * 0 - 1) / (n - n) AS id FROM things"
    await read(connection, read_request("things", options={"query": query, "key": "id"}))


@pytest.mark.parametrize("attempt", [_refused, _wrong_filter, _wrong_query, _failing_query])
async def test_records_stay_out_of_errors(
    place: Place, attempt: Callable[[SqlConnection], Awaitable[None]], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    unique = "CREATE UNIQUE INDEX only_one ON things (x)"
    place.run("CREATE TABLE things (id integer PRIMARY KEY, x varchar(999), n integer)", unique,
              f"INSERT INTO things VALUES (0, '{PLANTED * 3}', 1)")  # fmt: skip
    async with opened(place) as connection:
        with pytest.raises(AgentError) as caught:
            await attempt(connection)
    assert PLANTED not in told(caught.value)
    assert PLANTED not in caplog.text


async def test_the_password_stays_out_of_everything(
    postgres_place: PostgresPlace, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    pasted = f"postgresql://shop_owner:{PLANTED}@127.0.0.1:{postgres_place.server.port}/{postgres_place.database}"
    prepared = SqlConnector().prepare({"kind": "PostgreSQL", "database": pasted}, {})
    assert PLANTED not in repr(prepared)
    assert PLANTED not in "".join(prepared.notes)
    async with SqlConnector().open(prepared.values, prepared.secrets) as connection:
        with pytest.raises(AgentError) as caught:
            await connection.check(lambda _: None)
        assert PLANTED not in repr(connection)
    assert caught.value.code == "password-wrong"
    assert PLANTED not in told(caught.value)
    assert PLANTED not in caplog.text


async def test_the_agent_leaves_nothing_of_its_own_but_receipts(sqlite_place: SqlitePlace) -> None:
    async with opened(sqlite_place) as connection:
        await write(connection, "things", (ID,), [(1,)])
        await read(connection, read_request("things"))
    assert sqlite_place.rows("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1") == [
        ("opagent_receipts",), ("things",),
    ]  # fmt: skip
