"""Inputs that Qt has not: a secret with a reveal button, a path with a Browse button, a search field."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QAction, QWheelEvent
from PySide6.QtWidgets import (
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QPlainTextEdit,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from agent.gui.icons import icon
from agent.gui.widgets.buttons import button, icon_button

_DEBOUNCE_MILLISECONDS = 250
_DOCUMENT_HEIGHT = 190
_POPUP_MARGIN, _WIDEST_POPUP = 34, 560


class SecretInput(QWidget):
    """A masked field. A stored secret is never shown: only its hint, in the empty field's place holder."""

    edited = Signal()

    def __init__(self, name: str, hint: str = "") -> None:
        super().__init__()
        self.field = QLineEdit()
        self.field.setEchoMode(QLineEdit.EchoMode.Password)
        self.field.textEdited.connect(lambda _: self.edited.emit())
        self._reveal = icon_button("eye", f"Show {name}", self._on_reveal, kind="add")
        self._reveal.setFixedSize(34, 34)
        self._name = name
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self.field, 1)
        row.addWidget(self._reveal)
        self.setFocusProxy(self.field)
        self.show_hint(hint)

    def show_hint(self, hint: str) -> None:
        """Say that a secret is stored."""
        self.field.setPlaceholderText(f"{hint}  stored · leave empty to keep it" if hint else "")

    def take(self) -> str:
        """What was typed."""
        return self.field.text()

    def clear(self) -> None:
        """Forget what was typed, and mask again."""
        self.field.clear()
        self._show(revealed=False)

    def _on_reveal(self) -> None:
        self._show(revealed=self.field.echoMode() == QLineEdit.EchoMode.Password)

    def _show(self, *, revealed: bool) -> None:
        self.field.setEchoMode(QLineEdit.EchoMode.Normal if revealed else QLineEdit.EchoMode.Password)
        name = f"{'Hide' if revealed else 'Show'} {self._name}"
        self._reveal.setIcon(icon("eye-off" if revealed else "eye", "muted"))
        self._reveal.setToolTip(name)
        self._reveal.setAccessibleName(name)


class PathInput(QWidget):
    """A path with a button that opens the system's file dialog."""

    edited = Signal()

    def __init__(self, name: str) -> None:
        super().__init__()
        self.field = QLineEdit()
        self.field.textChanged.connect(lambda _: self.edited.emit())
        self._browse = button("Browse…", self._on_browse, name=f"Browse for {name}")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self.field, 1)
        row.addWidget(self._browse)
        self.setFocusProxy(self.field)

    def _on_browse(self) -> None:
        dialog = QFileDialog(self, "Choose a file", self.field.text())
        dialog.setFileMode(QFileDialog.FileMode.AnyFile)
        dialog.fileSelected.connect(self.field.setText)
        dialog.open()


class DocumentInput(QWidget):
    """A text of many lines, typed, pasted or taken from a file."""

    edited = Signal()
    unreadable = Signal(str)

    def __init__(self, name: str, *, most_characters: int) -> None:
        super().__init__()
        self._most_characters = most_characters
        self.field = QPlainTextEdit()
        self.field.setProperty("role", "mono")
        self.field.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.field.setTabChangesFocus(True)
        self.field.setFixedHeight(_DOCUMENT_HEIGHT)
        self.field.textChanged.connect(self.edited)
        self.browse = button("Take it from a file…", self._on_browse, picture="folder", name=f"Take {name} from a file")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(self.field)
        column.addWidget(self.browse, 0, Qt.AlignmentFlag.AlignLeft)
        self.setFocusProxy(self.field)

    def take_file(self, path: Path) -> None:
        """Replace the text by that of a file; what cannot be read is told."""
        try:
            if path.stat().st_size > self._most_characters * 4:
                self.unreadable.emit(f"{path.name} is too large.")
                return
            self.field.setPlainText(path.read_text("utf-8-sig"))
        except (OSError, ValueError):
            self.unreadable.emit(f"{path.name} cannot be read as text.")

    def _on_browse(self) -> None:
        dialog = QFileDialog(self, "Choose a file", str(Path.home()), "YAML or JSON (*.yaml *.yml *.json)")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(lambda file: self.take_file(Path(file)))
        dialog.open()


class SearchInput(QLineEdit):
    """A search field that waits until typing pauses. Esc empties it."""

    searched = Signal(str)

    def __init__(self, name: str, hint: str) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setPlaceholderText(hint)
        self.setClearButtonEnabled(True)
        self.addAction(icon("search", "muted"), QLineEdit.ActionPosition.LeadingPosition)
        for inner in self.findChildren(QToolButton):  # Qt leaves its own two without names
            inner.setAccessibleName(f"{name}: empty the field")
        self._pause = QTimer(self, singleShot=True, interval=_DEBOUNCE_MILLISECONDS)
        self._pause.timeout.connect(lambda: self.searched.emit(self.text().strip()))
        self.textChanged.connect(lambda _: self._pause.start())
        self.returnPressed.connect(self._search_now)
        escape = QAction(self)
        escape.setShortcut(Qt.Key.Key_Escape)
        escape.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        escape.triggered.connect(self.clear)
        self.addAction(escape)

    def _search_now(self) -> None:
        self._pause.stop()
        self.searched.emit(self.text().strip())


class ChoiceInput(QComboBox):
    """A combo box that a turning wheel does not change while the page scrolls below it.

    Its width does not follow its longest entry, but the list that it opens does.
    """

    def __init__(self, name: str = "", *, least_characters: int = 12) -> None:
        super().__init__()
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(least_characters)
        self.setMaxVisibleItems(14)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        if name:
            self.setAccessibleName(name)

    def showPopup(self) -> None:
        longest = self.view().sizeHintForColumn(0) + _POPUP_MARGIN
        self.view().setMinimumWidth(min(max(longest, self.width()), _WIDEST_POPUP))
        super().showPopup()

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()
