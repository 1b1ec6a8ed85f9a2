"""The dialog of undeployed processflows."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from agent.api.deployment_models import FlowHistory, PastFlow
from agent.domain.errors import AgentError
from agent.gui import formats
from agent.gui.bridge import Bridge
from agent.gui.versions.past import PastPresenter
from agent.gui.widgets.banner import Banner
from agent.gui.widgets.buttons import button
from agent.gui.widgets.dialog import ConfirmDialog, Dialog
from agent.gui.widgets.rows_model import Line, RowsModel
from agent.gui.widgets.spinner import Spinner
from agent.gui.widgets.table import CellDelegate, Table
from agent.gui.widgets.text import Text


class PastDialog(Dialog):
    """Emits names of processflows."""

    versions_clicked = Signal(str)
    forget_clicked = Signal(str)
    forget_confirmed = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(
            "Undeployed processflows",
            "They do not run here any more. Their versions, runs, bookmarks and Sync Info are kept, so that each "
            "can go on where it stopped.",
            width=700, parent=parent,
        )  # fmt: skip
        self.banner = Banner()
        self.body.addWidget(self.banner)
        self.model = RowsModel(("Processflow", "Last version", "Deployed", "By"), self)
        self.table = Table("Undeployed processflows", (220, 100, 170, 120), stretch=0)
        self.table.use(self.model, CellDelegate(self.model, monos=frozenset({2})))
        self.table.setFixedHeight(230)
        self.table.selectionModel().selectionChanged.connect(lambda *_: self._show_ready())
        self.table.activated.connect(lambda _: self.versions_clicked.emit(self._chosen()))
        self.body.addWidget(self.table)
        self.none = Text("No processflow was undeployed.", "muted")
        self.none.hide()
        self.body.addWidget(self.none)
        self.body.addStretch()
        self._spinner = Spinner(16)
        self.close_button = button("Close", self.close)
        self.forget_button = button("&Delete its history…", lambda: self.forget_clicked.emit(self._chosen()))
        self.versions_button = button(
            "&Versions…", lambda: self.versions_clicked.emit(self._chosen()), kind="primary", picture="rotate-ccw"
        )
        self.foot.addWidget(self._spinner)
        self.foot.addStretch()
        for control in (self.close_button, self.forget_button, self.versions_button):
            self.foot.addWidget(control)
        self._busy = False
        self._show_ready()

    def show_past(self, flows: list[PastFlow]) -> None:
        """All of them."""
        self.model.show_lines(
            [
                Line(
                    (one.name, str(one.last_version), formats.local(one.deployed_at), one.deployed_by),
                    tips=(one.name, "", formats.moment_tip(one.deployed_at)), value=one.name,
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

    def ask_forget(self, history: FlowHistory) -> None:
        """Ask before the history of one is deleted."""
        ConfirmDialog(
            f"Delete all that is kept of “{history.name}”?",
            f"{history.text} This cannot be taken back. The log and the audit trail stay.",
            accept="Delete", on_accept=lambda: self.forget_confirmed.emit(history.name), parent=self,
        ).open()  # fmt: skip

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

    def _show_ready(self) -> None:
        ready = bool(self._chosen()) and not self._busy and not self.table.isHidden()
        self.forget_button.setEnabled(ready)
        self.versions_button.setEnabled(ready)


def open_past(
    bridge: Bridge, *, versions: Callable[[str], object], say: Callable[[str], object], parent: QWidget
) -> PastDialog:
    """Show the dialog over a window. `versions` opens the Versions dialog of one; this one closes then."""
    dialog = PastDialog(parent)
    presenter = PastPresenter(dialog, bridge.scope(), say)

    def show_versions(name: str) -> None:
        dialog.close()
        versions(name)

    dialog.versions_clicked.connect(show_versions)
    dialog.forget_clicked.connect(presenter.forget)
    dialog.forget_confirmed.connect(presenter.forget_confirmed)
    dialog.closed.connect(lambda: presenter.close())  # noqa: PLW0108 - signals hold methods weakly, this holds it
    presenter.open()
    dialog.open()
    return dialog
