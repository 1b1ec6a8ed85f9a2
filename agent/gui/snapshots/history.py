"""A record's history: every run that touched it, and the way to what that run did with it."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QModelIndex, Signal
from PySide6.QtWidgets import QPlainTextEdit, QWidget

from agent.api.snapshot_models import DataLogPage, LoggedRecord
from agent.domain.errors import AgentError
from agent.gui.bridge import Bridge
from agent.gui.snapshots.lines import record_lines
from agent.gui.widgets.banner import Banner
from agent.gui.widgets.buttons import button
from agent.gui.widgets.dialog import Dialog
from agent.gui.widgets.rows_model import RowsModel
from agent.gui.widgets.spinner import Spinner
from agent.gui.widgets.table import CellDelegate, Table
from agent.gui.widgets.text import Text

_MOST = 200


class HistoryDialog(Dialog):
    """Emits the id of a run."""

    run_clicked = Signal(str)

    def __init__(self, title: str, source_id: str, parent: QWidget | None = None) -> None:
        super().__init__(
            f"History of the record {source_id}",
            f"Every run of “{title}” that touched it, the newest first. A run that found it unchanged is not listed.",
            width=900, parent=parent,
        )  # fmt: skip
        self.banner = Banner()
        self.body.addWidget(self.banner)
        headers = ("Status", "Source id", "Destination id", "Run", "Message", "Tries", "Time")
        self.model = RowsModel(headers, self)
        self.table = Table("Runs that touched the record", (118, 0, 120, 120, 220, 56, 166), stretch=4)
        self.table.use(self.model, CellDelegate(self.model, chips=frozenset({0}), monos=frozenset({2, 3, 6})))
        self.table.setColumnHidden(1, True)
        self.table.setFixedHeight(250)
        self.table.selectionModel().currentRowChanged.connect(self._on_current)
        self.table.activated.connect(lambda _: self._open())
        self.body.addWidget(self.table)
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setTabChangesFocus(True)
        self.text.setAccessibleName("What became of it in this run")
        self.text.setFixedHeight(110)
        self.body.addWidget(self.text)
        self.more = Text("There is more: the oldest runs are left out here.", "small")
        self.more.hide()
        self.body.addWidget(self.more)
        self.body.addStretch()
        self._spinner = Spinner(16)
        self.close_button = button("Close", self.close)
        self.run_button = button("&What this run did…", self._open, kind="primary")
        self.run_button.setEnabled(False)
        self.foot.addWidget(self._spinner)
        self.foot.addStretch()
        self.foot.addWidget(self.close_button)
        self.foot.addWidget(self.run_button)

    def show_page(self, page: DataLogPage) -> None:
        """What is known."""
        self._spinner.hide()
        self.model.show_lines(record_lines(page.items, place="run"))
        self.more.setVisible(page.next is not None)
        if page.items:
            self.table.setCurrentIndex(self.model.index(0, 0))
        else:
            self.text.setPlainText(
                "No run that is kept touched it. How long runs are kept stands under Settings → Diagnosis."
            )

    def show_error(self, error: AgentError) -> None:
        """What failed and what to do."""
        self._spinner.hide()
        self.banner.show_error(error)
        self.fit_soon()

    def _chosen(self) -> LoggedRecord | None:
        row = self.table.currentIndex().row()
        value = self.model.line(row).value if 0 <= row < self.model.rowCount() else None
        return value if isinstance(value, LoggedRecord) else None

    def _on_current(self, _: QModelIndex) -> None:
        record = self._chosen()
        self.run_button.setEnabled(record is not None)
        if record is not None:
            remedy = f"What to do: {record.remedy}" if record.remedy else ""
            parts = (f"Node {record.node}", record.message, remedy)
            self.text.setPlainText("\n".join(part for part in parts if part))

    def _open(self) -> None:
        record = self._chosen()
        if record is not None:
            self.run_clicked.emit(record.run_id)


def open_history(
    bridge: Bridge, flow: str, title: str, source_id: str, *, open_run: Callable[[str], object], parent: QWidget
) -> HistoryDialog:
    """Show the dialog over a window. `open_run` shows what a run did, over this one."""
    dialog = HistoryDialog(title, source_id, parent)
    calls = bridge.scope()
    dialog.run_clicked.connect(open_run)
    dialog.closed.connect(lambda: calls.cancel_all())  # noqa: PLW0108 - signals hold methods weakly, this holds it
    calls.start(
        lambda client: client.snapshots.runs_of(flow, source_id, limit=_MOST), dialog.show_page, dialog.show_error
    )
    dialog.open()
    return dialog
