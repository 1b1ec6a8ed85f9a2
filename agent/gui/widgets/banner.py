"""A banner: what is the matter, what to do, and the button that does it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from agent.domain.errors import AgentError
from agent.gui.tones import Tone
from agent.gui.widgets.buttons import button
from agent.gui.widgets.fact_grid import Fact, FactGrid
from agent.gui.widgets.pictures import Picture
from agent.gui.widgets.spinner import Spinner
from agent.gui.widgets.text import Text, restyle

_PICTURES = {
    Tone.OK: "circle-check",
    Tone.WARN: "triangle-alert",
    Tone.ERROR: "circle-alert",
    Tone.INFO: "info",
    Tone.IDLE: "info",
}
Action = tuple[str, Callable[[], object]]


class Banner(QFrame):
    """Hidden until it has something to say. `strip` is the form that spans the window."""

    def __init__(self, *, strip: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "banner")
        self.setProperty("strip", strip)
        row = QHBoxLayout(self)
        row.setContentsMargins(28 if strip else 13, 10, 20 if strip else 12, 10)
        row.setSpacing(11)
        self._sign = QStackedWidget(self)
        self._sign.setProperty("role", "clear")
        self._sign.setFixedSize(18, 18)
        self._spinner, self._picture = Spinner(), Picture("info", "info")
        self._sign.addWidget(self._spinner)
        self._sign.addWidget(self._picture)
        row.addWidget(self._sign, 0, Qt.AlignmentFlag.AlignTop)
        words = QVBoxLayout()
        words.setSpacing(2)
        self.title, self.body = Text(role="strong", wrap=True), Text(wrap=True)
        for label in (self.title, self.body):
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            words.addWidget(label)
        self.facts = FactGrid()
        words.insertWidget(1, self.facts)
        row.addLayout(words, 1)
        self._actions = QHBoxLayout()
        self._actions.setSpacing(8)
        row.addLayout(self._actions)
        self._buttons: list[QPushButton] = []
        self._acts: list[Callable[[], object]] = []
        self.hide()

    def show_message(
        self, tone: Tone, title: str, body: str = "", actions: Sequence[Action] = (), facts: Sequence[Fact] = ()
    ) -> None:
        """Say something."""
        self.setProperty("tone", tone.value)
        restyle(self)
        self.setAccessibleName(f"{title} {body}".strip())
        self.setToolTip("")
        self.title.setText(title)
        self.title.setVisible(bool(title))
        self.body.setText(body)
        self.body.setVisible(bool(body))
        self.facts.show_facts(facts)
        if tone is Tone.BUSY:
            self._sign.setCurrentWidget(self._spinner)
        else:
            self._picture.show_picture(_PICTURES[tone], tone.value)
            self._sign.setCurrentWidget(self._picture)
        self._show_actions(actions)
        self.show()
        self.updateGeometry()

    def show_error(self, error: AgentError, actions: Sequence[Action] = ()) -> None:
        """Say what failed and what to do."""
        self.show_message(Tone.ERROR, error.message, error.remedy, actions)
        self.setToolTip(error.detail)

    def focus_action(self) -> None:
        """Put the focus on the button that does it."""
        if self._buttons:
            self._buttons[0].setFocus()

    def _show_actions(self, actions: Sequence[Action]) -> None:
        self._acts = [act for _, act in actions]
        if [one.text() for one in self._buttons] == [text for text, _ in actions]:
            return  # said again: the buttons stay, with the focus
        for old in self._buttons:
            self._actions.removeWidget(old)
            old.hide()
            old.deleteLater()
        self._buttons = [button(text, partial(self._act, place)) for place, (text, _) in enumerate(actions)]
        for new in self._buttons:
            self._actions.addWidget(new, 0, Qt.AlignmentFlag.AlignVCenter)

    def _act(self, place: int) -> None:
        self._acts[place]()
