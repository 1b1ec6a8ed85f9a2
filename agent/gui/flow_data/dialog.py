"""The Data dialog: what a processflow remembers between its runs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QWidget

from agent.api.bookmark_models import Bookmark
from agent.api.variable_models import Variable
from agent.domain.errors import AgentError
from agent.gui import formats
from agent.gui.bridge import Bridge
from agent.gui.flow_data.presenter import DataPresenter
from agent.gui.flow_data.questions import BookmarkDialog, VariableDialog
from agent.gui.widgets.banner import Banner
from agent.gui.widgets.buttons import button
from agent.gui.widgets.dialog import Dialog
from agent.gui.widgets.question import LineDialog
from agent.gui.widgets.rows_model import Line, RowsModel
from agent.gui.widgets.spinner import Spinner
from agent.gui.widgets.table import CellDelegate, Table
from agent.gui.widgets.text import Text


class DataDialog(Dialog):
    """Emits what is to be changed."""

    moved = Signal(str, object, str)
    was_set = Signal(str, str, str)
    was_reset = Signal(str, str)

    def __init__(self, title: str, now: datetime, parent: QWidget | None = None) -> None:
        super().__init__(
            f"Data of “{title}”",
            "What it remembers between its runs. It cannot be changed while a run has not ended.",
            width=820, parent=parent,
        )  # fmt: skip
        self._now = now
        self.banner = Banner()
        self.body.addWidget(self.banner)
        self.body.addWidget(Text("Bookmarks", "section"))
        self.body.addWidget(
            Text("How far each source has been read and acknowledged by the destination. The next run reads on there.",
                 "muted", wrap=True)
        )  # fmt: skip
        self.bookmarks = RowsModel(("Node", "Reads from", "Since", "Moved by"), self)
        self.bookmark_table = _table("Bookmarks", self.bookmarks, (220, 190, 170, 170), 150)
        self.body.addWidget(self.bookmark_table)
        self.no_bookmarks = Text("It reads nothing by a bookmark.", "muted")
        self.no_bookmarks.hide()
        self.body.addWidget(self.no_bookmarks)
        self.move_button = button("&Change…", self._ask_move, picture="pencil", name="Change the bookmark")
        self.body.addLayout(_row(self.move_button))
        self.body.addWidget(Text("Variables", "section"))
        self.variables = RowsModel(("Name", "Type", "Value", "Since"), self)
        self.variable_table = _table("Variables", self.variables, (180, 90, 230, 250), 170)
        self.body.addWidget(self.variable_table)
        self.no_variables = Text("Its document declares no variables.", "muted")
        self.no_variables.hide()
        self.body.addWidget(self.no_variables)
        self.set_button = button("&Set…", self._ask_set, picture="pencil", name="Set the variable")
        self.reset_button = button("Back to the &default…", self._ask_reset)
        self.body.addLayout(_row(self.set_button, self.reset_button))
        self.body.addStretch()
        self._spinner = Spinner(16)
        self._busy = 0
        self.close_button = button("Close", self.close)
        self.foot.addWidget(self._spinner)
        self.foot.addStretch()
        self.foot.addWidget(self.close_button)
        for table in (self.bookmark_table, self.variable_table):
            table.selectionModel().selectionChanged.connect(lambda *_: self._show_ready())
        self.bookmark_table.activated.connect(lambda _: self._ask_move())
        self.variable_table.activated.connect(lambda _: self._ask_set())
        self._show_ready()

    def show_bookmarks(self, bookmarks: list[Bookmark]) -> None:
        """How far each GET has been read."""
        self.bookmarks.show_lines([_bookmark_line(one) for one in bookmarks])
        self.bookmark_table.setVisible(bool(bookmarks))
        self.no_bookmarks.setVisible(not bookmarks)
        if len(bookmarks) == 1:
            self.bookmark_table.selectRow(0)
        self._show_ready()
        self.fit_soon()

    def show_variables(self, variables: list[Variable]) -> None:
        """What the variables hold for the next run."""
        self.variables.show_lines([_variable_line(one) for one in variables])
        self.variable_table.setVisible(bool(variables))
        self.no_variables.setVisible(not variables)
        for control in (self.set_button, self.reset_button):
            control.setVisible(bool(variables))
        self._show_ready()
        self.fit_soon()

    def show_busy(self, *, busy: bool) -> None:
        """A question is under way."""
        self._busy = max(0, self._busy + (1 if busy else -1))
        self._spinner.setVisible(self._busy > 0)

    def show_error(self, error: AgentError | None) -> None:
        """What failed and what to do."""
        if error is None:
            self.banner.hide()
        else:
            self.banner.show_error(error)
        self.fit_soon()

    def _bookmark(self) -> Bookmark | None:
        value = _chosen(self.bookmark_table, self.bookmarks)
        return value if isinstance(value, Bookmark) else None

    def _variable(self) -> Variable | None:
        value = _chosen(self.variable_table, self.variables)
        return value if isinstance(value, Variable) else None

    def _show_ready(self) -> None:
        variable = self._variable()
        self.move_button.setEnabled(self._bookmark() is not None)
        self.move_button.setVisible(self.bookmarks.rowCount() > 0)
        self.set_button.setEnabled(variable is not None)
        self.reset_button.setEnabled(variable is not None and variable.changed_at is not None)

    def _ask_move(self) -> None:
        bookmark = self._bookmark()
        if bookmark is not None:
            BookmarkDialog(
                bookmark, self._now, parent=self,
                on_accept=lambda moment, reason: self.moved.emit(bookmark.node, moment, reason),
            ).open()  # fmt: skip

    def _ask_set(self) -> None:
        variable = self._variable()
        if variable is not None:
            VariableDialog(
                variable, on_accept=lambda value, reason: self.was_set.emit(variable.name, value, reason), parent=self
            ).open()

    def _ask_reset(self) -> None:
        variable = self._variable()
        if variable is not None:
            then = "" if variable.encrypted else f" It holds “{variable.default or ''}” then."
            LineDialog(
                f"Let the default of {variable.name} count again?", f"What it holds now is dropped.{then}",
                label="&Reason", accept="Back to the default",
                on_accept=lambda reason: self.was_reset.emit(variable.name, reason), parent=self,
            ).open()  # fmt: skip


def _table(name: str, model: RowsModel, widths: tuple[int, ...], height: int) -> Table:
    found = Table(name, widths, stretch=0)
    found.use(model, CellDelegate(model))
    found.setFixedHeight(height)
    return found


def _row(*controls: QWidget) -> QHBoxLayout:
    found = QHBoxLayout()
    found.setSpacing(8)
    for control in controls:
        found.addWidget(control)
    found.addStretch()
    return found


def _chosen(table: Table, model: RowsModel) -> object:
    row = table.currentIndex().row()
    return model.line(row).value if 0 <= row < model.rowCount() else None


def _bookmark_line(one: Bookmark) -> Line:
    reads = formats.local(one.moment) if one.moment else one.detail or "the beginning"
    since = formats.local(one.since) if one.since else formats.DASH
    by = one.set_by or (f"run {one.run_id}" if one.run_id else "")
    return Line((one.node, reads, since, by), tips=("", one.detail, "", by), value=one)


def _variable_line(one: Variable) -> Line:
    value = one.value if one.value is not None else formats.DASH
    since = "default"
    if one.changed_at is not None:
        by = one.changed_by or f"run {one.run}"
        since = f"{formats.local(one.changed_at)} by {by}{f': {one.reason}' if one.reason else ''}"
    return Line((one.name, one.type.value, value, since), tips=(one.expression, "", value, since), value=one)


def open_data(
    bridge: Bridge, flow: str, title: str, *, now: datetime, say: Callable[[str], object], parent: QWidget
) -> DataDialog:
    """Show the dialog over a window."""
    dialog = DataDialog(title, now, parent)
    presenter = DataPresenter(dialog, bridge.scope(), flow, say)
    dialog.moved.connect(presenter.move)
    dialog.was_set.connect(presenter.set)
    dialog.was_reset.connect(presenter.reset)
    dialog.closed.connect(lambda: presenter.close())  # noqa: PLW0108 - signals hold methods weakly, this holds it
    presenter.open()
    dialog.open()
    return dialog
