"""Orders that a database refused arrive once it takes them: on a real store, a real service and the command line."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest

from agent.domain.packet import SyncState
from agent.domain.run import RunState
from tests.end2end.orders import FLOW, arrived, in_store
from tests.helpers.shop import Shop, open_shop
from tests.helpers.stage import Stage

REFUSED = range(101, 113)
TRIGGER = """
CREATE TRIGGER no_such_orders BEFORE INSERT ON orders WHEN NEW.id BETWEEN 101 AND 112
BEGIN SELECT RAISE(ABORT, 'these are not to be taken'); END
"""


@pytest.fixture
def small_shop(tmp_path: Path) -> Iterator[Shop]:
    with open_shop(tmp_path, "--orders", "600", "--no-quota") as opened:
        yield opened


def in_database(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def bookmarks(stage: Stage) -> list[tuple[str, str]]:
    """Every bookmark, as the agent keeps it."""
    with closing(sqlite3.connect(f"{stage.folders.database.as_uri()}?mode=ro", uri=True)) as connection:
        return connection.execute("SELECT node, bookmark FROM streams WHERE bookmark IS NOT NULL").fetchall()


def opagent(*arguments: str) -> str:
    command = [sys.executable, "-m", "agent", *arguments]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False, env=os.environ, timeout=120)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def test_refused_orders_arrive_by_a_resync_once_the_constraint_is_lifted(stage: Stage, small_shop: Shop) -> None:
    stage.prepare(small_shop)
    in_database(stage.database, "CREATE TABLE orders (id INTEGER PRIMARY KEY)", TRIGGER)
    stage.deploy(FLOW)
    run = stage.run(FLOW)
    assert (run.state, run.counts.written, run.counts.failed) == (RunState.PARTIAL, 588, 12)
    before = bookmarks(stage)
    assert len(before) == 1

    in_database(stage.database, "DROP TRIGGER no_such_orders")
    small_shop.control("POST", "reset-stats")
    said = opagent("resync", FLOW, "--all-failed", "--wait")

    assert "12 records written" in said
    assert small_shop.requests() == 1
    assert bookmarks(stage) == before
    assert arrived(stage.rows) == in_store(small_shop)
    page = stage.records(FLOW, limit=12)
    assert {(one.state, one.tries) for one in page.items} == {(SyncState.SUCCESS, 2)}
    assert sorted(int(one.source_id) for one in page.items) == list(REFUSED)
    assert "Retry of 12 records" in opagent("runs")
    assert stage.run(FLOW).counts.written == 0


def test_a_window_and_a_filter_read_what_they_name(stage: Stage, small_shop: Shop) -> None:
    stage.prepare(small_shop)
    stage.deploy(FLOW)
    opagent("run", FLOW, "--filter", "min_id = 590", "--wait")
    assert [row[0] for row in stage.rows("SELECT id FROM orders ORDER BY id")] == list(range(590, 601))
    assert bookmarks(stage) == []

    orders = sorted((order["date_modified"], order["id"]) for order in map(_with_moment, small_shop.orders()))
    (since, _), (until, _) = orders[100], orders[160]
    expected = {number for moment, number in orders if since <= moment <= until}
    in_database(stage.database, "DELETE FROM orders")
    local = [moment.astimezone().strftime("%Y-%m-%dT%H:%M:%S") for moment in (since, until)]
    opagent("replay", FLOW, "--from", local[0], "--to", local[1], "--again", "--wait")
    assert {row[0] for row in stage.rows("SELECT id FROM orders")} == expected
    assert bookmarks(stage) == []


def _with_moment(order: dict[str, Any]) -> dict[str, Any]:
    return {**order, "date_modified": parsedate_to_datetime(order["date_modified"])}
