"""The dialog in which an operator changes the own password."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from agent.gui.tones import Tone
from agent.gui.widgets.banner import Banner
from agent.gui.widgets.buttons import button
from agent.gui.widgets.dialog import Dialog
from agent.gui.widgets.field_row import FieldRow
from agent.gui.widgets.inputs import SecretInput


class PasswordDialog(Dialog):
    """Emits what was typed: the present password, the new one, and that once more."""

    submitted = Signal(str, str, str)

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(
            "Change password",
            f"For {name}. Afterwards every window where you are signed in, also this one, asks for the new password.",
            parent=parent,
        )
        self.old, self.new = SecretInput("present password"), SecretInput("new password")
        self.repeated = SecretInput("repeated new password")
        self._inputs = (self.old, self.new, self.repeated)
        for row in (
            FieldRow("&Present password", self.old),
            FieldRow("&New password", self.new, help_text="At least 10 characters."),
            FieldRow("New password &again", self.repeated),
        ):
            self.body.addWidget(row)
        self.banner = Banner()
        self.banner.hide()
        self.body.addWidget(self.banner)
        self.body.addStretch()
        self.cancel_button = button("Cancel", self.close)
        self.change_button = button("&Change password", self._on_submit, kind="primary")
        self.change_button.setDefault(True)
        self.foot.addStretch()
        self.foot.addWidget(self.cancel_button)
        self.foot.addWidget(self.change_button)
        self.closed.connect(self.forget)
        self.old.field.setFocus()

    def show_busy(self, *, busy: bool) -> None:
        """The service is asked."""
        for control in (*self._inputs, self.change_button):
            control.setEnabled(not busy)
        if busy:
            self.banner.show_message(Tone.BUSY, "", "Changing the password …")
        else:
            self.banner.hide()
        self.fit_soon()

    def show_error(self, message: str, *, old: bool = False) -> None:
        """What is wrong and what to do; the cursor goes where it is to be typed again."""
        self.banner.show_message(Tone.ERROR, "", message)
        again = self.old if old else self.new
        again.field.setFocus()
        again.field.selectAll()
        self.fit_soon()

    def forget(self) -> None:
        """Empty the fields."""
        for one in self._inputs:
            one.clear()

    def _on_submit(self) -> None:
        self.submitted.emit(self.old.take(), self.new.take(), self.repeated.take())
