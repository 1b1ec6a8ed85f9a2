"""What commands say of things that are over, missing or in the way: at once, by name, and with what to do."""

from __future__ import annotations

import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.helpers.running_service import RunningService
from tests.service.asking import COPY, database_draft

WAITING = COPY.replace("name: copy", "name: waiting").replace("database: sql", "store: bigcommerce, database: sql")


@pytest.fixture(scope="module")
def folder(agent: RunningService, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a document, a database for it, and an agent where it is deployed."""
    made = tmp_path_factory.mktemp("said")
    (made / "copy.yaml").write_text(COPY, "utf-8")
    with closing(sqlite3.connect(made / "shop.db")) as database:
        database.execute("CREATE TABLE source (id INTEGER PRIMARY KEY)")
        database.execute("CREATE TABLE target (id INTEGER PRIMARY KEY)")
        database.execute("INSERT INTO source VALUES (1)")
        database.commit()
    agent.start()
    agent.ask(lambda client: client.change_setting("enable_environment", "true"))
    agent.ask(lambda client: client.save_configuration(database_draft(made / "shop.db", name="Shop")))
    answered(agent.opagent("flow", "deploy", str(made / "copy.yaml")))
    return made


def answered(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr
    return done.stdout


def refused(done: subprocess.CompletedProcess[str], status: int = 1) -> str:
    assert (done.returncode, done.stdout) == (status, ""), done
    return done.stderr


def test_a_run_that_has_ended_is_not_cancelled_but_told_of(agent: RunningService, quickly: Run, folder: Path) -> None:
    answered(quickly("run", "copy", "--wait"))
    run = agent.ask(lambda client: client.runs(flow="copy")).items[0]
    said = refused(quickly("cancel", run.id))
    assert run.ended_at is not None
    assert f"has ended already: Success at {run.ended_at.astimezone():%Y-%m-%d %H:%M:%S}" in said
    assert f"opagent snapshot {run.id}" in said


def test_what_would_be_refused_is_refused_before_it_is_asked_for(quickly: Run, folder: Path) -> None:
    assert "copy is deployed." in refused(quickly("flow", "forget", "copy"))
    later = refused(quickly("bookmark", "set", "copy", "read", "2999-01-01", "--reason", "x"))
    assert "between 1970 and now" in later
    assert "use --yes" not in later
    assert "the one that is deployed" in refused(quickly("flow", "rollback", "copy", "1"))
    assert "is used by copy" in refused(quickly("app", "remove", "sql", "--name", "Shop"))
    assert "which records are meant" in refused(quickly("record", "delete", "copy"))


def test_asking_first_changes_nothing(agent: RunningService, quickly: Run, folder: Path) -> None:
    before = agent.ask(lambda client: client.bookmarks.all("copy"))
    assert "use --yes" in refused(quickly("bookmark", "set", "copy", "read", "2020-01-01", "--reason", "x"))
    assert "use --yes" in refused(quickly("bookmark", "clear", "copy", "read", "--reason", "x"))
    assert agent.ask(lambda client: client.bookmarks.all("copy")) == before
    (folder / "gone.yaml").write_text(COPY.replace("name: copy", "name: gone"), "utf-8")
    answered(quickly("flow", "deploy", str(folder / "gone.yaml")))
    answered(quickly("flow", "undeploy", "gone", "--yes"))
    assert "use --yes" in refused(quickly("flow", "forget", "gone"))
    assert "gone" in answered(quickly("flow", "past"))


def test_a_row_that_is_not_there_is_not_said_to_be_removed(quickly: Run, folder: Path) -> None:
    answered(quickly("lookup", "set", "countries", "DE", "Germany"))
    done = quickly("lookup", "unset", "countries", "DE", "de", "XX")
    assert (done.returncode, done.stdout) == (1, "countries has 0 rows.\n")
    assert "countries has no row for “de”, “XX”." in done.stderr
    answered(quickly("lookup", "set", "countries", "DE", "Germany"))
    assert answered(quickly("lookup", "unset", "countries", "DE")) == "countries has 0 rows.\n"


def test_what_is_not_bound_yet_is_said_to_be_bound_not_to_be_deployed(quickly: Run, folder: Path) -> None:
    (folder / "waiting.yaml").write_text(WAITING, "utf-8")
    answered(quickly("flow", "deploy", str(folder / "waiting.yaml"), "--bind-later", "--bind", "database=Shop"))
    for command in (("preview", "waiting"), ("run", "waiting"), ("resync", "waiting", "--all-failed")):
        said = refused(quickly(*command))
        assert "opagent flow bind waiting --bind store=NAME" in said, command
        assert "eploy" not in said


def test_fields_with_choices_show_them(quickly: Run, folder: Path) -> None:
    shown = answered(quickly("app", "fields", "sql"))
    (line,) = [line for line in shown.splitlines() if line.startswith("kind ")]
    assert "SQLite | PostgreSQL" in line


@pytest.mark.parametrize(
    "command",
    [
        ("flow", "check", "{file}"),
        ("flow", "deploy", "{file}"),
        ("flow", "test", "{file}"),
        ("preview", "{file}"),
        ("package", "show", "{file}"),
        ("package", "import", "{file}"),
        ("correct", "send", "copy", "{file}", "--reason", "x"),
        ("function", "test", "{file}"),
        ("lookup", "import", "countries", "{file}"),
    ],
    ids=" ".join,
)
def test_a_file_that_cannot_be_read_is_said_to_be_what_it_is(
    quickly: Run, folder: Path, command: tuple[str, ...]
) -> None:
    nowhere, directory = folder / "nowhere.yaml", folder / "folder.yaml"
    directory.mkdir(exist_ok=True)
    said = refused(quickly(*(part.replace("{file}", str(nowhere)) for part in command)))
    assert f"There is no file {nowhere}." in said
    assert "UTF-8" not in said
    said = refused(quickly(*(part.replace("{file}", str(directory)) for part in command)))
    assert f"{directory} is a folder, not a file." in said


def test_a_document_in_another_encoding_is_said_to_be_so(quickly: Run, folder: Path) -> None:
    (folder / "latin.yaml").write_bytes("title: Bücher".encode("latin-1"))
    assert "latin.yaml is not UTF-8 text." in refused(quickly("flow", "check", str(folder / "latin.yaml")))


def test_a_clash_names_the_options_that_settle_it(quickly: Run, folder: Path) -> None:
    package = str(folder / "copy.zip")
    answered(quickly("package", "export", package, "--flow", "copy", "--yes"))
    answered(quickly("package", "import", package, "--yes"))
    (folder / "twice.yaml").write_text(COPY.replace("value: id,", "value: id * 2,"), "utf-8")
    answered(quickly("flow", "deploy", str(folder / "twice.yaml")))
    answered(quickly("lookup", "set", "countries", "FR", "France"))
    answered(quickly("package", "export", package, "--flow", "copy", "--lookup", "countries", "--yes"))
    answered(quickly("lookup", "set", "countries", "FR", "Frankreich"))
    said = refused(quickly("package", "import", package, "--yes"))
    assert "--keep flow:copy, --take flow:copy or --rename flow:copy=NEW" in said
    assert "--keep lookup:countries, --take lookup:countries or --rename lookup:countries=NEW" in said
    chosen = ("--take", "flow:copy", "--keep", "lookup:countries")
    assert "flow copy" in answered(quickly("package", "import", package, "--yes", *chosen))


def test_a_run_that_failed_as_a_whole_says_what_kind_of_trouble_it_was(
    agent: RunningService, quickly: Run, folder: Path
) -> None:
    with closing(sqlite3.connect(folder / "shop.db")) as database:
        database.execute("ALTER TABLE source RENAME TO elsewhere")
        database.commit()
    done = quickly("run", "copy", "--wait")
    assert done.returncode == 1
    assert "copy: Failed." in done.stdout
    assert "Processflow: The processflow asks for something that the app does not have or do" in done.stdout
    (alert,) = [one for one in agent.ask(lambda client: client.alerts.all()).items if one.code == "run-failed"]
    assert alert.target == "processflow:copy#read"
    newest = agent.ask(lambda client: client.runs(flow="copy")).items[0]
    assert (newest.error_class, newest.target) == ("processflow", "processflow:copy#read")
    assert "Processflow" in answered(quickly("runs", "--flow", "copy")).splitlines()[1]
    assert "Processflow: " in answered(quickly("snapshot", newest.id))
    with closing(sqlite3.connect(folder / "shop.db")) as database:
        database.execute("ALTER TABLE elsewhere RENAME TO source")
        database.commit()
    answered(quickly("run", "copy", "--wait"))
