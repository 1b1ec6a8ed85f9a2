"""`opagent flow …`: deploying with a schedule, versions, differences, the way back, and what asks first."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.helpers.running_service import RunningService
from tests.service.asking import COPY, database_draft

TWICE = COPY.replace("value: id,", "value: id * 2,")


@pytest.fixture(scope="module")
def files(agent: RunningService, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two versions of a document, and an agent that is ready for them."""
    folder = tmp_path_factory.mktemp("documents")
    (folder / "copy.yaml").write_text(COPY, "utf-8")
    (folder / "twice.yaml").write_text(TWICE, "utf-8")
    agent.start()
    agent.ask(lambda client: client.change_setting("enable_environment", "true"))
    return folder


def answered(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_from_the_first_deployment_to_the_last_line_of_its_history(
    agent: RunningService, quickly: Run, files: Path
) -> None:
    refused = quickly("flow", "deploy", str(files / "copy.yaml"))
    assert refused.returncode == 1
    assert "Source Application Not Found" in refused.stderr
    told = answered(quickly("flow", "deploy", str(files / "copy.yaml"), "--bind-later", "--every", "15m"))
    assert "database is not bound yet" in told
    assert "It cannot run yet. Source Application Not Found" in told
    agent.ask(lambda client: client.save_configuration(database_draft(files / "shop.db", name="Shop")))
    assert "copy version 2 is deployed." in answered(quickly("flow", "bind", "copy", "--bind", "database=Shop"))
    told = answered(quickly("flow", "deploy", str(files / "twice.yaml"), "--note", "Doubled."))
    assert "“Shop”: Test Connection Successful" in told

    assert [row.split()[0] for row in answered(quickly("flow", "versions", "copy")).splitlines()[1:]] == ["3", "2", "1"]
    shown = answered(quickly("flow", "version", "copy", "3"))
    assert "Doubled." in shown
    assert "Schedule then: Every 15 minutes" in shown
    told = answered(quickly("flow", "diff", "copy", "1", "3"))
    assert "+  map: {type: mapper, attributes: {id: {value: id * 2, type: integer, key: true}}}" in told.splitlines()
    assert "database: not bound yet → Shop" in told
    assert "are the same" in answered(quickly("flow", "diff", "copy", "1", "1"))

    assert "no terminal to ask at" in quickly("flow", "rollback", "copy", "2").stderr
    back = json.loads(answered(quickly("flow", "rollback", "copy", "2", "--yes", "--json")))
    assert (back["flow"]["version"], back["flow"]["document"]) == (4, COPY)
    told = answered(quickly("flow", "log", "copy", "--limit", "10"))
    assert told.count("Deployed, version") == 4
    assert "Failed" in told
    assert "Rolled back to version 2." in told

    answered(quickly("flow", "undeploy", "copy", "--yes"))
    assert "copy" in answered(quickly("flow", "past"))
    asked = quickly("flow", "forget", "copy")
    assert asked.returncode == 1
    assert "Of copy, 4 versions, 1 schedule, the deployment log will be gone for ever" in asked.stderr
    assert answered(quickly("flow", "forget", "copy", "--yes")) == "The history of copy is deleted.\n"
    assert "Every processflow that there was is deployed." in answered(quickly("flow", "past"))


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("rollback", "copy", "0", "--yes"), 2, "greater than or equal to 1"),
        (("bind", "copy", "--bind", "database"), 1, "not of the form token=configuration"),
        (("versions", "nothing"), 1, "There is and was no deployed processflow named “nothing”."),
        (("forget", "nothing", "--yes"), 1, "There is and was no deployed processflow"),
    ],
)
def test_what_is_wrong_is_explained(
    quickly: Run, files: Path, arguments: tuple[str, ...], status: int, said: str
) -> None:
    done = quickly("flow", *arguments)
    assert (done.returncode, done.stdout) == (status, "")
    assert said in done.stderr


def test_tests_of_a_document_are_run_and_differences_shown(agent: RunningService, quickly: Run, files: Path) -> None:
    tests = "tests:\n  - {name: Ids stay, records: [{id: 1}], expect: {write: [{id: 1}]}}\n"
    (files / "fine.yaml").write_text(COPY + tests, "utf-8")
    (files / "wrong.yaml").write_text(TWICE + tests, "utf-8")
    assert answered(quickly("flow", "test", str(files / "fine.yaml"))) == "passed  Ids stay\n"
    failed = quickly("flow", "test", str(files / "wrong.yaml"))
    assert failed.returncode == 1
    assert failed.stdout.splitlines() == ["FAILED  Ids stay", "        write: record 1: “id” is 2, expected 1"]
    assert "copy has no tests." in answered(quickly("flow", "test", str(files / "copy.yaml")))
    assert "no deployed processflow named “nothing”" in quickly("flow", "test", "nothing").stderr


def test_a_package_is_exported_shown_imported_and_deployed(agent: RunningService, quickly: Run, files: Path) -> None:
    agent.ask(lambda client: client.save_configuration(database_draft(files / "package.db", name="Package")))
    answered(quickly("flow", "deploy", str(files / "copy.yaml"), "--bind", "database=Package"))
    path = files / "copied.zip"
    assert "flow copy" in answered(quickly("package", "export", str(path), "--flow", "copy"))
    assert "no terminal to ask at" in quickly("package", "export", str(path), "--flow", "copy").stderr
    row = answered(quickly("package", "show", str(path))).splitlines()[-1]
    assert row.split()[:3] == ["flow", "copy", "new"]
    assert answered(quickly("package", "import", str(path))) == "flow copy: It is imported.\n"
    assert answered(quickly("package", "import", str(path))) == "flow copy: It was here already.\n"

    answered(quickly("flow", "deploy", str(files / "twice.yaml"), "--bind", "database=Package"))
    answered(quickly("package", "export", str(path), "--flow", "copy", "--yes"))
    refused = quickly("package", "import", str(path))
    assert (refused.returncode, "flow copy. Nothing was imported." in refused.stderr) == (1, True)
    assert "not of the form KIND:NAME" in quickly("package", "import", str(path), "--keep", "copy").stderr
    told = answered(quickly("package", "import", str(path), "--rename", "flow:copy=copy-2"))
    assert told == "flow copy-2: It is imported as copy-2.\n"

    assert "copy-2" in answered(quickly("library", "list"))
    assert "id * 2" in answered(quickly("library", "show", "copy-2"))
    deployed = answered(quickly("library", "deploy", "copy-2", "--bind", "database=Package"))
    assert "copy-2 version 1 is deployed." in deployed
    assert answered(quickly("library", "remove", "copy-2", "--yes")) == "copy-2 is removed from the library.\n"
    (files / "text.zip").write_text("no package", "utf-8")
    assert "is no package" in quickly("package", "show", str(files / "text.zip")).stderr
    for flow in ("copy", "copy-2"):
        answered(quickly("flow", "undeploy", flow, "--yes"))
