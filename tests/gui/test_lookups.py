"""Lookups: tables, rows, files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from agent.api.lookup_models import LookupChange, LookupImport, LookupRow
from agent.domain.errors import ConfigurationError
from agent.gui.assembly import Shell
from agent.gui.lookups.dialogs import ImportDialog, RowDialog
from agent.gui.lookups.view import LookupsPage
from agent.gui.widgets.dialog import ConfirmDialog
from agent.gui.widgets.question import LineDialog
from tests.gui.doubles import click
from tests.gui.pilot import LOOKUPS
from tests.gui.test_flows import dialog_of
from tests.helpers.fake_client import FakeClient


def opened(qtbot: Any, shell: Shell, table: str = "countries") -> LookupsPage:
    """The panel with a table on show."""
    shell.window.show_panel(LOOKUPS)
    view = shell.lookups.view
    qtbot.waitUntil(lambda: view.model.rowCount() > 0)
    view.choice.setCurrentIndex(view.choice.findData(table))
    first = {"countries": "DE", "codes": "C-000"}[table]
    qtbot.waitUntil(lambda: view.model.rowCount() > 0 and view.model.cells(0)[0] == first)
    return view


def test_a_large_table_comes_page_by_page_and_is_searched(qtbot: Any, shell: Shell) -> None:
    view = opened(qtbot, shell, "codes")
    assert view.model.rowCount() == 200
    view.more_wanted.emit()
    qtbot.waitUntil(lambda: view.model.rowCount() == 260)
    qtbot.keyClicks(view.search, "C-25")
    qtbot.waitUntil(lambda: view.model.rowCount() == 10)


def test_a_row_is_edited_under_another_source_value(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    view = opened(qtbot, shell)
    view.table.selectRow(0)
    click(qtbot, view.edit)
    dialog: RowDialog = dialog_of(shell, RowDialog)
    assert (dialog.source.text(), dialog.destination.text()) == ("DE", "Germany")
    dialog.source.setText("DEU")
    dialog.destination.setText("Deutschland")
    click(qtbot, dialog.accept_button)
    qtbot.waitUntil(lambda: view.model.cells(0)[:2] == ("DEU", "Deutschland"))
    assert fake.asked == [LookupChange(put=[LookupRow(source="DEU", destination="Deutschland")], remove=["DE"])]
    assert "from the next run on" in shell.window.toast.label.text()


def test_a_row_needs_a_source_value(qtbot: Any, shell: Shell) -> None:
    view = opened(qtbot, shell)
    click(qtbot, view.add)
    dialog: RowDialog = dialog_of(shell, RowDialog)
    assert not dialog.accept_button.isEnabled()
    qtbot.keyClicks(dialog.source, "ES")
    qtbot.keyClicks(dialog.destination, "Spain")
    click(qtbot, dialog.accept_button)
    qtbot.waitUntil(lambda: view.model.rowCount() == 6)


def test_removing_rows_asks_first(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    view = opened(qtbot, shell)
    view.table.selectRow(1)
    click(qtbot, view.delete)
    question = dialog_of(shell, ConfirmDialog)
    assert question.cancel_button.isDefault()
    assert len(fake.tables["countries"]) == 5
    click(qtbot, question.accept_button)
    qtbot.waitUntil(lambda: view.model.rowCount() == 4)


def test_an_import_says_first_what_it_does(qtbot: Any, shell: Shell, fake: FakeClient, tmp_path: Path) -> None:
    path = tmp_path / "more.csv"
    path.write_text("DE,Deutschland\nES,Spain", "utf-8")
    view = opened(qtbot, shell)
    view.file_chosen.emit(path)
    qtbot.waitUntil(lambda: bool(shell.window.findChildren(ImportDialog)))
    dialog: ImportDialog = dialog_of(shell, ImportDialog)
    assert "New rows: 1\nChanged: 1" in dialog.facts.text()
    assert fake.tables["countries"]["DE"].destination == "Germany"
    dialog.clear.setChecked(True)
    qtbot.waitUntil(lambda: "Removed: 5" in dialog.facts.text())
    click(qtbot, dialog.import_button)
    qtbot.waitUntil(lambda: view.model.rowCount() == 2)
    last = fake.asked[-1]
    assert isinstance(last, LookupImport)
    assert (last.clear, last.dry_run) == (True, False)


def test_a_file_with_bad_rows_is_not_imported(qtbot: Any, shell: Shell, tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_text("DE,Deutschland\nES", "utf-8")
    view = opened(qtbot, shell)
    view.file_chosen.emit(path)
    qtbot.waitUntil(lambda: bool(shell.window.findChildren(ImportDialog)))
    dialog: ImportDialog = dialog_of(shell, ImportDialog)
    assert dialog.banner.title.text() == "1 row of bad.csv cannot be imported"
    assert "Line 2: It has no destination." in dialog.problems.toPlainText()
    assert not dialog.import_button.isEnabled()


def test_a_file_that_cannot_be_read_is_said(qtbot: Any, shell: Shell, tmp_path: Path) -> None:
    view = opened(qtbot, shell)
    view.file_chosen.emit(tmp_path / "gone.csv")
    qtbot.waitUntil(lambda: view.banner.isVisible() and view.banner.title.text() == "gone.csv cannot be read.")


def test_an_export_is_whole_or_not_there(qtbot: Any, shell: Shell, tmp_path: Path) -> None:
    view = opened(qtbot, shell)
    view.export_chosen.emit(tmp_path / "countries.csv")
    qtbot.waitUntil((tmp_path / "countries.csv").exists)
    assert (tmp_path / "countries.csv").read_text("utf-8").startswith("DE,Germany")
    assert not list(tmp_path.glob("*.part"))


def test_an_export_that_cannot_be_written_is_said_and_leaves_what_was_there(
    qtbot: Any, shell: Shell, tmp_path: Path
) -> None:
    view = opened(qtbot, shell)
    view.export_chosen.emit(tmp_path / "nowhere" / "countries.csv")
    qtbot.waitUntil(lambda: view.banner.title.text() == "countries.csv cannot be written.")
    (tmp_path / "taken.csv").mkdir()
    view.export_chosen.emit(tmp_path / "taken.csv")
    qtbot.waitUntil(lambda: view.banner.title.text() == "taken.csv cannot be written.")
    assert [path.name for path in tmp_path.iterdir()] == ["taken.csv"]


def test_a_table_in_use_cannot_be_removed_and_says_why(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    view = opened(qtbot, shell)
    assert "Used by orders-to-database" in view._about.text()
    view.remove.trigger()
    click(qtbot, dialog_of(shell, ConfirmDialog).accept_button)
    qtbot.waitUntil(lambda: view.banner.isVisible() and view.banner.title.text() == "“countries” is used.")
    assert "countries" in fake.tables


def test_the_first_table_is_made_from_the_empty_page(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    fake.tables.clear()
    shell.window.show_panel(LOOKUPS)
    view = shell.lookups.view
    qtbot.waitUntil(view.empty.isVisible)
    assert not view.add.isEnabled()
    assert view.empty.button is not None
    click(qtbot, view.empty.button)
    dialog: LineDialog = dialog_of(shell, LineDialog)
    qtbot.keyClicks(dialog.line, "sizes")
    click(qtbot, dialog.accept_button)
    qtbot.waitUntil(view.no_rows.isVisible)
    assert view.choice.currentData() == "sizes"


def test_tables_that_cannot_be_read_are_said_and_read_again(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    fake.fail["lookups"] = ConfigurationError("The disk is broken.", code="x", remedy="Look at it.")
    shell.window.show_panel(LOOKUPS)
    view = shell.lookups.view
    qtbot.waitUntil(lambda: view.banner.isVisible() and view.banner.title.text() == "The disk is broken.")
    fake.fail.clear()
    shell.window.refresh_panels()
    qtbot.waitUntil(lambda: view.model.rowCount() == 200 and not view.banner.isVisible())
