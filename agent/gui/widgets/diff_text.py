"""A unified diff to read: what was added and what was removed in colours, marked with + and - for all eyes."""

from __future__ import annotations

from PySide6.QtGui import QColor, QSyntaxHighlighter, QTextCharFormat, QTextDocument
from PySide6.QtWidgets import QPlainTextEdit

from agent.gui import theme


class DiffText(QPlainTextEdit):
    """Read only; Tab leaves it."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setReadOnly(True)
        self.setTabChangesFocus(True)
        self.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.setFont(theme.mono(12))
        self.setAccessibleName(name)
        self._colors = _Colors(self.document())

    def show_diff(self, diff: str) -> None:
        """Show another one."""
        self.setPlainText(diff)


class _Colors(QSyntaxHighlighter):
    def __init__(self, document: QTextDocument) -> None:
        super().__init__(document)

    def highlightBlock(self, text: str) -> None:
        name = "muted" if text.startswith(("+++", "---", "@@")) else {"+": "ok", "-": "error"}.get(text[:1], "")
        if not name:
            return
        form = QTextCharFormat()
        form.setForeground(theme.color(name))
        if name != "muted":
            form.setBackground(QColor(theme.color(f"{name}_soft")))
        self.setFormat(0, len(text), form)
