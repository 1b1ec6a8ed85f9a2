"""The agent's own sign, painted: for the title bar, the task bar, and wherever the window shows its face."""

from __future__ import annotations

from PySide6.QtCore import QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QIcon, QIconEngine, QPainter, QPixmap

from agent.gui.icons import paint_literal
from agent.gui.palette import LIGHT

_PICTURE = "refresh-cw"


def window_icon() -> QIcon:
    """The sign at every size; its colours do not follow the theme, since the task bar is not ours."""
    return QIcon(_Engine())


class _Engine(QIconEngine):
    def paint(self, painter: QPainter, rect: QRect, _mode: QIcon.Mode, _state: QIcon.State) -> None:
        side = min(rect.width(), rect.height())
        ground = QRectF(0, 0, side, side)
        ground.moveCenter(QRectF(rect).center())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(LIGHT.accent))
        painter.drawRoundedRect(ground, side * 0.22, side * 0.22)
        inset = side * 0.2
        paint_literal(painter, ground.adjusted(inset, inset, -inset, -inset), _PICTURE, LIGHT.on_accent)

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        picture = QPixmap(size)
        picture.fill(Qt.GlobalColor.transparent)
        painter = QPainter(picture)
        self.paint(painter, QRect(0, 0, size.width(), size.height()), mode, state)
        painter.end()
        return picture

    def clone(self) -> QIconEngine:
        return _Engine()
