"""The log on screen: filters, table, detail, and the tail that follows what happens."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QModelIndex, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QFocusEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QSplitter, QStackedWidget

from agent.api import log_models
from agent.gui import formats, tones
from agent.gui.log.model import WORDS, LogModel
from agent.gui.log.presenter import Filter
from agent.gui.widgets.buttons import button
from agent.gui.widgets.detail_pane import Detail, DetailPane
from agent.gui.widgets.empty_state import EmptyState
from agent.gui.widgets.inputs import ChoiceInput, SearchInput
from agent.gui.widgets.page import Page
from agent.gui.widgets.spinner import Spinner
from agent.gui.widgets.table import CellDelegate, Table
from agent.gui.widgets.text import Text

_LEVELS: list[tuple[str, log_models.LogLevel | None]] = [
    ("All levels", None),
    ("Info and above", log_models.LogLevel.INFO),
    ("Warnings and errors", log_models.LogLevel.WARNING),
    ("Errors only", log_models.LogLevel.ERROR),
]
_BY_HAND = frozenset({QEvent.Type.Wheel, QEvent.Type.KeyPress, QEvent.Type.MouseButtonRelease})


class LogPage(Page):
    """Emits the filter and the pages that are looked at."""

    filtered = Signal(object)
    page_wanted = Signal(int)
    copied = Signal()

    def __init__(self) -> None:
        super().__init__(
            "Log",
            "Everything the agent did, newest last. Select a line to see more. A search looks through everything.",
        )
        self._run = ""
        self._filling = self._comes = False
        self.body.addLayout(self._build_filters())
        self.model = LogModel(self.page_wanted.emit, self)
        self.table = Table("Log", (190, 100, 170, 90, 300), stretch=4, hidden_below={3: 860, 2: 640})
        self.table.resized.connect(self._on_table_resized)
        delegate = CellDelegate(self.model, chips=frozenset({1}), monos=frozenset({0, 3}), muted=frozenset({0, 2, 3}))
        self.table.use(self.model, delegate)
        self.table.selectionModel().currentRowChanged.connect(self._on_current)
        for watched in (self.table, self.table.viewport(), self.table.verticalScrollBar()):
            watched.installEventFilter(self)
        self.detail = DetailPane()
        self.detail.closed.connect(self._close_detail)
        self.detail.copied.connect(self.copied)
        self._stack = QStackedWidget()
        self._stack.addWidget(self.table)
        self.empty = EmptyState("scroll-text", "", "")
        self._stack.addWidget(self.empty)
        split = QSplitter(Qt.Orientation.Vertical)
        escape = QShortcut(QKeySequence(Qt.Key.Key_Escape), split)
        escape.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        escape.activated.connect(self._close_detail)
        split.setChildrenCollapsible(False)
        split.setHandleWidth(12)
        split.addWidget(self._stack)
        split.addWidget(self.detail)
        split.setStretchFactor(0, 4)
        split.setStretchFactor(1, 1)
        split.setSizes([520, 150])
        self.body.addWidget(split, 1)
        foot = QHBoxLayout()
        foot.setSpacing(8)
        self._spinner, self.summary = Spinner(14), Text("", "small")
        self._spinner.hide()
        foot.addWidget(self._spinner)
        foot.addWidget(self.summary, 1)
        self.body.addLayout(foot)

    # -- what the presenter says -----------------------------------------------------------------------------------

    def show_rows(self, count: int) -> None:
        """Other rows."""
        self.model.show_rows(count)
        self.detail.show_detail(None)
        self._show_emptiness(count)
        if self.follow.isChecked():
            self.table.scrollToBottom()

    def grow(self, count: int) -> None:
        """More rows at the end."""
        self.model.grow(count)
        self._show_emptiness(count)
        if self.follow.isChecked():
            self.table.scrollToBottom()

    def show_page(self, number: int, entries: list[log_models.LogEntry]) -> None:
        """A page arrived."""
        self.model.show_page(number, entries)
        if self.table.currentIndex().isValid():
            self._on_current(self.table.currentIndex())

    def page_missed(self, number: int) -> None:
        """A page does not come."""
        self.model.page_missed(number)

    def show_summary(self, *, hits: int | None, lines: int) -> None:
        """How many lines, how many hits."""
        total = formats.plural(lines, "line")
        self.summary.setText(total if hits is None else f"{formats.plural(hits, 'hit')} in the whole log")

    def show_searching(self, *, searching: bool) -> None:
        """A search is at work."""
        self._spinner.setVisible(searching)
        if searching:
            self.summary.setText("Searching the whole log …")

    def show_flows(self, flows: list[tuple[str, str]]) -> None:
        """The processflows, for the filter."""
        self.model.titles = dict(flows)
        shown = [(self.flow.itemData(index), self.flow.itemText(index)) for index in range(1, self.flow.count())]
        if shown == flows:
            return
        chosen = self.flow.currentData()
        self._filling = True
        while self.flow.count() > 1:
            self.flow.removeItem(1)
        for name, title in flows:
            self.flow.addItem(title, name)
        self.flow.setCurrentIndex(max(self.flow.findData(chosen), 0))
        self._filling = False

    def show_filter(self, chosen: Filter) -> None:
        """A filter that came from elsewhere."""
        self._filling = True
        self.search.blockSignals(True)
        self.search.setText(chosen.text)
        self.search.blockSignals(False)
        self.level.setCurrentIndex(next(i for i, (_, level) in enumerate(_LEVELS) if level == chosen.level))
        self.flow.setCurrentIndex(max(self.flow.findData(chosen.flow or None), 0))
        self._show_run(chosen.run)
        self._filling = False

    def focus_search(self) -> None:
        """Ctrl+F."""
        self.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.search.selectAll()

    # -- building and reacting -------------------------------------------------------------------------------------

    def _build_filters(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(8)
        self.search = SearchInput("Search the log", "Search message, record or detail   (Ctrl+F)")
        self.search.searched.connect(lambda _: self._on_filter())
        row.addWidget(self.search, 1)
        self.run = button("", self._on_run_dropped, kind="filter", picture="x", name="Show all runs again")
        self.run.hide()
        row.addWidget(self.run)
        self.level = ChoiceInput("Least level", least_characters=15)
        for word, level in _LEVELS:
            self.level.addItem(word, level)
        self.flow = ChoiceInput("Processflow", least_characters=17)
        self.flow.addItem("All processflows", None)
        for combo in (self.level, self.flow):
            combo.currentIndexChanged.connect(lambda _: self._on_filter())
            row.addWidget(combo)
        self.follow = QCheckBox("F&ollow")
        self.follow.setAccessibleName("Follow new lines")
        self.follow.setToolTip("Keep the newest line in sight")
        self.follow.setChecked(True)
        self.follow.toggled.connect(self._on_follow)
        row.addSpacing(6)
        row.addWidget(self.follow)
        return row

    def _on_filter(self) -> None:
        if not self._filling:
            self.filtered.emit(
                Filter(self.level.currentData(), self.flow.currentData() or "", self._run, self.search.text().strip())
            )

    def _show_run(self, run: str) -> None:
        self._run = run
        self.run.setText(f" One run: {run[:8]}")
        self.run.setAccessibleName(f"Show all runs again, not only {run}")
        self.run.setToolTip("Show all runs again")
        self.run.setVisible(bool(run))

    def _on_run_dropped(self) -> None:
        self._show_run("")
        self._on_filter()

    def _on_follow(self, follow: bool) -> None:
        if follow:
            self.table.scrollToBottom()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in _BY_HAND:
            QTimer.singleShot(0, self, self._after_scrolling)
        elif isinstance(event, QFocusEvent) and event.type() == QEvent.Type.FocusIn and watched is self.table:
            self._take_a_row(event)
        return False

    def _take_a_row(self, event: QFocusEvent) -> None:
        """Coming by keyboard starts at the lowest line in sight; Qt would start at the first of millions."""
        if event.reason() != Qt.FocusReason.MouseFocusReason and not self.table.currentIndex().isValid():
            row = self.table.rowAt(self.table.viewport().height() - 2)
            self.table.setCurrentIndex(self.model.index(row if row >= 0 else self.model.rowCount() - 1, 0))

    def _after_scrolling(self) -> None:
        """Scrolling up by hand lets go of the tail; scrolling to the end takes it up again."""
        bar = self.table.verticalScrollBar()
        self.follow.blockSignals(True)
        self.follow.setChecked(bar.value() >= bar.maximum() - 2)
        self.follow.blockSignals(False)

    def _on_current(self, current: QModelIndex) -> None:
        entry = self.model.entry(current.row()) if current.isValid() else None
        if entry is None:
            self.detail.show_detail(None)
            return
        facts = (
            ("Processflow", self.model.titles.get(entry.flow, entry.flow)),
            ("Node", entry.node),
            ("Record", entry.record),
            ("Run", entry.run),
        )
        when = formats.local_precise(entry.at)
        self._keep_in_sight()
        self.detail.show_detail(
            Detail(
                WORDS[entry.level], tones.LEVEL[entry.level], when, formats.utc(entry.at), facts, entry.message,
                support=entry.detail,
            )
        )  # fmt: skip

    def _keep_in_sight(self) -> None:
        """The pane takes room from the table when it comes; the line that was chosen must not go below it."""
        self._comes = not self.detail.isVisible()

    def _on_table_resized(self) -> None:
        if self._comes and self.table.currentIndex().isValid():
            self.table.scrollTo(self.table.currentIndex())
            self._comes = False
        elif self.follow.isChecked():
            self.table.scrollToBottom()

    def _close_detail(self) -> None:
        self.table.clearSelection()
        self.table.setCurrentIndex(QModelIndex())
        self.table.setFocus(Qt.FocusReason.MouseFocusReason)

    def _show_emptiness(self, count: int) -> None:
        if self.search.text() or self.level.currentIndex() or self.flow.currentIndex() or self._run:
            self.empty.show_text("No line matches", "Search for something else, or take a filter back.")
        else:
            self.empty.show_text("Nothing logged yet", "What the agent does appears here as it happens.")
        self._stack.setCurrentIndex(0 if count else 1)
