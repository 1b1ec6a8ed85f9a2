"""The Execute once dialog: a filter for one run, or a window of time to be read again. The bookmark stays."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from PySide6.QtCore import QDateTime, Signal
from PySide6.QtWidgets import QCheckBox, QDateTimeEdit, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from agent.api.rerun_models import FilterClause, ReplayWindow
from agent.domain.clauses import OPERATORS
from agent.domain.errors import AgentError
from agent.gui.widgets.banner import Banner
from agent.gui.widgets.buttons import button, icon_button
from agent.gui.widgets.dialog import Dialog
from agent.gui.widgets.field_row import FieldRow
from agent.gui.widgets.inputs import ChoiceInput
from agent.gui.widgets.text import Text

_MOMENT = "yyyy-MM-dd HH:mm"


class Way(StrEnum):
    """What the run reads."""

    FILTER = "What fits a filter"
    WINDOW = "What changed in a window of time"


@dataclass(frozen=True, slots=True)
class Filtered:
    """A filter for one run; `node` is the GET node that it is for."""

    clauses: tuple[FilterClause, ...]
    node: str


class OnceDialog(Dialog):
    """Emits a `Filtered` or a `ReplayWindow`. `sources` are ids and titles of the GET nodes."""

    filter_chosen = Signal(object)
    window_chosen = Signal(object)

    def __init__(
        self, title: str, sources: list[tuple[str, str]], now: datetime, parent: QWidget | None = None
    ) -> None:
        super().__init__(
            f"Execute “{title}” once",
            "For what has to be fetched out of turn. The bookmark stays where it is, and nothing here is kept.",
            width=620, parent=parent,
        )  # fmt: skip
        self.banner = Banner()
        self.body.addWidget(self.banner)
        self.way, self.source = ChoiceInput(), ChoiceInput()
        for way in Way:
            self.way.addItem(way.value, way.value)
        for node, name in sources:
            self.source.addItem(name, node)
        self.body.addWidget(FieldRow("Rea&d", self.way))
        self._source_row = FieldRow("For the &GET", self.source)
        self._source_row.setVisible(len(sources) > 1)
        self.body.addWidget(self._source_row)
        self._filter, self.clauses = QWidget(), list[ClauseRow]()
        self._filter.setProperty("role", "clear")
        self._rows = QVBoxLayout(self._filter)
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._rows.addWidget(Text("All of these have to hold, in the place of the action filter.", "small", wrap=True))
        self.add_button = button("&Add a clause", lambda: self._add_clause(focus=True), picture="plus")
        self._rows.addWidget(self.add_button)
        self.body.addWidget(self._filter)
        self._add_clause(focus=False)
        self._window = QWidget()
        self._window.setProperty("role", "clear")
        column = QVBoxLayout(self._window)
        column.setContentsMargins(0, 0, 0, 0)
        self.since, self.until = _moment(now - timedelta(days=1)), _moment(now)
        column.addWidget(FieldRow("&From", self.since, help_text="In the time of this computer."))
        column.addWidget(FieldRow("&To", self.until))
        self.again = QCheckBox("&Write what is there unchanged once more")
        column.addWidget(self.again)
        self.body.addWidget(self._window)
        self.body.addStretch()
        self.cancel_button = button("Cancel", self.close)
        self.execute_button = button("&Execute", self._on_execute, kind="primary", picture="play")
        self.execute_button.setDefault(True)
        self.foot.addStretch()
        self.foot.addWidget(self.cancel_button)
        self.foot.addWidget(self.execute_button)
        self.way.currentIndexChanged.connect(lambda _: self._show_way())
        self._show_way()

    def show_error(self, error: AgentError) -> None:
        """What failed and what to do."""
        self.execute_button.setEnabled(True)
        self.banner.show_error(error)
        self.fit_soon()

    def show_busy(self) -> None:
        """The service is asked."""
        self.execute_button.setEnabled(False)
        self.banner.hide()

    def _show_way(self) -> None:
        filtered = self.way.currentData() == Way.FILTER.value
        self._filter.setVisible(filtered)
        self._window.setVisible(not filtered)
        self._source_row.setVisible(filtered and self.source.count() > 1)
        self._show_ready()
        self.fit_soon()

    def _show_ready(self) -> None:
        """A filter without a clause would fetch everything: it cannot be executed."""
        filtered = self.way.currentData() == Way.FILTER.value
        self.execute_button.setEnabled(not filtered or any(row.key.text().strip() for row in self.clauses))

    def _add_clause(self, *, focus: bool) -> None:
        row = ClauseRow()
        row.edited.connect(self._show_ready)
        row.removed.connect(lambda: self._remove_clause(row))
        self.clauses.append(row)
        self._rows.insertWidget(self._rows.count() - 1, row)
        if focus:
            row.key.setFocus()
            self.fit_soon()

    def _remove_clause(self, row: ClauseRow) -> None:
        if len(self.clauses) > 1:
            self.clauses.remove(row)
            row.hide()
            row.deleteLater()
        else:
            row.clear()
        self._show_ready()
        self.fit_soon()

    def _on_execute(self) -> None:
        if self.way.currentData() == Way.FILTER.value:
            clauses = tuple(row.clause() for row in self.clauses if row.key.text().strip())
            self.filter_chosen.emit(Filtered(clauses, str(self.source.currentData() or "")))
            return
        since, until = (
            datetime.fromtimestamp(one.dateTime().toSecsSinceEpoch()).astimezone() for one in (self.since, self.until)
        )
        self.window_chosen.emit(ReplayWindow(since=since, until=until, again=self.again.isChecked()))


class ClauseRow(QWidget):
    """Key, operator and value of one clause."""

    edited = Signal()
    removed = Signal()

    def __init__(self) -> None:
        super().__init__()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        self.key, self.operator, self.value = QLineEdit(), ChoiceInput("Operator", least_characters=6), QLineEdit()
        self.key.setPlaceholderText("Key, such as status_id")
        self.key.setAccessibleName("Key")
        self.value.setPlaceholderText("Value")
        self.value.setAccessibleName("Value")
        for field in (self.key, self.value):
            field.setMaxLength(1_000)
            field.textChanged.connect(lambda _: self.edited.emit())
        for operator in OPERATORS:
            self.operator.addItem(operator.replace("_", " "), operator)
        row.addWidget(self.key, 3)
        row.addWidget(self.operator)
        row.addWidget(self.value, 3)
        row.addWidget(icon_button("x", "Remove this clause", self.removed.emit))

    def clause(self) -> FilterClause:
        """What was typed."""
        return FilterClause(
            key=self.key.text().strip(), operator=str(self.operator.currentData()), value=self.value.text().strip()
        )

    def clear(self) -> None:
        """Forget what was typed."""
        self.key.clear()
        self.value.clear()


def _moment(at: datetime) -> QDateTimeEdit:
    edit = QDateTimeEdit(QDateTime.fromSecsSinceEpoch(int(at.timestamp()) // 60 * 60))
    edit.setDisplayFormat(_MOMENT)
    edit.setCalendarPopup(True)
    return edit
