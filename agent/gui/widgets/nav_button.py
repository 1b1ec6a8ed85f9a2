"""A button of the side navigation."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QWidget

from agent.gui.icons import icon
from agent.gui.widgets.buttons import PushButton

_STEPS = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}


class NavButton(PushButton):
    """Marked while its panel is on show. Tab comes to that one alone; the arrow keys lead to its neighbours."""

    stepped = Signal(int)

    def __init__(self, text: str, picture: str, shortcut: str, parent: QWidget | None = None) -> None:
        super().__init__(f"  {text}", parent)
        self.setProperty("kind", "nav")
        self.setCheckable(True)
        self.setIcon(icon(picture, "muted", checked="accent"))
        self.setIconSize(QSize(18, 18))
        self.setAccessibleName(text)
        self.setToolTip(shortcut)
        self.mark(on_show=False)

    def mark(self, *, on_show: bool) -> None:
        """Its panel is on show, or no longer."""
        self.setChecked(on_show)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus if on_show else Qt.FocusPolicy.NoFocus)

    def nextCheckState(self) -> None:
        """A click does not uncheck it: who is told of the click marks the right one."""

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = _STEPS.get(Qt.Key(event.key()))
        if step is not None:
            self.stepped.emit(step)
        else:
            super().keyPressEvent(event)
