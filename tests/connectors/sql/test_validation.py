"""Validate says what was found, or in one sentence what is wrong, at which field, and what to do; then works again."""

from __future__ import annotations

import asyncio
import socket
import sqlite3
from pathlib import Path

import pytest

from agent.connectors.contract import CheckReport
from agent.connectors.sql.connector import SqlConnector
from agent.connectors.sql.dialect import Patience
from agent.domain.errors import AgentError, ConfigurationError, CredentialsError, TransientError
from agent.domain.secret import Secret
from tests.connectors.sql.places import Place, PostgresPlace, SqlitePlace
from tests.helpers.postgres_server import PostgresServer
from tests.helpers.silent_server import silent_server
from tests.helpers.unprivileged import open_to_all, unprivileged

HASTY = Patience(connect_seconds=0.3, busy_seconds=0.2)


async def validated(place: Place, *, password: str | None = None, patience: Patience | None = None,
                    **changed: str) -> CheckReport:  # fmt: skip
    """Validate a place, with some of its values changed, as an operator would."""
    connector = SqlConnector(patience)
    secrets = place.secrets() if password is None else {"password": Secret(password)}
    prepared = connector.prepare({**place.values(), **changed}, secrets)
    told: list[str] = []
    async with connector.open(prepared.values, prepared.secrets) as connection:
        report = await connection.check(told.append)
    assert told
    return report


async def fails(place: Place, *, password: str | None = None, patience: Patience | None = None,
                **changed: str) -> AgentError:  # fmt: skip
    """Validate what cannot be right; then validate the place itself, which works."""
    with pytest.raises(AgentError) as caught:
        await validated(place, password=password, patience=patience, **changed)
    await validated(place)
    error = caught.value
    assert error.message.endswith(".")
    assert error.remedy.endswith(".")
    secret = password or next((one.reveal() for one in place.secrets().values()), "no secret here")
    assert secret not in f"{error!r} {error.message} {error.remedy} {error.detail}"
    return error


# SQLite


async def test_a_file_is_described(sqlite_place: SqlitePlace) -> None:
    sqlite_place.run("CREATE TABLE stock (sku TEXT)", "CREATE TABLE opagent_receipts (ledger_key TEXT)")
    report = await validated(sqlite_place)
    facts = dict(report.facts)
    assert facts["Database"] == f"SQLite {sqlite3.sqlite_version}"
    assert facts["File"].startswith(str(sqlite_place.path))
    assert (facts["Tables"], facts["May write"]) == ("1", "Yes")
    assert report.warnings == ()


async def test_a_file_that_is_not_there_is_announced_and_not_made(sqlite_place: SqlitePlace) -> None:
    report = await validated(sqlite_place)
    assert "will be made" in dict(report.facts)["File"]
    assert report.warnings == ("The file is not there yet. It is made when the first record is written.",)
    assert not sqlite_place.path.exists()


async def test_validation_changes_nothing(sqlite_place: SqlitePlace) -> None:
    sqlite_place.run("CREATE TABLE stock (sku TEXT)")
    before = sqlite_place.path.read_bytes()
    await validated(sqlite_place)
    assert sqlite_place.path.read_bytes() == before
    assert [one.name for one in sqlite_place.path.parent.iterdir()] == [sqlite_place.path.name]


async def test_a_missing_folder(sqlite_place: SqlitePlace) -> None:
    error = await fails(sqlite_place, database=str(sqlite_place.path.parent / "missing" / "shop.db"))
    assert (type(error), error.code, error.field) == (ConfigurationError, "folder-missing", "database")


async def test_a_file_that_is_no_database(sqlite_place: SqlitePlace, tmp_path: Path) -> None:
    other = tmp_path / "letter.txt"
    other.write_text("Dear Sir or Madam, " * 500, "utf-8")
    error = await fails(sqlite_place, database=str(other))
    assert (type(error), error.code, error.field) == (ConfigurationError, "not-a-database", "database")


async def test_a_locked_database(sqlite_place: SqlitePlace, other_program: sqlite3.Connection) -> None:
    other_program.execute("CREATE TABLE stock (sku TEXT)")
    other_program.execute("BEGIN EXCLUSIVE")
    with pytest.raises(TransientError) as caught:
        await validated(sqlite_place, patience=HASTY)
    assert (caught.value.code, caught.value.field) == ("database-busy", "database")
    other_program.execute("COMMIT")
    await validated(sqlite_place, patience=HASTY)


async def test_a_read_only_file(sqlite_place: SqlitePlace) -> None:
    sqlite_place.run("CREATE TABLE stock (sku TEXT)")
    open_to_all(sqlite_place.path.parent)
    sqlite_place.path.chmod(0o444)
    with unprivileged():
        report = await validated(sqlite_place)
    assert dict(report.facts)["May write"] == "No"
    assert report.warnings == ("The file or its folder cannot be written: it can be read only.",)


async def test_a_file_that_may_not_be_read(sqlite_place: SqlitePlace) -> None:
    sqlite_place.run("CREATE TABLE stock (sku TEXT)")
    open_to_all(sqlite_place.path.parent)
    sqlite_place.path.chmod(0o000)
    with unprivileged(), pytest.raises(ConfigurationError) as caught:
        await validated(sqlite_place)
    assert (caught.value.code, caught.value.field) == ("file-not-permitted", "database")
    sqlite_place.path.chmod(0o600)
    await validated(sqlite_place)


async def test_a_folder_in_which_no_file_may_be_made(sqlite_place: SqlitePlace) -> None:
    open_to_all(sqlite_place.path.parent)
    sqlite_place.path.parent.chmod(0o555)
    with unprivileged(), pytest.raises(ConfigurationError) as caught:
        await validated(sqlite_place)
    assert (caught.value.code, caught.value.field) == ("folder-read-only", "database")
    sqlite_place.path.parent.chmod(0o700)
    await validated(sqlite_place)


# PostgreSQL


async def test_a_server_is_described(postgres_place: PostgresPlace) -> None:
    postgres_place.run("CREATE TABLE stock (sku text)")
    report = await validated(postgres_place)
    facts = dict(report.facts)
    assert facts["Database"].startswith("PostgreSQL ")
    assert facts["Name"] == postgres_place.database
    assert facts["User"] == "shop_owner"
    assert (facts["Tables"], facts["May make tables"]) == ("1", "Yes")
    assert facts["Encryption"].startswith("TLS")
    assert report.warnings == ()


async def test_a_user_who_may_only_read_is_told_so(postgres_place: PostgresPlace) -> None:
    postgres_place.run(
        "CREATE ROLE reader LOGIN PASSWORD 'reader-password'", "REVOKE CREATE ON SCHEMA public FROM PUBLIC"
    )
    try:
        report = await validated(postgres_place, username="reader", password="reader-password")
    finally:
        postgres_place.run("DROP ROLE reader")
    assert dict(report.facts)["May make tables"] == "No"
    assert "GRANT CREATE ON SCHEMA" in report.warnings[0]


async def test_an_unknown_host(postgres_place: PostgresPlace) -> None:
    error = await fails(postgres_place, host="db.invalid")
    assert (type(error), error.code, error.field) == (ConfigurationError, "host-unknown", "host")


async def test_a_wrong_port(postgres_place: PostgresPlace) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        error = await fails(postgres_place, port=str(free.getsockname()[1]))
    assert (type(error), error.code, error.field) == (TransientError, "connection-refused", "port")


async def test_a_wrong_password(postgres_place: PostgresPlace) -> None:
    error = await fails(postgres_place, password="wrong-password")
    assert (type(error), error.code, error.field) == (CredentialsError, "password-wrong", "password")
    assert "shop_owner" in error.message


async def test_no_password(postgres_place: PostgresPlace) -> None:
    error = await fails(postgres_place, password="")
    assert (type(error), error.code, error.field) == (CredentialsError, "password-missing", "password")


async def test_an_unknown_database(postgres_place: PostgresPlace) -> None:
    error = await fails(postgres_place, database="no_such")
    assert (type(error), error.code, error.field) == (ConfigurationError, "database-unknown", "database")
    assert "no_such" in error.message


async def test_a_user_who_may_not_log_in(postgres_place: PostgresPlace) -> None:
    postgres_place.run("CREATE ROLE guest NOLOGIN PASSWORD 'guest-password'")
    try:
        error = await fails(postgres_place, username="guest", password="guest-password")
    finally:
        postgres_place.run("DROP ROLE guest")
    assert (type(error), error.code, error.field) == (CredentialsError, "user-unknown", "username")


async def test_a_user_who_may_not_use_the_database(postgres_server: PostgresServer) -> None:
    postgres_place = PostgresPlace(postgres_server, postgres_server.database())
    postgres_place.run("CREATE ROLE guest LOGIN PASSWORD 'guest-password'",
                       f"REVOKE CONNECT ON DATABASE {postgres_place.database} FROM PUBLIC")  # fmt: skip
    try:
        error = await fails(postgres_place, username="guest", password="guest-password")
    finally:
        postgres_place.run("DROP ROLE guest")
    assert (type(error), error.code, error.field) == (CredentialsError, "database-not-permitted", "username")


async def test_a_full_server(postgres_place: PostgresPlace) -> None:
    postgres_place.run("CREATE ROLE guest LOGIN PASSWORD 'guest-password' CONNECTION LIMIT 0")
    try:
        error = await fails(postgres_place, username="guest", password="guest-password")
    finally:
        postgres_place.run("DROP ROLE guest")
    assert (type(error), error.code) == (TransientError, "too-many-connections")


async def test_a_server_that_says_nothing(postgres_place: PostgresPlace) -> None:
    async with silent_server() as (port, _):
        error = await fails(postgres_place, port=str(port), patience=HASTY)
    assert (type(error), error.code, error.field) == (TransientError, "connect-timeout", "host")


async def test_a_server_of_another_kind(postgres_place: PostgresPlace) -> None:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        error = await fails(postgres_place, port=str(server.sockets[0].getsockname()[1]))
    assert isinstance(error, TransientError | ConfigurationError)


async def test_a_missing_socket(postgres_place: PostgresPlace, tmp_path: Path) -> None:
    error = await fails(postgres_place, host=str(tmp_path))
    assert (type(error), error.code, error.field) == (TransientError, "socket-missing", "host")


async def test_validation_is_cancelled_at_once(postgres_place: PostgresPlace) -> None:
    async with silent_server() as (port, asked):
        task = asyncio.create_task(validated(postgres_place, port=str(port)))
        await asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    await validated(postgres_place)


# Encryption


async def test_a_verified_server(postgres_place: PostgresPlace) -> None:
    report = await validated(
        postgres_place, host="localhost", tls="Verified", ca_file=str(postgres_place.server.ca_file)
    )
    assert dict(report.facts)["Encryption"].startswith("TLS")


async def test_an_unencrypted_connection(postgres_place: PostgresPlace) -> None:
    report = await validated(postgres_place, tls="Off")
    assert dict(report.facts)["Encryption"] == "None"
    assert report.warnings == ()


async def test_a_certificate_that_nobody_vouches_for(postgres_place: PostgresPlace) -> None:
    error = await fails(postgres_place, host="localhost", tls="Verified")
    assert (type(error), error.code, error.field) == (ConfigurationError, "tls-untrusted", "ca_file")


async def test_a_certificate_for_another_name(postgres_place: PostgresPlace) -> None:
    error = await fails(postgres_place, tls="Verified", ca_file=str(postgres_place.server.ca_file))
    assert (type(error), error.code, error.field) == (ConfigurationError, "tls-wrong-name", "host")


async def test_a_missing_file_with_certificates(postgres_place: PostgresPlace, tmp_path: Path) -> None:
    error = await fails(postgres_place, tls="Verified", ca_file=str(tmp_path / "ca.pem"))
    assert (type(error), error.code, error.field) == (ConfigurationError, "file-missing", "ca_file")


async def test_a_file_without_certificates(postgres_place: PostgresPlace, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing", "utf-8")
    error = await fails(postgres_place, tls="Verified", ca_file=str(tmp_path / "ca.pem"))
    assert (type(error), error.field) == (ConfigurationError, "ca_file")


async def test_a_server_without_encryption(postgres_place: PostgresPlace) -> None:
    postgres_place.server.set("ssl", "off")
    try:
        with pytest.raises(ConfigurationError) as caught:
            await validated(postgres_place, tls="Required")
        assert (caught.value.code, caught.value.field) == ("tls-unsupported", "tls")
        report = await validated(postgres_place, tls="Preferred")
    finally:
        postgres_place.server.set("ssl", "on")
    assert dict(report.facts)["Encryption"] == "None"
    await validated(postgres_place, tls="Required")


async def test_a_server_that_demands_encryption(postgres_place: PostgresPlace) -> None:
    with postgres_place.server.access("hostssl all all all scram-sha-256"):
        error = await _refused(postgres_place, tls="Off")
        await validated(postgres_place, tls="Required")
    assert (error.code, error.field) == ("tls-demanded", "tls")


async def test_a_server_that_does_not_know_this_computer(postgres_place: PostgresPlace) -> None:
    with postgres_place.server.access("hostssl all somebody_else all scram-sha-256"):
        error = await _refused(postgres_place, tls="Required")
    assert (error.code, error.field) == ("host-not-permitted", "username")
    await validated(postgres_place)


async def _refused(place: PostgresPlace, tls: str) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as caught:
        await validated(place, tls=tls)
    return caught.value
