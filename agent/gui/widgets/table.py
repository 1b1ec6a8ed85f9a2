"""Tables as we want them: fixed rows, one selected row, no grid, and a delegate that draws text and chips itself.

Nothing here walks over rows: a table of a million rows opens, scrolls and takes Ctrl+A as one of ten does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QPersistentModelIndex, QRectF, Qt, Signal
from PySide6.QtGui import QFont, QPainter, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
)

from agent.gui import theme
from agent.gui.tones import Tone
from agent.gui.widgets.chip import paint_chip

ROW_HEIGHT = 30


class Cells(Protocol):
    """What the delegate asks a model: the words of a row at once, without a detour through `data()`."""

    def cells(self, row: int) -> tuple[str, ...]:
        """The texts of a row."""

    def tone(self, row: int) -> Tone:
        """The tone of the row's chip."""


class CellDelegate(QStyledItemDelegate):
    """Draws one row from `cells()`. `chips`, `monos` and `muted` are sets of columns."""

    def __init__(
        self,
        model: Cells,
        *,
        chips: frozenset[int] = frozenset(),
        monos: frozenset[int] = frozenset(),
        muted: frozenset[int] = frozenset(),
        rights: frozenset[int] = frozenset(),
    ) -> None:
        super().__init__()
        self._model = model
        self._chips, self._monos, self._muted, self._rights = chips, monos, muted, rights
        self._font, self._mono = theme.font(13), theme.mono(12)
        self._strong = theme.font(13, QFont.Weight.Medium)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        column, box = index.column(), option.rect
        text = self._model.cells(index.row())[column]
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(box, theme.color("selection"))
        painter.setPen(theme.color("line"))
        painter.drawLine(box.bottomLeft(), box.bottomRight())
        if column in self._chips:
            if text:
                paint_chip(painter, QRectF(box).adjusted(10, 0, -6, 0), text, self._model.tone(index.row()))
            return
        painter.setFont(self._mono if column in self._monos else self._font)
        painter.setPen(theme.color("muted" if column in self._muted else "text"))
        room = box.adjusted(12, 0, -10, 0)
        flags = Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine
        flags |= Qt.AlignmentFlag.AlignRight if column in self._rights else Qt.AlignmentFlag.AlignLeft
        shown = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, room.width())
        painter.drawText(room, flags, shown)


class Table(QTableView):
    """A table view with our manners; the column `stretch` takes the room that the others leave.

    `hidden_below` says which columns give way below which width, in pixels; what they show is in the detail, too.
    """

    resized = Signal()

    def __init__(
        self,
        name: str,
        widths: tuple[int, ...],
        *,
        stretch: int,
        row_height: int = ROW_HEIGHT,
        hidden_below: Mapping[int, int] | None = None,
    ) -> None:
        super().__init__()
        self._widths, self._stretch, self._hidden_below = widths, stretch, hidden_below or {}
        self.setAccessibleName(name)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setTabKeyNavigation(False)
        self.setCornerButtonEnabled(False)
        self.setShowGrid(False)
        self.setWordWrap(False)
        rows = self.verticalHeader()
        rows.hide()
        rows.setMinimumSectionSize(row_height)
        rows.setDefaultSectionSize(row_height)
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header = self.horizontalHeader()
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setHighlightSections(False)
        header.setSectionsClickable(False)
        header.setMinimumSectionSize(60)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        for column, width in self._hidden_below.items():
            self.setColumnHidden(column, self.width() < width)
        self.resized.emit()

    def use(self, model: QAbstractItemModel, delegate: QStyledItemDelegate) -> None:
        """Show a model."""
        self.setModel(model)
        delegate.setParent(self)
        self.setItemDelegate(delegate)
        for column, width in enumerate(self._widths):
            self.setColumnWidth(column, width)
        self.horizontalHeader().setSectionResizeMode(self._stretch, QHeaderView.ResizeMode.Stretch)
