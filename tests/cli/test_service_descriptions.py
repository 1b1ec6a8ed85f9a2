"""Plain values of a form at the command line: a document comes from a file, and only what counts is asked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.cli.test_said_in_time import answered, refused
from tests.connectors.rest.shop import DESCRIPTION, SECRET, USER, running_service
from tests.helpers.running_service import RunningService
from tests.service.asking import set_up_vault


def test_a_description_comes_from_a_file_and_other_secrets_are_not_wanted(
    agent: RunningService, quickly: Any, tmp_path: Path
) -> None:
    (tmp_path / "shop.yaml").write_text(DESCRIPTION, "utf-8")
    with running_service() as service:
        agent.start()
        agent.ask(lambda client: set_up_vault(client, tmp_path))
        given = ("--set", f"base_url={service.base}", "--set", "authentication=User name and password",
                 "--set", f"username={USER}", "--set", "private=Allow")  # fmt: skip
        command = ("app", "save", "rest", "--name", "Shop", *given, "--secrets-stdin")
        said = refused(
            quickly(*command, "--set", f"description=@{tmp_path / 'gone.yaml'}", stdin=f"password={SECRET}\n")
        )
        assert "There is no file" in said
        done = quickly(*command, "--set", f"description=@{tmp_path / 'shop.yaml'}", stdin=f"password={SECRET}\n")
        assert "Connection Data Saved" in answered(done)
        found = json.loads(answered(quickly("app", "schemas", "rest", "--name", "Shop", "--json")))
        assert [one["name"] for one in found] == ["orders", "customers"]
