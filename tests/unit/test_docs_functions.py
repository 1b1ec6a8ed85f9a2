"""The page about functions: its examples come true, and it has an answer for everything that the original has."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from agent.engine.checking.names import BUILT_IN
from agent.engine.expressions.host_functions import HOST_FUNCTIONS, LOOKUP_FUNCTIONS
from agent.engine.expressions.jsonata import Expressions
from agent.engine.expressions.names import named

PROJECT = Path(__file__).resolve().parents[2]
PAGE = (PROJECT / "docs" / "functions.md").read_text("utf-8")
SHARED = Path(os.environ.get("OPAGENT_SHARED", PROJECT.parent / "shared"))
REFERENCE = SHARED / "reference" / "op-agent.md"
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line.startswith("| ")]
EXAMPLES = [(row[1].strip("`"), row[2].strip("`")) for row in ROWS if len(row) == 3 and row[1].startswith("`$")]
ANSWERS = {row[0]: row[1] for row in ROWS if len(row) == 2 and re.fullmatch(r"[A-Z]\w+", row[0])}


@pytest.mark.parametrize(("expression", "result"), EXAMPLES)
def test_an_example_gives_what_the_page_says(expression: str, result: str) -> None:
    evaluated = Expressions({"a": expression}).evaluate([b"{}"])
    assert evaluated.failures == {}
    assert evaluated.results[0]["a"] == json.loads(result)


def test_every_generic_function_is_on_the_page_with_its_arguments() -> None:
    signatures = {f"${name}{function.arguments}" for name, function in HOST_FUNCTIONS.items()} - {
        f"${name}{HOST_FUNCTIONS[name].arguments}" for name in LOOKUP_FUNCTIONS
    }
    assert [signature for signature in sorted(signatures) if f"`{signature}`" not in PAGE] == []
    assert len(EXAMPLES) == len(signatures)


def test_every_function_that_an_answer_names_is_there() -> None:
    for answer in ANSWERS.values():
        for expression in re.findall(r"`([^`]*\$[^`]*)`", answer):
            assert named(expression) <= BUILT_IN


def test_every_generic_function_of_the_original_has_an_answer() -> None:
    if not REFERENCE.exists():
        pytest.skip(f"the reference of the original is not here: {REFERENCE} (OPAGENT_SHARED says where it is)")
    listed = next(line for line in REFERENCE.read_text("utf-8").splitlines() if line.startswith("- Generic functions:"))
    names = {
        "Base64Decode" if name == "Decode" else name
        for name in re.findall(r"\b[A-Z]\w+", listed.partition("`")[0].removeprefix("- Generic functions:"))
    }
    assert len(names) > 30
    assert names - ANSWERS.keys() == set()
