"""Whoever silences the type check or the style check says which rule, and why, beside it."""

from __future__ import annotations

import io
import re
import tokenize
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
SILENCING = re.compile(r"type:\s*ignore|noqa|mypy:|ruff:|pyright:|pylint:", re.IGNORECASE)
GIVES_REASON = re.compile(r"# type: ignore\[[a-z-]+(, [a-z-]+)*\]  # \S.*|# noqa: [A-Z]+[0-9]+(, [A-Z]+[0-9]+)* - \S.*")


def unreasoned(source: str) -> list[tuple[int, str]]:
    """The comments of a module that silence a check without code and reason, with their lines."""
    if not SILENCING.search(source):
        return []  # nine out of ten; to take them apart takes a while
    comments = [
        (token.start[0], token.string)
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    ]
    return [(line, text) for line, text in comments if SILENCING.search(text) and not GIVES_REASON.fullmatch(text)]


def test_every_ignore_has_its_code_and_its_reason_beside_it() -> None:
    found = [
        f"{path.relative_to(PROJECT)}:{line}: {text}"
        for folder in ("agent", "docs", "installer", "tests")
        for path in sorted((PROJECT / folder).rglob("*.py"))
        for line, text in unreasoned(path.read_text(encoding="utf-8"))
    ]
    assert found == [], "Give the code and the reason, as in “# noqa: S603 - our own program”."


@pytest.mark.parametrize(
    "comment",
    ["# type: ignore", "# type: ignore[misc]", "# type: ignore  # why", "# noqa", "# noqa: S608", "# noqa - why",
     "# noqa: S608 -", "# ruff: noqa", "# mypy: ignore-errors"],
)  # fmt: skip
def test_one_without_is_found(comment: str) -> None:
    assert unreasoned(f"a = 1\nb = 2  {comment}\n") == [(2, comment)]


@pytest.mark.parametrize(
    "line",
    ["a = 1  # type: ignore[misc]  # why", "a = 1  # type: ignore[arg-type, misc]  # why", "a = 1  # noqa: S608 - why",
     "a = 1  # noqa: E731, PLW0108 - why", 'a = "# noqa"', "a = 1  # nobody quarrels"],
)  # fmt: skip
def test_one_with_both_is_not(line: str) -> None:
    assert unreasoned(f"{line}\n") == []
