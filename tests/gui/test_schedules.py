"""The Schedule dialog."""

from __future__ import annotations

from typing import Any

from PySide6.QtWidgets import QLabel

from agent.domain.errors import ConfigurationError
from agent.domain.schedule import PlanKind
from agent.gui.assembly import Shell
from agent.gui.flows.card import FlowCard
from agent.gui.schedules.dialog import ScheduleDialog
from tests.gui.doubles import click
from tests.gui.pilot import FLOWS
from tests.helpers.fake_client import FakeClient


def opened(qtbot: Any, shell: Shell, flow: str) -> ScheduleDialog:
    """The dialog, opened from the processflow's card as an operator does it, with the plan in it."""
    shell.window.show_panel(FLOWS)
    card = next(one for one in shell.flows.view.findChildren(FlowCard) if one._name == flow)
    next(action for action in card.menu.actions() if action.text() == "Schedule…").trigger()
    dialog: ScheduleDialog = shell.window.findChildren(ScheduleDialog)[-1]
    qtbot.waitUntil(lambda: dialog.isVisible() and dialog.save_button.isEnabled())
    return dialog


def words(dialog: ScheduleDialog) -> str:
    return "\n".join(label.text() for label in dialog.findChildren(QLabel) if label.isVisibleTo(dialog))


def choose(dialog: ScheduleDialog, kind: PlanKind) -> None:
    dialog.kind.setCurrentIndex(dialog.kind.findData(kind.value))


def test_the_plan_is_shown_with_its_next_times_and_how_far_it_has_got(qtbot: Any, shell: Shell) -> None:
    dialog = opened(qtbot, shell, "orders-to-database")
    assert dialog.kind.currentText() == "Every so many minutes"
    assert dialog.every.text() == "15"
    text = words(dialog)
    assert "Every 15 minutes" in text
    assert "Next: " in text
    assert "412 runs, 3 times came while the run before was still at work" in text


def test_why_nothing_ran_is_said(qtbot: Any, shell: Shell) -> None:
    dialog = opened(qtbot, shell, "stock-to-store")
    assert "Nothing ran" in words(dialog)
    assert "It missed 9 times" in words(dialog)


def test_only_what_belongs_to_the_choice_is_asked(qtbot: Any, shell: Shell) -> None:
    dialog = opened(qtbot, shell, "orders-to-database")
    choose(dialog, PlanKind.DAILY)
    assert [name for name, row in dialog.rows.items() if row.isVisibleTo(dialog)] == [
        "kind", "at", "zone", "end", "missed"
    ]  # fmt: skip
    choose(dialog, PlanKind.MANUAL)
    assert [name for name, row in dialog.rows.items() if row.isVisibleTo(dialog)] == ["kind"]


def test_a_saved_plan_takes_effect_and_is_on_the_card(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    dialog = opened(qtbot, shell, "orders-to-database")
    choose(dialog, PlanKind.HOURS)
    dialog.every.setText("2")
    dialog.every.textEdited.emit("2")
    qtbot.waitUntil(lambda: "Every 2 hours" in words(dialog))
    click(qtbot, dialog.save_button)
    qtbot.waitUntil(lambda: not shell.window.findChildren(ScheduleDialog))
    assert fake.schedules["orders-to-database"].text.startswith("Every 2 hours")


def test_by_hand_takes_the_schedule_away(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    dialog = opened(qtbot, shell, "orders-to-database")
    choose(dialog, PlanKind.MANUAL)
    qtbot.waitUntil(lambda: "never by itself" in words(dialog))
    click(qtbot, dialog.save_button)
    qtbot.waitUntil(lambda: not shell.window.findChildren(ScheduleDialog))
    assert "orders-to-database" not in fake.schedules


def test_what_is_wrong_is_said_at_its_field_and_saving_waits(qtbot: Any, shell: Shell) -> None:
    dialog = opened(qtbot, shell, "orders-to-database")
    dialog.every.setText("90")
    dialog.every.textEdited.emit("90")
    qtbot.waitUntil(lambda: bool(dialog.rows["every"].error))
    assert not dialog.save_button.isEnabled()
    dialog.every.setText("30")
    dialog.every.textEdited.emit("30")
    qtbot.waitUntil(dialog.save_button.isEnabled)
    assert not dialog.rows["every"].error


def test_a_save_that_fails_leaves_the_form_as_it_is(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    dialog = opened(qtbot, shell, "orders-to-database")
    choose(dialog, PlanKind.DAILY)
    qtbot.waitUntil(lambda: "Daily at" in words(dialog))
    fake.fail["set_schedule"] = ConfigurationError("It cannot be saved.", code="x", remedy="Try again.")
    click(qtbot, dialog.save_button)
    qtbot.waitUntil(lambda: "It cannot be saved. Try again." in words(dialog))
    assert dialog.kind.currentText() == "Daily at a time"
    assert dialog.save_button.text() == "&Save"
