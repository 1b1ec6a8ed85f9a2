"""What somebody types who does not know the commands: each answer says what to type instead."""

from __future__ import annotations

import re
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agent.cli.installed import GROUP
from agent.cli.main import app
from agent.connectors import foreign
from tests.cli.conftest import Run
from tests.helpers.fake_distribution import GOOD, importable, install
from tests.helpers.running_service import RunningService
from tests.service.asking import COPY, database_draft


@pytest.fixture(scope="module")
def folder(agent: RunningService, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a database, and an agent that copies one of its tables."""
    made = tmp_path_factory.mktemp("stranger")
    (made / "copy.yaml").write_text(COPY, "utf-8")
    with closing(sqlite3.connect(made / "shop.db")) as database:
        database.execute("CREATE TABLE source (id INTEGER PRIMARY KEY)")
        database.execute("CREATE TABLE target (id INTEGER PRIMARY KEY)")
        database.commit()
    agent.start()
    agent.ask(lambda client: client.change_setting("enable_environment", "true"))
    agent.ask(lambda client: client.save_configuration(database_draft(made / "shop.db", name="Shop")))
    done = agent.opagent("flow", "deploy", str(made / "copy.yaml"))
    assert done.returncode == 0, done.stderr
    return made


def refused(done: subprocess.CompletedProcess[str]) -> str:
    assert (done.returncode, done.stdout) == (1, ""), done
    return done.stderr


def test_the_commands_are_listed_by_what_they_are_for() -> None:
    told = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "160"}).stdout
    places = [told.find(heading) for heading in (
        "Every day", "Setting right by hand", "Processflows and what they use", "Setting up and keeping in order",
        "Trying out and building",
    )]  # fmt: skip
    assert -1 not in places
    assert places == sorted(places)
    assert "─ Commands ─" not in told, "every command belongs to a group"


def test_a_run_that_was_started_says_how_to_follow_it(quickly: Run, folder: Path) -> None:
    done = quickly("run", "copy")
    assert done.returncode == 0
    (run,) = re.findall(r"“opagent snapshot (\w+)”", done.stdout)
    assert quickly("snapshot", run).returncode == 0


def test_a_connector_that_was_installed_after_the_service_was_started(
    quickly: Run, folder: Path, tmp_path: Path
) -> None:
    assert "was installed after" not in quickly("app", "list").stderr
    install(tmp_path, "acme", GOOD)
    with importable(tmp_path):
        listed, asked = quickly("app", "list"), quickly("app", "fields", "acme")
    restart = "Run “opagent service stop”, then “opagent service start”."
    assert f"acme: Its connector was installed after the service was started. {restart}" in listed.stderr
    assert refused(asked).endswith(f"{restart}\n")
    assert GROUP == foreign.GROUP


def test_a_vault_that_is_set_up_the_wrong_way(quickly: Run, folder: Path) -> None:
    assert "--path" in refused(quickly("vault", "set-up", "key-file"))
    said = refused(quickly("vault", "set-up", "keyfile"))
    assert "There is no key source “keyfile”." in said
    assert "Did you mean “key-file”?" in said
    assert "opagent vault set-up" in refused(quickly("vault", "unlock"))


def test_names_that_cannot_be(quickly: Run, folder: Path) -> None:
    said = refused(quickly("lookup", "set", "a b", "x", "y"))
    assert "“a b” cannot be the name of a lookup table." in said
    assert "OpenAPI" not in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("flow", "deploy", "{folder}/copy.yaml", "--bind", "Shop"), "such as store=Main"),
        (("run", "copy", "--filter", "id = 1", "--node", "rad"), "Did you mean “read”?"),
        (("correct", "fetch", "copy", "--node", "writ", "--id", "1"), "Did you mean “write”?"),
    ],
    ids=lambda given: " ".join(given) if isinstance(given, tuple) else None,
)
def test_what_was_probably_meant(quickly: Run, folder: Path, arguments: tuple[str, ...], said: str) -> None:
    assert said in refused(quickly(*(part.replace("{folder}", str(folder)) for part in arguments)))
