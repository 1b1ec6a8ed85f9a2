"""The side navigation: brand, machine, the panels' buttons, and a card that says whether the environment runs."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout

from agent.api import service_models
from agent.gui import formats, tones
from agent.gui.widgets.card import Card
from agent.gui.widgets.chip import Chip
from agent.gui.widgets.nav_button import NavButton
from agent.gui.widgets.pictures import Tile
from agent.gui.widgets.text import Elided, Text


class SideBar(QFrame):
    """Emits the index of the panel that was chosen."""

    chosen = Signal(int)

    def __init__(self, places: list[tuple[str, str]]) -> None:
        super().__init__()
        self.setProperty("role", "sidebar")
        self.setFixedWidth(224)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 18, 12, 14)
        column.setSpacing(4)
        column.addLayout(self._brand())
        column.addSpacing(14)
        self.buttons: list[NavButton] = []
        for index, (title, picture) in enumerate(places):
            entry = NavButton(title, picture, f"Ctrl+{index + 1}")
            entry.clicked.connect(lambda _=False, chosen=index: self.chosen.emit(chosen))
            entry.stepped.connect(lambda step, at=index: self._on_step(at + step))
            column.addWidget(entry)
            self.buttons.append(entry)
        column.addStretch()
        card = Card()
        card.body.setContentsMargins(13, 11, 13, 12)
        card.body.setSpacing(7)
        card.body.addWidget(Text("Environment", "label"))
        self._environment = Chip("Stopped")
        card.body.addWidget(self._environment)
        self._facts = Text("", "small", wrap=True)
        card.body.addWidget(self._facts)
        column.addWidget(card)

    def show_place(self, index: int) -> None:
        """Mark the panel on show."""
        walking = any(one.hasFocus() for one in self.buttons)
        for place, entry in enumerate(self.buttons):
            entry.mark(on_show=place == index)
        if walking:
            self.buttons[index].setFocus()

    def show_count(self, index: int, count: int) -> None:
        """Say at a panel's button how many things wait there."""
        self.buttons[index].show_count(count)

    def _on_step(self, index: int) -> None:
        if 0 <= index < len(self.buttons):
            self.chosen.emit(index)

    def show_state(self, state: service_models.ServiceState, operator: str) -> None:
        """Say where we are and whether the environment runs."""
        self._machine.show_text(f"on {state.machine}")
        self._environment.show_state(state.environment.value, tones.ENVIRONMENT[state.environment])
        running = formats.plural(state.active_runs, "run") + " active" if state.active_runs else "Nothing runs now"
        self._facts.setText(f"{running}\nSigned in as {operator}")

    def _brand(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setContentsMargins(6, 0, 0, 0)
        row.setSpacing(11)
        row.addWidget(Tile("refresh-cw", "accent", 36))
        words = QVBoxLayout()
        words.setSpacing(0)
        words.addWidget(Text("OP Agent", "brand"))
        self._machine = Elided("", "small")
        words.addWidget(self._machine)
        row.addLayout(words, 1)
        return row
