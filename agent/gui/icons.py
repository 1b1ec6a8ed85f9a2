"""Icons as tinted SVG. An icon looks its colour up when it is painted, so that a theme switch needs no other word."""

from __future__ import annotations

from functools import lru_cache

from PySide6.QtCore import QByteArray, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QIcon, QIconEngine, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from agent.gui import resources, theme


def icon(name: str, color: str = "text", *, checked: str | None = None) -> QIcon:
    """An icon in a token's colour, and in that of `checked` while its button is checked."""
    return QIcon(_Engine(name, color, checked or color))


def paint_icon(painter: QPainter, rect: QRectF, name: str, color: str) -> None:
    """Draw an icon into a rectangle; `color` is a token's name."""
    paint_literal(painter, rect, name, getattr(theme.tokens(), color))


def paint_literal(painter: QPainter, rect: QRectF, name: str, color: str) -> None:
    """Draw an icon into a rectangle in a colour that no theme changes."""
    renderer = _renderer(name, color)
    if renderer is not None:
        renderer.render(painter, rect)


def write_tinted(name: str, color: str, path: str) -> None:
    """Write an icon in a literal colour to a file, for the style sheet, which takes pictures from files alone."""
    source = resources.icon_text(name) or '<svg xmlns="http://www.w3.org/2000/svg" width="24" height="24"/>'
    with open(path, "w", encoding="utf-8") as file:  # noqa: PTH123 - a path that Qt gave us
        file.write(source.replace("currentColor", color))


class _Engine(QIconEngine):
    def __init__(self, name: str, color: str, checked: str) -> None:
        super().__init__()
        self._name, self._color, self._checked = name, color, checked

    def paint(self, painter: QPainter, rect: QRect, mode: QIcon.Mode, state: QIcon.State) -> None:
        color = self._checked if state == QIcon.State.On else self._color
        if mode == QIcon.Mode.Disabled:
            color = "disabled"
        side = min(rect.width(), rect.height())
        square = QRectF(0, 0, side, side)
        square.moveCenter(QRectF(rect).center())
        paint_icon(painter, square, self._name, color)

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        picture = QPixmap(size)
        picture.fill(Qt.GlobalColor.transparent)
        painter = QPainter(picture)
        self.paint(painter, QRect(0, 0, size.width(), size.height()), mode, state)
        painter.end()
        return picture

    def clone(self) -> QIconEngine:
        return _Engine(self._name, self._color, self._checked)


@lru_cache(maxsize=256)
def _renderer(name: str, color: str) -> QSvgRenderer | None:
    source = resources.icon_text(name)
    return None if source is None else QSvgRenderer(QByteArray(source.replace("currentColor", color).encode()))
