"""A card: a rounded surface with a layout."""

from __future__ import annotations

from PySide6.QtWidgets import QFrame, QVBoxLayout, QWidget


class Card(QFrame):
    """A surface on the page; `inset` is the sunken form inside another card."""

    def __init__(self, *, inset: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "inset" if inset else "card")
        self.body = QVBoxLayout(self)
        if inset:
            self.body.setContentsMargins(14, 12, 14, 12)
        else:
            self.body.setContentsMargins(18, 16, 18, 16)
        self.body.setSpacing(10)
