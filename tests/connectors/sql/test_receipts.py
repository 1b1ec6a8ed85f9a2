"""The receipt of what a process sent that is gone: it is told when the server is done with that, and not before."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import Any

import pytest

from agent.connectors.conformance import Fault, Trouble, fault_proxy
from agent.connectors.sql.connector import SqlConnector
from agent.connectors.sql.dialect import Patience
from agent.domain.errors import TransientError
from agent.domain.packet import WriteReport
from tests.connectors.sql.places import (
    ID,
    MariadbPlace,
    Place,
    PostgresPlace,
    batch,
    opened,
    target,
    until_somebody_waits,
    write,
)

KEPT = {
    "the first": "INSERT INTO opagent_receipts VALUES ('flow/other', 'second', now())",
    "a later": "UPDATE opagent_receipts SET receipt = 'second'",
}


@contextmanager
def _committing(place: PostgresPlace | MariadbPlace, statement: str) -> Iterator[Any]:
    """What a process of the agent left behind: a transaction whose COMMIT the server has not carried out yet."""
    with closing(place.server.connect(place.database)) as driver, closing(driver.cursor()) as cursor:
        cursor.execute("START TRANSACTION")
        cursor.execute(statement)
        yield cursor


@pytest.mark.parametrize("which", ["the first", "a later"])
async def test_a_receipt_is_told_after_what_is_being_committed(
    server_place: PostgresPlace | MariadbPlace, which: str
) -> None:
    place = server_place
    key = "flow/other" if which == "the first" else "flow/post"
    asked = replace(target("orders"), ledger_key=key)
    async with opened(place) as connection:
        await write(connection, "orders", (ID,), [(1,)])
        with _committing(place, KEPT[which]) as other:
            asking = asyncio.create_task(connection.receipt(asked))
            await asyncio.to_thread(until_somebody_waits, place, asking)
            other.execute("COMMIT")
        assert await asking == b"second"
        with _committing(place, KEPT[which].replace("flow/other", "flow/third").replace("second", "third")) as other:
            asking = asyncio.create_task(connection.receipt(replace(asked, ledger_key=key.replace("other", "third"))))
            other.execute("ROLLBACK")
        assert await asking == (None if which == "the first" else b"second")


async def test_a_commit_that_takes_too_long_is_waited_for_later(server_place: PostgresPlace | MariadbPlace) -> None:
    place = server_place
    connector = SqlConnector(Patience(busy_seconds=0.3))
    async with connector.open(place.values(), place.secrets()) as connection:
        await write(connection, "orders", (ID,), [(1,)])
        with _committing(place, KEPT["a later"]) as other:
            with pytest.raises(TransientError) as caught:
                await connection.receipt(target("orders"))
            other.execute("COMMIT")
        assert await connection.receipt(target("orders")) == b"second"
    assert caught.value.code == "database-busy"


async def test_to_ask_for_a_receipt_leaves_none(place: Place) -> None:
    async with opened(place) as connection:
        assert await connection.receipt(target("orders")) is None
        await write(connection, "orders", (ID,), [(1,)])
        assert await connection.receipt(replace(target("orders"), ledger_key="flow/none")) is None
    assert place.rows("SELECT ledger_key FROM opagent_receipts") == [("flow/post",)]


async def test_whoever_finds_no_table_of_receipts_knows_that_nothing_was_written(place: Place) -> None:
    found: list[object] = []

    def seal(_: WriteReport) -> bytes:
        found.extend(place.rows("SELECT count(*) FROM opagent_receipts"))
        return b"first"

    async with opened(place) as connection:
        await connection.write(target("orders"), batch((ID,), [(1,)]), seal)
        assert await connection.receipt(target("orders")) == b"first"
    assert found == [(0,)]


@pytest.mark.postgres
async def test_a_connection_that_is_lost_while_asking_leaves_no_doubt(postgres_place: PostgresPlace) -> None:
    server = postgres_place.server
    async with fault_proxy(server.host, server.port) as proxy:
        values = {**postgres_place.values(), "port": str(proxy.port), "tls": "Off"}
        async with SqlConnector().open(values, postgres_place.secrets()) as connection:
            await write(connection, "orders", (ID,), [(1,)])
            for said in (b"FOR UPDATE", b"ROLLBACK\0"):
                proxy.put(Fault(Trouble.REFUSE, said))
                with pytest.raises(TransientError) as caught:
                    await connection.receipt(target("orders"))
                assert (type(caught.value), caught.value.code) == (TransientError, "connection-lost")
            assert await connection.receipt(target("orders")) == b"receipt"
