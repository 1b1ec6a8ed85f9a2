"""`opagent variable`: listed, set and reset from the command line; secrets never as an argument."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from agent.api.flow_models import DocumentRequest
from agent.api.vault_models import VaultSetUp
from tests.cli.conftest import Run
from tests.helpers.running_service import RunningService
from tests.service.asking import COPY, database_draft

FLOW = COPY.replace("nodes:", "variables: {word: hello, key: {encrypted: true}}\nnodes:")


@pytest.fixture(scope="module", autouse=True)
def deployed(agent: RunningService, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A processflow named copy."""
    folder = tmp_path_factory.mktemp("shop")
    agent.start()
    agent.ask(lambda client: client.set_up_vault(VaultSetUp(kind="key-file", path=str(folder / "vault.key"))))
    agent.ask(lambda client: client.change_setting("enable_environment", "true"))
    agent.ask(lambda client: client.save_configuration(database_draft(folder / "shop.db")))
    agent.ask(lambda client: client.deploy(DocumentRequest(document=FLOW)))


def answered(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_variable_is_listed_set_and_reset(quickly: Run) -> None:
    assert answered(quickly("variable", "list", "copy")).split() == [
        "Name", "Type", "Value", "Kind", "Since",
        "word", "text", "hello", "constant", "default", "key", "text", "–", "encrypted", "–",
    ]  # fmt: skip
    assert answered(quickly("variable", "set", "copy", "word", "bye", "--reason", "it was time")) == "word = bye\n"
    word, _ = json.loads(answered(quickly("variable", "list", "copy", "--json")))
    assert (word["value"], word["reason"]) == ("bye", "it was time")
    assert "it was time" in answered(quickly("variable", "list", "copy"))
    assert answered(quickly("variable", "reset", "copy", "word", "-r", "back")) == "word = hello\n"


def test_a_secret_comes_by_standard_input(quickly: Run) -> None:
    given = quickly("variable", "set", "copy", "key", "--value-stdin", "-r", "new", stdin="hush-hush-hush\n")
    assert answered(given) == "key = ••••\n"
    assert "hush" not in answered(quickly("variable", "list", "copy", "--json"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["set", "copy", "word", "x"], "A change needs a reason."),
        (["reset", "copy", "word"], "A change needs a reason."),
        (["set", "copy", "key", "x", "-r", "y"], "must not be given as an argument"),
        (["set", "copy", "key", "-r", "y"], "There is no terminal"),
        (["set", "copy", "word", "-r", "y"], "Write it behind the name."),
        (["set", "copy", "wrod", "x", "-r", "y"], "copy has no variable “wrod”."),
        (["list", "nowhere"], "no deployed processflow named “nowhere”"),
    ],
)
def test_a_wrong_use_is_explained(quickly: Run, tmp_path: Path, arguments: list[str], said: str) -> None:
    done = quickly("variable", *arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr
