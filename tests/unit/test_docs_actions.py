"""The table of actions says what the connectors say of themselves."""

from __future__ import annotations

import runpy
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]


def test_the_table_of_actions_is_as_the_connectors_are() -> None:
    made = runpy.run_path(str(PROJECT / "docs" / "write_actions.py"))
    page = (PROJECT / "docs" / "guide" / "connectors" / "actions.md").read_text("utf-8")
    assert page == made["page"](), "Run: python docs/write_actions.py"
