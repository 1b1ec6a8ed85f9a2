"""Home on screen: what needs attention, what runs now, the table of processflows."""

from __future__ import annotations

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from agent.gui import formats, tones
from agent.gui.home.content import Attention, HomeContent, Running
from agent.gui.home.steps_card import StepsCard
from agent.gui.widgets.buttons import button, icon_button
from agent.gui.widgets.card import Card
from agent.gui.widgets.chip import Chip
from agent.gui.widgets.keyed_list import KeyedList
from agent.gui.widgets.page import Page, scrolled
from agent.gui.widgets.pictures import Tile
from agent.gui.widgets.rows_model import Line, RowsModel
from agent.gui.widgets.spinner import BusyBar
from agent.gui.widgets.tab_order import order_tabs
from agent.gui.widgets.table import CellDelegate, Table
from agent.gui.widgets.text import Elided, ShortName, Text

_CLOCK_MILLISECONDS, _FAST_CLOCK_MILLISECONDS = 20_000, 1_000
_ROW = 38


class HomePage(Page):
    """Emits what was clicked."""

    cancel_clicked = Signal(str)
    flow_chosen = Signal(str)
    alerts_clicked = Signal()
    grew_old = Signal()

    def __init__(self) -> None:
        super().__init__("Home", "What runs, what needs you, and what comes next.")
        self.steps = StepsCard()
        self._content = self._build_content()
        self._content.hide()  # nothing is said before anything is known
        self.body.addWidget(self._content, 1)
        self._below = QWidget()
        self._below.setProperty("role", "clear")
        self.body.addWidget(self._below, 1)
        self._clock = QTimer(self, interval=_CLOCK_MILLISECONDS)
        self._clock.timeout.connect(self.grew_old)
        self._clock.start()

    def show_content(self, found: HomeContent) -> None:
        """Show it."""
        self._content.show()
        self._below.hide()
        self.steps.show_steps(found.steps)
        self._attention_title.setVisible(bool(found.attention or found.alerts))
        self.alerts.setVisible(bool(found.attention or found.alerts))
        self.alerts.setText(f"All alerts  ({formats.number(found.alerts)})")
        others = self._attention.show_items(found.attention)
        self._quiet.setVisible(not found.steps and not found.attention and not found.running and bool(found.flows))
        self._quiet_text.setText(
            "Nothing runs at this moment, and all that needs you was acknowledged."
            if found.alerts
            else "Nothing runs at this moment and nothing needs you."
        )
        self._running_title.setVisible(bool(found.running))
        if self._running.show_items(found.running) or others:
            order_tabs([self.steps, self.alerts, *self._attention.rows, *self._running.rows, self.table])
        self._clock.setInterval(_FAST_CLOCK_MILLISECONDS if found.running else _CLOCK_MILLISECONDS)
        self._show_table(found)

    def _build_content(self) -> QWidget:
        holder, column = scrolled()
        column.addWidget(self.steps)
        self._attention_title = Text("Needs attention", "section")
        self.alerts = button("All alerts", self.alerts_clicked.emit, kind="link")
        head = QHBoxLayout()
        head.addWidget(self._attention_title)
        head.addStretch()
        head.addWidget(self.alerts)
        column.addLayout(head)
        attention, running = QVBoxLayout(), QVBoxLayout()
        attention.setSpacing(8)
        running.setSpacing(8)
        column.addLayout(attention)
        self._quiet = self._build_quiet()
        column.addWidget(self._quiet)
        self._running_title = Text("Running now", "section")
        column.addWidget(self._running_title)
        column.addLayout(running)
        self._attention = KeyedList[Attention](attention, lambda item: item.key, _AttentionCard)
        self._running = KeyedList[Running](running, lambda item: item.run.id, self._make_running)
        self._table_title = Text("Processflows", "section")
        column.addWidget(self._table_title)
        self.model = RowsModel(("Processflow", "Last run", "When", "What it did", "Next run"), self)
        self.table = Table(
            "Processflows with their last and next run", (220, 116, 130, 260, 120), stretch=3, row_height=_ROW
        )
        delegate = CellDelegate(self.model, chips=frozenset({1}), muted=frozenset({2, 3}))
        self.table.use(self.model, delegate)
        self.table.activated.connect(lambda index: self.flow_chosen.emit(str(self.model.line(index.row()).value)))
        column.addWidget(self.table)
        column.addStretch()
        return holder

    def _build_quiet(self) -> Card:
        card = Card()
        row = QHBoxLayout()
        row.setSpacing(14)
        row.addWidget(Tile("circle-check", "ok", 36))
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(Text("All is well", "strong"))
        self._quiet_text = Text("", "muted")
        words.addWidget(self._quiet_text)
        row.addLayout(words, 1)
        card.body.addLayout(row)
        return card

    def _make_running(self) -> QWidget:
        card = _RunningCard()

        def on_cancel() -> None:
            self.setFocus()  # the button is disabled now, and would hand the focus to anything
            self.cancel_clicked.emit(card.run_id)

        card.cancel.clicked.connect(on_cancel)
        return card

    def _show_table(self, found: HomeContent) -> None:
        lines = []
        for flow in found.flows:
            last = flow.last_run
            lines.append(
                Line(
                    (
                        flow.title or flow.name,
                        last.state.value if last else "Never ran",
                        formats.relative(last.ended_at or last.queued_at, found.now) if last else formats.DASH,
                        formats.counts(last.counts) if last else formats.DASH,
                        formats.relative(flow.next_run_at, found.now) if flow.next_run_at else "By hand",
                    ),
                    tones.RUN[last.state] if last else tones.Tone.IDLE,
                    (
                        flow.description,
                        last.message if last else "",
                        formats.moment_tip(last.ended_at) if last else "",
                        "",
                        formats.moment_tip(flow.next_run_at),
                    ),
                    flow.name,
                )
            )
        self.model.show_lines(lines)
        self.table.setFixedHeight(self.table.horizontalHeader().sizeHint().height() + _ROW * len(lines) + 2)
        self.table.setVisible(bool(lines))
        self._table_title.setVisible(bool(lines))


class _AttentionCard(Card):
    """One thing that needs a person."""

    def __init__(self) -> None:
        super().__init__()
        self.body.setContentsMargins(14, 12, 14, 12)
        row = QHBoxLayout()
        row.setSpacing(14)
        self._tile = Tile("triangle-alert", "warn", 36)
        row.addWidget(self._tile)
        words = QVBoxLayout()
        words.setSpacing(2)
        self._title, self._text = Text("", "strong", wrap=True), Text("", "muted", wrap=True)
        words.addWidget(self._title)
        words.addWidget(self._text)
        row.addLayout(words, 1)
        self.action: QPushButton = button("", self._act)
        row.addWidget(self.action)
        self.dismiss = icon_button("x", "Dismiss", self._dismiss)
        row.addWidget(self.dismiss)
        self.body.addLayout(row)

    def show_item(self, item: Attention) -> None:
        """Show it."""
        self._item = item
        self._tile.show_picture("circle-alert" if item.tone is tones.Tone.ERROR else "triangle-alert", item.tone.value)
        self._title.setText(item.title)
        self._text.setText(item.text)
        self._text.setVisible(bool(item.text))
        self.action.setText(item.action)
        self.action.setAccessibleName(f"{item.action}: {item.title}")
        self.dismiss.setVisible(item.dismiss is not None)
        self.dismiss.setAccessibleName(f"Dismiss: {item.title}")

    def _act(self) -> None:
        self._item.act()

    def _dismiss(self) -> None:
        if self._item.dismiss is not None:
            self._item.dismiss()


class _RunningCard(Card):
    """One run under way."""

    def __init__(self) -> None:
        super().__init__()
        self.run_id = ""
        self.body.setContentsMargins(14, 12, 14, 14)
        row = QHBoxLayout()
        row.setSpacing(12)
        words = QVBoxLayout()
        words.setSpacing(3)
        top = QHBoxLayout()
        top.setSpacing(10)
        self._title, self._chip = ShortName("", "strong"), Chip()
        top.addWidget(self._title)
        top.addWidget(self._chip)
        top.addStretch()
        words.addLayout(top)
        self._activity = Elided("", "muted")
        words.addWidget(self._activity)
        row.addLayout(words, 1)
        self._counts = Text("", "muted")
        row.addWidget(self._counts)
        self.cancel = button("Cancel", picture="square")
        row.addWidget(self.cancel)
        self.body.addLayout(row)
        self._busy = BusyBar()
        self.body.addWidget(self._busy)

    def show_item(self, item: Running) -> None:
        """Show it."""
        run = item.run
        self.run_id = run.id
        self._title.show_text(item.title)
        if item.halted:
            self._chip.show_state("Halted", tones.Tone.WARN)
            self._activity.show_text("It goes on when the environment is enabled again")
        else:
            self._chip.show_state(run.state.value, tones.RUN[run.state])
            self._activity.show_text(run.activity or "Starting …")
        self._busy.setVisible(not item.halted)
        self._counts.setText(formats.progress(run, item.now))
        self.cancel.setEnabled(run.state.value != "Cancelling")
        self.cancel.setAccessibleName(f"Cancel {item.title}")
