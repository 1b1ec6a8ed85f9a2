"""`opagent schedule`: set, shown and cleared from the command line, and every wrong use explained."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from agent.api.flow_models import DocumentRequest
from agent.api.folders import HOME_VARIABLE
from agent.cli.main import app
from tests.cli.conftest import Run
from tests.helpers.running_service import RunningService
from tests.service.asking import COPY, database_draft


@pytest.fixture(scope="module", autouse=True)
def deployed(agent: RunningService, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A processflow named copy."""
    path = tmp_path_factory.mktemp("shop") / "shop.db"
    agent.start()
    agent.ask(lambda client: client.change_setting("enable_environment", "true"))
    agent.ask(lambda client: client.save_configuration(database_draft(path)))
    agent.ask(lambda client: client.deploy(DocumentRequest(document=COPY)))
    yield
    CliRunner().invoke(app, ["schedule", "clear", "copy"], env={HOME_VARIABLE: str(agent.home)})


def answered(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_schedule_is_set_shown_and_cleared(agent: RunningService, quickly: Run) -> None:
    assert answered(agent.opagent("schedule", "show", "copy")) == "copy: Manual\n"
    told = answered(agent.opagent("schedule", "set", "copy", "--daily", "02:30", "--zone", "Europe/Berlin"))
    assert told.splitlines()[0] == "copy: Daily at 02:30, Europe/Berlin"
    assert "missed times: one run makes up for them" in told
    assert "0 runs, 0 misfires, 0 missed" in told
    assert len(re.findall(r"\d{4}-\d\d-\d\d \d\d:\d\d:00", told.splitlines()[-1])) == 5
    assert answered(quickly("schedule", "show", "copy")) == told
    assert answered(quickly("schedule", "clear", "copy")) == "copy: Manual\n"


@pytest.mark.parametrize(
    ("options", "plan"),
    [
        (["--every", "15m"], {"kind": "minutes", "every": 15, "missed": "once"}),
        (["--every", "2H", "--missed", "skip"], {"kind": "hours", "every": 2, "missed": "skip"}),
        (
            ["--cron", "30 6 * * mon-fri", "--missed", "all", "--missed-cap", "3"],
            {"kind": "cron", "cron": "30 6 * * mon-fri", "missed": "all", "missed_cap": 3},
        ),
        (["--daily", "2:30", "--end-after", "7"], {"kind": "daily", "at": "02:30", "end": "after", "end_after": 7}),
        (["--every", "1m", "--end-on", "2099-12-31"], {"kind": "minutes", "end": "on", "end_on": "2099-12-31"}),
        (["--every", "5m", "--zone", "Asia/Tokyo"], {"kind": "minutes", "every": 5, "zone": "Asia/Tokyo"}),
    ],
)
def test_options_say_when(quickly: Run, options: list[str], plan: dict[str, Any]) -> None:
    found = json.loads(answered(quickly("schedule", "set", "copy", *options, "--json")))
    assert found["plan"].items() >= plan.items()
    assert len(found["next_times"]) == 5
    assert found["next_run_at"] == found["next_times"][0]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "Give one of --every, --daily and --cron."),
        (["--every", "5m", "--daily", "02:30"], "Give one of --every, --daily and --cron."),
        (["--every", "5"], "“5” is not an interval."),
        (["--every", "90m"], "“Every” has to be a whole number from 1 to 59."),
        (["--daily", "25:00"], "The time of day cannot be read."),
        (["--cron", "61 * * * *"], "“61” in the field minute"),
        (["--every", "5m", "--zone", "Nowhere"], "There is no time zone “Nowhere”."),
        (["--every", "5m", "--end-after", "2", "--end-on", "2099-01-01"], "Give --end-after or --end-on."),
        (["--every", "5m", "--end-on", "2001-01-01"], "no time at which it would ever run"),
    ],
)
def test_what_is_wrong_is_explained(quickly: Run, options: list[str], said: str) -> None:
    done = quickly("schedule", "set", "copy", *options)
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr


def test_a_processflow_that_is_not_there_is_told_as_such(quickly: Run) -> None:
    for command in ("show", "clear"):
        done = quickly("schedule", command, "nowhere")
        assert (done.returncode, "no deployed processflow named “nowhere”" in done.stderr) == (1, True)


def test_the_documented_example_works(quickly: Run) -> None:
    """Every command that docs/schedules.md shows."""
    text = (Path(__file__).resolve().parents[2] / "docs" / "schedules.md").read_text("utf-8")
    commands = re.findall(r"^opagent schedule (.+?)(?:\s+#.*)?$", text, re.MULTILINE)
    assert len(commands) >= 5
    for line in commands:
        words = [word.strip('"') for word in re.findall(r'"[^"]*"|\S+', line)]
        answered(quickly("schedule", *["copy" if word == "orders-to-database" else word for word in words]))
