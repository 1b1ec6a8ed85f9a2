"""A dialog that asks for one line of text, and for no more."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QLineEdit, QWidget

from agent.gui.widgets.buttons import button
from agent.gui.widgets.dialog import Dialog
from agent.gui.widgets.field_row import FieldRow
from agent.gui.widgets.text import Text


class LineDialog(Dialog):
    """Asks for a line. It can be accepted once there is something in it."""

    def __init__(
        self,
        title: str,
        text: str,
        *,
        label: str,
        accept: str,
        on_accept: Callable[[str], object],
        longest: int = 500,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(title, width=460, parent=parent)
        self.body.addWidget(Text(text, wrap=True))
        self.line = QLineEdit()
        self.line.setMaxLength(longest)
        self.body.addWidget(FieldRow(label, self.line, required=True))
        self.cancel_button = button("Cancel", self.reject)
        self.accept_button = button(accept, self.accept, kind="primary")
        self.accept_button.setDefault(True)
        self.accept_button.setEnabled(False)
        self.line.textChanged.connect(lambda said: self.accept_button.setEnabled(bool(said.strip())))
        self.foot.addStretch()
        self.foot.addWidget(self.cancel_button)
        self.foot.addWidget(self.accept_button)
        self.accepted.connect(lambda: on_accept(self.line.text().strip()))
        self.line.setFocus()
