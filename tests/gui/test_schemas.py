"""What an app has: asked of the app, searched, shown, copied."""

from __future__ import annotations

from typing import Any

from PySide6.QtWidgets import QAbstractButton, QApplication

from agent.domain.errors import TransientError
from agent.gui.assembly import Shell
from agent.gui.schemas.dialog import SchemasDialog
from tests.gui.doubles import click
from tests.gui.pilot import APPS
from tests.helpers.fake_client import FakeClient


def opened(qtbot: Any, shell: Shell) -> SchemasDialog:
    """The dialog, as an operator gets to it."""
    shell.window.show_panel(APPS)
    qtbot.waitUntil(lambda: bool(_buttons(shell)))
    click(qtbot, _buttons(shell)[0])
    return shell.window.findChildren(SchemasDialog)[-1]


def _buttons(shell: Shell) -> list[QAbstractButton]:
    words = "schemas and attributes"
    return [
        one for one in shell.window.findChildren(QAbstractButton) if words in one.accessibleName() and one.isVisible()
    ]


def names(dialog: SchemasDialog) -> list[str]:
    return [dialog.schemas.cells(row)[0] for row in range(dialog.schemas.rowCount())]


def test_schemas_are_shown_with_attributes_and_actions(qtbot: Any, shell: Shell) -> None:
    dialog = opened(qtbot, shell)
    qtbot.waitUntil(lambda: dialog.schemas.rowCount() == 21)
    assert dialog.title.text() == "orders"
    rows = [dialog.attributes.cells(row)[:3] for row in range(dialog.attributes.rowCount())]
    assert rows == [
        ("id", "integer", "key"), ("total", "decimal", "required"), ("lines", "collection", ""),
        ("lines.sku", "text", ""), ("lines.price", "decimal", ""),
    ]  # fmt: skip
    assert "GET  ·  Reads rows. Filters: id, updated_at." in dialog.uses.text()
    dialog.schemas_table.selectRow(1)
    assert (dialog.title.text(), dialog.attributes.rowCount()) == ("stock", 1)
    click(qtbot, dialog.copy_button)
    assert QApplication.clipboard().text() == "sku"


def test_a_search_finds_schemas_and_attributes(qtbot: Any, shell: Shell) -> None:
    dialog = opened(qtbot, shell)
    qtbot.waitUntil(lambda: dialog.schemas.rowCount() == 21)
    dialog.search.setText("2005")
    qtbot.waitUntil(lambda: names(dialog) == ["archive_2005"])
    assert dialog.title.text() == "archive_2005"
    assert dialog.count.text() == "1 of 21 schemas"
    dialog.search.setText("Sku")
    qtbot.waitUntil(lambda: dialog.schemas.rowCount() == 21)
    dialog.search.setText("nowhere")
    qtbot.waitUntil(lambda: names(dialog) == [])
    assert (dialog.title.text(), dialog.attributes.rowCount(), dialog.copy_button.isEnabled()) == ("", 0, False)


def test_an_app_that_does_not_answer_is_told_and_asked_again(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    fake.fail["described"] = TransientError("No connection.", code="unreachable", remedy="Check the network.")
    dialog = opened(qtbot, shell)
    qtbot.waitUntil(lambda: dialog.banner.title.text() == "No connection.")
    del fake.fail["described"]
    click(qtbot, dialog.refresh_button)
    qtbot.waitUntil(lambda: dialog.schemas.rowCount() == 21)
    assert not dialog.banner.isVisible()


def test_closing_the_window_stops_asking(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    fake.hang.add("described")
    dialog = opened(qtbot, shell)
    assert dialog.banner.isVisible()
    click(qtbot, dialog.close_button)
    qtbot.waitUntil(lambda: fake.cancelled == ["described"])
