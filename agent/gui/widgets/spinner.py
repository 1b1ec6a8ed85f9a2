"""Signs of work: a small turning arc, and a thin bar for work whose end is not known."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt, QTimer
from PySide6.QtGui import QHideEvent, QPainter, QPaintEvent, QPen, QShowEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from agent.gui import theme

_FRAME_MILLISECONDS = 50


class _Animated(QWidget):
    """Turns a phase from 0 to 359 while it is seen, and costs nothing while it is not."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._phase = 0
        self._timer = QTimer(self, interval=_FRAME_MILLISECONDS)
        self._timer.timeout.connect(self._advance)

    def showEvent(self, event: QShowEvent) -> None:
        self._timer.start()

    def hideEvent(self, event: QHideEvent) -> None:
        self._timer.stop()

    def _advance(self) -> None:
        self._phase = (self._phase + 18) % 360
        self.update()


class Spinner(_Animated):
    """A turning arc."""

    def __init__(self, side: int = 18, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedSize(side, side)
        self.setAccessibleName("Working")

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(theme.color("accent"), 2, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
        painter.drawArc(QRectF(2, 2, self.width() - 4, self.height() - 4), -self._phase * 16, 270 * 16)
        painter.end()


class BusyBar(_Animated):
    """A bar whose light wanders."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedHeight(4)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Working")

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color("info_soft"))
        painter.drawRoundedRect(QRectF(self.rect()), 2, 2)
        length = max(self.width() * 0.28, 40.0)
        left = (self.width() + length) * self._phase / 360 - length
        painter.setBrush(theme.color("accent"))
        painter.setClipRect(self.rect())
        painter.drawRoundedRect(QRectF(left, 0, length, self.height()), 2, 2)
        painter.end()
