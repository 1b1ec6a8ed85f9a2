"""A status chip: a dot and a word. The word carries the meaning, the colour only repeats it."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QFont, QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

from agent.gui import theme
from agent.gui.tones import Tone
from agent.gui.widgets.text import restyle

_DOT_RADIUS = 3.2


class Chip(QLabel):
    """A chip as a label, so that screen readers read it as one."""

    def __init__(self, text: str = "", tone: Tone = Tone.IDLE, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setProperty("chip", True)
        self.setIndent(0)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._tone = tone
        self.show_state(text, tone)

    def show_state(self, text: str, tone: Tone) -> None:
        """Show another state."""
        self.setText(text)
        self.setAccessibleName(f"Status: {text}" if text else "Status")
        if tone != self._tone or self.property("tone") is None:
            self._tone = tone
            self.setProperty("tone", tone.value)
            restyle(self)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color(self._tone.value))
        painter.drawEllipse(QPointF(12.5, self.height() / 2), _DOT_RADIUS, _DOT_RADIUS)
        painter.end()


def paint_chip(painter: QPainter, cell: QRectF, text: str, tone: Tone) -> None:
    """Draw a chip into a table cell, left and vertically centred."""
    font = theme.font(11, QFont.Weight.DemiBold)
    width = min(QFontMetrics(font).horizontalAdvance(text) + 31, cell.width())
    box = QRectF(cell.left(), cell.center().y() - 9.5, width, 20)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(theme.color(f"{tone.value}_soft"))
    painter.drawRoundedRect(box, 10, 10)
    painter.setBrush(theme.color(tone.value))
    painter.drawEllipse(QPointF(box.left() + 11, box.center().y()), _DOT_RADIUS, _DOT_RADIUS)
    painter.setPen(theme.color(tone.value))
    painter.setFont(font)
    painter.drawText(box.adjusted(20, 0, -8, 0), Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)
    painter.restore()
