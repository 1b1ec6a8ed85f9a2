"""`opagent preview`: readable, exact as JSON, and an exit status that scripts can go by."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from agent.api.flow_models import DocumentRequest
from tests.cli.conftest import Run
from tests.helpers.running_service import RunningService
from tests.service.asking import COPY, database_draft

DOCUMENT = COPY.replace("key: true}}}", "key: true}, total: {value: total, required: true}, note: note}}")


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shop") / "shop.db"


@pytest.fixture(scope="module", autouse=True)
def deployed(agent: RunningService, database: Path) -> None:
    """A processflow named copy."""
    agent.start()
    agent.ask(lambda client: client.change_setting("enable_environment", "true"))
    agent.ask(lambda client: client.save_configuration(database_draft(database)))
    agent.ask(lambda client: client.deploy(DocumentRequest(document=DOCUMENT)))


@pytest.fixture(autouse=True)
def _rows(database: Path) -> None:
    """One record of each kind."""
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.executescript("""
            DROP TABLE IF EXISTS source; DROP TABLE IF EXISTS target;
            CREATE TABLE source (id INTEGER PRIMARY KEY, total TEXT, note TEXT);
            CREATE TABLE target (id INTEGER PRIMARY KEY, total TEXT, note TEXT);
            INSERT INTO source VALUES (1, '1', 'new'), (2, '2', NULL), (3, '3', 'same'), (4, NULL, 'incomplete');
            INSERT INTO target VALUES (2, '20', 'old'), (3, '3', 'same');
        """)


def test_a_preview_shows_totals_and_each_change_and_that_some_would_fail(agent: RunningService, database: Path) -> None:
    done = agent.opagent("preview", "copy")

    assert done.returncode == 4, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "Preview of Copy (version 1). Nothing was written."
    assert any(line.split() == ["write", "target", "UPSERT", "1", "1", "1", "0", "1"] for line in lines)
    assert "1 would be created, 1 changed, 1 left as they are, 1 would fail." in lines
    assert "Created  write 1 → 1" in lines
    assert "    note: new" in lines
    assert "    total: 20 → 2" in lines
    assert "    note: old → nothing" in lines
    assert any(line.startswith("Failed   write 4") and "total" in line for line in lines)
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("SELECT count(*) FROM target").fetchone() == (2,)


def test_as_json_every_record_is_there(quickly: Run) -> None:
    done = quickly("preview", "copy", "--json")
    found = json.loads(done.stdout)
    assert (done.returncode, found["preview"]["state"]) == (4, "Done")
    assert [one["outcome"] for one in found["records"]] == ["Failed", "Created", "Changed", "Left"]
    assert found["records"][2]["changes"] == [
        {"attribute": "total", "old": "20", "new": "2"}, {"attribute": "note", "old": "old", "new": None},
    ]  # fmt: skip


def test_a_file_is_previewed_without_being_deployed_and_all_is_well(quickly: Run, tmp_path: Path) -> None:
    path = tmp_path / "other.yaml"
    path.write_text(DOCUMENT.replace("name: copy", "name: other"), "utf-8")
    done = quickly("preview", str(path), "--filter", "id<=3", "--bind", "database=Database", "--show", "1")
    assert done.returncode == 0, done.stderr
    assert "(a document that is not deployed)" in done.stdout
    assert "read: id <= 3" in done.stdout
    assert "These are 1 of 3 records" in done.stdout
    assert quickly("flow", "show", "other").returncode == 1


def test_an_outcome_alone_is_shown_and_a_limit_is_kept(quickly: Run) -> None:
    done = quickly("preview", "copy", "--outcome", "changed", "--limit", "2")
    assert done.returncode == 0, done.stderr
    assert "Changed  write 2" in done.stdout
    assert "Created  write" not in done.stdout
    assert "Each GET read its first 2 records alone." in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nobody"], "nobody"),
        (["nothing.yaml"], "There is no file nothing.yaml."),
        (["copy", "--bind", "database=Database"], "bound already"),
        (["copy", "--filter", "id"], "not a clause"),
        (["copy", "--filter", "id=1", "--node", "elsewhere"], "no such node “elsewhere”"),
        (["copy", "--from", "2026-01-01"], "two ends"),
        (["copy", "--from", "2026-01-02", "--to", "2026-01-01"], "ends before it begins"),
    ],
)
def test_what_cannot_be_previewed_is_explained(quickly: Run, arguments: list[str], said: str) -> None:
    done = quickly("preview", *arguments)
    assert done.returncode == 1
    assert said in done.stderr


def test_a_preview_that_does_not_come_to_its_end_says_why(quickly: Run, database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("DROP TABLE source")
    done = quickly("preview", "copy")
    assert done.returncode == 1
    assert "source" in done.stderr
