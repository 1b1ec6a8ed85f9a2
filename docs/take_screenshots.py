"""Takes the guide's pictures from the running program, light and dark, into docs/images.

    .venv/bin/python docs/take_screenshots.py

Everything on them is real: a sandbox store, a service, a database and the window, each a process of its own, on a
virtual screen of their own (Xvfb), driven as an operator drives them. Only the folder of the agent is a temporary one.
Times and the computer's name differ from one taking to the next; the rest stays.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PySide6.QtGui import QImage

PROJECT = Path(__file__).resolve().parents[1]
IMAGES = PROJECT / "docs" / "images"
HOME = Path(tempfile.gettempdir()) / "op-agent-guide"
SIZE = (1240, 800)
PASSWORD = "correct horse battery"  # noqa: S105 - of an agent that lives for a minute
LARGEST_BYTES = 200_000
_PATIENCE_SECONDS = 60.0
sys.path.insert(0, str(PROJECT))


def main() -> int:
    """Start a virtual screen and take the pictures on it, first light, then dark."""
    if shutil.which("Xvfb") is None:
        sys.stderr.write("Xvfb is not installed: apt-get install xvfb\n")
        return 1
    IMAGES.mkdir(exist_ok=True)
    with _screen() as display:
        for mode in ("light", "dark"):
            shutil.rmtree(HOME, ignore_errors=True)
            environ = {**os.environ, "DISPLAY": display, "QT_QPA_PLATFORM": "xcb", "OPAGENT_HOME": str(HOME)}
            status = subprocess.call([sys.executable, __file__, mode], env=environ, cwd=PROJECT)  # noqa: S603 - ourselves
            if status:
                return status
    shutil.rmtree(HOME, ignore_errors=True)
    large = [path.name for path in IMAGES.glob("*.png") if path.stat().st_size > LARGEST_BYTES]
    if large:
        sys.stderr.write(f"Too large for the guide: {', '.join(large)}\n")
    return 1 if large else 0


@contextmanager
def _screen() -> Iterator[str]:
    reading, writing = os.pipe()
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1440x900x24", "-nolisten", "tcp"]
    process = subprocess.Popen(command, pass_fds=[writing], stderr=subprocess.DEVNULL)  # noqa: S603 - a fixed command
    os.close(writing)
    try:
        with os.fdopen(reading) as told:
            yield f":{told.readline().strip()}"
    finally:
        process.terminate()
        process.wait()


def take(mode: str) -> None:
    """Take every picture in one mode. Qt is imported here: the caller has no screen yet."""
    from PySide6.QtCore import QSettings

    from agent.__main__ import find_service
    from agent.api.launch import stop_service
    from agent.gui import theme
    from agent.gui.application import connector, make_application
    from agent.gui.assembly import Shell
    from agent.gui.bridge import Bridge
    from tests.gui.pilot import Pilot
    from tests.helpers.shop import open_shop
    from tests.helpers.stage import Stage

    application = make_application([])
    application.setCursorFlashTime(0)
    chosen = theme.Theme(application)
    chosen.apply(theme.Mode(mode))
    stage = Stage(HOME)
    HOME.mkdir(parents=True)
    options = ("--orders", "20000", "--customers", "1200", "--customers-without-email", "4", "--quota", "450")
    with open_shop(HOME, *options) as shop:
        bridge = Bridge(connector(lambda start: find_service(stage.folders, start=start)))
        shell = Shell(bridge, chosen, QSettings(str(HOME / "window.ini"), QSettings.Format.IniFormat))
        shell.window.resize(*SIZE)
        shell.window.show()
        try:
            Guide(Pilot(shell, _until), mode, shop.api_path, shop.token).walk()
        finally:
            bridge.close()
            stop_service(stage.folders)


def _until(condition: Callable[[], bool]) -> None:
    from PySide6.QtTest import QTest

    end = time.monotonic() + _PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(condition)
        QTest.qWait(20)


class Guide:
    """The walk through the program, in the guide's order."""

    def __init__(self, pilot: object, mode: str, api_path: str, token: str) -> None:
        from tests.gui import pilot as places
        from tests.gui.pilot import Pilot

        self._places = places
        assert isinstance(pilot, Pilot)
        self._pilot, self._mode, self._api_path, self._token = pilot, mode, api_path, token

    def walk(self) -> None:
        """Everything."""
        self._first_start()
        self._connections()
        self._processflows()
        self._records_and_log()
        self._housekeeping()

    def _first_start(self) -> None:
        pilot = self._pilot
        pilot.until(pilot.shell.sign_in.repeated.isVisible)
        self._picture("first-start")
        pilot.create_operator("anna", PASSWORD)
        pilot.until(pilot.shell.home.view.steps.isVisible)
        self._picture("first-steps")
        pilot.show(self._places.SETTINGS)
        pilot.until(lambda: "theme" in pilot.shell.settings.view.editors)
        pilot.shell.settings.presenter.change("theme", self._mode)
        pilot.show(self._places.HOME)
        pilot.press(pilot.shell.home.view, "Set up the vault")
        from agent.gui.vault.dialog import VaultDialog

        dialog = pilot.dialog(VaultDialog)
        dialog.sources.choose("key-file")
        pilot.type_into(dialog.path, str(HOME / "vault.key"))
        self._picture("vault")
        pilot.enter(dialog.path.field)
        pilot.gone(VaultDialog)

    def _connections(self) -> None:
        pilot = self._pilot
        form = pilot.connect("BigCommerce", "Main store", {"api_path": self._api_path, "api_token": "pasted in part"})
        self._picture("validation-failed")
        pilot.type_into(form.rows["api_token"].control, self._token)
        pilot.press(form, "Validate")
        pilot.until(lambda: form.banner.title.text() == "Test Connection Successful")
        self._picture("validated")
        pilot.save(form)
        database = {"kind": "SQLite", "database": str(HOME / "warehouse.db")}
        pilot.save(pilot.connect("SQL database", "Warehouse", database))
        pilot.until(lambda: sum(one.app == "sql" for one in pilot.shell.catalog.configurations) == 1)
        self._quiet()
        self._picture("app-configurations")
        self._schemas()
        pilot.enable_environment()
        self._picture("settings")

    def _schemas(self) -> None:
        """What the store has."""
        from agent.gui.schemas.dialog import SchemasDialog

        pilot = self._pilot
        store = next(one for one in pilot.shell.catalog.configurations if one.app == "bigcommerce")
        pilot.shell.rooms.open_schemas(store.id)
        dialog = pilot.dialog(SchemasDialog)
        pilot.until(lambda: dialog.schemas.rowCount() > 0)
        dialog.chosen.emit("customers")
        self._picture("schemas")
        dialog.close()
        pilot.gone(SchemasDialog)

    def _processflows(self) -> None:
        pilot = self._pilot
        dialog = pilot.choose_sample("Customers to database")
        self._picture("deploy")
        dialog.close()
        pilot.deploy("Customers to database", execute=True)
        pilot.last_run("customers-to-database")
        pilot.deploy("Stock to store")
        running = "orders-to-database"
        pilot.deploy("Orders to database")
        self._preview(running)
        pilot.until(lambda: (flow := pilot.shell.catalog.flow(running)) is not None and _has_read(flow.active_run))
        self._picture("running")
        pilot.last_run(running)
        self._quiet()
        self._picture("processflows")
        self._dialogs(running)
        pilot.show(self._places.HOME)
        self._picture("home")
        pilot.show(self._places.ALERTS)
        pilot.until(lambda: bool(pilot.shell.catalog.alerts.items))
        self._picture("alerts")
        pilot.show(self._places.HOME)

    def _dialogs(self, flow: str) -> None:
        from agent.domain.schedule import PlanKind
        from agent.gui.panel import Room
        from agent.gui.schedules.dialog import ScheduleDialog

        pilot = self._pilot
        pilot.shell.open_room(flow, Room.SCHEDULE)
        schedule = pilot.dialog(ScheduleDialog)
        pilot.until(schedule.save_button.isEnabled)
        schedule.kind.setCurrentIndex(schedule.kind.findData(PlanKind.DAILY.value))
        pilot.until(lambda: schedule.meaning.text().startswith("Daily"))
        self._picture("schedule")
        schedule.close()
        pilot.gone(ScheduleDialog)

        from agent.gui.flow_data.dialog import DataDialog
        from agent.gui.retries.dialog import RetryDialog
        from agent.gui.versions.dialog import VersionsDialog

        pilot.shell.open_room(flow, Room.RETRY)
        retry = pilot.dialog(RetryDialog)
        pilot.until(retry.save_button.isEnabled)
        retry.kind.setCurrentIndex(retry.kind.findData(PlanKind.HOURS.value))
        self._picture("retry")
        retry.close()
        pilot.gone(RetryDialog)
        pilot.shell.open_room(flow, Room.DATA)
        data = pilot.dialog(DataDialog)
        pilot.until(lambda: data.bookmarks.rowCount() > 0)
        self._picture("data")
        data.close()
        pilot.gone(DataDialog)
        self._second_version(flow)
        pilot.shell.open_room(flow, Room.VERSIONS)
        versions = pilot.dialog(VersionsDialog)
        pilot.until(lambda: versions.model.rowCount() == 2)
        versions.table.setCurrentIndex(versions.model.index(versions.model.rowCount() - 1, 0))
        pilot.until(lambda: bool(versions.diff.toPlainText()))
        self._picture("versions")
        versions.close()
        pilot.gone(VersionsDialog)
        self._event_url()

    def _second_version(self, flow: str) -> None:
        """The same document with something else in it, deployed with a note."""
        from agent.gui.flows.deploy_dialog import DeployDialog

        pilot, path = self._pilot, HOME / f"{flow}.yaml"
        text = (PROJECT / "resources" / "processflows" / path.name).read_text("utf-8")
        path.write_text(
            text.replace("\ntitle: Orders to database\n", "\ntitle: Orders to database\n# Reviewed.\n"), "utf-8"
        )
        pilot.shell.open_deploy()
        dialog = pilot.dialog(DeployDialog)
        dialog.file_chosen.emit(str(path))
        pilot.until(dialog.deploy_button.isEnabled)
        pilot.type_into(dialog.note, "Reviewed before the holidays")
        pilot.press(dialog, "Deploy")
        pilot.until(dialog.execute_button.isVisible)
        self._picture("deployed")
        pilot.press(dialog, "Close")
        pilot.gone(DeployDialog)

    def _event_url(self) -> None:
        """A processflow that waits for events; it goes again, since the guide tells of the others."""
        from agent.gui.panel import Room
        from agent.gui.real_time.dialog import EventsDialog
        from agent.gui.widgets.dialog import ConfirmDialog

        pilot, flow = self._pilot, "webhook-to-database"
        pilot.deploy("Webhook to database")
        pilot.until(lambda: pilot.shell.catalog.flow(flow) is not None)
        pilot.shell.open_room(flow, Room.EVENTS)
        events = pilot.dialog(EventsDialog)
        pilot.press(events, "Copy the URL")
        pilot.until(pilot.shell.window.toast.isVisible)
        self._quiet()
        self._picture("event-url")
        events.close()
        pilot.gone(EventsDialog)
        pilot.shell.flows.presenter.undeploy(flow)
        pilot.press(pilot.dialog(ConfirmDialog), "Undeploy")
        pilot.until(lambda: pilot.shell.catalog.flow(flow) is None and pilot.shell.window.toast.isVisible())
        self._quiet()

    def _preview(self, flow: str) -> None:
        """What the first run will do; then it does it."""
        from agent.gui.panel import Room
        from agent.gui.previews.dialog import PreviewDialog

        pilot = self._pilot
        pilot.until(lambda: pilot.shell.catalog.flow(flow) is not None)
        pilot.shell.open_room(flow, Room.PREVIEW)
        preview = pilot.dialog(PreviewDialog)
        pilot.until(lambda: preview.model.rowCount() > 0)
        preview.table.setCurrentIndex(preview.model.index(1, 0))
        self._quiet()
        self._picture("preview")
        pilot.press(preview, "Execute")
        pilot.gone(PreviewDialog)

    def _records_and_log(self) -> None:
        pilot = self._pilot
        pilot.press(pilot.shell.home.view, "Show records")
        records = pilot.shell.sync_info.view
        pilot.until(lambda: records.model.rowCount() == 4)
        records.table.setCurrentIndex(records.model.index(0, 0))
        self._picture("sync-info")
        self._quiet()
        self._runs()
        self._lookups()
        pilot.show(self._places.LOG)
        log = pilot.shell.log.view
        pilot.until(lambda: log.model.rowCount() > 0 and log.model.cells(log.model.rowCount() - 1)[4] != "…")
        self._picture("log")
        log.level.setCurrentIndex(log.level.findText("Warnings and errors"))
        pilot.until(lambda: log.model.rowCount() == 5 and log.model.cells(0)[1] == "Warning")
        log.table.setCurrentIndex(log.model.index(0, 0))
        self._picture("log-detail")
        log.level.setCurrentIndex(0)

    def _runs(self) -> None:
        """What a run did, and every run that touched a record."""
        from agent.gui.panel import Room
        from agent.gui.snapshots.dialog import RunsDialog
        from agent.gui.snapshots.history import HistoryDialog
        from agent.gui.snapshots.presenter import Look

        pilot = self._pilot
        pilot.press(pilot.shell.sync_info.view, "History")
        history = pilot.dialog(HistoryDialog)
        pilot.until(lambda: history.model.rowCount() > 0)
        self._picture("history")
        history.close()
        pilot.gone(HistoryDialog)
        pilot.shell.open_room("customers-to-database", Room.RUNS)
        runs = pilot.dialog(RunsDialog)
        pilot.until(lambda: runs.nodes.rowCount() > 0)
        runs.node_table.setCurrentIndex(runs.nodes.index(1, 0))
        self._picture("runs")
        pilot.press(runs, "Packets and requests")
        pilot.until(lambda: runs.packets.rowCount() > 0 and bool(runs.content.toPlainText()))
        self._picture("packets")
        assert runs.looks[Look.PACKETS].isChecked()
        runs.close()
        pilot.gone(RunsDialog)

    def _lookups(self) -> None:
        """The table that a sample brings along."""
        pilot, flow = self._pilot, "orders-by-country"
        from agent.gui.widgets.dialog import ConfirmDialog

        pilot.deploy("Orders by country")
        pilot.show(self._places.LOOKUPS)
        view = pilot.shell.lookups.view
        pilot.until(lambda: view.model.rowCount() > 0)
        view.table.selectRow(0)
        self._quiet()
        self._picture("lookups")
        self._library()
        pilot.shell.flows.presenter.undeploy(flow)
        pilot.press(pilot.dialog(ConfirmDialog), "Undeploy")
        pilot.until(lambda: pilot.shell.catalog.flow(flow) is None)

    def _library(self) -> None:
        """A package that was made here and comes back."""
        from agent.gui.packages.dialog import LibraryDialog
        from agent.gui.packages.export_dialog import ExportPackageDialog
        from agent.gui.packages.import_dialog import ImportedDialog, ImportPackageDialog

        pilot, file = self._pilot, HOME / "spring.zip"
        pilot.shell.rooms.open_library()
        library = pilot.dialog(LibraryDialog)
        pilot.press(library, "Export a package")
        export = pilot.dialog(ExportPackageDialog)
        pilot.type_into(export.title, "Orders, spring")
        export.save(file)
        pilot.until(file.exists)
        library.file_chosen.emit(file)
        pilot.press(pilot.dialog(ImportPackageDialog), "Import")
        imported = pilot.dialog(ImportedDialog)
        imported.close()
        pilot.gone(ImportedDialog)
        pilot.until(lambda: library.model.rowCount() > 0)
        self._picture("library")
        library.close()
        pilot.gone(LibraryDialog)

    def _housekeeping(self) -> None:
        from agent.gui.clear.dialog import ClearDialog
        from tests.helpers.stage import Stage

        pilot = self._pilot
        pilot.show(self._places.HOME)
        pilot.menu("Clear Cache")
        dialog = pilot.dialog(ClearDialog)
        pilot.until(dialog.clear_button.isEnabled)
        self._picture("clear")
        dialog.close()
        Stage(HOME).kill()
        pilot.until(pilot.shell.window.lost.isVisible)
        self._picture("service-lost")
        pilot.press(pilot.shell.window.lost, "Start")
        pilot.until(pilot.shell.sign_in.password.isVisible)
        self._picture("sign-in")

    def _quiet(self) -> None:
        """Wait until no short word lies over the window."""
        self._pilot.until(lambda: not self._pilot.shell.window.toast.isVisible())

    def _picture(self, name: str) -> None:
        """The window as it is, with the dialogs that lie over it."""
        from PySide6.QtGui import QColor, QPainter, QPixmap
        from PySide6.QtTest import QTest
        from PySide6.QtWidgets import QApplication, QDialog

        from agent.gui import theme

        QTest.qWait(300)
        window = self._pilot.shell.window
        dialogs = [one for one in QApplication.topLevelWidgets() if isinstance(one, QDialog) and one.isVisible()]
        height = max([window.height(), *(dialog.height() + 40 for dialog in dialogs)])
        picture = QPixmap(window.width(), height)
        picture.fill(theme.color("page"))
        painter = QPainter(picture)
        painter.drawPixmap(0, 0, window.grab())
        for dialog in dialogs:
            painter.fillRect(picture.rect(), QColor(0, 0, 0, 70))
            left, top = (picture.width() - dialog.width()) // 2, (picture.height() - dialog.height()) // 2
            painter.fillRect(left - 1, top - 1, dialog.width() + 2, dialog.height() + 2, QColor(0, 0, 0, 90))
            painter.drawPixmap(left, top, dialog.grab())
        painter.end()
        suffix = "" if self._mode == "light" else f"-{self._mode}"
        path = IMAGES / f"{name}{suffix}.png"
        _small(picture.toImage()).save(str(path), quality=0)  # 0: pressed as much as possible
        sys.stdout.write(f"{path.relative_to(PROJECT)}  {path.stat().st_size // 1000} kB\n")


def _small(picture: QImage) -> QImage:
    """With the 256 colours that it has most of: the others are shades of smooth edges."""
    from PySide6.QtCore import Qt
    from PySide6.QtGui import QImage

    plain = picture.convertToFormat(QImage.Format.Format_RGB32)
    colors = Counter(memoryview(plain.constBits()).cast("I"))
    table = [color for color, _ in colors.most_common(256)]
    flags = Qt.ImageConversionFlag.ThresholdDither | Qt.ImageConversionFlag.AvoidDither
    return plain.convertToFormat(QImage.Format.Format_Indexed8, table, flags)


def _has_read(run: object) -> bool:
    from agent.api.run_models import Run

    return isinstance(run, Run) and run.counts.read > 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "mode", nargs="?", choices=["light", "dark"], help="on the present screen; else both, on their own"
    )
    chosen = parser.parse_args().mode
    if chosen is None:
        sys.exit(main())
    take(chosen)
