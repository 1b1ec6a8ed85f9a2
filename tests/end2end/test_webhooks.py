"""The whole way of an order that a store tells of: webhook, event, run, the order read by its id, the destination."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from agent.domain.run import RunState, Trigger
from tests.helpers.event_senders import free_port, nothing_waits
from tests.helpers.shop import open_shop
from tests.helpers.stage import Stage

FLOW = """\
schema_version: 1
name: told-orders
title: Orders that the store tells of
credentials: {store: bigcommerce, database: sql}
nodes:
  start: {type: start, trigger: event, records: "$[scope = 'store/order/created']", id: data.id, deduplicate: hash}
  get:
    type: get
    credential: store
    schema: orders
    action: GET
    filter: [{key: min_id, value: "{$}"}, {key: max_id, value: "{$}"}]
  map:
    type: mapper
    attributes:
      id: {value: id, type: integer, key: true}
      message: customer_message
      total: {value: total_inc_tax, type: decimal}
  post: {type: post, credential: database, schema: orders, action: UPSERT}
links: [[start, get, map, post]]
"""


def test_orders_that_the_store_tells_of_arrive_once_also_those_told_while_nobody_listened(
    stage: Stage, tmp_path: Path
) -> None:
    with open_shop(tmp_path, "--orders", "50", "--no-quota", "--hook-wait-seconds", "0.3") as shop:
        stage.prepare(shop)
        stage.setting("real_time_port", str(free_port()))
        stage.setting("real_time", "true")
        stage.deploy("told-orders", document=FLOW)
        url = stage.ask(lambda client: client.real_time.url("told-orders")).url
        hook = shop.send("POST", "/v3/hooks", {"scope": "store/order/*", "destination": url})["data"]
        assert (hook["is_active"], urlsplit(hook["destination"]).hostname) == (True, "127.0.0.1")

        shop.control("POST", "hooks/double", {"count": 1})
        first = shop.control("POST", "orders", {"customer_message": "First"})["id"]
        shop.control("POST", "orders/touch", {"count": 2})  # told, and not asked for
        _arrived(stage, first)
        stage.kill()
        second = shop.control("POST", "orders", {"customer_message": "Second"})["id"]
        stage.start()
        _arrived(stage, second)

        inbox = nothing_waits(stage, "told-orders")
        assert stage.rows("SELECT id, message FROM orders ORDER BY id") == [(first, "First"), (second, "Second")]
        assert inbox.duplicates >= 1
        runs = stage.ask(lambda client: client.runs(flow="told-orders")).items
        assert {(run.trigger, run.state) for run in runs} == {(Trigger.EVENT, RunState.SUCCESS)}
        assert sum(run.counts.written for run in runs) == 2


def _arrived(stage: Stage, order: int) -> None:
    """Wait until an order is in the database."""
    for _ in range(600):
        with suppress(sqlite3.OperationalError):  # the table is made with the first one
            if stage.rows("SELECT id FROM orders WHERE id = ?", order):
                return
        threading.Event().wait(0.1)
    raise AssertionError(f"the order {order} does not arrive")
