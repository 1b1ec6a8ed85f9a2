"""A run that failed as a whole: Home and Sync Info say what kind of trouble it was and lead to where it is mended."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from PySide6.QtWidgets import QPushButton

from agent.domain.run import RunState
from agent.gui.assembly import Shell
from agent.gui.catalog import Catalog
from agent.gui.home.content import content
from agent.gui.navigation import Ways
from agent.gui.sync_info.presenter import SyncInfoPresenter
from tests.gui.doubles import InstantCalls, Recorder, click
from tests.helpers.fake_client import FakeClient, run

FLOW = "customers-to-files"


async def test_home_names_the_kind_and_leads_to_the_cure(calls: InstantCalls, fake: FakeClient) -> None:
    catalog = Catalog(calls)
    catalog.refresh()
    await calls.settle()
    went: list[object] = []
    found = content(catalog, await fake.state(), Ways(to_cure=went.append), fake.now).attention
    (failed,) = [item for item in found if item.key == f"flow-{FLOW}"]
    assert failed.title.endswith("App Configuration")
    assert failed.text.endswith("An App Configuration is missing or incomplete.")
    assert failed.action == "Open the App Configuration"
    failed.act()
    assert went == ["app-configuration:c-old"]


async def test_sync_info_says_so_beside_the_records_until_a_run_succeeds(
    view: Recorder, calls: InstantCalls, fake: FakeClient
) -> None:
    catalog = Catalog(calls)
    presenter = SyncInfoPresenter(view, calls, catalog, lambda _: None)
    presenter.open(FLOW, None)
    catalog.refresh()
    await calls.settle()
    (shown,) = view.said("show_failed_run")
    assert shown.target == "app-configuration:c-old"
    now = datetime(2026, 6, 1, tzinfo=UTC)
    for state, kind, expected in (
        (RunState.SUCCESS, "", None), (RunState.PARTIAL, "", None), (RunState.FAILED, "records", None),
    ):  # fmt: skip
        last = run(FLOW, state, now, error_class=kind)
        fake.deployed[FLOW] = fake.deployed[FLOW].model_copy(update={"last_run": last})
        catalog.refresh()
        await calls.settle()
        assert view.said("show_failed_run") == (expected,)


def test_the_banner_leads_to_the_app_configuration(qtbot: Any, shell: Shell) -> None:
    went: list[str] = []
    view = shell.sync_info.view
    view.cure_clicked.disconnect()
    view.cure_clicked.connect(went.append)
    shell.open_sync_info(FLOW, None)
    qtbot.waitUntil(view.failed_run.isVisible)
    assert view.failed_run.title.text() == "The last run failed: App Configuration"
    (act,) = [one for one in view.failed_run.findChildren(QPushButton) if one.text() == "Open the App Configuration"]
    click(qtbot, act)
    assert went == ["app-configuration:c-old"]
