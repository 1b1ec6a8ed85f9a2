"""Connections to SQL Server over its own protocol: encryption, logins, and what is sent and answered."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from agent.connectors.sql.connector import SqlConnection, SqlConnector
from agent.connectors.sql.credentials import ServerAddress
from agent.connectors.sql.dialect import Patience
from agent.connectors.sql.mssql import sessions
from agent.domain.errors import AgentError, ConfigurationError, CredentialsError, TransientError
from agent.domain.secret import Secret
from tests.helpers.postgres_server import certificates
from tests.helpers.sql_server_stand_in import NOT_SUPPORTED, REQUIRED, Answer, Fails, Sent, StandIn, running

PASSWORD = "s3cret-of-the-server"


def catalogue(sent: Sent) -> Answer:
    """A database that Validate is content with."""
    if "compatibility_level" in sent.statement:
        return [(160, 1)]
    if "SERVERPROPERTY" in sent.statement:
        return [("16.0.4100.1", "shop", "agent", "dbo", 12, 1, 1, 0)]
    return ()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The certificate that signed the one of the server, which lies beside it."""
    return certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def server(authority: Path) -> Iterator[StandIn]:
    with running(
        StandIn(catalogue, certificate=(authority.parent / "server.pem", authority.parent / "server.key"))
    ) as it:
        yield it


def opened(server: StandIn, **values: str) -> SqlConnection:
    connector = SqlConnector(Patience(connect_seconds=5))
    prepared = connector.prepare(
        {"kind": "SQL Server", "database": "shop", "host": "localhost", "port": str(server.port),
         "username": "agent", **values},
        {"password": Secret(PASSWORD)},
    )  # fmt: skip
    return connector.open(prepared.values, prepared.secrets)


async def refused(server: StandIn, **values: str) -> AgentError:
    async with opened(server, **values) as connection:
        with pytest.raises(AgentError) as caught:
            await connection.check(lambda _: None)
    assert PASSWORD not in repr(caught.value)
    return caught.value


async def test_a_server_whose_certificate_is_trusted_is_validated(server: StandIn, authority: Path) -> None:
    async with opened(server, ca_file=str(authority)) as connection:
        report = await connection.check(lambda _: None)
    assert report.facts == (
        ("Database", "SQL Server 16.0.4100.1"), ("Name", "shop"), ("User", "agent"), ("Tables", "12"),
        ("May make tables", "Yes"), ("Encryption", "TLSv1.2"),
    )  # fmt: skip
    assert any("not been tried against a server" in warning for warning in report.warnings)


async def test_the_certificate_is_checked_unless_something_else_was_chosen(server: StandIn) -> None:
    error = await refused(server)
    assert isinstance(error, ConfigurationError)
    assert (error.code, error.field) == ("tls-untrusted", "ca_file")
    assert server.said == []
    async with opened(server, encryption="Required") as connection:
        assert dict((await connection.check(lambda _: None)).facts)["Encryption"] == "TLSv1.2"


async def test_the_name_in_the_certificate_is_checked(server: StandIn, authority: Path) -> None:
    error = await refused(server, ca_file=str(authority), host="127.0.0.1")
    assert (error.code, error.field) == ("tls-wrong-name", "host")


async def test_a_login_is_never_sent_in_clear_where_encryption_is_wanted(server: StandIn) -> None:
    server.encryption = NOT_SUPPORTED
    error = await refused(server, encryption="Required")
    assert (error.code, error.field) == ("tls-unsupported", "encryption")
    assert server.said == []


async def test_without_encryption_only_where_the_server_lets_one(server: StandIn) -> None:
    server.encryption = NOT_SUPPORTED
    async with opened(server, encryption="Off") as connection:
        assert dict((await connection.check(lambda _: None)).facts)["Encryption"] == "None"
    server.encryption = REQUIRED
    assert (await refused(server, encryption="Off")).code == "tls-demanded"


@pytest.mark.parametrize(
    ("errors", "kind", "code", "field"),
    [
        ([18456], CredentialsError, "password-wrong", "password"),
        ([4060, 18456], ConfigurationError, "database-unknown", "database"),
        ([18486], CredentialsError, "account-locked", "username"),
        ([18488], CredentialsError, "password-expired", "password"),
        ([40613], TransientError, "server-starting", "host"),
        ([17809], TransientError, "too-many-connections", "host"),
        ([26073], TransientError, "connection-refused-by-server", "host"),
    ],
)
async def test_why_a_login_is_refused(
    server: StandIn, errors: list[int], kind: type[AgentError], code: str, field: str
) -> None:
    server.login = [Fails(number, f"{number}: Login failed for “{PASSWORD}”.", 14) for number in errors]
    error = await refused(server, encryption="Required")
    assert isinstance(error, kind)
    assert (error.code, error.field, error.detail) == (code, field, f"error {errors[0]}")


async def test_a_database_that_behaves_as_an_old_server_is_refused(server: StandIn) -> None:
    server.answer = lambda sent: [(110, 0)] if "compatibility_level" in sent.statement else ()
    assert (await refused(server, encryption="Required")).code == "server-too-old"


# The driver


@pytest.fixture
def cursor(server: StandIn) -> Iterator[sessions.Cursor]:
    address = ServerAddress(
        "SQL Server", "localhost", server.port, "shop", "agent", Secret(PASSWORD), tls="Required", ca_file=""
    )
    session = sessions.connect(address, Patience(connect_seconds=5))
    yield session.cursor()
    session.close()


def test_values_travel_both_ways(server: StandIn, cursor: sessions.Cursor) -> None:
    long = "ä€😀" * 20_000
    given = ("a", long, 5, -(2**40), True, Decimal("-12.3400"), b"\0\xff", None, "100%")
    rows = [
        (1, "a", True, 1.5, Decimal("12.3400"), b"\1\2", None),
        (2, long, False, None, Decimal("-1.0000"), b"", "x"),
    ]
    server.answer = lambda _: rows
    cursor.execute("SELECT %s, %s, %s, %s, %s, %s, %s, %s, %s, '%%'", given)
    assert cursor.fetchall() == rows
    (sent,) = server.said[1:]
    assert sent.statement == "SELECT @P1, @P2, @P3, @P4, @P5, @P6, @P7, NULL, @P8, '%'"
    assert sent.given == tuple(value for value in given if value is not None)


@pytest.mark.parametrize("parameters", [(), ("x",)], ids=["batch", "call"])
def test_all_errors_of_an_answer_are_known_and_nothing_is_broken_off(
    server: StandIn, cursor: sessions.Cursor, parameters: tuple[str, ...]
) -> None:
    errors = [Fails(50000, "No more than five."), Fails(3609, "The transaction ended in the trigger.")]
    server.answer = lambda _: errors
    statement = "EXEC p %s" if parameters else "EXEC p"
    with pytest.raises(sessions.ServerError) as caught:
        cursor.execute(statement, parameters)
    assert [(one.number, one.text) for one in caught.value.messages] == [(one.number, one.text) for one in errors]
    assert "five" not in str(caught.value)
    server.answer = lambda _: [(1,)]
    cursor.execute("SELECT 1")
    assert cursor.fetchall() == [(1,)]
    assert server.attentions == 0


def test_what_is_no_text_is_refused_before_anything_is_sent(server: StandIn, cursor: sessions.Cursor) -> None:
    with pytest.raises(UnicodeEncodeError):
        cursor.execute("SELECT %s", ("x" * 100_000 + "\ud800",))
    cursor.execute("SELECT 1")
    assert [one.statement for one in server.said[1:]] == ["SELECT 1"]


async def test_a_read_that_is_cancelled_ends_at_once(server: StandIn) -> None:
    asked, answer = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def slow(sent: Sent) -> Answer:
        if "SERVERPROPERTY" in sent.statement:
            loop.call_soon_threadsafe(asked.set)
            answer.wait(30)
        return catalogue(sent)

    server.answer = slow
    async with opened(server, encryption="Required") as connection:
        checking = asyncio.create_task(connection.check(lambda _: None))
        await asyncio.wait_for(asked.wait(), 10)
        checking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(checking, 10)
        server.answer = catalogue
        assert (await connection.check(lambda _: None)).facts
    answer.set()


async def test_a_line_that_breaks_is_another_time_another_line(server: StandIn) -> None:
    server.answer = lambda sent: [Fails(596, "killed", 21)] if "SERVERPROPERTY" in sent.statement else catalogue(sent)
    async with opened(server, encryption="Required") as connection:
        with pytest.raises(TransientError) as caught:
            await connection.check(lambda _: None)
        assert caught.value.code == "connection-lost"
        server.answer = catalogue
        assert (await connection.check(lambda _: None)).facts
