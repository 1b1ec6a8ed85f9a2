"""A failed record is fetched as it would be written, corrected, and sent: on a whole service in this process."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from agent.api import flow_models, run_models
from agent.api.client import AgentClient
from agent.api.correction_models import Correction, MappedRecord
from agent.domain.errors import AgentError, ConfigurationError, ConflictError, NotFoundError
from agent.domain.packet import SyncState
from agent.domain.run import RunState, Trigger
from tests.service.asking import database_draft
from tests.service.inside import opened

ORDERS = """
schema_version: 1
name: orders
title: Orders
credentials: {database: sql}
nodes:
  start: {type: start}
  read: {type: get, credential: database, schema: source, action: GET, options: {key: id}}
  map:
    type: mapper
    attributes:
      id: {value: id, type: integer, key: true}
      name: {value: name, type: text, required: true}
      total: {value: total, type: decimal}
      more: {value: more, type: json}
      lines: {each: lines, attributes: {line: {value: line, type: integer, key: true}, sku: sku}}
  write: {type: post, credential: database, schema: target, action: UPSERT}
  note:
    type: mapper
    attributes: {id: {value: id, type: integer, key: true}, there: {value: destination_id, type: text}}
  tell: {type: post, credential: database, schema: told, action: UPSERT}
  end: {type: end}
links: [[start, read, map, write, note, tell, end]]
"""
REFUSE = "CREATE TRIGGER refuse BEFORE INSERT ON target WHEN NEW.name = 'wrong' BEGIN SELECT RAISE(ABORT, 'no'); END"
LINES = '[{"line": 1, "sku": "A"}, {"line": 2, "sku": "B"}]'


class Shop:
    """A database with an order whose name the destination refuses."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.run(
            "CREATE TABLE source (id INTEGER PRIMARY KEY, name TEXT, total DECIMAL_TEXT, more JSON_TEXT, "
            "lines JSON_TEXT)",
            "CREATE TABLE target (id INTEGER PRIMARY KEY, name TEXT)",
            f"INSERT INTO source VALUES (1, 'right', '1.50', '{{}}', '[]'), "
            f"(2, 'wrong', '1234567.123456789012345', '{{\"a\": 1.10}}', '{LINES}')",
            REFUSE,
        )

    def run(self, *statements: str) -> None:
        with closing(sqlite3.connect(self.path)) as connection, connection:
            for statement in statements:
                connection.execute(statement)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.path)) as connection:
            return connection.execute(query).fetchall()


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "shop.db")


@pytest.fixture
async def client(tmp_path: Path, shop: Shop) -> AsyncIterator[AgentClient]:
    async with opened(tmp_path / "agent") as made, made.client() as talking:
        await talking.change_setting("enable_environment", "true")
        await talking.save_configuration(database_draft(shop.path))
        await talking.deploy(flow_models.DocumentRequest(document=ORDERS))
        assert (await ended(talking, await talking.execute("orders"))).state is RunState.PARTIAL
        yield talking


async def ended(client: AgentClient, run: run_models.Run) -> run_models.Run:
    while not run.state.ended:
        run = await client.run(run.id, wait_seconds=20)
    return run


async def fetched(client: AgentClient, source_id: str = "2") -> MappedRecord:
    return await client.corrections.fetch("orders", node="write", source_id=source_id)


def correction(record: MappedRecord, **values: Any) -> Correction:
    return Correction(
        node=record.node, source_id=record.source_id, state=record.state, values=values, reason="The name was wrong."
    )


async def state(client: AgentClient, node: str = "write") -> tuple[SyncState, int]:
    page = await client.sync_info("orders")
    (row,) = [one for one in page.items if one.source_id == "2" and one.node == node]
    return row.state, row.tries


async def test_a_failed_record_is_shown_as_it_would_be_written_to_the_last_digit(
    client: AgentClient, shop: Shop
) -> None:
    record = await fetched(client)
    assert record.values == {
        "id": 2, "name": "wrong", "total": "1234567.123456789012345", "more": {"a": 1.1},
        "lines": [{"line": 1, "sku": "A"}, {"line": 2, "sku": "B"}],
    }  # fmt: skip
    assert [(one.name, one.type.value) for one in record.attributes][:3] == [
        ("id", "integer"), ("name", "text"), ("total", "decimal"),
    ]  # fmt: skip
    assert shop.rows("SELECT id FROM target") == [(1,)]
    assert len((await client.runs()).items) == 1, "looking is no run"


async def test_a_corrected_record_is_sent_and_the_same_state_of_its_source_is_not_written_again(
    client: AgentClient, shop: Shop
) -> None:
    record = await fetched(client)
    lines = [{"line": 1, "sku": "C"}]
    run = await client.corrections.send("orders", correction(record, name="better", lines=lines))
    assert (run.trigger, run.plan) == (Trigger.RESEND, "Corrected record 2")
    run = await ended(client, run)
    assert (run.state, run.counts.written) == (RunState.SUCCESS, 2)
    assert shop.rows("SELECT name, total, more FROM target WHERE id = 2") == [
        ("better", "1234567.123456789012345", '{"a": 1.10}')
    ]
    assert shop.rows("SELECT target_id, line, sku FROM target_lines WHERE target_id = 2") == [(2, 1, "C")]
    assert shop.rows("SELECT there FROM told WHERE id = 2") == [("2",)], "it goes on behind the POST"
    assert await state(client) == (SyncState.SUCCESS, 2)

    again = await ended(client, await client.execute("orders"))
    assert (again.counts.read, again.counts.written) == (2, 0)
    assert shop.rows("SELECT name FROM target WHERE id = 2") == [("better",)]
    shop.run("UPDATE source SET name = 'newest' WHERE id = 2")
    await ended(client, await client.execute("orders"))
    assert shop.rows("SELECT name FROM target WHERE id = 2") == [("newest",)]


async def test_both_versions_are_kept_with_who_when_and_why(client: AgentClient) -> None:
    record = await fetched(client)
    run = await ended(client, await client.corrections.send("orders", correction(record, name="wrong", total="2.50")))
    assert run.state is RunState.FAILED
    assert await state(client) == (SyncState.FAILED, 2)
    (made,) = await client.corrections.made("orders", source_id="2")
    assert (made.original["total"], made.edited["total"]) == ("1234567.123456789012345", "2.50")
    assert (made.reason, made.run_id, bool(made.made_by)) == ("The name was wrong.", run.id, True)
    assert made.made_at.tzinfo is not None
    assert await client.corrections.made("orders", source_id="1") == []


@pytest.mark.parametrize(
    ("values", "code", "field"),
    [
        ({"total": "much"}, "correction-invalid", "total"),
        ({"id": 2.5}, "correction-invalid", "id"),
        ({"name": " "}, "correction-invalid", "name"),
        ({"name": None}, "correction-invalid", "name"),
        ({"colour": "red"}, "correction-invalid", "colour"),
        ({"lines": "none"}, "correction-invalid", "lines"),
        ({"lines": [{"line": "x"}]}, "correction-invalid", "lines.0.line"),
        ({"lines": [{"line": 1, "size": 2}]}, "correction-invalid", "lines.0.size"),
        ({}, "correction-empty", "values"),
        ({"total": "1234567.123456789012345", "more": {"a": 1.1}}, "correction-empty", "values"),
    ],
)
async def test_a_value_that_does_not_fit_is_refused_at_its_attribute(
    client: AgentClient, values: dict[str, Any], code: str, field: str
) -> None:
    record = await fetched(client)
    with pytest.raises(ConfigurationError) as caught:
        await client.corrections.send("orders", correction(record, **values))
    assert (caught.value.code, caught.value.field) == (code, field)
    assert len((await client.runs()).items) == 1


async def test_a_correction_of_a_state_that_has_changed_is_refused(client: AgentClient, shop: Shop) -> None:
    record = await fetched(client)
    shop.run("UPDATE source SET total = '3.50' WHERE id = 2")
    with pytest.raises(ConflictError) as caught:
        await client.corrections.send("orders", correction(record, name="better"))
    assert caught.value.code == "record-changed"
    record = await fetched(client)
    await ended(client, await client.execute("orders"))
    with pytest.raises(ConflictError) as caught:
        await client.corrections.send("orders", correction(record, name="better"))
    assert caught.value.code == "record-changed"
    run = await ended(client, await client.corrections.send("orders", correction(await fetched(client), name="better")))
    assert run.state is RunState.SUCCESS


async def test_what_cannot_be_corrected_says_why(client: AgentClient, shop: Shop) -> None:
    async def refusal(node: str, source_id: str) -> tuple[str, bool]:
        with pytest.raises(AgentError) as caught:
            await client.corrections.fetch("orders", node=node, source_id=source_id)
        return caught.value.code, bool(caught.value.remedy)

    assert await refusal("write", "1") == ("record-not-failed", True)
    assert await refusal("write", "77") == ("record-unknown", True)
    assert await refusal("read", "2") == ("node-unknown", True)
    shop.run("UPDATE source SET name = '' WHERE id = 2")
    assert await refusal("write", "2") == ("record-unmapped", True)
    shop.run("DELETE FROM source WHERE id = 2")
    assert await refusal("write", "2") == ("record-gone", True)
    with pytest.raises(NotFoundError):
        await client.corrections.fetch("other", node="write", source_id="2")


async def test_a_record_that_failed_behind_a_post_is_corrected_there(client: AgentClient, shop: Shop) -> None:
    shop.run(
        "DROP TRIGGER refuse",
        "CREATE TRIGGER told_refuse BEFORE INSERT ON told WHEN NEW.there = '2' BEGIN SELECT RAISE(ABORT, 'no'); END",
    )
    await ended(client, await client.execute("orders"))
    assert await state(client, "tell") == (SyncState.FAILED, 1)
    record = await client.corrections.fetch("orders", node="tell", source_id="2")
    assert record.values == {"id": 2, "there": "2"}
    run = await ended(client, await client.corrections.send("orders", correction(record, there="two")))
    assert (run.state, run.counts.written) == (RunState.SUCCESS, 1)
    assert shop.rows("SELECT there FROM told WHERE id = 2") == [("two",)]
