"""What a processflow remembers: bookmarks and variables, changed with a reason; and when it tries again by itself."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from agent.api.rerun_models import RetryPlanChange
from agent.domain.errors import ConfigurationError, ConflictError
from agent.domain.schedule import PlanKind
from agent.gui.assembly import Shell
from agent.gui.flow_data.dialog import DataDialog
from agent.gui.flow_data.questions import BookmarkDialog, VariableDialog
from agent.gui.retries.dialog import RetryDialog
from agent.gui.widgets.question import LineDialog
from tests.gui.doubles import click
from tests.gui.pilot import FLOWS
from tests.gui.test_flows import card, dialog_of, words
from tests.helpers.fake_client import FakeClient

ORDERS = "orders-to-database"


def chosen(shell: Shell, text: str) -> None:
    """An entry of the card's menu."""
    shell.window.show_panel(FLOWS)
    next(one for one in card(shell, ORDERS).menu.actions() if one.text() == text).trigger()


def opened(qtbot: Any, shell: Shell) -> DataDialog:
    chosen(shell, "Data of this processflow…")
    dialog: DataDialog = dialog_of(shell, DataDialog)
    qtbot.waitUntil(lambda: dialog.bookmarks.rowCount() == 2 and dialog.variables.rowCount() == 3)
    return dialog


def test_a_bookmark_is_moved_with_a_reason(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    dialog = opened(qtbot, shell)
    assert not dialog.move_button.isEnabled()
    dialog.bookmark_table.selectRow(0)
    click(qtbot, dialog.move_button)
    question: BookmarkDialog = dialog_of(shell, BookmarkDialog)
    assert not question.accept_button.isEnabled()
    question.moment.setDateTime(question.moment.dateTime().addDays(-1))
    qtbot.keyClicks(question.reason, "Orders of yesterday again")
    click(qtbot, question.accept_button)
    qtbot.waitUntil(lambda: "Orders of yesterday again" in dialog.bookmarks.cells(0)[3])
    moved = fake.bookmarked["get-orders"].moment
    assert moved == fake.now - timedelta(minutes=15, days=1)


def test_a_bookmark_is_set_to_the_beginning(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    dialog = opened(qtbot, shell)
    dialog.bookmark_table.selectRow(0)
    click(qtbot, dialog.move_button)
    question: BookmarkDialog = dialog_of(shell, BookmarkDialog)
    question.way.setCurrentIndex(1)
    assert not question.moment.isVisible()
    qtbot.keyClicks(question.reason, "All again")
    click(qtbot, question.accept_button)
    qtbot.waitUntil(lambda: dialog.bookmarks.cells(0)[1] == "the beginning")


def test_a_busy_processflow_keeps_its_bookmark_and_says_so(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    fake.fail["set_bookmark"] = ConflictError("It is running.", code="already-running", remedy="Wait until it ends.")
    dialog = opened(qtbot, shell)
    dialog.moved.emit("get-orders", None, "x")
    qtbot.waitUntil(lambda: dialog.banner.title.text() == "It is running.")
    assert not dialog._spinner.isVisible()


def test_a_variable_is_set_and_goes_back_to_its_default(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    dialog = opened(qtbot, shell)
    dialog.variable_table.selectRow(0)
    assert not dialog.reset_button.isEnabled()
    click(qtbot, dialog.set_button)
    question: VariableDialog = dialog_of(shell, VariableDialog)
    question.value.setText("USD")
    qtbot.keyClicks(question.reason, "New market")
    click(qtbot, question.accept_button)
    qtbot.waitUntil(lambda: dialog.variables.cells(0)[2] == "USD")
    assert "by anna: New market" in dialog.variables.cells(0)[3]
    click(qtbot, dialog.reset_button)
    back: LineDialog = dialog_of(shell, LineDialog)
    qtbot.keyClicks(back.line, "Not yet")
    click(qtbot, back.accept_button)
    qtbot.waitUntil(lambda: dialog.variables.cells(0)[2:] == ("EUR", "default"))


def test_an_encrypted_variable_is_never_shown_and_typed_anew(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    dialog = opened(qtbot, shell)
    assert dialog.variables.cells(2)[2] == "••••"
    dialog.variable_table.selectRow(2)
    click(qtbot, dialog.set_button)
    question: VariableDialog = dialog_of(shell, VariableDialog)
    qtbot.keyClicks(question.reason, "Renewed")
    assert not question.accept_button.isEnabled()
    qtbot.keyClicks(question.secret.field, "s3cret")
    click(qtbot, question.accept_button)
    qtbot.waitUntil(lambda: fake.stored_secrets.get((ORDERS, "api_key")) == "s3cret")
    assert "s3cret" not in words(dialog)
    assert dialog.variables.cells(2)[2] == "••••"


def test_failed_records_are_tried_again_every_two_hours(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    chosen(shell, "Retry…")
    dialog: RetryDialog = dialog_of(shell, RetryDialog)
    qtbot.waitUntil(dialog.save_button.isEnabled)
    assert not dialog.every.isVisible()
    dialog.kind.setCurrentIndex(dialog.kind.findData(PlanKind.HOURS.value))
    assert dialog.every.isVisible()
    assert not dialog.at.isVisible()
    dialog.retries.setText("5")
    click(qtbot, dialog.save_button)
    qtbot.waitUntil(lambda: "Retry saved: Every 2 hours" in shell.window.toast.label.text())
    (asked,) = fake.asked
    assert isinstance(asked, RetryPlanChange)
    assert (asked.kind, asked.every, asked.retries) == (PlanKind.HOURS, 2, 5)

    chosen(shell, "Retry…")
    dialog = dialog_of(shell, RetryDialog)
    qtbot.waitUntil(lambda: dialog.retries.text() == "5")
    dialog.kind.setCurrentIndex(dialog.kind.findData(PlanKind.MANUAL.value))
    click(qtbot, dialog.save_button)
    qtbot.waitUntil(lambda: "Retry saved: By hand" in shell.window.toast.label.text())


def test_what_is_wrong_with_a_retry_plan_is_said_at_its_field(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    fake.fail["set_retry"] = ConfigurationError("Not a time.", code="x", remedy="Write 06:00.", field="at")
    chosen(shell, "Retry…")
    dialog: RetryDialog = dialog_of(shell, RetryDialog)
    qtbot.waitUntil(dialog.save_button.isEnabled)
    dialog.kind.setCurrentIndex(dialog.kind.findData(PlanKind.DAILY.value))
    click(qtbot, dialog.save_button)
    qtbot.waitUntil(lambda: dialog.rows["at"].error == "Not a time. Write 06:00.")
    assert dialog.save_button.isEnabled()
