"""The Event URL dialog: the address is a password, and what has arrived is seen."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtGui import QGuiApplication

from agent.api.event_models import Inbox
from agent.domain.errors import ConfigurationError
from agent.gui.assembly import Shell
from agent.gui.real_time.dialog import EventsDialog
from agent.gui.widgets.dialog import ConfirmDialog
from tests.gui.doubles import click
from tests.gui.pilot import FLOWS
from tests.gui.test_flows import card, dialog_of
from tests.helpers.fake_client import FakeClient, flow_detail
from tests.helpers.fake_real_time import EVENT_FLOW


@pytest.fixture
def fake() -> FakeClient:
    """With a processflow that waits for events."""
    found = FakeClient()
    found.deployed[EVENT_FLOW] = flow_detail(EVENT_FLOW, found.now, by_events=True, title="Webhook to database")
    return found


def opened(qtbot: Any, shell: Shell) -> EventsDialog:
    """The dialog, from the processflow's card."""
    shell.window.show_panel(FLOWS)
    next(one for one in card(shell, EVENT_FLOW).menu.actions() if one.text() == "Event URL…").trigger()
    dialog: EventsDialog = dialog_of(shell, EventsDialog)
    qtbot.waitUntil(lambda: "1,204" in dialog.facts.text())
    return dialog


def test_only_what_waits_for_events_has_an_event_url(shell: Shell) -> None:
    shell.window.show_panel(FLOWS)
    seen = {
        name: [one.text() for one in card(shell, name).menu.actions() if one.isVisible()]
        for name in (EVENT_FLOW, "stock-to-store")
    }
    assert "Event URL…" in seen[EVENT_FLOW]
    assert "Schedule…" not in seen[EVENT_FLOW]
    assert "Event URL…" not in seen["stock-to-store"]


def test_the_address_is_asked_for_and_shown_on_demand_alone(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    dialog = opened(qtbot, shell)
    assert "secret" not in dialog.url.text()
    assert "event_url" not in fake.calls
    click(qtbot, dialog.reveal_button)
    qtbot.waitUntil(lambda: dialog.url.text().endswith("/secret-0"))
    click(qtbot, dialog.reveal_button)
    assert "secret" not in dialog.url.text()


def test_copying_does_not_show_it(qtbot: Any, shell: Shell) -> None:
    dialog = opened(qtbot, shell)
    click(qtbot, dialog.copy_button)
    url = f"https://events.example.com/events/{EVENT_FLOW}/secret-0"
    qtbot.waitUntil(lambda: QGuiApplication.clipboard().text() == url)
    assert "secret" not in dialog.url.text()
    click(qtbot, dialog.test_button)
    qtbot.waitUntil(lambda: QGuiApplication.clipboard().text().startswith("curl "))
    assert url in QGuiApplication.clipboard().text()


def test_renewing_asks_and_says_that_the_old_one_is_refused(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    dialog = opened(qtbot, shell)
    click(qtbot, dialog.renew_button)
    question = dialog_of(shell, ConfirmDialog)
    assert question.cancel_button.isDefault()
    assert fake.url_number == 0
    click(qtbot, question.accept_button)
    qtbot.waitUntil(lambda: "The old URL is refused" in shell.window.toast.label.text())
    click(qtbot, dialog.reveal_button)
    qtbot.waitUntil(lambda: dialog.url.text().endswith("/secret-1"))


def test_the_signature_secret_is_set_and_its_field_emptied(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    dialog = opened(qtbot, shell)
    assert "every event is refused" in dialog._secret_row._note.text()
    assert not dialog.sign_button.isEnabled()
    qtbot.keyClicks(dialog.secret.field, "shared")
    click(qtbot, dialog.sign_button)
    qtbot.waitUntil(lambda: "has to be signed" in dialog._secret_row._note.text())
    assert fake.stored_secrets[EVENT_FLOW, "signature"] == "shared"
    assert dialog.secret.take() == ""


def test_what_is_not_received_leads_to_settings(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    fake.receiving = False
    dialog = opened(qtbot, shell)
    assert dialog.trouble.title.text() == "Events are not received"
    click(qtbot, dialog.trouble._buttons[0])
    assert shell.settings.view.isVisible()


def test_what_arrives_is_counted_while_one_looks(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    dialog = opened(qtbot, shell)
    fake.inbox = Inbox(flow=EVENT_FLOW, deployed=True, has_url=True, received=1_205, waiting=4)
    dialog.grew_old.emit()
    qtbot.waitUntil(lambda: "Received: 1,205" in dialog.facts.text())


def test_a_lost_url_says_what_to_do(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    fake.fail["event_url"] = ConfigurationError("The vault lost it.", code="event-url-lost", remedy="Renew it.")
    dialog = opened(qtbot, shell)
    click(qtbot, dialog.reveal_button)
    qtbot.waitUntil(lambda: dialog.banner.title.text() == "The vault lost it.")
    assert dialog.renew_button.isEnabled()
