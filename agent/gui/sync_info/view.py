"""Sync Info on screen."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, Qt, QTimer, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QButtonGroup,
    QFileDialog,
    QHBoxLayout,
    QMenu,
    QPushButton,
    QSplitter,
    QStackedWidget,
)

from agent.api import record_models, run_models
from agent.domain.packet import SyncState
from agent.gui import formats, tones
from agent.gui.cures import act_for
from agent.gui.sync_info.actions import words
from agent.gui.tones import Tone
from agent.gui.widgets.banner import Banner
from agent.gui.widgets.buttons import button, menu_button
from agent.gui.widgets.detail_pane import Detail, DetailPane
from agent.gui.widgets.dialog import ConfirmDialog
from agent.gui.widgets.empty_state import EmptyState
from agent.gui.widgets.inputs import ChoiceInput, SearchInput
from agent.gui.widgets.page import Page
from agent.gui.widgets.question import LineDialog
from agent.gui.widgets.rows_model import Line, RowsModel
from agent.gui.widgets.spinner import Spinner
from agent.gui.widgets.table import CellDelegate, Table

_STATES: list[SyncState | None] = [
    None,
    SyncState.FAILED,
    SyncState.UNPROCESSED,
    SyncState.SKIPPED,
    SyncState.SUCCESS,
]
_ROWS_AHEAD = 40


class SyncInfoPage(Page):
    """Emits what was chosen."""

    flow_chosen = Signal(str)
    state_chosen = Signal(object)
    searched = Signal(str)
    more_wanted = Signal()
    copied = Signal()
    flows_wanted = Signal()
    retry_clicked = Signal(object)
    skip_confirmed = Signal(object, str)
    unskip_clicked = Signal(object)
    delete_confirmed = Signal(object)
    export_chosen = Signal(str)
    cure_clicked = Signal(str)
    history_clicked = Signal(str, str)

    def __init__(self) -> None:
        super().__init__(
            "Sync Info", "What became of each record, newest first. Select one to see what to do about it."
        )
        self._filling = self._comes = self._acting = False
        self._total = 0
        self.body.addLayout(self._build_filters())
        self.failed_run = Banner()
        self.failed_run.hide()
        self.body.addWidget(self.failed_run)
        self.body.addLayout(self._build_states())
        headers = ("Status", "Source id", "Destination id", "Message", "Tries", "Time")
        self.model = RowsModel(headers, self)
        self.table = Table("Records", (118, 120, 124, 300, 62, 172), stretch=3, hidden_below={4: 860, 2: 780, 5: 600})
        self.table.resized.connect(self._on_table_resized)
        delegate = CellDelegate(
            self.model, chips=frozenset({0}), monos=frozenset({1, 2, 5}), muted=frozenset({2, 4, 5})
        )
        self.table.use(self.model, delegate)
        self.table.setSelectionMode(Table.SelectionMode.ExtendedSelection)
        self.table.selectionModel().currentRowChanged.connect(self._on_current)
        self.table.selectionModel().selectionChanged.connect(lambda *_: self._show_actions())
        self.table.verticalScrollBar().valueChanged.connect(lambda _: self._on_scrolled())
        self._stack = QStackedWidget()
        self._stack.addWidget(self.table)
        self.empty = EmptyState(
            "list-checks", "", "", ("Processflows", self.flows_wanted.emit), picture_of_action="workflow"
        )
        self._stack.addWidget(self.empty)
        self.detail = DetailPane()
        self.detail.closed.connect(self._close_detail)
        self.detail.copied.connect(self.copied)
        self.detail.acted.connect(self._on_cure)
        split = QSplitter(Qt.Orientation.Vertical)
        escape = QShortcut(QKeySequence(Qt.Key.Key_Escape), split)
        escape.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        escape.activated.connect(self._close_detail)
        split.setChildrenCollapsible(False)
        split.setHandleWidth(12)
        split.addWidget(self._stack)
        split.addWidget(self.detail)
        split.setSizes([480, 150])
        split.setStretchFactor(0, 4)
        split.setStretchFactor(1, 1)
        self.body.addWidget(split, 1)
        self._more = False

    def show_flows(self, flows: list[tuple[str, str]], chosen: str) -> None:
        """The processflows."""
        self._filling = True
        shown = [(self.flow.itemData(index), self.flow.itemText(index)) for index in range(self.flow.count())]
        if shown != flows:
            self.flow.clear()
            for name, title in flows:
                self.flow.addItem(title, name)
        self.flow.setCurrentIndex(self.flow.findData(chosen))
        for control in (self.flow, self.search, *self.states):
            control.setEnabled(bool(flows))
        self._filling = False

    def show_filter(self, state: SyncState | None) -> None:
        """Mark the state that is shown."""
        self.states[_STATES.index(state)].setChecked(True)

    def show_failed_run(self, run: run_models.Run | None) -> None:
        """The last run failed as a whole: records do not say so. None: it did not."""
        if run is None:
            self.failed_run.hide()
            return
        title = f"The last run failed: {run.error_title}" if run.error_title else "The last run failed"
        text = " ".join(part for part in (run.message, run.remedy, run.cause) if part)
        words = act_for(run.target)
        acts = [(words, lambda: self.cure_clicked.emit(run.target))] if words else []
        self.failed_run.show_message(Tone.ERROR, title, text, acts)

    def show_counts(self, counts: dict[SyncState, int]) -> None:
        """How many records there are in each state."""
        for state, control in zip(_STATES, self.states, strict=True):
            count = sum(counts.values()) if state is None else counts.get(state, 0)
            word = "All" if state is None else state.value
            control.setText(f"{word}  {formats.number(count)}")
            control.setAccessibleName(f"{word}: {formats.plural(count, 'record')}")
            if control.isChecked():
                self._total = count
        self._show_actions()

    def show_records(self, records: list[record_models.SyncRecord], *, more: bool) -> None:
        """Show these records instead."""
        self._more = more
        self.model.show_lines([])
        self.model.show_lines([_line(record) for record in records])
        self.detail.show_detail(None)
        self._stack.setCurrentIndex(0 if records else 1)
        if not records:
            self._say_empty()
        self._look_for_more()

    def add_records(self, records: list[record_models.SyncRecord], *, more: bool) -> None:
        """Show more at the end."""
        self._more = more
        self.model.append_lines([_line(record) for record in records])
        self._look_for_more()

    def show_busy(self, *, busy: bool) -> None:
        """A question is under way."""
        self._spinner.setVisible(busy)

    def show_acting(self, *, acting: bool) -> None:
        """Something is being done to records."""
        self._acting = acting
        self._spinner.setVisible(acting)
        self._show_actions()

    def focus_search(self) -> None:
        """Ctrl+F."""
        self.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.search.selectAll()

    def _build_filters(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(8)
        self.flow = ChoiceInput("Processflow", least_characters=26)
        self.flow.setPlaceholderText("No processflow yet")
        self.flow.currentIndexChanged.connect(self._on_flow)
        row.addWidget(self.flow)
        self.search = SearchInput("Search the records", "Search source id, destination id or message   (Ctrl+F)")
        self.search.searched.connect(self.searched)
        row.addWidget(self.search, 1)
        return row

    def _build_states(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(8)
        self._group = QButtonGroup(self)
        self.states: list[QPushButton] = []
        for state in _STATES:
            word = "All" if state is None else state.value
            control = button(word, kind="filter")
            control.setCheckable(True)
            control.clicked.connect(lambda _checked=False, chosen=state: self.state_chosen.emit(chosen))
            self._group.addButton(control)
            self.states.append(control)
            row.addWidget(control)
        self.states[0].setChecked(True)
        self._spinner = Spinner(16)
        self._spinner.hide()
        row.addWidget(self._spinner)
        row.addStretch()
        self.history = button("&History…", self._on_history)
        self.retry = button("Retry", lambda: self.retry_clicked.emit(self._selected()), picture="rotate-ccw")
        self.skip = button("Skip…", self._ask_skip)
        self.export = button("Export…", self._ask_export, picture="download")
        menu = QMenu(self)
        self.unskip = menu.addAction("Take the skip back", lambda: self.unskip_clicked.emit(self._selected()))
        self.delete = menu.addAction("Delete from Sync Info…", self._ask_delete)
        self.more_actions = menu_button("More", menu)
        for act in (self.history, self.retry, self.skip, self.export, self.more_actions):
            row.addWidget(act)
        return row

    def _selected(self) -> list[record_models.SyncRecord]:
        """The records that are selected; none stands for all that fit the filter."""
        rows = [index.row() for index in self.table.selectionModel().selectedRows()]
        values = [self.model.line(row).value for row in sorted(rows)]
        return [value for value in values if isinstance(value, record_models.SyncRecord)]

    def _state(self) -> SyncState | None:
        chosen = next(index for index, control in enumerate(self.states) if control.isChecked())
        return _STATES[chosen]

    def _words(self) -> str:
        """Which records are meant, for people."""
        return words(len(self._selected()), self._state(), self.search.text().strip(), self._total)

    def _show_actions(self) -> None:
        """What can be done depends on what is meant: the selected records, else all that fit the filter."""
        selected, state = self._selected(), self._state()
        states = {record.state for record in selected}
        if not selected and state is not None and self._total:
            states = {state}
        open_states = {SyncState.FAILED, SyncState.UNPROCESSED, SyncState.SKIPPED}
        can = not self._acting and bool(states)
        self.retry.setEnabled(can and states <= open_states)
        self.skip.setEnabled(can and states <= {SyncState.FAILED, SyncState.UNPROCESSED})
        self.unskip.setEnabled(can and states == {SyncState.SKIPPED})
        self.delete.setEnabled(can or (not self._acting and self._total > 0))
        self.export.setEnabled(not self._acting and self._total > 0)
        self.history.setEnabled(len(selected) == 1)
        self.history.setToolTip("Every run that touched this record" if len(selected) == 1 else "Select one record")
        meant = self._words()
        for control, verb in ((self.retry, "Retry"), (self.skip, "Skip")):
            control.setToolTip(f"{verb} {meant}" if control.isEnabled() else "Select failed records, or choose Failed")
            control.setAccessibleName(f"{verb} {meant}")

    def _ask_skip(self) -> None:
        records = self._selected()
        LineDialog(
            f"Skip {self._words()}?",
            "They are not written any more as they are now: neither by runs nor by retries. A record that changes at "
            "its source is written again. This can be taken back.",
            label="&Reason", accept="Skip", on_accept=lambda reason: self.skip_confirmed.emit(records, reason),
            parent=self.window(),
        ).open()  # fmt: skip

    def _ask_delete(self) -> None:
        records = self._selected()
        ConfirmDialog(
            f"Delete {self._words()} from Sync Info?",
            "The agent forgets what became of them. Nothing changes in the apps; when a run reads such a record again, "
            "it writes it again.",
            accept="Delete", on_accept=lambda: self.delete_confirmed.emit(records), parent=self.window(),
        ).open()  # fmt: skip

    def _ask_export(self) -> None:
        name = f"{self.flow.currentData() or 'records'}.xlsx"
        dialog = QFileDialog(self, "Export what is on show", name, "Excel (*.xlsx);;CSV (*.csv)")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("xlsx")
        dialog.selectFile(name)
        dialog.fileSelected.connect(self.export_chosen)
        dialog.open()

    def _on_history(self) -> None:
        selected = self._selected()
        if len(selected) == 1:
            self.history_clicked.emit(selected[0].flow, selected[0].source_id)

    def _on_cure(self) -> None:
        current = self.table.currentIndex()
        record = self.model.line(current.row()).value if current.isValid() else None
        if isinstance(record, record_models.SyncRecord) and record.target:
            self.cure_clicked.emit(record.target)

    def _on_flow(self) -> None:
        if not self._filling and self.flow.currentData():
            self.flow_chosen.emit(str(self.flow.currentData()))

    def _look_for_more(self) -> None:
        """The end may be in sight already, once the rows are laid out."""
        QTimer.singleShot(0, self, self._on_scrolled)

    def _on_scrolled(self) -> None:
        """Ask for more where the last rows are nearly in sight; never while nobody sees the table."""
        if not self._more or not self.table.isVisible():
            return
        lowest = self.table.rowAt(self.table.viewport().height() - 1)
        if lowest < 0 or lowest >= self.model.rowCount() - _ROWS_AHEAD:
            self.more_wanted.emit()

    def _on_current(self, current: QModelIndex) -> None:
        record = self.model.line(current.row()).value if current.isValid() else None
        if not isinstance(record, record_models.SyncRecord):
            self.detail.show_detail(None)
            return
        self._comes = not self.detail.isVisible()
        facts = (
            ("Source id", record.source_id),
            ("Destination id", record.destination_id),
            ("Node", record.node),
            ("Tries", formats.number(record.tries)),
            ("Run", record.run_id),
        )
        self.detail.show_detail(
            Detail(
                record.state.value, tones.SYNC[record.state], formats.local(record.updated_at),
                formats.utc(record.updated_at), facts, record.message, record.remedy,
                support=f"{record.error_title}: {record.cause}" if record.error_title and record.cause else "",
                act=act_for(record.target),
            )
        )  # fmt: skip

    def _on_table_resized(self) -> None:
        if self._comes and self.table.currentIndex().isValid():  # the pane takes room: the record must not go below it
            self.table.scrollTo(self.table.currentIndex())
            self._comes = False

    def _close_detail(self) -> None:
        self.table.clearSelection()
        self.table.setCurrentIndex(QModelIndex())
        self.table.setFocus(Qt.FocusReason.MouseFocusReason)

    def _say_empty(self) -> None:
        if self.flow.count() == 0:
            self.empty.show_text(
                "No records yet", "Deploy a processflow and execute it; every record that it touches is listed here."
            )
        elif self.search.text() or not self.states[0].isChecked():
            self.empty.show_text("No record matches", "Search for something else, or choose All.", action=False)
        else:
            self.empty.show_text("No records yet", "Execute this processflow; every record is listed here then.")


def _line(record: record_models.SyncRecord) -> Line:
    cells = (
        record.state.value,
        record.source_id,
        record.destination_id,
        record.message.replace("\n", " "),
        formats.number(record.tries),
        formats.local(record.updated_at),
    )
    tips = ("", record.source_id, record.destination_id, record.message, "", formats.moment_tip(record.updated_at))
    return Line(cells, tones.SYNC[record.state], tips, record)
