"""What runs did, and the history of a record."""

from __future__ import annotations

from typing import Any

from agent.api import live_models
from agent.domain.errors import TransientError
from agent.domain.run import RunState
from agent.gui.assembly import Shell
from agent.gui.snapshots.dialog import RunsDialog
from agent.gui.snapshots.history import HistoryDialog
from agent.gui.snapshots.presenter import Look, RunsPresenter
from tests.gui.doubles import InstantCalls, Recorder, click
from tests.gui.pilot import FLOWS, SYNC_INFO
from tests.gui.test_flows import card, dialog_of, words
from tests.helpers.fake_client import FakeClient, run

STOCK = "stock-to-store"


def opened(qtbot: Any, shell: Shell) -> RunsDialog:
    """The dialog, from the processflow's card."""
    shell.window.show_panel(FLOWS)
    next(one for one in card(shell, STOCK).menu.actions() if one.text() == "Runs…").trigger()
    dialog: RunsDialog = dialog_of(shell, RunsDialog)
    qtbot.waitUntil(lambda: dialog.nodes.rowCount() > 0)
    return dialog


def test_the_newest_run_is_shown_with_its_nodes_and_passes(qtbot: Any, shell: Shell) -> None:
    dialog = opened(qtbot, shell)
    assert dialog.chip.text() == "Partial"
    names = [dialog.nodes.cells(row)[0].strip() for row in range(dialog.nodes.rowCount())]
    assert names == ["read stock", "pass 1", "pass 2", "pass 3", "map stock", "write stock", "end"]
    assert dialog.nodes.cells(5)[2] == "Some failed"
    assert dialog.nodes.cells(5)[7] == "12"
    assert dialog.nodes.cells(6)[2] == "Not reached"
    assert "12 of 200 records were refused" in words(dialog)


def test_its_records_are_searched_and_come_page_by_page(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    dialog = opened(qtbot, shell)
    click(qtbot, dialog.looks[Look.RECORDS])
    qtbot.waitUntil(lambda: dialog.records.rowCount() == 200)
    dialog.more_wanted.emit()
    qtbot.waitUntil(lambda: dialog.records.rowCount() == 240)
    qtbot.keyClicks(dialog.search, "no product")
    qtbot.waitUntil(lambda: dialog.records.rowCount() == 12)
    assert "What to do: Create the product" in dialog._record_text.toPlainText()


def test_a_request_is_shown_as_it_was_sent_without_its_secrets(qtbot: Any, shell: Shell) -> None:
    dialog = opened(qtbot, shell)
    click(qtbot, dialog.looks[Look.PACKETS])
    qtbot.waitUntil(lambda: dialog.packets.rowCount() == 4)
    qtbot.waitUntil(lambda: '"quantity": 12' in dialog.content.toPlainText())
    dialog.packet_table.setCurrentIndex(dialog.packets.index(3, 0))
    qtbot.waitUntil(lambda: '"X-Auth-Token": "••••"' in dialog.content.toPlainText())


def test_activity_is_short_or_detailed(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    fake.log_first, fake.log_last = 1, 40
    fake.deployed[STOCK] = fake.deployed[STOCK].model_copy(
        update={"last_run": run(STOCK, RunState.SUCCESS, fake.now, identity="r0")}
    )
    dialog = opened(qtbot, shell)
    click(qtbot, dialog.looks[Look.ACTIVITY])
    qtbot.waitUntil(lambda: "no billing address" in dialog.activity.toPlainText())
    assert "street_1 is required" not in dialog.activity.toPlainText()
    dialog.detailed.setChecked(True)
    assert "street_1 is required" in dialog.activity.toPlainText()


def test_a_run_under_way_is_followed(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    dialog = opened(qtbot, shell)
    before = fake.calls.count("snapshot")
    flow = fake.deployed[STOCK]
    assert flow.last_run is not None
    fake.emit(live_models.EventKind.RUN, flow.last_run)
    qtbot.waitUntil(lambda: fake.calls.count("snapshot") == before + 1)
    assert dialog.isVisible()


def test_a_record_of_sync_info_leads_through_its_history_to_the_run(qtbot: Any, shell: Shell) -> None:
    shell.window.show_panel(SYNC_INFO)
    view = shell.sync_info.view
    qtbot.waitUntil(lambda: view.model.rowCount() == 200)
    assert not view.history.isEnabled()
    view.table.setCurrentIndex(view.model.index(0, 0))
    click(qtbot, view.history)
    history: HistoryDialog = dialog_of(shell, HistoryDialog)
    qtbot.waitUntil(lambda: history.model.rowCount() == 2)
    assert [history.model.cells(row)[0] for row in (0, 1)] == ["Failed", "Success"]
    assert "What to do:" in history.text.toPlainText()
    click(qtbot, history.run_button)
    dialog: RunsDialog = dialog_of(shell, RunsDialog)
    qtbot.waitUntil(lambda: dialog.records.rowCount() == 1)
    assert dialog.search.text() == "SKU-000000"
    assert dialog.looks[Look.RECORDS].isChecked()


async def test_what_cannot_be_read_is_said_and_read_again(
    calls: InstantCalls, view: Recorder, fake: FakeClient
) -> None:
    presenter = RunsPresenter(view, calls, STOCK)
    fake.fail["snapshot"] = TransientError("No answer.", code="x")
    presenter.open()
    await calls.settle()
    assert view.said("show_error")[0].message == "No answer."
    fake.fail.clear()
    presenter.refresh()
    await calls.settle()
    assert view.said("show_error") == (None,)
    assert view.said("show_snapshot")[0].run.id == "r-part"


async def test_a_processflow_that_never_ran_says_so(calls: InstantCalls, view: Recorder, fake: FakeClient) -> None:
    presenter = RunsPresenter(view, calls, "catalogue-to-store")
    presenter.open()
    await calls.settle()
    assert view.said("show_runs") == ([], "")
    assert "show_error" not in view.names()
