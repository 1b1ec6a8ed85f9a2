"""The dialog of the library: what packages brought, with the ways to import and export them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QWidget

from agent.api.package_models import LibraryFlow, LibraryFlowDetail, PackageImported, PackageLook
from agent.domain.errors import AgentError
from agent.gui import formats
from agent.gui.bridge import Bridge
from agent.gui.catalog import Catalog
from agent.gui.packages.export_dialog import ExportPackageDialog
from agent.gui.packages.import_dialog import ImportedDialog, ImportPackageDialog, imported_text
from agent.gui.packages.presenter import LibraryPresenter
from agent.gui.widgets.banner import Banner
from agent.gui.widgets.buttons import button
from agent.gui.widgets.dialog import ConfirmDialog, Dialog
from agent.gui.widgets.rows_model import Line, RowsModel
from agent.gui.widgets.spinner import Spinner
from agent.gui.widgets.table import CellDelegate, Table
from agent.gui.widgets.text import Text


class LibraryDialog(Dialog):
    """Emits names of processflows, paths, and what was chosen."""

    deploy_clicked = Signal(str)
    remove_confirmed = Signal(str)
    file_chosen = Signal(object)
    import_confirmed = Signal(str, object)
    export_clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(
            "Packages and library",
            "A package is one file with processflows and what they need. What a package brings waits here until you "
            "deploy it; removing it here leaves what is deployed.",
            width=780, parent=parent,
        )  # fmt: skip
        self.banner = Banner()
        self.body.addWidget(self.banner)
        self.model = RowsModel(("Processflow", "From the package", "Added", "Deployed as"), self)
        self.table = Table("The library", (220, 190, 172, 118), stretch=0)
        self.table.use(self.model, CellDelegate(self.model, monos=frozenset({2})))
        self.table.setFixedHeight(230)
        self.table.selectionModel().selectionChanged.connect(lambda *_: self._show_ready())
        self.table.activated.connect(lambda _: self._on_deploy())
        self.body.addWidget(self.table)
        self.none = Text("The library is empty. Import a package to fill it.", "muted")
        self.none.hide()
        self.body.addWidget(self.none)
        self.deploy_button = button("&Deploy…", self._on_deploy, picture="upload")
        self.remove_button = button("&Remove…", self._ask_remove)
        row = QHBoxLayout()
        row.setSpacing(10)
        row.addWidget(self.deploy_button)
        row.addWidget(self.remove_button)
        row.addStretch()
        self.body.addLayout(row)
        self.body.addStretch()
        self._spinner = Spinner(16)
        self.close_button = button("Close", self.close)
        self.export_button = button("E&xport a package…", self.export_clicked.emit, picture="download")
        self.import_button = button("&Import a package…", self._ask_file, kind="primary", picture="upload")
        self.foot.addWidget(self._spinner)
        self.foot.addStretch()
        for control in (self.close_button, self.export_button, self.import_button):
            self.foot.addWidget(control)
        self._busy = False
        self._show_ready()

    def show_library(self, flows: list[LibraryFlow]) -> None:
        """All that packages brought."""
        self.model.show_lines(
            [
                Line(
                    (
                        one.title or one.name, one.origin, formats.local(one.added_at),
                        f"version {one.deployed_version}" if one.deployed_version else "not deployed",
                    ),
                    tips=(one.name, one.origin, f"{formats.moment_tip(one.added_at)} by {one.added_by}"),
                    value=one.name,
                )
                for one in flows
            ]
        )  # fmt: skip
        self.table.setVisible(bool(flows))
        if flows and not self._chosen():
            self.table.setCurrentIndex(self.model.index(0, 0))
        self.none.setVisible(not flows)
        self._show_ready()
        self.fit_soon()

    def show_package(self, file: str, content: str, look: PackageLook) -> None:
        """What importing a file would do: ask."""
        ImportPackageDialog(
            file, look, on_import=lambda choices: self.import_confirmed.emit(content, list(choices)), parent=self
        ).open()

    def show_imported(self, done: PackageImported) -> None:
        """What an import did."""
        ImportedDialog(done.title, [imported_text(one.kind, one.name, one.text) for one in done.items], self).open()

    def show_busy(self, *, busy: bool) -> None:
        """A question is under way."""
        self._busy = busy
        self._spinner.setVisible(busy)
        self._show_ready()

    def show_error(self, error: AgentError | None) -> None:
        """What failed and what to do."""
        if error is None:
            self.banner.hide()
        else:
            self.banner.show_error(error)
        self.fit_soon()

    def _chosen(self) -> str:
        row = self.table.currentIndex().row()
        return str(self.model.line(row).value) if 0 <= row < self.model.rowCount() else ""

    def _on_deploy(self) -> None:
        if self._chosen() and not self._busy:
            self.deploy_clicked.emit(self._chosen())

    def _ask_remove(self) -> None:
        name = self._chosen()
        ConfirmDialog(
            f"Take “{name}” out of the library?",
            "What is deployed stays as it is. Import the package again to have it back.",
            accept="Remove", on_accept=lambda: self.remove_confirmed.emit(name), parent=self,
        ).open()  # fmt: skip

    def _ask_file(self) -> None:
        dialog = QFileDialog(self, "Import a package", str(Path.home()), "Packages (*.zip)")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(lambda file: self.file_chosen.emit(Path(file)))
        dialog.open()

    def _show_ready(self) -> None:
        ready = bool(self._chosen()) and not self._busy and not self.table.isHidden()
        self.deploy_button.setEnabled(ready)
        self.remove_button.setEnabled(ready)
        self.import_button.setEnabled(not self._busy)
        self.export_button.setEnabled(not self._busy)


def open_library(
    bridge: Bridge,
    catalog: Catalog,
    *,
    deploy: Callable[[LibraryFlowDetail], object],
    say: Callable[[str], object],
    parent: QWidget,
) -> LibraryDialog:
    """Show the dialog over a window. `deploy` opens the Deploy dialog; this one closes then."""
    dialog = LibraryDialog(parent)

    def deploy_it(flow: LibraryFlowDetail) -> None:
        dialog.close()
        deploy(flow)

    presenter = LibraryPresenter(dialog, bridge.scope(), say=say, deploy=deploy_it)

    def export() -> None:
        ExportPackageDialog(catalog.flows, on_export=presenter.export, parent=dialog).open()

    dialog.deploy_clicked.connect(presenter.deploy)
    dialog.remove_confirmed.connect(presenter.remove)
    dialog.file_chosen.connect(presenter.look_at)
    dialog.import_confirmed.connect(presenter.import_package)
    dialog.export_clicked.connect(export)
    dialog.closed.connect(lambda: presenter.close())  # noqa: PLW0108 - signals hold methods weakly, this holds it
    presenter.refresh()
    dialog.open()
    return dialog
