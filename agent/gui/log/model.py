"""The log's table model: as many rows as the log has, of which only the pages that are looked at are here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from agent.api import log_models
from agent.gui import formats, tones
from agent.gui.log.pages import PAGE_ROWS, PageCache
from agent.gui.tones import Tone

Index = QModelIndex | QPersistentModelIndex
_ROOT = QModelIndex()
HEADERS = ("Time", "Level", "Processflow", "Record", "Message")
WORDS = {
    log_models.LogLevel.DEBUG: "Debug",
    log_models.LogLevel.INFO: "Info",
    log_models.LogLevel.WARNING: "Warning",
    log_models.LogLevel.ERROR: "Error",
}
_PLACEHOLDER = ("…", "", "", "", "…")


@dataclass(frozen=True, slots=True)
class _Row:
    cells: tuple[str, ...]
    entry: log_models.LogEntry


class LogModel(QAbstractTableModel):
    """`request` is asked for a page's number; rows that are not here yet show "…"."""

    def __init__(self, request: Callable[[int], object], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._count = 0
        self._pages = PageCache[_Row](request)
        self.titles: dict[str, str] = {}

    def show_rows(self, count: int) -> None:
        """Other rows."""
        self.beginResetModel()
        self._pages.clear()
        self._count = count
        self.endResetModel()

    def grow(self, count: int) -> None:
        """More rows at the end."""
        if count > self._count:
            self.beginInsertRows(_ROOT, self._count, count - 1)
            self._count = count
            self.endInsertRows()

    def show_page(self, number: int, entries: list[log_models.LogEntry]) -> None:
        """A page arrived."""
        self._pages.put(number, [_Row(self._words(entry), entry) for entry in entries])
        first, last = number * PAGE_ROWS, min((number + 1) * PAGE_ROWS, self._count) - 1
        if first <= last:
            self.dataChanged.emit(self.index(first, 0), self.index(last, len(HEADERS) - 1))

    def page_missed(self, number: int) -> None:
        """A page does not come."""
        self._pages.missed(number)

    def entry(self, row: int) -> log_models.LogEntry | None:
        """The line of a row, if it is here."""
        found = self._pages.row(row) if 0 <= row < self._count else None
        return found.entry if found is not None else None

    def cells(self, row: int) -> tuple[str, ...]:
        """The texts of a row."""
        found = self._pages.row(row)
        return found.cells if found is not None else _PLACEHOLDER

    def tone(self, row: int) -> Tone:
        """The tone of a row's level."""
        found = self._pages.row(row)
        return tones.LEVEL[found.entry.level] if found is not None else Tone.IDLE

    def rowCount(self, parent: Index = _ROOT) -> int:
        return 0 if parent.isValid() else self._count

    def columnCount(self, parent: Index = _ROOT) -> int:
        return 0 if parent.isValid() else len(HEADERS)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if role == Qt.ItemDataRole.DisplayRole:
            return self.cells(index.row())[index.column()]
        if role == Qt.ItemDataRole.ToolTipRole:
            found = self._pages.row(index.row())
            if found is not None:
                return formats.utc(found.entry.at) if index.column() == 0 else found.cells[index.column()]
        return None

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> str | None:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return HEADERS[section]
        return None

    def _words(self, entry: log_models.LogEntry) -> tuple[str, ...]:
        return (
            formats.local_precise(entry.at),
            WORDS[entry.level],
            self.titles.get(entry.flow, entry.flow),
            entry.record,
            entry.message.replace("\n", " "),
        )
