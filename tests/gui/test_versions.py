"""Versions of a processflow: what there is, what differs, the way back; and those that are not deployed any more."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt

from agent.api.deployment_models import RollBack
from agent.domain.errors import ConfigurationError
from agent.gui.assembly import Shell
from agent.gui.panel import Room
from agent.gui.versions.dialog import VersionsDialog
from agent.gui.versions.past_dialog import PastDialog
from agent.gui.widgets.dialog import ConfirmDialog
from tests.gui.doubles import click
from tests.gui.pilot import FLOWS
from tests.gui.test_flows import card, dialog_of, words
from tests.helpers.fake_client import FakeClient

ORDERS = "orders-to-database"


def opened(qtbot: Any, shell: Shell, row: int) -> VersionsDialog:
    """The dialog, from the processflow's card, with the version of a row selected."""
    shell.window.show_panel(FLOWS)
    next(one for one in card(shell, ORDERS).menu.actions() if one.text() == "Versions…").trigger()
    dialog: VersionsDialog = dialog_of(shell, VersionsDialog)
    qtbot.waitUntil(lambda: dialog.model.rowCount() == 3)
    dialog.table.setCurrentIndex(dialog.model.index(row, 0))
    return dialog


def test_a_version_is_compared_with_the_deployed_one(qtbot: Any, shell: Shell) -> None:
    dialog = opened(qtbot, shell, 1)
    assert dialog.other.currentText() == "version 3, deployed now"
    qtbot.waitUntil(lambda: "total_inc_tax" in dialog.diff.toPlainText())
    assert "warehouse: Old database → Warehouse database" in words(dialog)
    assert "Schedule: Manual → Every 15 minutes, Europe/Berlin" in words(dialog)
    assert "failed its check when this version was deployed" in words(dialog)


def test_the_deployed_version_is_compared_with_the_one_before_and_needs_no_way_back(qtbot: Any, shell: Shell) -> None:
    dialog = opened(qtbot, shell, 0)
    assert dialog.other.currentText() == "version 2"
    assert not dialog.back_button.isEnabled()


def test_going_back_asks_first_and_shows_the_lines_of_the_deployment(
    qtbot: Any, shell: Shell, fake: FakeClient
) -> None:
    dialog = opened(qtbot, shell, 2)
    click(qtbot, dialog.back_button)
    question = dialog_of(shell, ConfirmDialog)
    assert question.heading.text() == "Go back to version 1 of “Orders to database”?"
    assert fake.asked == []
    click(qtbot, question.accept_button)
    qtbot.waitUntil(lambda: dialog.banner.title.text() == "Deployed")
    assert fake.asked == [RollBack(version=1)]
    qtbot.waitUntil(lambda: dialog.model.rowCount() == 4)
    assert fake.deployed[ORDERS].version == 4


def test_a_refused_way_back_can_be_insisted_on_after_a_question(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    fake.refuse = ConfigurationError("Its test “taxes” failed.", code="tests-failed", remedy="Correct the mapping.")
    dialog = opened(qtbot, shell, 1)
    dialog.roll_back_confirmed.emit(2)
    qtbot.waitUntil(lambda: dialog.banner.title.text() == "Its test “taxes” failed.")
    click(qtbot, dialog.banner._buttons[0])
    question = dialog_of(shell, ConfirmDialog)
    assert question.cancel_button.isDefault()
    click(qtbot, question.accept_button)
    qtbot.waitUntil(lambda: dialog.banner.title.text() == "Deployed")
    assert fake.asked == [RollBack(version=2), RollBack(version=2, without_tests=True)]


def test_a_hanging_way_back_can_be_cancelled(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    fake.hang.add("roll_back")
    dialog = opened(qtbot, shell, 1)
    dialog.roll_back_confirmed.emit(2)
    qtbot.waitUntil(lambda: "roll_back" in fake.calls)
    click(qtbot, dialog.close_button)
    qtbot.waitUntil(lambda: "roll_back" in fake.cancelled)
    assert dialog.banner.title.text() == "Cancelled"
    qtbot.waitUntil(dialog.back_button.isEnabled)


def test_the_deployment_log_says_why_one_failed(qtbot: Any, shell: Shell) -> None:
    dialog = opened(qtbot, shell, 0)
    click(qtbot, dialog.views[1])
    assert dialog.log_model.cells(0)[0] == "Failed"
    assert "Correct it, press Validate and Save" in dialog.log_text.toPlainText()
    assert not dialog.back_button.isVisible()


def test_an_undeployed_processflow_leads_to_its_versions(qtbot: Any, shell: Shell) -> None:
    shell.window.show_panel(FLOWS)
    shell.flows.view.more_actions.menu().actions()[0].trigger()
    past: PastDialog = dialog_of(shell, PastDialog)
    qtbot.waitUntil(lambda: past.model.rowCount() == 2)
    click(qtbot, past.versions_button)
    dialog: VersionsDialog = dialog_of(shell, VersionsDialog)
    assert dialog.heading.text() == "Versions of “returns-to-files”"
    qtbot.waitUntil(lambda: dialog.model.rowCount() == 3)
    assert dialog.back_button.isEnabled()


def test_deleting_a_history_says_what_goes_and_asks(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    shell.rooms.open_past()
    past: PastDialog = dialog_of(shell, PastDialog)
    qtbot.waitUntil(lambda: past.model.rowCount() == 2)
    click(qtbot, past.forget_button)
    qtbot.waitUntil(lambda: bool(shell.window.findChildren(ConfirmDialog)))
    question = dialog_of(shell, ConfirmDialog)
    assert "12,408 records of Sync Info" in question.text.text()
    assert question.cancel_button.isDefault()
    click(qtbot, question.accept_button)
    qtbot.waitUntil(lambda: past.model.rowCount() == 1)
    assert fake.past == ["prices-to-store"]


def test_versions_that_cannot_be_read_are_said(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    fake.fail["versions"] = ConfigurationError("The disk is broken.", code="x", remedy="Look at it.")
    shell.open_room(ORDERS, Room.VERSIONS)
    dialog: VersionsDialog = dialog_of(shell, VersionsDialog)
    qtbot.waitUntil(lambda: dialog.banner.title.text() == "The disk is broken.")


def test_the_dialog_closes_with_its_button_and_with_esc(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    dialog = opened(qtbot, shell, 0)
    click(qtbot, dialog.close_button)
    qtbot.waitUntil(lambda: not shell.window.findChildren(VersionsDialog))
    dialog = opened(qtbot, shell, 0)
    closed: list[bool] = []
    dialog.closed.connect(lambda: closed.append(True))
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: not shell.window.findChildren(VersionsDialog))
    assert closed == [True]
