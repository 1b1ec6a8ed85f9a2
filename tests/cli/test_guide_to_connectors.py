"""What docs/connectors.md tells its reader to type, with the connector that `opagent connector new` has written."""

from __future__ import annotations

import os
import re
import runpy
import shlex
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from agent.connectors.skeleton import written
from tests.cli.conftest import Run
from tests.helpers.fake_distribution import announced

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "connectors.md"


@pytest.fixture
def connector(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A new connector, installed where every program that is started finds it."""
    folder = written("my_shop", tmp_path / "opagent-my_shop")
    announced(folder, "my_shop", "opagent_my_shop.connector:MyShopConnector", distribution="opagent-my_shop")
    paths = [str(folder), *filter(None, [os.environ.get("PYTHONPATH", "")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def shop(connector: Path) -> Iterator[Any]:
    """The small app of the connector."""
    module = runpy.run_path(str(connector / "tests" / "app.py"))
    with module["running_app"]() as server:
        server.token = module["TOKEN"]
        yield server


@pytest.mark.slow
def test_the_trial_of_the_guide_reads_into_a_database(shop: Any, connector: Path, quickly: Run) -> None:
    block = re.search(r"```\nexport OPAGENT_HOME=(?P<home>\S+) .*\n(?P<commands>[^`]+)```", GUIDE.read_text("utf-8"))
    assert block is not None
    told = block["commands"].replace(block["home"], connector.as_posix()).replace("8000", str(shop.server_port))

    for line in told.splitlines():
        program, *words = shlex.split(line)
        assert program == "opagent"
        # Nobody is there to be asked for the token.
        asked = words[:3] == ["app", "save", "my_shop"]
        done = quickly(*words, *(["--secrets-stdin"] if asked else []), stdin=f"api_token={shop.token}\n")
        assert done.returncode == 0, (line, done)

    with closing(sqlite3.connect(connector / "here.db")) as database:
        found = database.execute("SELECT id, email FROM customers").fetchall()
    assert sorted((int(key), email) for key, email in found) == [
        (number, one["email"]) for number, one in sorted(shop.customers.items())
    ]
