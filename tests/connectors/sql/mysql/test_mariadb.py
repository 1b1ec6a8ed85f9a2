"""What is peculiar to MariaDB: other unique indexes, collations, sizes of packets, encryption, rights of users."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import closing

import pymysql
import pytest

from agent.connectors.sql.connector import SqlConnector
from agent.domain.app import Attribute, DataType
from agent.domain.errors import ConfigurationError, CredentialsError, TransientError
from agent.domain.packet import Row, WriteReport
from agent.domain.secret import Secret
from tests.connectors.sql.places import (
    ID,
    MariadbPlace,
    batch,
    documents,
    ids,
    opened,
    read,
    read_request,
    target,
    write,
)

EMAIL = Attribute("email")
TOTAL = Attribute("total", DataType.DECIMAL)


async def test_a_row_with_the_same_value_in_another_unique_column_is_not_overwritten(
    mariadb_place: MariadbPlace,
) -> None:
    mariadb_place.run("CREATE TABLE people (id bigint PRIMARY KEY, email varchar(20) UNIQUE)",
                      "INSERT INTO people VALUES (1, 'ann@x'), (2, 'bob@x')")  # fmt: skip
    async with opened(mariadb_place) as connection:
        report = await write(connection, "people", (ID, EMAIL), [(3, "ann@x"), (2, "bea@x"), (4, "cem@x")])
    assert {index: error.code for index, error in report.failures.items()} == {0: "value-twice"}
    assert mariadb_place.rows("SELECT id, email FROM people ORDER BY id") == [
        (1, "ann@x"), (2, "bea@x"), (4, "cem@x"),
    ]  # fmt: skip


async def test_keys_that_differ_in_capitals_accents_and_blanks_are_different_in_tables_of_the_agent(
    mariadb_place: MariadbPlace,
) -> None:
    keys = ["a", "A", "ä", "a ", "🛒"]
    attributes = (Attribute("sku", primary=True), Attribute("n", DataType.INTEGER))
    rows: list[Row] = [(key, number) for number, key in enumerate(keys)]
    async with opened(mariadb_place) as connection:
        report = await write(connection, "stock", attributes, rows)
        found = await read(connection, read_request("stock", records=2))
    assert not report.failures
    assert sorted(ids(found)) == sorted(keys)


async def test_a_query_ordered_by_texts_that_count_as_equal_skips_none(mariadb_place: MariadbPlace) -> None:
    mariadb_place.run("CREATE TABLE stock (sku varchar(9) COLLATE utf8mb4_general_ci)",
                      *(f"INSERT INTO stock VALUES ('{sku}')" for sku in ("a", "A", "b", "B", "á")))  # fmt: skip
    async with opened(mariadb_place) as connection:
        found = await read(connection, read_request("stock", options={"key": "sku"}, records=1))
    assert sorted(ids(found)) == ["A", "B", "a", "b", "á"]


async def test_values_that_mariadb_would_cut_or_round_without_a_word_are_refused(mariadb_place: MariadbPlace) -> None:
    mariadb_place.run("CREATE TABLE people (id int PRIMARY KEY, email varchar(5), age tinyint)")
    age = Attribute("age", DataType.INTEGER)
    async with opened(mariadb_place) as connection:
        report = await write(connection, "people", (ID, EMAIL, age), [(1, "toolong", 1), (2, "x", 300), (0, "x", 1)])
        fine = await write(connection, "money", (ID, TOTAL), [(1, f"0.{'1' * 31}"), (2, f"0.{'1' * 30}")])
    assert {index: (error.code, error.field) for index, error in report.failures.items()} == {
        0: ("value-too-long", "email"), 1: ("value-out-of-range", "age"),
    }  # fmt: skip
    assert mariadb_place.rows("SELECT id FROM people") == [(0,)]
    assert list(fine.failures) == [0]


async def test_what_is_longer_than_a_packet_fails_alone_and_the_rest_is_sent_in_parts(
    mariadb_place: MariadbPlace,
) -> None:
    mariadb_place.run("SET GLOBAL max_allowed_packet = 1048576")
    rows: list[Row] = [(number, "x" * 300_000) for number in range(9)]
    rows[4] = (4, "x" * 2_000_000)
    try:
        async with opened(mariadb_place) as connection:
            report = await write(connection, "texts", (ID, EMAIL), rows)
    finally:
        mariadb_place.run("SET GLOBAL max_allowed_packet = 16777216")
    assert [error.code for error in report.failures.values()] == ["value-unfit"]
    assert "max_allowed_packet" in report.failures[4].message
    assert mariadb_place.rows("SELECT count(*), min(length(email)) FROM texts") == [(8, 300_000)]


async def test_types_of_mariadb_become_json_that_says_the_same(mariadb_place: MariadbPlace) -> None:
    mariadb_place.run(
        "CREATE TABLE things (id int PRIMARY KEY, price decimal(10,2), ok boolean, bits bit(1), data json, "
        "born date, at datetime, stamp timestamp NULL, size enum('small', 'large'), raw varbinary(9), ratio double)",
        """INSERT INTO things VALUES (1, 10.50, TRUE, b'1', '{"a": 1.50}', '2026-01-31', '2026-01-31 09:15:00', """
        "'2026-01-31 09:15:00', 'large', x'00ff', 0.1)",
    )
    async with opened(mariadb_place) as connection:
        packets = await read(connection, read_request("things"))
    assert packets[0].documents[0] == (
        b'{"id":1,"price":10.50,"ok":true,"bits":true,"data":{"a": 1.50},"born":"2026-01-31",'
        b'"at":"2026-01-31T09:15:00Z","stamp":"2026-01-31T09:15:00Z","size":"large","raw":"\\\\x00ff","ratio":0.1}'
    )
    assert documents(packets)[0]["price"] == 10.5


@pytest.mark.parametrize("tls", ["Required", "Verified"])
async def test_a_connection_is_encrypted_when_that_is_wanted(mariadb_place: MariadbPlace, tls: str) -> None:
    values = {**mariadb_place.values(), "tls": tls, "host": "localhost", "ca_file": str(mariadb_place.server.ca_file)}
    async with SqlConnector().open(values, mariadb_place.secrets()) as connection:
        report = await connection.check(lambda _: None)
    assert dict(report.facts)["Encryption"].startswith("TLS")
    assert dict(report.facts)["Database"].startswith("MariaDB ")
    assert not report.warnings


@pytest.mark.parametrize(
    ("changed", "kind", "code"),
    [
        ({"tls": "Verified"}, ConfigurationError, "tls-untrusted"),
        ({"tls": "Verified", "ca_file": "/nowhere/ca.pem"}, ConfigurationError, "file-missing"),
        ({"username": "nobody_here"}, CredentialsError, "password-wrong"),
        ({"database": "nowhere"}, ConfigurationError, "database-unknown"),
    ],
)
async def test_a_server_that_does_not_let_us_in_says_which_field_is_wrong(
    mariadb_place: MariadbPlace, changed: dict[str, str], kind: type[ConfigurationError], code: str
) -> None:
    async with SqlConnector().open({**mariadb_place.values(), **changed}, mariadb_place.secrets()) as connection:
        with pytest.raises(kind) as caught:
            await connection.check(lambda _: None)
    assert (caught.value.code, caught.value.remedy != "") == (code, True)
    assert mariadb_place.server.password not in f"{caught.value} {caught.value.detail}"


async def test_a_user_who_may_only_read_is_told_what_is_lacking(mariadb_place: MariadbPlace) -> None:
    mariadb_place.run("CREATE TABLE stock (id int PRIMARY KEY)", "INSERT INTO stock VALUES (1)",
                      "CREATE OR REPLACE USER reader IDENTIFIED BY 'reader-5ecret'",
                      "GRANT SELECT ON shop.* TO reader")  # fmt: skip
    values = {**mariadb_place.values(), "username": "reader"}
    async with SqlConnector().open(values, {"password": Secret("reader-5ecret")}) as connection:
        report = await connection.check(lambda _: None)
        assert ids(await read(connection, read_request("stock"))) == ["1"]
        with pytest.raises(ConfigurationError) as caught:
            await write(connection, "stock", (ID,), [(2,)])
    assert dict(report.facts)["May make tables"] == "No"
    assert "GRANT ALTER, CREATE, DELETE, INSERT, UPDATE ON shop.*" in report.warnings[0]
    assert caught.value.code in ("table-not-permitted", "not-permitted")


async def test_a_table_that_cannot_take_back_what_was_written_is_refused(mariadb_place: MariadbPlace) -> None:
    mariadb_place.run("CREATE TABLE stock (id bigint PRIMARY KEY) ENGINE=MyISAM", "INSERT INTO stock VALUES (1)")
    async with opened(mariadb_place) as connection:
        assert ids(await read(connection, read_request("stock"))) == ["1"]
        with pytest.raises(ConfigurationError) as caught:
            await write(connection, "stock", (ID,), [(2,)])
        assert (caught.value.code, "ENGINE=InnoDB" in caught.value.remedy) == ("table-without-transactions", True)
        mariadb_place.run("ALTER TABLE stock ENGINE=InnoDB")
        await write(connection, "stock", (ID,), [(2,)])
    assert mariadb_place.rows("SELECT id FROM stock ORDER BY id") == [(1,), (2,)]


_MOST_LOOKS = 200


async def test_two_writers_that_wait_for_each_other_both_get_through(mariadb_place: MariadbPlace) -> None:
    """A deadlock ends one of the transactions; that is for later, nothing of it stays, and trying again helps."""
    mariadb_place.run("CREATE TABLE stock (id bigint PRIMARY KEY, n bigint)", "INSERT INTO stock VALUES (1, 0), (2, 0)")
    attributes = (ID, Attribute("n", DataType.INTEGER))
    with closing(mariadb_place.server.connect(mariadb_place.database)) as other, other.cursor() as cursor:
        cursor.execute("START TRANSACTION")
        cursor.execute("UPDATE stock SET n = n + 7 WHERE id = 2")
        async with opened(mariadb_place) as connection:
            held = threading.Event()

            def seal(_: WriteReport) -> bytes:
                held.set()
                return b"receipt"

            writing = asyncio.create_task(connection.write(target("stock"), batch(attributes, [(1, 1), (2, 1)]), seal))
            await asyncio.to_thread(_waiting, mariadb_place)
            try:
                await asyncio.to_thread(cursor.execute, "UPDATE stock SET n = n + 7 WHERE id = 1")
                cursor.execute("COMMIT")
            except pymysql.err.OperationalError as error:
                assert error.args[0] == 1213  # noqa: PT017 - either of the two may be the one that has to give way
            failed: TransientError | None = None
            try:
                await writing
            except TransientError as error:
                failed = error
            if failed is not None:
                assert failed.code == "database-busy"
                assert not held.is_set()
                await connection.write(target("stock"), batch(attributes, [(1, 1), (2, 1)]), seal)
    assert mariadb_place.rows("SELECT n FROM stock") == [(1,), (1,)]


def _waiting(place: MariadbPlace) -> None:
    """Wait in a thread until somebody waits for a lock of a row."""
    for _ in range(_MOST_LOOKS):
        if place.rows("SELECT count(*) FROM information_schema.innodb_lock_waits") != [(0,)]:
            return
        # The server tells what it has told before to whoever asks again within a tenth of a second.
        time.sleep(0.15)
    raise AssertionError("nobody waits for the lock of a row")
