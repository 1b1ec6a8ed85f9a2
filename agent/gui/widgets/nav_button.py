"""A button of the side navigation."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFont, QFontMetrics, QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from agent.gui import theme
from agent.gui.icons import icon
from agent.gui.widgets.buttons import PushButton

_MOST_SHOWN = 100
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
        self._name, self._count = text, 0
        self.setAccessibleName(text)
        self.setToolTip(shortcut)
        self.mark(on_show=False)

    def mark(self, *, on_show: bool) -> None:
        """Its panel is on show, or no longer."""
        self.setChecked(on_show)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus if on_show else Qt.FocusPolicy.NoFocus)

    def show_count(self, count: int) -> None:
        """Say how many things wait there; none is not said."""
        self._count = count
        self.setAccessibleName(f"{self._name}, {count:,} new" if count else self._name)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if not self._count:
            return
        font = theme.font(11, QFont.Weight.Bold)
        text = f"{self._count:,}" if self._count < _MOST_SHOWN else f"{_MOST_SHOWN - 1}+"
        width = max(QFontMetrics(font).horizontalAdvance(text) + 13, 20)
        box = QRectF(self.width() - width - 9, (self.height() - 20) / 2, width, 20)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color("error_soft"))
        painter.drawRoundedRect(box, 10, 10)
        painter.setPen(theme.color("error"))
        painter.setFont(font)
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)
        painter.end()

    def nextCheckState(self) -> None:
        """A click does not uncheck it: who is told of the click marks the right one."""

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = _STEPS.get(Qt.Key(event.key()))
        if step is not None:
            self.stepped.emit(step)
        else:
            super().keyPressEvent(event)
