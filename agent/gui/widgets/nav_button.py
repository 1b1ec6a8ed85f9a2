"""A button of the side navigation."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QWidget

from agent.gui.icons import icon
from agent.gui.widgets.buttons import PushButton


class NavButton(PushButton):
    """Checked while its panel is on show; shows a ring only when the keyboard came to it."""

    def __init__(self, text: str, picture: str, shortcut: str, parent: QWidget | None = None) -> None:
        super().__init__(f"  {text}", parent)
        self.setProperty("kind", "nav")
        self.setCheckable(True)
        self.setAutoExclusive(True)
        self.setIcon(icon(picture, "muted", checked="accent"))
        self.setIconSize(QSize(18, 18))
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAccessibleName(text)
        self.setToolTip(shortcut)
