"""Alerts on screen."""

from __future__ import annotations

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout

from agent.gui import formats
from agent.gui.alerts.presenter import AlertEntry
from agent.gui.tones import Tone
from agent.gui.widgets.buttons import button
from agent.gui.widgets.card import Card
from agent.gui.widgets.empty_state import EmptyState
from agent.gui.widgets.keyed_list import KeyedList
from agent.gui.widgets.page import Page, scrolled
from agent.gui.widgets.pictures import Tile
from agent.gui.widgets.tab_order import order_tabs
from agent.gui.widgets.text import Text

_CLOCK_MILLISECONDS = 20_000


class AlertsPage(Page):
    """Emits ids of alerts, and targets of cures."""

    cure_clicked = Signal(str)
    acknowledge_clicked = Signal(str)
    grew_old = Signal()

    def __init__(self) -> None:
        super().__init__(
            "Alerts", "What needs a person, since when, and what to do. An alert goes away by itself with its cause."
        )
        self._stack = QStackedWidget()
        self._stack.hide()  # nothing is said before anything is known
        self.body.addWidget(self._stack, 1)
        area, column = scrolled()
        fresh, seen = QVBoxLayout(), QVBoxLayout()
        for layout in (fresh, seen):
            layout.setSpacing(8)
        column.addLayout(fresh)
        self._seen_title = Text("Acknowledged", "section")
        column.addWidget(self._seen_title)
        column.addLayout(seen)
        column.addStretch()
        self._fresh = KeyedList[AlertEntry](fresh, lambda entry: entry.alert.id, self._make_card)
        self._seen = KeyedList[AlertEntry](seen, lambda entry: entry.alert.id, self._make_card)
        self._stack.addWidget(area)
        self.empty = EmptyState(
            "circle-check",
            "Nothing needs you",
            "No credentials are refused, every processflow ran when it should have, and no record is left behind.",
        )
        self._stack.addWidget(self.empty)
        self.body.addStretch()
        self._clock = QTimer(self, interval=_CLOCK_MILLISECONDS)
        self._clock.timeout.connect(self.grew_old)
        self._clock.start()

    def show_alerts(self, fresh: list[AlertEntry], seen: list[AlertEntry]) -> None:
        """Show them."""
        self._stack.show()
        changed = [self._fresh.show_items(fresh), self._seen.show_items(seen)]
        self._seen_title.setVisible(bool(seen))
        self._stack.setCurrentIndex(0 if fresh or seen else 1)
        if any(changed):
            order_tabs([*self._fresh.rows, *self._seen.rows])

    def _make_card(self) -> AlertCard:
        card = AlertCard()
        card.cure_clicked.connect(self.cure_clicked)
        card.acknowledge_clicked.connect(self._on_acknowledge)
        return card

    def _on_acknowledge(self, alert_id: str) -> None:
        self.setFocus()  # the button is disabled now, and would hand the focus to anything
        self.acknowledge_clicked.emit(alert_id)


class AlertCard(Card):
    """One alert."""

    cure_clicked = Signal(str)
    acknowledge_clicked = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.body.setContentsMargins(14, 12, 14, 12)
        row = QHBoxLayout()
        row.setSpacing(14)
        self._tile = Tile("triangle-alert", "warn", 36)
        row.addWidget(self._tile)
        words = QVBoxLayout()
        words.setSpacing(3)
        self._title, self._since = Text("", "strong", wrap=True), Text("", "small")
        self._text, self._remedy = Text("", "", wrap=True), Text("", "muted", wrap=True)
        for label in (self._title, self._text, self._remedy, self._since):
            words.addWidget(label)
        row.addLayout(words, 1)
        self.acknowledge = button("Acknowledge", lambda: self.acknowledge_clicked.emit(self._entry.alert.id))
        self.acknowledge.setToolTip("Notes that you have seen it, and takes it off Home until its cause changes.")
        self.cure = button("", lambda: self.cure_clicked.emit(self._entry.alert.target))
        row.addWidget(self.acknowledge)
        row.addWidget(self.cure)
        self.body.addLayout(row)

    def show_item(self, entry: AlertEntry) -> None:
        """Show it."""
        self._entry, alert = entry, entry.alert
        seen = alert.acknowledged_at is not None
        tone = Tone.IDLE if seen else entry.tone
        self._tile.show_picture("circle-alert" if entry.tone is Tone.ERROR else "triangle-alert", tone.value)
        self._title.setText(entry.title)
        self._text.setText(alert.text)
        self._remedy.setText(f"What to do: {alert.remedy}")
        self._remedy.setVisible(bool(alert.remedy))
        since = f"Since {formats.local(alert.since)}, {formats.relative(alert.since, entry.now)}"
        if alert.acknowledged_at is not None:
            since += f"  ·  seen by {alert.acknowledged_by} {formats.relative(alert.acknowledged_at, entry.now)}"
        self._since.setText(since)
        self._since.setToolTip(formats.moment_tip(alert.since))
        self.cure.setText(entry.act)
        self.cure.setAccessibleName(f"{entry.act}: {entry.title}")
        self.cure.setVisible(bool(entry.act))
        self.acknowledge.setVisible(not seen)
        self.acknowledge.setEnabled(not entry.busy)
        self.acknowledge.setAccessibleName(f"Acknowledge: {entry.title}")
