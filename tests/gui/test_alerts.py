"""Alerts: what needs a person, the way to its cure, and what somebody has seen already."""

from __future__ import annotations

from typing import Any

from agent.api.alert_models import AlertCode
from agent.api.live_models import EventKind
from agent.domain.errors import NotFoundError
from agent.domain.packet import SyncState
from agent.gui.alerts.presenter import _TITLES, AlertsPresenter
from agent.gui.alerts.view import AlertCard
from agent.gui.assembly import Shell
from agent.gui.catalog import Catalog
from agent.gui.cures import act_for
from agent.gui.navigation import Ways
from agent.gui.schedules.dialog import ScheduleDialog
from tests.gui.doubles import InstantCalls, Recorder, click
from tests.gui.pilot import ALERTS, HOME
from tests.helpers.fake_client import FakeClient

RECORDS = "records-failed:stock-to-store"


def card(shell: Shell, alert_id: str) -> AlertCard:
    view = shell.alerts.view
    found = view._fresh.row(alert_id) or view._seen.row(alert_id)
    assert isinstance(found, AlertCard)
    return found


async def test_each_alert_has_words_and_a_way_to_its_cure(
    calls: InstantCalls, view: Recorder, fake: FakeClient
) -> None:
    fake.trip("c-main", "The store refused the API token.", waiting=2)
    catalog, went = Catalog(calls), list[str]()
    presenter = AlertsPresenter(view, calls, catalog, Ways(to_cure=went.append), lambda: fake.now)
    presenter.refresh()
    await calls.settle()
    fresh, seen = view.said("show_alerts")
    assert [(entry.title, entry.act) for entry in fresh] == [
        ("Credentials refused", "Open the App Configuration"),
        ("Stock to store: records failed", "Show the records"),
        ("Customers to files: the last run failed", "Show the log"),
        ("Stock to store: did not run when it should have", "Open the schedule"),
    ]
    assert seen == []
    presenter.cure(fresh[0].alert.target)
    assert went == ["app-configuration:c-main"]


async def test_an_alert_whose_cause_has_gone_is_said_and_asked_for_again(
    calls: InstantCalls, view: Recorder, fake: FakeClient
) -> None:
    presenter = AlertsPresenter(view, calls, Catalog(calls), Ways(), lambda: fake.now)
    presenter.refresh()
    await calls.settle()
    fake.fail["acknowledge_alert"] = NotFoundError("This alert is gone.", code="alert-not-found")
    presenter.acknowledge(RECORDS)
    await calls.settle()
    assert view.said("show_error")[0].message == "This alert is gone."
    assert fake.calls.count("alerts") == 2
    fake.fail.clear()
    presenter.acknowledge(RECORDS)
    await calls.settle()
    assert view.said("show_error") == (None,)
    assert [entry.alert.id for entry in view.said("show_alerts")[1]] == [RECORDS]


def test_an_acknowledged_alert_leaves_home_and_the_count_until_its_cause_changes(
    qtbot: Any, shell: Shell, fake: FakeClient
) -> None:
    entry = shell.window.sidebar.buttons[ALERTS]
    assert entry.accessibleName() == "Alerts, 3 new"
    click(qtbot, shell.home.view.alerts)
    assert shell.alerts.view.isVisible()
    click(qtbot, card(shell, RECORDS).acknowledge)
    qtbot.waitUntil(lambda: entry.accessibleName() == "Alerts, 2 new")
    assert "seen by anna" in card(shell, RECORDS)._since.text()
    assert not card(shell, RECORDS).acknowledge.isVisible()
    shell.window.show_panel(HOME)
    titles = [row._item.title for row in shell.home.view._attention.rows if hasattr(row, "_item")]
    assert not [title for title in titles if title.startswith("Stock to store: partial")]

    flow = fake.deployed["stock-to-store"]
    fake.deployed["stock-to-store"] = flow.model_copy(update={"failed_records": 13})
    fake.emit(EventKind.FLOW)  # as the service tells of it: after the event that told of the acknowledgement
    qtbot.waitUntil(lambda: entry.accessibleName() == "Alerts, 3 new")


def test_alerts_lead_to_records_and_schedules(qtbot: Any, shell: Shell) -> None:
    shell.window.show_panel(ALERTS)
    click(qtbot, card(shell, RECORDS).cure)
    assert shell.sync_info.view.isVisible()
    assert shell.sync_info.presenter._state is SyncState.FAILED
    shell.window.show_panel(ALERTS)
    click(qtbot, card(shell, "schedule-held:stock-to-store").cure)
    qtbot.waitUntil(shell.window.findChildren(ScheduleDialog)[-1].isVisible)


def test_every_kind_of_alert_has_words_of_its_own_and_leads_somewhere() -> None:
    targets = {AlertCode.RETRY_HELD: "retry:orders", AlertCode.SCHEDULE_HELD: "schedule:orders"}
    assert set(_TITLES) == set(AlertCode)
    assert all(act_for(target) for target in targets.values())


def test_nothing_that_needs_anybody_is_said_as_such(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    fake.deployed.clear()
    shell.window.show_panel(ALERTS)
    qtbot.waitUntil(shell.alerts.view.empty.isVisible)
    assert shell.window.sidebar.buttons[ALERTS].accessibleName() == "Alerts"
