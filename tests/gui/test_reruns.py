"""The Execute once dialog."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from agent.api.rerun_models import Execution, FilterClause, ReplayWindow
from agent.domain.errors import ConfigurationError
from agent.gui.assembly import Shell
from agent.gui.flows.card import FlowCard
from agent.gui.reruns.dialog import OnceDialog, Way
from tests.gui.doubles import click
from tests.gui.pilot import FLOWS
from tests.helpers.fake_client import FakeClient


def opened(qtbot: Any, shell: Shell) -> OnceDialog:
    """The dialog, opened from the processflow's card as an operator does it."""
    shell.window.show_panel(FLOWS)
    card = next(one for one in shell.flows.view.findChildren(FlowCard) if one._name == "orders-to-database")
    next(action for action in card.menu.actions() if action.text() == "Execute once…").trigger()
    dialog: OnceDialog = shell.window.findChildren(OnceDialog)[-1]
    qtbot.waitUntil(dialog.isVisible)
    return dialog


def test_an_empty_filter_cannot_be_executed(qtbot: Any, shell: Shell) -> None:
    dialog = opened(qtbot, shell)
    assert not dialog.execute_button.isEnabled()
    qtbot.keyClicks(dialog.clauses[0].key, "status_id")
    assert dialog.execute_button.isEnabled()
    dialog.clauses[0].removed.emit()
    assert not dialog.execute_button.isEnabled()


def test_a_filter_of_several_clauses_is_sent_and_the_dialog_closes(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    dialog = opened(qtbot, shell)
    qtbot.keyClicks(dialog.clauses[0].key, "status_id")
    qtbot.keyClicks(dialog.clauses[0].value, "11")
    click(qtbot, dialog.add_button)
    qtbot.keyClicks(dialog.clauses[1].key, "min_id")
    dialog.clauses[1].operator.setCurrentIndex(dialog.clauses[1].operator.findData(">="))
    qtbot.keyClicks(dialog.clauses[1].value, "100")
    click(qtbot, dialog.execute_button)
    qtbot.waitUntil(lambda: not shell.window.findChildren(OnceDialog))
    (asked,) = fake.asked
    assert isinstance(asked, Execution)
    assert asked.filter == [
        FilterClause(key="status_id", operator="=", value="11"), FilterClause(key="min_id", operator=">=", value="100")
    ]  # fmt: skip


def test_a_window_of_time_is_sent_with_its_zone(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    dialog = opened(qtbot, shell)
    dialog.way.setCurrentIndex(dialog.way.findData(Way.WINDOW.value))
    dialog.again.setChecked(True)
    click(qtbot, dialog.execute_button)
    qtbot.waitUntil(lambda: bool(fake.asked))
    (asked,) = fake.asked
    assert isinstance(asked, ReplayWindow)
    assert (asked.until, asked.since, asked.again) == (fake.now, fake.now - timedelta(days=1), True)


def test_what_the_service_refuses_is_said_and_can_be_corrected(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    fake.fail["filtered"] = ConfigurationError(
        "There is no filter “stat”.", code="x", remedy="Did you mean “status_id”?"
    )
    dialog = opened(qtbot, shell)
    qtbot.keyClicks(dialog.clauses[0].key, "stat")
    click(qtbot, dialog.execute_button)
    qtbot.waitUntil(lambda: dialog.banner.title.text() == "There is no filter “stat”.")
    assert dialog.banner.body.text() == "Did you mean “status_id”?"
    assert dialog.execute_button.isEnabled()
