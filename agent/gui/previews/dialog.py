"""The Preview dialog: totals as filters, a table of records, and below it what would change, field by field."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QTimer, Signal
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QPushButton, QWidget

from agent.api.preview_models import Preview, PreviewChange, PreviewedRecord, PreviewState
from agent.domain.errors import AgentError
from agent.domain.preview import Outcome
from agent.gui import formats, tones
from agent.gui.tones import Tone
from agent.gui.widgets.banner import Banner
from agent.gui.widgets.buttons import button
from agent.gui.widgets.detail_pane import Detail, DetailPane
from agent.gui.widgets.dialog import Dialog
from agent.gui.widgets.rows_model import Line, RowsModel
from agent.gui.widgets.table import CellDelegate, Table
from agent.gui.widgets.text import Text

_OUTCOMES: list[Outcome | None] = [None, *Outcome]
_ROWS_AHEAD = 40
_SHOWN_VALUES = 8


class PreviewDialog(Dialog):
    """Emits what the operator wants of a preview."""

    outcome_chosen = Signal(object)
    more_wanted = Signal()
    cancel_clicked = Signal()
    everything_clicked = Signal()
    execute_clicked = Signal()
    copied = Signal()

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(
            f"Preview of “{title}”", "What a run would do now. Nothing is written anywhere.", width=900, parent=parent
        )
        self.banner = Banner()
        self.body.addWidget(self.banner)
        self.body.addLayout(self._build_outcomes())
        self.model = RowsModel(("Outcome", "Source id", "Destination id", "What would change"), self)
        self.table = Table("Records", (118, 150, 150, 300), stretch=3)
        self.table.use(
            self.model, CellDelegate(self.model, chips=frozenset({0}), monos=frozenset({1, 2}), muted=frozenset({2}))
        )
        self.table.setMinimumHeight(280)
        self.table.selectionModel().currentRowChanged.connect(self._on_current)
        self.table.verticalScrollBar().valueChanged.connect(lambda _: self._on_scrolled())
        self.body.addWidget(self.table, 1)
        self.detail = DetailPane()
        self.detail.setMaximumHeight(190)
        self.detail.closed.connect(self._close_detail)
        self.detail.copied.connect(self.copied)
        self.body.addWidget(self.detail)
        self.notes = Text("", "small", wrap=True)
        self.body.addWidget(self.notes)
        self.cancel_button = button("Cancel", self.cancel_clicked.emit, picture="square")
        self.everything_button = button("Read everything", self.everything_clicked.emit)
        self.close_button = button("Close", self.close)
        self.execute_button = button("&Execute", self._on_execute, kind="primary", picture="play")
        self.foot.addWidget(self.everything_button)
        self.foot.addStretch()
        for control in (self.cancel_button, self.close_button, self.execute_button):
            self.foot.addWidget(control)
        self.everything_button.hide()
        self.execute_button.setEnabled(False)
        self._more = False

    def show_preview(self, preview: Preview) -> None:
        """How far it is."""
        running = preview.state is PreviewState.RUNNING
        self.cancel_button.setVisible(running)
        self.execute_button.setEnabled(preview.state is PreviewState.DONE)
        self.everything_button.setVisible(not running and preview.more)
        if running:
            read = formats.plural(preview.read, "record")
            self.banner.show_message(Tone.BUSY, "", f"{read} read · {preview.activity or 'Reading …'}")
        elif preview.state is PreviewState.DONE:
            self._show_end(preview)
        else:
            tone = Tone.ERROR if preview.state is PreviewState.FAILED else Tone.WARN
            self.banner.show_message(tone, preview.message or preview.state.value, preview.remedy)
        self._show_totals(preview)
        self.fit_soon()

    def show_records(self, records: list[PreviewedRecord], *, more: bool) -> None:
        """Show these records instead."""
        self._more = more
        self.detail.show_detail(None)
        self.model.show_lines([])
        self.model.show_lines([_line(record) for record in records])
        self._look_for_more()

    def add_records(self, records: list[PreviewedRecord], *, more: bool) -> None:
        """Show more at the end."""
        self._more = more
        self.model.append_lines([_line(record) for record in records])
        self._look_for_more()

    def show_error(self, error: AgentError) -> None:
        """What failed and what to do."""
        self.cancel_button.hide()
        self.banner.show_error(error)
        self.fit_soon()

    def _build_outcomes(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(8)
        self._group = QButtonGroup(self)
        self.outcomes: list[QPushButton] = []
        for outcome in _OUTCOMES:
            control = button("All" if outcome is None else outcome.value, kind="filter")
            control.setCheckable(True)
            control.clicked.connect(lambda _checked=False, chosen=outcome: self.outcome_chosen.emit(chosen))
            self._group.addButton(control)
            self.outcomes.append(control)
            row.addWidget(control)
        self.outcomes[0].setChecked(True)
        row.addStretch()
        return row

    def _show_end(self, preview: Preview) -> None:
        if preview.more:
            self.banner.show_message(
                Tone.INFO, f"These are the first {formats.plural(preview.read, 'record')}.",
                "There are more. Read everything to see all of them; a run takes all in any case.",
            )  # fmt: skip
        elif not preview.read:
            self.banner.show_message(Tone.OK, "Nothing new at the source.", "A run would write nothing.")
        else:
            self.banner.hide()

    def _show_totals(self, preview: Preview) -> None:
        found = {
            Outcome.CREATED: sum(total.created for total in preview.totals),
            Outcome.CHANGED: sum(total.changed for total in preview.totals),
            Outcome.LEFT: sum(total.left for total in preview.totals),
            Outcome.SKIPPED: sum(total.skipped for total in preview.totals),
            Outcome.FAILED: sum(total.failed for total in preview.totals),
        }
        for outcome, control in zip(_OUTCOMES, self.outcomes, strict=True):
            count = sum(found.values()) if outcome is None else found[outcome]
            word = "All" if outcome is None else outcome.value
            control.setText(f"{word}  {formats.number(count)}")
            control.setAccessibleName(f"{word}: {formats.plural(count, 'record')}")
        notes = [f"{total.title or total.node}: {note}" for total in preview.totals for note in total.notes]
        if preview.state is not PreviewState.RUNNING and not preview.all_kept:
            notes.append(f"Only the first {formats.plural(preview.records, 'record')} can be looked at one by one.")
        self.notes.setText("\n".join(notes))
        self.notes.setVisible(bool(notes))

    def _on_current(self, current: QModelIndex) -> None:
        record = self.model.line(current.row()).value if current.isValid() else None
        if not isinstance(record, PreviewedRecord):
            self.detail.show_detail(None)
            return
        identity = "made by the destination" if record.stand_in else record.destination_id
        changes = "\n".join(_change(one, made=record.outcome is Outcome.CREATED) for one in record.changes)
        text = "\n\n".join(part for part in (record.message, changes) if part)
        self.detail.show_detail(
            Detail(
                record.outcome.value, tones.PREVIEW[record.outcome], record.source_id, "",
                (("Destination id", identity), ("Node", record.node)), text, record.remedy,
            )
        )  # fmt: skip
        self.fit_soon()

    def _close_detail(self) -> None:
        self.table.clearSelection()
        self.table.setCurrentIndex(QModelIndex())
        self.table.setFocus()

    def _on_execute(self) -> None:
        self.execute_clicked.emit()
        self.close()

    def _look_for_more(self) -> None:
        QTimer.singleShot(0, self, self._on_scrolled)

    def _on_scrolled(self) -> None:
        if not self._more or not self.table.isVisible():
            return
        lowest = self.table.rowAt(self.table.viewport().height() - 1)
        if lowest < 0 or lowest >= self.model.rowCount() - _ROWS_AHEAD:
            self.more_wanted.emit()


def _line(record: PreviewedRecord) -> Line:
    if record.outcome is Outcome.CHANGED:
        what = ", ".join(f"{one.attribute} {_value(one.old)} → {_value(one.new)}" for one in record.changes)
    elif record.outcome is Outcome.CREATED:
        what = ", ".join(f"{one.attribute} {_value(one.new)}" for one in record.changes[:_SHOWN_VALUES])
    else:
        what = record.message
    identity = "" if record.stand_in else record.destination_id
    cells = (record.outcome.value, record.source_id, identity, what.replace("\n", " "))
    return Line(cells, tones.PREVIEW[record.outcome], ("", record.source_id, identity, what[:500]), record)


def _value(value: str | None) -> str:
    return "nothing" if value is None else f"“{value}”"


def _change(one: PreviewChange, *, made: bool) -> str:
    """A value that is made, or what it was and what it would be."""
    return (
        f"{one.attribute}:  {_value(one.new)}" if made else f"{one.attribute}:  {_value(one.old)}  →  {_value(one.new)}"
    )
