"""A table model over rows that are already words; for tables of which every row is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from agent.gui.tones import Tone

Index = QModelIndex | QPersistentModelIndex
_ROOT = QModelIndex()


@dataclass(frozen=True, slots=True)
class Line:
    """A row: its texts, the tone of its chip, its tooltips, and the value that it stands for."""

    cells: tuple[str, ...]
    tone: Tone = Tone.IDLE
    tips: tuple[str, ...] = ()
    value: object = None


class RowsModel(QAbstractTableModel):
    """Shows lines; a change of the same number of lines keeps selection and scroll."""

    def __init__(self, headers: tuple[str, ...], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._headers = headers
        self._lines: list[Line] = []

    def show_lines(self, lines: Sequence[Line]) -> None:
        """Show these lines instead."""
        if len(lines) == len(self._lines):
            self._lines = list(lines)
            if lines:
                self.dataChanged.emit(self.index(0, 0), self.index(len(lines) - 1, len(self._headers) - 1))
            return
        self.beginResetModel()
        self._lines = list(lines)
        self.endResetModel()

    def append_lines(self, lines: Sequence[Line]) -> None:
        """Show more lines at the end."""
        if lines:
            self.beginInsertRows(_ROOT, len(self._lines), len(self._lines) + len(lines) - 1)
            self._lines.extend(lines)
            self.endInsertRows()

    def line(self, row: int) -> Line:
        """The line of a row."""
        return self._lines[row]

    def cells(self, row: int) -> tuple[str, ...]:
        """The texts of a row."""
        return self._lines[row].cells

    def tone(self, row: int) -> Tone:
        """The tone of a row's chip."""
        return self._lines[row].tone

    def rowCount(self, parent: Index = _ROOT) -> int:
        return 0 if parent.isValid() else len(self._lines)

    def columnCount(self, parent: Index = _ROOT) -> int:
        return 0 if parent.isValid() else len(self._headers)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return self._lines[index.row()].cells[index.column()]
        if role == Qt.ItemDataRole.ToolTipRole:
            tips = self._lines[index.row()].tips
            return tips[index.column()] if index.column() < len(tips) else None
        return None

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> str | None:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return self._headers[section]
        return None
