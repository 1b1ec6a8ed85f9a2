"""The window with a real service behind it, a process of its own, on a real store and a real database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QSettings

from agent.__main__ import DemoBehindWindow
from agent.api.endpoint import Endpoint, not_running
from agent.api.launch import ensure_service, running_service
from agent.domain.packet import SyncState
from agent.domain.run import RunState
from agent.gui import theme
from agent.gui.application import connector
from agent.gui.assembly import Shell
from agent.gui.bridge import Bridge
from agent.gui.clear.dialog import ClearDialog
from agent.gui.flows.deploy_dialog import DeployDialog
from agent.gui.packages.dialog import LibraryDialog
from agent.gui.packages.export_dialog import ExportPackageDialog
from agent.gui.packages.import_dialog import ImportedDialog, ImportPackageDialog
from tests.gui.pilot import LOG, SETTINGS, SYNC_INFO, Pilot
from tests.helpers.shop import Shop, open_shop
from tests.helpers.stage import Stage, open_stage

pytestmark = pytest.mark.slow
PASSWORD = "correct horse battery"
OpenWindow = Callable[[Callable[[bool], Endpoint]], Pilot]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with open_stage(tmp_path / "agent") as opened:
        yield opened


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    options = ("--orders", "4000", "--customers", "300", "--customers-without-email", "3", "--no-quota")
    with open_shop(tmp_path, *options) as opened:
        yield opened


@contextmanager
def window(qtbot: Any, look: theme.Theme, memory: QSettings, bridge: Bridge, **more: Any) -> Iterator[Pilot]:
    """A window over a bridge, with a person at it."""
    shell = Shell(bridge, look, memory, **more)
    qtbot.addWidget(shell.window)
    shell.window.show()
    try:
        yield Pilot(shell, lambda condition: qtbot.waitUntil(condition, timeout=30_000))
    finally:
        bridge.close()
        shell.deleteLater()
        look.apply(theme.Mode.LIGHT)


@pytest.fixture
def pilot(qtbot: Any, look: theme.Theme, memory: QSettings, stage: Stage) -> Iterator[Pilot]:
    """At the window of an agent with nothing in it; the window starts the service, as on a first start."""

    def find(start: bool) -> Endpoint:
        found = ensure_service(stage.folders) if start else running_service(stage.folders)
        if found is None:
            raise not_running()
        return found

    with window(qtbot, look, memory, Bridge(connector(find))) as opened:
        yield opened


def settle_in(pilot: Pilot, stage: Stage, shop: Shop) -> None:
    """From nothing to two validated apps and an environment that runs."""
    pilot.create_operator("anna", PASSWORD)
    pilot.set_up_vault(stage.home / "vault.key")
    store = pilot.connect("BigCommerce", "Main store", {"api_path": shop.api_path, "api_token": shop.token})
    assert store.banner.title.text() == "Test Connection Successful"
    assert "Store: Sandbox Store" in store.banner.facts.text()
    pilot.save(store)
    database = pilot.connect("SQL database", "Warehouse", {"kind": "SQLite", "database": str(stage.database)})
    assert database.banner.title.text() == "Test Connection Successful"
    pilot.save(database)
    pilot.enable_environment()


def test_an_operator_comes_from_nothing_to_records_in_a_database(pilot: Pilot, stage: Stage, shop: Shop) -> None:
    shell = pilot.shell
    settle_in(pilot, stage, shop)
    pilot.deploy("Customers to database", execute=True)
    run = pilot.last_run("customers-to-database")
    assert (run.state, run.counts.written, run.counts.failed) == (RunState.PARTIAL, 297, 3)
    assert stage.rows("SELECT count(*) FROM customers") == [(297,)]
    pilot.press(shell.flows.view, "Show failed records")
    records = shell.sync_info.view
    pilot.until(lambda: records.model.rowCount() == 3)
    assert records.states[1].text() == f"{SyncState.FAILED.value}  3"
    records.table.setCurrentIndex(records.model.index(0, 0))
    pilot.until(records.detail.isVisible)
    assert "What to do:" in records.detail._text.toPlainText()
    pilot.show(LOG)
    log = shell.log.view
    pilot.until(lambda: any("Partial" in log.model.cells(row)[4] for row in range(log.model.rowCount())))


def test_wrong_credentials_end_in_a_sentence_at_their_field_and_then_in_success(
    pilot: Pilot, stage: Stage, shop: Shop
) -> None:
    pilot.create_operator("anna", PASSWORD)
    wrong = {"api_path": f" {shop.api_path}products ", "api_token": "wrong"}
    form = pilot.connect("BigCommerce", "Main store", wrong | {"api_path": f" {shop.api_path} "})
    assert "API Token" in form.rows["api_token"].error
    pilot.type_into(form.rows["api_token"].control, shop.token)
    pilot.press(form, "Validate")
    pilot.until(lambda: form.banner.title.text() == "Test Connection Successful")
    pilot.press(form, "Save")
    pilot.until(lambda: form.banner.title.text() == "The vault is not set up.")
    form.close()


def test_a_killed_service_is_started_from_the_window_and_the_run_goes_on(
    pilot: Pilot, stage: Stage, shop: Shop
) -> None:
    settle_in(pilot, stage, shop)
    pilot.deploy("Orders to database", execute=True)
    pilot.until(lambda: stage.ask(lambda client: client.runs(flow="orders-to-database")).items != [])
    stage.kill()
    pilot.until(pilot.shell.window.lost.isVisible)
    pilot.press(pilot.shell.window.lost, "Start")
    pilot.until(pilot.shell.sign_in.password.isVisible)
    assert "Sign in again" in pilot.shell.sign_in.banner.body.text()
    pilot.sign_in(PASSWORD)
    run = pilot.last_run("orders-to-database")
    assert run.state is RunState.SUCCESS
    assert stage.rows("SELECT count(*) FROM orders") == [(4_000,)]


def test_clearing_leaves_everything_runnable(pilot: Pilot, stage: Stage, shop: Shop) -> None:
    settle_in(pilot, stage, shop)
    pilot.deploy("Customers to database", execute=True)
    pilot.last_run("customers-to-database")
    pilot.menu("Clear Cache")
    dialog = pilot.dialog(ClearDialog)
    pilot.press(dialog, "Clear Cache")
    pilot.press(dialog, "Redeploy all")
    pilot.until(lambda: dialog.banner.title.text() == "Redeployed")
    pilot.press(dialog, "Close")
    pilot.execute("Customers to database")
    pilot.until(lambda: pilot.last_run("customers-to-database").version == 2)
    assert pilot.last_run("customers-to-database").message == "Nothing new at the source."


def test_a_package_goes_out_and_comes_back_into_the_library_and_is_deployed(
    pilot: Pilot, stage: Stage, shop: Shop, tmp_path: Path
) -> None:
    settle_in(pilot, stage, shop)
    pilot.deploy("Orders by country")
    pilot.shell.rooms.open_library()
    library = pilot.dialog(LibraryDialog)
    pilot.press(library, "Export a package")
    pilot.dialog(ExportPackageDialog).save(tmp_path / "spring.zip")
    pilot.until((tmp_path / "spring.zip").exists)
    library.file_chosen.emit(tmp_path / "spring.zip")
    look = pilot.dialog(ImportPackageDialog)
    found = {look.model.cells(row) for row in range(look.model.rowCount())}
    assert ("Processflow", "orders-by-country", "new") in found
    assert ("Lookup table", "warehouses", "the same") in found
    pilot.press(look, "Import")
    pilot.dialog(ImportedDialog).close()
    pilot.until(lambda: library.model.rowCount() == 1)
    assert library.model.cells(0)[3] == "version 1"
    pilot.press(library, "Deploy")
    dialog = pilot.dialog(DeployDialog)
    pilot.until(dialog.deploy_button.isEnabled)
    pilot.press(dialog, "Deploy")
    pilot.until(dialog.execute_button.isVisible)


def test_switching_the_environment_off_says_what_does_not_work(pilot: Pilot, stage: Stage, shop: Shop) -> None:
    settle_in(pilot, stage, shop)
    pilot.deploy("Customers to database")
    pilot.show(SETTINGS)
    box: Any = pilot.shell.settings.view.editors["enable_environment"].control
    box.click()
    pilot.until(lambda: pilot.shell.settings.view.environment.text() == "Stopped")
    pilot.execute("Customers to database")
    banner = pilot.shell.flows.view.banner
    pilot.until(lambda: banner.title.text() == "Environment is not enabled")
    pilot.enable_environment()
    pilot.execute("Customers to database")
    assert pilot.last_run("customers-to-database").state is RunState.PARTIAL


def test_logging_off_asks_for_the_operator_and_delays_wrong_ones(pilot: Pilot, stage: Stage) -> None:
    pilot.create_operator("anna", PASSWORD)
    pilot.log_off()
    page = pilot.shell.sign_in
    pilot.type_into(page.password, "wrong wrong wrong")
    pilot.enter(page.password.field)
    pilot.until(lambda: "correct credentials" in page.banner.body.text())
    pilot.until(page.submit_button.isEnabled)
    pilot.sign_in(PASSWORD)
    assert pilot.shell.home.view.isVisible()


def test_the_demo_opens_signed_in_on_a_store(
    qtbot: Any, look: theme.Theme, memory: QSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPAGENT_HOME", str(tmp_path))
    demo = DemoBehindWindow(100)
    try:
        bridge = Bridge(connector(demo.find, demo.welcome))
        with window(qtbot, look, memory, bridge, welcome=demo.welcome) as pilot:
            pilot.until(pilot.shell.window.demo.isVisible)
            assert "signed in as demo, password demo-operator" in pilot.shell.window.demo.body.text()
            pilot.until(lambda: len(pilot.shell.catalog.flows) == 3)
            pilot.execute("Orders to database")
            assert pilot.last_run("orders-to-database").counts.written == 100
            pilot.show(SYNC_INFO)
            pilot.until(lambda: pilot.shell.sync_info.view.model.rowCount() > 0)
            pilot.log_off()
            pilot.sign_in("demo-operator")
    finally:
        demo.close()
