"""Resync, runtime filter and replay through the contract, on a whole service in this process."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.api import flow_models, run_models
from agent.api.client import AgentClient
from agent.api.rerun_models import FilterClause, ReplayWindow, Resync
from agent.domain.errors import AgentError, ConfigurationError, ConflictError, NotFoundError
from agent.domain.packet import SyncState
from agent.domain.run import RunState, Trigger
from tests.service.asking import database_draft
from tests.service.inside import Inside, opened

COPY = """
schema_version: 1
name: copy
title: Copy
credentials: {database: sql}
nodes:
  start: {type: start}
  read: {type: get, credential: database, schema: source, action: GET, options: {incremental: at}}
  map: {type: mapper, attributes: {id: {value: id, type: integer, key: true}, text: text}}
  write: {type: post, credential: database, schema: target, action: UPSERT}
  end: {type: end}
links: [[start, read, map, write, end]]
"""
TWO = COPY.replace("  end: {type: end}\n", """\
  read-2: {type: get, credential: database, schema: other, action: GET}
  map-2: {type: mapper, attributes: {id: {value: id, type: integer, key: true}}}
  write-2: {type: post, credential: database, schema: other_target, action: UPSERT}
""").replace("write, end]]", "write], [start, read-2, map-2, write-2]]")  # fmt: skip
REFUSE = "CREATE TRIGGER refuse BEFORE INSERT ON target WHEN NEW.id IN (2, 3) BEGIN SELECT RAISE(ABORT, 'no'); END"


class Shop:
    """A database that is read from and written to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.run(
            "CREATE TABLE source (id INTEGER PRIMARY KEY, text TEXT, at DATETIME)",
            "CREATE TABLE other (id INTEGER PRIMARY KEY)",
            "CREATE TABLE target (id INTEGER PRIMARY KEY, text TEXT)",
            "INSERT INTO source VALUES (1, 'one', '2026-01-01T00:00:00Z'), (2, 'two', '2026-01-02T00:00:00Z'), "
            "(3, 'three', '2026-01-03T00:00:00Z')",
        )

    def run(self, *statements: str) -> None:
        with closing(sqlite3.connect(self.path)) as connection, connection:
            for statement in statements:
                connection.execute(statement)

    def target(self) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.path)) as connection:
            return connection.execute("SELECT id, text FROM target ORDER BY id").fetchall()


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "shop.db")


@pytest.fixture
async def agent(tmp_path: Path) -> AsyncIterator[Inside]:
    async with opened(tmp_path / "agent") as made:
        yield made


@pytest.fixture
async def client(agent: Inside, shop: Shop) -> AsyncIterator[AgentClient]:
    async with agent.client() as opened:
        await opened.change_setting("enable_environment", "true")
        await opened.save_configuration(database_draft(shop.path))
        await opened.deploy(flow_models.DocumentRequest(document=COPY))
        yield opened


async def ended(client: AgentClient, run: run_models.Run) -> run_models.Run:
    while not run.state.ended:
        run = await client.run(run.id, wait_seconds=20)
    return run


async def ran(client: AgentClient) -> run_models.Run:
    return await ended(client, await client.execute("copy"))


async def states(client: AgentClient) -> dict[str, tuple[SyncState, int]]:
    page = await client.sync_info("copy")
    return {one.source_id: (one.state, one.tries) for one in page.items}


# -- resync ------------------------------------------------------------------------------------------------------------


async def test_failed_records_are_tried_again_and_the_run_says_what_it_was(client: AgentClient, shop: Shop) -> None:
    shop.run(REFUSE)
    assert (await ran(client)).state is RunState.PARTIAL
    shop.run("DROP TRIGGER refuse")

    run = await client.reruns.resync("copy", Resync(state=SyncState.FAILED))
    assert (run.trigger, run.plan) == (Trigger.RETRY, "Retry of 2 records")
    run = await ended(client, run)
    assert (run.state, run.counts.read, run.counts.written) == (RunState.SUCCESS, 2, 2)
    assert shop.target() == [(1, "one"), (2, "two"), (3, "three")]
    assert await states(client) == {
        "1": (SyncState.SUCCESS, 1), "2": (SyncState.SUCCESS, 2), "3": (SyncState.SUCCESS, 2),
    }  # fmt: skip
    listed = (await client.runs(flow="copy")).items
    assert [one.plan for one in listed] == ["Retry of 2 records", ""]


async def test_one_record_is_tried_again_and_fails_again(client: AgentClient, shop: Shop) -> None:
    shop.run(REFUSE)
    await ran(client)
    run = await ended(client, await client.reruns.resync("copy", Resync(ids=["3", "3"], node="write")))
    assert (run.state, run.counts.failed) == (RunState.FAILED, 1)
    assert await states(client) == {
        "1": (SyncState.SUCCESS, 1), "2": (SyncState.FAILED, 1), "3": (SyncState.FAILED, 2),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("which", "code"),
    [
        (Resync(), "resync-empty"),
        (Resync(search="2"), "resync-empty"),
        (Resync(ids=["77"]), "record-unknown"),
        (Resync(state=SyncState.SKIPPED), "nothing-to-retry"),
    ],
)
async def test_what_names_no_record_is_refused(client: AgentClient, shop: Shop, which: Resync, code: str) -> None:
    shop.run(REFUSE)
    await ran(client)
    with pytest.raises(ConfigurationError) as caught:
        await client.reruns.resync("copy", which)
    assert (caught.value.code, bool(caught.value.remedy)) == (code, True)
    assert len((await client.runs()).items) == 1


async def test_a_node_or_processflow_that_is_not_there_is_named(client: AgentClient) -> None:
    await ran(client)
    with pytest.raises(NotFoundError, match="Known are write"):
        await client.reruns.resync("copy", Resync(node="read", state=SyncState.FAILED))
    with pytest.raises(NotFoundError) as caught:
        await client.reruns.resync("other", Resync(state=SyncState.FAILED))
    assert caught.value.code == "flow-not-found"


async def test_nothing_is_tried_again_while_the_environment_is_not_enabled(client: AgentClient, shop: Shop) -> None:
    shop.run(REFUSE)
    await ran(client)
    await client.change_setting("enable_environment", "false")
    with pytest.raises(ConflictError) as caught:
        await client.reruns.resync("copy", Resync(state=SyncState.FAILED))
    assert caught.value.code == "environment-not-enabled"


# -- runtime filter ----------------------------------------------------------------------------------------------------


def clauses(*texts: str) -> list[FilterClause]:
    split: list[Sequence[str]] = [text.split(" ", 2) for text in texts]
    return [FilterClause(key=key, operator=operator, value=value) for key, operator, value in split]


async def test_a_runtime_filter_reads_what_it_selects_and_is_not_kept(client: AgentClient, shop: Shop) -> None:
    run = await client.reruns.filtered("copy", clauses("id >= 2", "id < 3"))
    assert (run.trigger, run.plan) == (Trigger.RUNTIME_FILTER, "Runtime filter: id >= 2 & id < 3")
    assert (await ended(client, run)).counts.read == 1
    assert shop.target() == [(2, "two")]
    assert (await ran(client)).counts.read == 3
    assert len(shop.target()) == 3


async def test_a_runtime_filter_reads_behind_the_bookmark_too(client: AgentClient, shop: Shop) -> None:
    await ran(client)
    shop.run("DELETE FROM target", "UPDATE source SET text = 'ONE' WHERE id = 1")
    run = await ended(client, await client.reruns.filtered("copy", clauses("id in 1,2")))
    assert (run.counts.read, run.counts.written, run.counts.unchanged) == (2, 1, 1)
    assert shop.target() == [(1, "ONE")]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ([], "runtime-filter-empty"),
        ([FilterClause(key=" ", value="1")], "runtime-filter-empty"),
        ([FilterClause(key="id", value=" ")], "runtime-filter-empty"),
        ([FilterClause(key="id", operator="~", value="1")], "unknown-operator"),
        ([FilterClause(key="id", value="~{Yesterday}~")], "filter-function"),
        ([FilterClause(key="id", value="${shop}")], "unknown-variable"),
    ],
)
async def test_a_filter_that_cannot_be_meant_is_refused(
    client: AgentClient, given: list[FilterClause], code: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        await client.reruns.filtered("copy", given)
    assert (caught.value.code, bool(caught.value.remedy)) == (code, True)
    assert (await client.runs()).items == []


async def test_with_several_gets_the_filter_says_which_and_the_others_read_nothing(
    client: AgentClient, shop: Shop
) -> None:
    shop.run("INSERT INTO other VALUES (7)")
    await client.deploy(flow_models.DocumentRequest(document=TWO))
    with pytest.raises(ConfigurationError, match="read, read-2") as caught:
        await client.reruns.filtered("copy", clauses("id = 7"))
    assert caught.value.code == "node-needed"
    run = await ended(client, await client.reruns.filtered("copy", clauses("id = 7"), node="read-2"))
    assert (run.counts.read, run.counts.written) == (1, 1)
    with pytest.raises(NotFoundError):
        await client.reruns.filtered("copy", clauses("id = 7"), node="write")


# -- replay ------------------------------------------------------------------------------------------------------------


def window(first: int, last: int, **more: Any) -> ReplayWindow:
    """From a day of January to another one."""
    return ReplayWindow(
        since=datetime(2026, 1, first, tzinfo=UTC), until=datetime(2026, 1, last, tzinfo=UTC), **more
    )  # fmt: skip


async def test_a_window_is_read_again_and_what_is_unchanged_is_left(client: AgentClient, shop: Shop) -> None:
    await ran(client)
    shop.run("DELETE FROM target")
    run = await client.reruns.replay("copy", window(2, 3))
    assert (run.trigger, run.plan) == (Trigger.REPLAY, "Replay of 2026-01-02 00:00 to 2026-01-03 00:00 UTC")
    run = await ended(client, run)
    assert (run.counts.read, run.counts.unchanged, run.counts.written) == (2, 2, 0)
    run = await ended(client, await client.reruns.replay("copy", window(1, 2, again=True)))
    assert (run.counts.read, run.counts.written) == (2, 2)
    assert shop.target() == [(1, "one"), (2, "two")]


async def test_a_window_may_be_given_in_any_time_zone(client: AgentClient, shop: Shop) -> None:
    there = datetime(2026, 1, 2, 1, tzinfo=UTC).astimezone(tz=None)
    run = await client.reruns.replay("copy", ReplayWindow(since=there - timedelta(hours=2), until=there))
    assert (await ended(client, run)).counts.written == 1
    assert shop.target() == [(2, "two")]


async def test_a_get_that_cannot_tell_a_window_is_named_unless_it_is_left_out(client: AgentClient, shop: Shop) -> None:
    await client.deploy(flow_models.DocumentRequest(document=TWO))
    with pytest.raises(ConfigurationError, match="read-2") as caught:
        await client.reruns.replay("copy", window(1, 2))
    assert caught.value.code == "replay-unsupported"
    run = await ended(client, await client.reruns.replay("copy", window(1, 2, nodes=["read"])))
    assert run.counts.written == 2


async def test_a_window_that_ends_before_it_begins_is_refused(client: AgentClient) -> None:
    with pytest.raises(AgentError) as caught:
        await client.reruns.replay("copy", window(3, 2))
    assert caught.value.code == "replay-window"
