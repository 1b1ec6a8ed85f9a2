"""A field of a form: label above, control, help below, and the error that belongs to it."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLineEdit, QVBoxLayout, QWidget

from agent.gui.widgets.text import Text, restyle


class FieldRow(QWidget):
    """A labelled control. The label is its buddy; Alt and the underlined letter lead to it."""

    def __init__(
        self, label: str, control: QWidget, *, required: bool = False, help_text: str = "", example: str = ""
    ) -> None:
        super().__init__()
        self.control = control
        self._name, self._help_text = label.replace("&", ""), help_text
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(5)
        caption = Text(f"{label} *" if required else label, "label")
        caption.setBuddy(_focusable(control))
        column.addWidget(caption)
        column.addWidget(control)
        self._fault = Text("", "error", wrap=True)
        self._fault.hide()
        column.addWidget(self._fault)
        self._note = Text(help_text, "small", wrap=True)
        self._note.setVisible(bool(help_text))
        column.addWidget(self._note)
        self._caption = caption
        self._tell(help_text, example)
        target = _focusable(control)
        target.setAccessibleName(f"{self._name}, required" if required else self._name)

    def show_error(self, message: str) -> None:
        """Show what is wrong with this field, above its help; the empty text takes it back."""
        self._fault.setText(message)
        self._fault.setVisible(bool(message))
        target = _focusable(self.control)
        target.setProperty("bad", bool(message))
        target.setAccessibleDescription(f"{message} {self._help_text}".strip())
        restyle(target)

    def say(self, help_text: str) -> None:
        """Say something else below the field."""
        self._help_text = help_text
        self._note.setText(help_text)
        self._note.setVisible(bool(help_text))
        self.show_error("")

    def reword(self, help_text: str, example: str) -> None:
        """Explain the field in other words; what is wrong with it stays on show."""
        self._help_text = help_text
        self._note.setText(help_text)
        self._note.setVisible(bool(help_text))
        self._tell(help_text, example)
        if isinstance(self.control, QLineEdit):
            self.control.setPlaceholderText(example)

    def _tell(self, help_text: str, example: str) -> None:
        tip = "\n".join(part for part in (help_text, f"Example: {example}" if example else "") if part)
        self._caption.setToolTip(tip)
        self.control.setToolTip(tip)
        target = _focusable(self.control)
        target.setAccessibleDescription(tip)

    def show_help(self, *, visible: bool) -> None:
        """Show the help below the field, or not."""
        self._note.setVisible(visible and bool(self._note.text()))

    @property
    def error(self) -> str:
        """The error on show."""
        return self._fault.text()

    def focus(self) -> None:
        """Put the cursor into the control."""
        _focusable(self.control).setFocus(Qt.FocusReason.OtherFocusReason)


def _focusable(control: QWidget) -> QWidget:
    proxy = control.focusProxy()
    return proxy if proxy is not None else control
