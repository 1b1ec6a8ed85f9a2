"""Labels by role. Texts from outside are always shown as plain text."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QLabel, QSizePolicy, QWidget

from agent.gui import theme

_LEAST_NAME = 60


class Text(QLabel):
    """A label with a role of the style sheet."""

    def __init__(self, text: str = "", role: str = "", *, wrap: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        if role:
            self.setProperty("role", role)
        if wrap:
            self.setWordWrap(True)


class Elided(Text):
    """One line that gives way with "…" and shows the whole of it in its tooltip."""

    def __init__(self, text: str = "", role: str = "", *, parent: QWidget | None = None) -> None:
        super().__init__("", role, parent=parent)
        self._full = ""
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.show_text(text)

    def show_text(self, text: str) -> None:
        """Show another text."""
        self._full = text
        self.setAccessibleName(text)
        self._elide()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._elide()

    def full_width(self) -> int:
        """How wide it is when nothing of it is left out."""
        return self.fontMetrics().horizontalAdvance(self._full) + 4

    def _elide(self) -> None:
        shown = self.fontMetrics().elidedText(self._full, Qt.TextElideMode.ElideRight, max(self.width() - 2, 20))
        if shown != self.text():
            self.setText(shown)
        self.setToolTip(self._full if shown != self._full else "")


class ShortName(Elided):
    """A name that is as wide as it is, with its neighbours right behind it, and gives way where there is no room."""

    def __init__(self, text: str = "", role: str = "", *, parent: QWidget | None = None) -> None:
        super().__init__(text, role, parent=parent)
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Preferred)

    def show_text(self, text: str) -> None:
        super().show_text(text)
        self.updateGeometry()

    def sizeHint(self) -> QSize:
        return QSize(self.full_width(), super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:
        return QSize(min(self.full_width(), _LEAST_NAME), super().minimumSizeHint().height())


def mono(text: str = "", role: str = "small", *, wrap: bool = False) -> Text:
    """A label for ids and paths, which can be selected; but not one that wraps, since paths are broken up in it."""
    label = Text(_breakable(text) if wrap else text, role, wrap=wrap)
    label.setAccessibleName(text)
    label.setFont(theme.mono())
    if not wrap:
        label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label


def _breakable(text: str) -> str:
    """With a place to break behind each slash, where there is no blank."""
    return text.replace("/", "/\u200b").replace("\\", "\\\u200b")


def line() -> QFrame:
    """A hairline."""
    found = QFrame()
    found.setProperty("role", "line")
    return found


def restyle(widget: QWidget) -> None:
    """Let the style sheet look at a widget's properties again."""
    widget.style().unpolish(widget)
    widget.style().polish(widget)
    widget.update()
