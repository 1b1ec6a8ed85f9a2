"""The pane below a table: the whole of the selected row, with Copy. Hidden while no row is selected."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QPlainTextEdit

from agent.gui import theme
from agent.gui.tones import Tone
from agent.gui.widgets.buttons import button, icon_button
from agent.gui.widgets.card import Card
from agent.gui.widgets.chip import Chip
from agent.gui.widgets.text import Text


@dataclass(frozen=True, slots=True)
class Detail:
    """What the pane shows. `facts` are label and value; `text` is the message, `remedy` what to do."""

    status: str
    tone: Tone
    title: str
    title_tip: str
    facts: tuple[tuple[str, str], ...]
    text: str
    remedy: str = ""
    support: str = ""
    act: str = ""
    """What the button beside Copy says; there is none where this is empty."""

    def as_text(self) -> str:
        """All of it, for the clipboard."""
        head = [f"{self.title}  {self.status}", *(f"{label}: {value}" for label, value in self.facts if value)]
        return "\n".join([*head, "", self.text, *(part for part in (self.remedy, self.support) if part)])


class DetailPane(Card):
    """Shows a `Detail`; `closed` when the operator has seen it."""

    copied = Signal()
    closed = Signal()
    acted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._shown: Detail | None = None
        self.setMinimumHeight(170)
        column = self.body
        column.setSpacing(8)
        head = QHBoxLayout()
        head.setSpacing(10)
        self._chip, self._title = Chip(), Text("", "strong")
        self._title.setFont(theme.mono(12))
        head.addWidget(self._chip)
        head.addWidget(self._title)
        head.addStretch()
        self.act_button = button("", self.acted.emit, name="Go to where it is cured")
        head.addWidget(self.act_button)
        self.copy_button = button("Cop&y", self._on_copy, picture="copy", name="Copy the detail")
        head.addWidget(self.copy_button)
        self.close_button = icon_button("x", "Close the detail", self.closed.emit)
        head.addWidget(self.close_button)
        column.addLayout(head)
        self._facts = Text("", "muted", wrap=True)
        self._facts.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        column.addWidget(self._facts)
        self._text = QPlainTextEdit()
        self._text.setProperty("role", "detail")
        self._text.setReadOnly(True)
        self._text.setTabChangesFocus(True)
        self._text.document().setDocumentMargin(0)
        self._text.setAccessibleName("Detail")
        column.addWidget(self._text, 1)
        self.hide()

    def show_detail(self, detail: Detail | None) -> None:
        """Show it."""
        self._shown = detail
        self.setVisible(detail is not None)
        if detail is None:
            self._text.clear()
            return
        self.act_button.setText(detail.act)
        self.act_button.setAccessibleName(detail.act or "Go to where it is cured")
        self.act_button.setVisible(bool(detail.act))
        self._chip.show_state(detail.status, detail.tone)
        self._title.setText(detail.title)
        self._title.setToolTip(detail.title_tip)
        self._facts.setText("   ·   ".join(f"{label} {value}" for label, value in detail.facts if value))
        parts = [detail.text, detail.remedy and f"What to do: {detail.remedy}", detail.support]
        self._text.setPlainText("\n\n".join(part for part in parts if part))

    def _on_copy(self) -> None:
        if self._shown is not None:
            QGuiApplication.clipboard().setText(self._shown.as_text())
            self.copied.emit()
