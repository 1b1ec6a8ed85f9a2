"""A name that nothing has is refused by every command that takes one, and the answer says which names there are."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.helpers.running_service import RunningService
from tests.service.asking import COPY, database_draft

MOMENTS = ("--from", "2026-01-01", "--to", "2026-01-02")
WITH_A_FLOW = [
    ("sync-info", "coppy"),
    ("record", "groups", "coppy"),
    ("record", "runs", "coppy", "1"),
    ("record", "skip", "coppy", "--all", "--reason", "x"),
    ("record", "skip", "coppy", "--id", "1", "--reason", "x"),
    ("record", "unskip", "coppy", "--all"),
    ("record", "delete", "coppy", "--all", "--yes"),
    ("record", "delete", "coppy", "--all"),
    ("record", "export", "coppy", "somewhere.csv"),
    ("runs", "--flow", "coppy"),
    ("log", "--flow", "coppy"),
    ("audit", "--flow", "coppy"),
    ("bookmark", "list", "coppy"),
    ("bookmark", "set", "coppy", "read", "2026-01-01", "--reason", "x"),
    ("bookmark", "clear", "coppy", "read", "--reason", "x"),
    ("event", "url", "coppy"),
    ("event", "list", "coppy"),
    ("event", "renew", "coppy"),
    ("flow", "show", "coppy"),
    ("flow", "test", "coppy"),
    ("flow", "undeploy", "coppy"),
    ("flow", "versions", "coppy"),
    ("flow", "version", "coppy", "1"),
    ("flow", "diff", "coppy", "1", "2"),
    ("flow", "rollback", "coppy", "1"),
    ("flow", "log", "coppy"),
    ("flow", "forget", "coppy"),
    ("flow", "bind", "coppy", "--bind", "database=Shop"),
    ("run", "coppy"),
    ("resync", "coppy", "--all-failed"),
    ("replay", "coppy", *MOMENTS),
    ("preview", "coppy"),
    ("retry", "show", "coppy"),
    ("retry", "set", "coppy", "--every", "1"),
    ("retry", "clear", "coppy"),
    ("schedule", "show", "coppy"),
    ("schedule", "set", "coppy", "--every", "15m"),
    ("schedule", "clear", "coppy"),
    ("variable", "list", "coppy"),
    ("variable", "set", "coppy", "x", "1", "--reason", "x"),
    ("variable", "reset", "coppy", "x", "--reason", "x"),
    ("correct", "fetch", "coppy", "--node", "write", "--id", "1"),
    ("correct", "list", "coppy"),
    ("package", "export", "{folder}/p.zip", "--flow", "coppy"),
]


@pytest.fixture(scope="module")
def deployed(agent: RunningService, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the document of the processflow `copy`, which is deployed."""
    folder = tmp_path_factory.mktemp("names")
    (folder / "copy.yaml").write_text(COPY, "utf-8")
    agent.start()
    agent.ask(lambda client: client.change_setting("enable_environment", "true"))
    agent.ask(lambda client: client.save_configuration(database_draft(folder / "shop.db", name="Shop")))
    done = agent.opagent("flow", "deploy", str(folder / "copy.yaml"), "--anyway", "--bind", "database=Shop")
    assert done.returncode == 0, done.stderr
    return folder


def refused(done: subprocess.CompletedProcess[str]) -> str:
    assert (done.returncode, done.stdout) == (1, ""), done.stderr
    return done.stderr


@pytest.mark.parametrize("arguments", WITH_A_FLOW, ids=" ".join)
def test_a_processflow_that_nobody_knows(quickly: Run, deployed: Path, arguments: tuple[str, ...]) -> None:
    said = refused(quickly(*(part.replace("{folder}", str(deployed)) for part in arguments)))
    assert "coppy" in said
    assert "Did you mean “copy”?" in said
    assert "[y/N]" not in said
    assert "use --yes" not in said, "it finds out before it asks"


def test_a_processflow_like_no_other_is_answered_with_those_that_there_are(quickly: Run, deployed: Path) -> None:
    assert "Known are copy." in refused(quickly("sync-info", "xyz"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("flow", "version", "copy", "7"), "It has version 1."),
        (("snapshot", "nope"), "opagent runs"),
        (("snapshot", "nope", "--records"), "opagent runs"),
        (("snapshot", "nope", "--packets"), "opagent runs"),
        (("log", "--run", "nope"), "opagent runs"),
        (("cancel", "nope"), "opagent runs"),
        (("record", "runs", "copy", "4711"), "4711"),
        (("record", "groups", "copy", "--node", "writ"), "Did you mean “write”?"),
        (("record", "delete", "copy", "--node", "writ", "--yes"), "Did you mean “write”?"),
        (("bookmark", "set", "copy", "rad", "2026-01-01", "--reason", "x"), "Did you mean “read”?"),
        (("bookmark", "clear", "copy", "rad", "--reason", "x"), "Did you mean “read”?"),
        (("flow", "bind", "copy", "--bind", "database=Shoop"), "Did you mean “Shop”?"),
        (("flow", "bind", "copy", "--bind", "databas=Shop"), "Did you mean “database”?"),
        (("app", "remove", "sql", "--name", "Shoop", "--yes"), "Did you mean “Shop”?"),
        (("app", "fields", "sq"), "Did you mean “sql”?"),
        (("settings", "get", "severity_levle"), "Did you mean “severity_level”?"),
        (("settings", "set", "severity_levle", "info"), "Did you mean “severity_level”?"),
        (("lookup", "show", "countrys"), "Did you mean “countries”?"),
        (("lookup", "unset", "countrys", "DE"), "Did you mean “countries”?"),
        (("lookup", "clear", "countrys", "--yes"), "Did you mean “countries”?"),
        (("lookup", "remove", "countrys", "--yes"), "Did you mean “countries”?"),
        (("lookup", "export", "countrys", "{folder}/x.csv"), "Did you mean “countries”?"),
        (("function", "show", "nett"), "Did you mean “net”?"),
        (("function", "remove", "nett", "--yes"), "Did you mean “net”?"),
        (("filter-template", "list", "--app", "sq"), "Did you mean “sql”?"),
        (("library", "show", "nothing"), "nothing"),
        (("alerts", "--acknowledge", "nothing"), "nothing"),
        (("variable", "set", "copy", "nothing", "1", "--reason", "x"), "It has none."),
    ],
    ids=lambda given: " ".join(given) if isinstance(given, tuple) else None,
)
def test_other_names_that_nobody_knows(quickly: Run, deployed: Path, arguments: tuple[str, ...], said: str) -> None:
    answered(quickly("lookup", "set", "countries", "DE", "Germany"))
    (deployed / "net.yaml").write_text(
        "name: net\nparameters: [gross]\nbody: $gross / 1.19\nexamples: [{arguments: [119], result: 100}]\n", "utf-8"
    )
    answered(quickly("function", "save", str(deployed / "net.yaml")))
    assert said in refused(quickly(*(part.replace("{folder}", str(deployed)) for part in arguments)))


def test_what_is_undeployed_can_still_be_looked_at(quickly: Run, deployed: Path) -> None:
    (deployed / "gone.yaml").write_text(COPY.replace("name: copy", "name: gone"), "utf-8")
    answered(quickly("flow", "deploy", str(deployed / "gone.yaml"), "--anyway"))
    answered(quickly("flow", "undeploy", "gone", "--yes"))
    for command in (
        ("sync-info", "gone"), ("record", "groups", "gone"), ("runs", "--flow", "gone"), ("log", "--flow", "gone"),
        ("flow", "versions", "gone"), ("flow", "log", "gone"), ("audit", "--flow", "gone"),
    ):  # fmt: skip
        answered(quickly(*command))
    said = refused(quickly("run", "gone"))
    assert "“gone” is not deployed any more" in said
    assert "opagent flow rollback gone" in said
    answered(quickly("flow", "forget", "gone", "--yes"))
    answered(quickly("audit", "--flow", "gone"))  # which tells who did that


def answered(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr
    return done.stdout
