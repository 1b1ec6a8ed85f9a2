"""Icons as widgets: a picture, a tile with a picture."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from agent.gui import theme
from agent.gui.icons import paint_icon


class Picture(QWidget):
    """An icon in a token's colour."""

    def __init__(self, name: str, tint: str = "muted", side: int = 18, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._name, self._tint = name, tint
        self.setFixedSize(side, side)

    def show_picture(self, name: str, tint: str) -> None:
        """Show another icon."""
        self._name, self._tint = name, tint
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        paint_icon(painter, QRectF(self.rect()), self._name, self._tint)
        painter.end()


class Tile(QWidget):
    """An icon on a soft, rounded ground."""

    def __init__(self, name: str, tone: str = "accent", side: int = 40, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._name, self._tone = name, tone
        self.setFixedSize(side, side)

    def show_picture(self, name: str, tone: str) -> None:
        """Show another icon and ground."""
        self._name, self._tone = name, tone
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color(f"{self._tone}_soft"))
        painter.drawRoundedRect(QRectF(self.rect()), 9, 9)
        inset = self.width() * 0.26
        paint_icon(painter, QRectF(self.rect()).adjusted(inset, inset, -inset, -inset), self._name, self._tone)
        painter.end()
