"""The guide's own window: it stays beside the agent's, so that one can read and do."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from agent.gui.help.browser import GuideBrowser
from agent.gui.widgets.buttons import button


class GuideWindow(QWidget):
    """Shows pages of the guide in a folder."""

    def __init__(self, folder: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self.setProperty("role", "page")
        self.setWindowTitle("OP Agent: guide")
        self.resize(860, 760)
        self._folder = folder
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        bar = QHBoxLayout()
        bar.setContentsMargins(16, 10, 16, 10)
        bar.setSpacing(8)
        self.back_button = button("&Back", self._back)
        self.contents_button = button("&Contents", lambda: self.open("index"))
        bar.addWidget(self.back_button)
        bar.addWidget(self.contents_button)
        bar.addStretch()
        bar.addWidget(button("Close", self.close))
        column.addLayout(bar)
        self.browser = GuideBrowser()
        self.browser.turned.connect(lambda _: self._on_turned())
        column.addWidget(self.browser, 1)
        for key in ("Esc", "Ctrl+W"):
            QShortcut(QKeySequence(key), self).activated.connect(self.close)

    def open(self, page: str) -> None:
        """Show a page by its name, and bring the window to the front."""
        self.show()
        self.browser.open(self._folder / f"{page}.md")
        self.raise_()
        self.activateWindow()
        self.browser.setFocus()

    def _back(self) -> None:
        self.browser.back()

    def _on_turned(self) -> None:
        self.back_button.setEnabled(self.browser.can_go_back)
