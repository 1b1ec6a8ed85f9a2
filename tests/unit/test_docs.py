"""The documentation: what it points to is there, and it says nothing about the machine that it was written on."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
PAGES = sorted([PROJECT / "README.md", *(PROJECT / "docs").rglob("*.md")])
_LINK = re.compile(r"\]\(([^)#\s]+)(#[^)]*)?\)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_every_link_and_picture_is_there(page: Path) -> None:
    targets = [found[0] for found in _LINK.findall(page.read_text("utf-8"))]
    missing = [one for one in targets if "://" not in one and not (page.parent / one).exists()]
    assert missing == []


def test_every_picture_of_the_guide_is_taken_in_both_modes_and_is_small() -> None:
    pictures = {path.name for path in (PROJECT / "docs" / "images").glob("*.png")}
    light = {name for name in pictures if not name.endswith("-dark.png")}
    assert {name.removesuffix(".png") + "-dark.png" for name in light} == pictures - light
    assert [name for name in pictures if (PROJECT / "docs" / "images" / name).stat().st_size > 200_000] == []


def test_every_page_of_the_guide_is_reached_from_its_index() -> None:
    guide = PROJECT / "docs" / "guide"
    linked = {(guide / found[0]).resolve() for found in _LINK.findall((guide / "index.md").read_text("utf-8"))}
    assert [page for page in guide.rglob("*.md") if page.name != "index.md" and page.resolve() not in linked] == []


def test_the_list_of_the_originals_features_names_tests_that_are_there() -> None:
    rows = [line for line in (PROJECT / "docs" / "original.md").read_text("utf-8").splitlines() if line[:2] == "| "]
    tests = {path.stem for path in (PROJECT / "tests").rglob("test_*.py")}
    named = {name for row in rows for name in re.findall(r"`(test_\w+)`", row)}
    assert named - tests == set()
    unproved = [row for row in rows if "`test_" not in row and "left out" not in row and "| there" not in row]
    assert [row for row in unproved if "portal" not in row and "come with" not in row and "cannot be" not in row] == []


def test_the_program_that_takes_pictures_says_what_it_does() -> None:
    program = PROJECT / "docs" / "take_screenshots.py"
    done = subprocess.run(
        [sys.executable, program, "--help"], capture_output=True, encoding="utf-8", check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "docs/images" in done.stdout
