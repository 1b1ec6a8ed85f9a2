"""What can be done to records in Sync Info."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import QItemSelectionModel
from PySide6.QtWidgets import QFileDialog

from agent.api.record_models import RecordChoice, SkipRequest
from agent.api.rerun_models import Resync
from agent.domain.errors import ConflictError
from agent.domain.packet import SyncState
from agent.gui.assembly import Shell
from agent.gui.sync_info.view import SyncInfoPage
from agent.gui.widgets.dialog import ConfirmDialog
from agent.gui.widgets.question import LineDialog
from tests.gui.doubles import click
from tests.gui.pilot import SYNC_INFO
from tests.helpers.fake_client import FakeClient

FAILED, SKIPPED, SUCCESS = 1, 3, 4


def opened(qtbot: Any, shell: Shell, state: int, rows: int) -> SyncInfoPage:
    """Sync Info with the records of one state on show."""
    shell.window.show_panel(SYNC_INFO)
    view = shell.sync_info.view
    qtbot.waitUntil(lambda: view.model.rowCount() == 200)
    click(qtbot, view.states[state])
    wanted = view.states[state].text().split()[0]
    qtbot.waitUntil(lambda: view.model.rowCount() == rows and view.model.cells(0)[0] == wanted)
    return view


def select(view: SyncInfoPage, *rows: int) -> list[str]:
    """Select rows as with Ctrl+click; returns their source ids."""
    flags = QItemSelectionModel.SelectionFlag.Select | QItemSelectionModel.SelectionFlag.Rows
    for row in rows:
        view.table.selectionModel().select(view.model.index(row, 0), flags)
    return [view.model.cells(row)[1] for row in rows]


def test_all_failed_records_are_tried_again_with_one_button(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    view = opened(qtbot, shell, FAILED, 12)
    assert view.retry.toolTip() == "Retry all 12 failed records"
    click(qtbot, view.retry)
    qtbot.waitUntil(lambda: bool(fake.asked))
    assert fake.asked == [Resync(state=SyncState.FAILED)]
    qtbot.waitUntil(lambda: "Trying all 12 failed records again" in shell.window.toast.label.text())


def test_selected_records_alone_are_tried_again(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    view = opened(qtbot, shell, FAILED, 12)
    ids = select(view, 2, 5)
    assert view.retry.toolTip() == "Retry 2 selected records"
    click(qtbot, view.retry)
    qtbot.waitUntil(lambda: bool(fake.asked))
    assert fake.asked == [Resync(node="write stock", ids=ids)]


def test_what_has_arrived_is_neither_tried_again_nor_skipped(qtbot: Any, shell: Shell) -> None:
    view = opened(qtbot, shell, SUCCESS, 200)
    select(view, 0)
    assert not view.retry.isEnabled()
    assert not view.skip.isEnabled()


def test_skipping_asks_for_a_reason_and_can_be_taken_back(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    view = opened(qtbot, shell, FAILED, 12)
    ids = select(view, 0)
    click(qtbot, view.skip)
    dialog = shell.window.findChildren(LineDialog)[-1]
    assert not dialog.accept_button.isEnabled()
    qtbot.keyClicks(dialog.line, "A test order")
    click(qtbot, dialog.accept_button)
    qtbot.waitUntil(lambda: view.model.rowCount() == 11)
    (asked,) = fake.asked
    assert isinstance(asked, SkipRequest)
    assert (asked.reason, [key.source_id for key in asked.ids]) == ("A test order", ids)

    click(qtbot, view.states[SKIPPED])
    qtbot.waitUntil(lambda: ids[0] in [view.model.cells(row)[1] for row in range(view.model.rowCount())])
    row = next(row for row in range(view.model.rowCount()) if view.model.cells(row)[1] == ids[0])
    select(view, row)
    assert view.unskip.isEnabled()
    view.unskip.trigger()
    qtbot.waitUntil(lambda: next(one for one in fake.sync if one.source_id == ids[0]).state is SyncState.UNPROCESSED)


def test_deleting_asks_first_and_says_what_it_means(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    view = opened(qtbot, shell, FAILED, 12)
    view.delete.trigger()
    dialog = shell.window.findChildren(ConfirmDialog)[-1]
    assert dialog.heading.text() == "Delete all 12 failed records from Sync Info?"
    assert "it writes it again" in dialog.text.text()
    click(qtbot, dialog.cancel_button)
    assert not fake.asked
    view.delete.trigger()
    click(qtbot, shell.window.findChildren(ConfirmDialog)[-1].accept_button)
    qtbot.waitUntil(lambda: view.model.rowCount() == 0)
    assert isinstance(fake.asked[0], RecordChoice)
    assert len(fake.sync) == 228


def test_an_export_is_whole_or_not_there(qtbot: Any, shell: Shell, fake: FakeClient, tmp_path: Path) -> None:
    view = opened(qtbot, shell, FAILED, 12)
    click(qtbot, view.export)
    shell.window.findChildren(QFileDialog)[-1].close()
    view.export_chosen.emit(str(tmp_path / "failed.csv"))
    qtbot.waitUntil((tmp_path / "failed.csv").exists)
    lines = (tmp_path / "failed.csv").read_text("utf-8").splitlines()
    assert len(lines) == 12
    assert not list(tmp_path.glob("*.part"))


def test_a_refusal_says_what_to_do_and_the_buttons_come_back(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    view = opened(qtbot, shell, FAILED, 12)
    fake.fail["resync"] = ConflictError("It is running.", code="already-running", remedy="Wait until it ends.")
    click(qtbot, view.retry)
    qtbot.waitUntil(lambda: view.banner.isVisible() and view.banner.title.text() == "It is running.")
    assert view.retry.isEnabled()


def test_a_record_leads_to_the_place_that_cures_it(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    fake.change_records(
        lambda one: one.state is SyncState.FAILED,
        {"target": "processflow:stock-to-store#write stock", "error_title": "Not found", "cause": "It is gone."},
    )
    view = opened(qtbot, shell, FAILED, 12)
    view.table.setCurrentIndex(view.model.index(0, 0))
    assert "Not found: It is gone." in view.detail._text.toPlainText()
    click(qtbot, view.detail.act_button)
    qtbot.waitUntil(shell.flows.view.isVisible)
