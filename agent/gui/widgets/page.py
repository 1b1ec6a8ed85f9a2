"""The frame of a panel: title, one line under it, buttons at the right, a banner, the body."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from agent.domain.errors import AgentError
from agent.gui.service_link import LINK_CODES
from agent.gui.widgets.banner import Banner
from agent.gui.widgets.text import Elided, Text


class Page(QWidget):
    """A panel of the window."""

    def __init__(self, title: str, subtitle: str) -> None:
        super().__init__()
        self.setProperty("role", "page")
        self.setAccessibleName(title)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.body = QVBoxLayout(self)
        self.body.setContentsMargins(28, 22, 28, 22)
        self.body.setSpacing(16)
        head = QHBoxLayout()
        head.setSpacing(10)
        words = QVBoxLayout()
        words.setSpacing(3)
        self.title, self.subtitle = Text(title, "title"), Elided(subtitle, "subtitle")
        words.addWidget(self.title)
        words.addWidget(self.subtitle)
        head.addLayout(words, 1)
        self.tools = QHBoxLayout()
        self.tools.setSpacing(8)
        head.addLayout(self.tools)
        head.setAlignment(self.tools, Qt.AlignmentFlag.AlignTop)
        self.body.addLayout(head)
        self.banner = Banner()
        self.body.addWidget(self.banner)

    def show_error(self, error: AgentError | None) -> None:
        """What failed and what to do; None takes it back. That the service is gone is said above all panels, once."""
        if error is None or error.code in LINK_CODES:
            self.banner.hide()
        else:
            self.banner.show_error(error)

    def focus_search(self) -> None:
        """Ctrl+F: to the search field, where there is one."""

    def add_scrolled(self) -> QVBoxLayout:
        """A column that scrolls, for cards."""
        area, column = scrolled()
        self.body.addWidget(area, 1)
        return column


def scrolled() -> tuple[QScrollArea, QVBoxLayout]:
    """An area that scrolls up and down, and the column in it."""
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    inner = QWidget()
    inner.setProperty("role", "clear")
    column = QVBoxLayout(inner)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(12)
    area.setWidget(inner)
    area.viewport().setAutoFillBackground(False)
    return area, column


def clear_layout(layout: QVBoxLayout | QHBoxLayout) -> None:
    """Take every widget out of a layout and let it go."""
    while layout.count():
        item = layout.takeAt(0)
        widget = item.widget() if item is not None else None
        if widget is not None:
            widget.hide()
            widget.deleteLater()
