"""The Preview dialog."""

from __future__ import annotations

from typing import Any

from agent.api.preview_models import PreviewRequest
from agent.domain.errors import ConfigurationError
from agent.domain.preview import Outcome
from agent.gui.assembly import Shell
from agent.gui.flows.card import FlowCard
from agent.gui.previews.dialog import PreviewDialog
from tests.gui.doubles import click
from tests.gui.pilot import FLOWS
from tests.helpers.fake_client import FakeClient


def opened(qtbot: Any, shell: Shell) -> PreviewDialog:
    """The dialog, opened from the processflow's card as an operator does it."""
    shell.window.show_panel(FLOWS)
    card = next(one for one in shell.flows.view.findChildren(FlowCard) if one._name == "orders-to-database")
    next(action for action in card.menu.actions() if action.text() == "Preview…").trigger()
    dialog: PreviewDialog = shell.window.findChildren(PreviewDialog)[-1]
    return dialog


def finished(qtbot: Any, shell: Shell) -> PreviewDialog:
    dialog = opened(qtbot, shell)
    qtbot.waitUntil(lambda: dialog.model.rowCount() == 200)
    return dialog


def test_totals_and_records_are_shown_and_more_come_at_the_end(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    dialog = finished(qtbot, shell)
    assert fake.asked == [PreviewRequest(flow="orders-to-database")]
    assert [one.text() for one in dialog.outcomes][:3] == ["All  1,000", "Created  64", "Changed  36"]
    assert "“channel” would be added" in dialog.notes.text()
    dialog.table.scrollToBottom()
    qtbot.waitUntil(lambda: dialog.model.rowCount() == 308)


def test_a_changed_record_shows_old_and_new_field_by_field(qtbot: Any, shell: Shell) -> None:
    dialog = finished(qtbot, shell)
    click(qtbot, dialog.outcomes[2])
    qtbot.waitUntil(lambda: dialog.model.rowCount() == 36)
    dialog.table.setCurrentIndex(dialog.model.index(0, 0))
    text = dialog.detail._text.toPlainText()
    assert "total:  “129.90”  →  “119.90”" in text
    assert "lines[7].quantity:  nothing  →  “2”" in text


def test_a_record_that_would_fail_says_what_to_do(qtbot: Any, shell: Shell) -> None:
    dialog = finished(qtbot, shell)
    dialog.outcome_chosen.emit(Outcome.FAILED)
    qtbot.waitUntil(lambda: dialog.model.rowCount() == 5)
    dialog.table.setCurrentIndex(dialog.model.index(0, 0))
    assert "What to do: Enter the customer's e-mail address" in dialog.detail._text.toPlainText()


def test_the_first_thousand_are_read_and_all_on_demand(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    dialog = finished(qtbot, shell)
    assert dialog.banner.title.text() == "These are the first 1,000 records."
    click(qtbot, dialog.everything_button)
    qtbot.waitUntil(lambda: len(fake.asked) == 2 and dialog.outcomes[0].text() == "All  1,480")
    assert fake.asked[1] == PreviewRequest(flow="orders-to-database", limit=0)


def test_executing_starts_the_run_and_closes(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    dialog = finished(qtbot, shell)
    click(qtbot, dialog.execute_button)
    qtbot.waitUntil(lambda: "execute" in fake.calls and not shell.window.findChildren(PreviewDialog))


def test_closing_stops_what_is_still_reading(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    fake.hang.add("preview")
    dialog = opened(qtbot, shell)
    qtbot.waitUntil(lambda: "420 records read" in dialog.banner.body.text())
    assert not dialog.execute_button.isEnabled()
    dialog.close()
    qtbot.waitUntil(lambda: "stop_preview" in fake.calls)
    assert "preview" in fake.cancelled


def test_a_refusal_says_what_to_do(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    fake.fail["start_preview"] = ConfigurationError("The vault is locked.", code="vault-locked", remedy="Unlock it.")
    dialog = opened(qtbot, shell)
    qtbot.waitUntil(lambda: dialog.banner.title.text() == "The vault is locked.")
    assert dialog.banner.body.text() == "Unlock it."
    assert not dialog.execute_button.isEnabled()
