"""A connector from another distribution in a real service: a processflow reads and writes with it, and outlives it."""

from __future__ import annotations

import os
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.api.app_models import AppStatus
from agent.connectors.skeleton import written
from agent.domain.run import RunState
from tests.helpers.fake_distribution import announced
from tests.helpers.stage import Stage

FLOW = """\
schema_version: 1
name: customers-both-ways
title: Customers both ways
credentials: {shop: my_shop, database: sql}
nodes:
  start: {type: start}
  get-customers:
    type: get
    credential: shop
    schema: customers
    action: GET
    filter:
      - {key: changed_since, operator: ">=", value: "~{CreatedDate}~"}
  map-rows:
    type: mapper
    attributes:
      id: {value: id, type: integer, key: true}
      email: email
      name: name
  post-rows: {type: post, credential: database, schema: customers, action: UPSERT}
  map-copies:
    type: mapper
    attributes:
      email: {value: '"copy-" & email', key: true}
      name: name
  post-copies: {type: post, credential: shop, schema: customers, action: UPSERT}
  end: {type: end}
links:
  - [start, get-customers, map-rows, post-rows, map-copies, post-copies, end]
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The skeleton, where every program that is started finds it."""
    folder = written("my_shop", tmp_path / "distributions")
    announced(folder, "my_shop", "opagent_my_shop.connector:MyShopConnector", distribution="opagent-my_shop")
    paths = [str(folder), *filter(None, [os.environ.get("PYTHONPATH", "")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    return folder


@pytest.fixture
def app(installed: Path) -> Iterator[Any]:
    """The app that it was written for."""
    module = runpy.run_path(str(installed / "tests" / "app.py"))
    with module["running_app"]() as server:
        yield server


@pytest.mark.slow
def test_a_processflow_reads_and_writes_with_it(app: Any, stage: Stage) -> None:
    stage.open_vault()
    stage.setting("enable_environment", "true")
    values = {"address": f"http://127.0.0.1:{app.server_port}"}
    stage.configure("my_shop", "Shop", values, {"api_token": "a-token-that-nobody-guesses"})
    stage.configure("sql", "Database", {"kind": "SQLite", "database": str(stage.database)}, {})
    stage.deploy("customers-both-ways", document=FLOW)

    ended = stage.run("customers-both-ways")

    assert ended.state is RunState.SUCCESS, ended.message
    assert stage.rows("SELECT count(*) FROM customers WHERE id <= 10") == [(10,)]
    copies = [one["email"] for one in app.customers.values() if str(one["email"]).startswith("copy-c")]
    assert sorted(copies) == sorted(f"copy-c{number}@shop.test" for number in range(1, 11))


@pytest.mark.slow
def test_when_it_breaks_the_run_says_so_and_the_next_one_goes_on(app: Any, installed: Path, stage: Stage) -> None:
    stage.open_vault()
    stage.setting("enable_environment", "true")
    values = {"address": f"http://127.0.0.1:{app.server_port}"}
    stage.configure("my_shop", "Shop", values, {"api_token": "a-token-that-nobody-guesses"})
    stage.configure("sql", "Database", {"kind": "SQLite", "database": str(stage.database)}, {})
    stage.deploy("customers-both-ways", document=FLOW)
    code = installed / "opagent_my_shop" / "connector.py"
    good = code.read_text("utf-8")

    stage.stop()
    code.write_text(good.replace("contract_version = 1", "contract_version = 99"), "utf-8")
    broken = stage.run("customers-both-ways")
    card = next(one for one in stage.ask(lambda client: client.apps()) if one.id == "my_shop")

    assert broken.state is RunState.FAILED
    assert broken.message.startswith(
        "Source Application Not Found: the app “my_shop” cannot be loaded. It was made for"
    )
    assert (card.status, card.configurations) == (AppStatus.BROKEN, 1)

    stage.stop()
    code.write_text(good, "utf-8")
    mended = stage.run("customers-both-ways")

    assert mended.state is RunState.SUCCESS, mended.message
    assert stage.rows("SELECT count(*) FROM customers WHERE id <= 10") == [(10,)]
