"""Writes docs/guide/connectors/actions.md from what the connectors say of themselves.

python docs/write_actions.py          writes the page
python docs/write_actions.py --check  tells whether it is as it should be, by its exit status
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from agent.connectors.contract import Connector
from agent.connectors.registry import connectors
from agent.domain.app import Action, Combining, Schema

PAGE = Path(__file__).resolve().parent / "guide" / "connectors" / "actions.md"
_INTRODUCTION = """# Actions

What each connector can read and write. The pages of the connectors say more. This table is made from the connectors
themselves, by `python docs/write_actions.py`."""


def page() -> str:
    """The whole page."""
    parts = [_INTRODUCTION]
    for connector in sorted(connectors().values(), key=lambda one: one.app.name.casefold()):
        if connector.__class__.__module__.startswith("agent."):
            parts += ["", f"## {connector.app.name}", "", *_table(connector)]
    return "\n".join(parts) + "\n"


def _table(connector: Connector) -> Iterator[str]:
    yield "| schema | action | what it does | filters | options |"
    yield "|---|---|---|---|---|"
    app = connector.app
    schemas = [*app.schemas, *([app.template] if app.template is not None else [])]
    for schema in schemas:
        for action in schema.actions:
            yield f"| {_cells([_name(schema), action.name, _what(action), _filters(action), _options(action)])} |"


def _cells(texts: Iterable[str]) -> str:
    return " | ".join(text.replace("|", "\\|").replace("\n", " ") for text in texts)


def _name(schema: Schema) -> str:
    return schema.name or "*any*"


def _what(action: Action) -> str:
    notes = []
    if action.by_id:
        notes.append("Single records can be read again.")
    if action.combining is Combining.ANY:
        notes.append("Clauses can be combined by “or”.")
    elif action.combining is Combining.TREE:
        notes.append("Clauses can be combined in groups.")
    return " ".join([action.description, *notes])


def _filters(action: Action) -> str:
    names = [f"`{name}`" for name in sorted(action.filters)]
    return ", ".join([*(["any attribute"] if action.any_filter else []), *names]) or "–"


def _options(action: Action) -> str:
    return ", ".join(f"`{name}`" for name in action.options) or "–"


def main() -> int:
    """Write or check the page."""
    right = PAGE.is_file() and PAGE.read_text("utf-8") == page()
    if "--check" in sys.argv[1:]:
        return 0 if right else 1
    PAGE.write_text(page(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
