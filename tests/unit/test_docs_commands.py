"""What the documentation and the remedies tell people to type is there: every command, and every option behind it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from agent.cli.main import app

PROJECT = Path(__file__).resolve().parents[2]
PAGES = sorted([PROJECT / "README.md", *(PROJECT / "docs").rglob("*.md"), *(PROJECT / "agent").rglob("*.py")])
_TYPED = re.compile(r"(?:`|“|^)opagent (?![…{])([^`”\n]+)", re.MULTILINE)


def _typed() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for found in _TYPED.finditer(page.read_text("utf-8")):
            yield str(page.relative_to(PROJECT)), found[1].partition("  #")[0]


def _wrong(typed: str) -> str:
    """What of it is not there; empty where all is."""
    command: Any = typer.main.get_command(app)
    for word in typed.split():
        if hasattr(command, "commands"):
            found = command.commands.get(word.rstrip(",.;"))
            if found is None:
                return "" if word.startswith(("--", "…", "NAME")) else word
            command = found
        elif word.startswith("--"):
            known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
            if word.partition("=")[0].rstrip(",.;") not in known:
                return word
    return ""


@pytest.mark.parametrize(("page", "typed"), sorted(set(_typed())))
def test_every_command_that_is_told_exists(page: str, typed: str) -> None:
    assert _wrong(typed) == "", page
