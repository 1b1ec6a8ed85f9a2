"""What a page shows where it has nothing yet: why, and the button that changes it."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from agent.gui.widgets.buttons import button
from agent.gui.widgets.pictures import Tile
from agent.gui.widgets.text import Text


class EmptyState(QWidget):
    """A picture, a sentence, a hint and at most one button."""

    def __init__(
        self,
        picture: str,
        title: str,
        hint: str,
        action: tuple[str, Callable[[], object]] | None = None,
        *,
        picture_of_action: str = "",
    ) -> None:
        super().__init__()
        self.setProperty("role", "clear")
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 24, 24, 24)
        column.setSpacing(6)
        column.addStretch(2)
        column.addWidget(Tile(picture, "idle", 56), 0, Qt.AlignmentFlag.AlignHCenter)
        column.addSpacing(8)
        self.title, self.hint = Text(title, "section"), Text(hint, "muted", wrap=True)
        for label in (self.title, self.hint):
            label.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            label.setFixedWidth(440)
            row = QHBoxLayout()  # an alignment would ignore that the height depends on the width
            row.addStretch()
            row.addWidget(label)
            row.addStretch()
            column.addLayout(row)
        self.button: QPushButton | None = None
        if action is not None:
            column.addSpacing(10)
            self.button = button(action[0], action[1], kind="primary", picture=picture_of_action)
            column.addWidget(self.button, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(3)

    def show_text(self, title: str, hint: str, *, action: bool = True) -> None:
        """Say something else, with or without the button."""
        self.title.setText(title)
        self.hint.setText(hint)
        if self.button is not None:
            self.button.setVisible(action)
