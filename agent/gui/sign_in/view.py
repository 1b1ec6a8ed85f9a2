"""The sign-in page: a form in the middle; before that, what the window is waiting for."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from agent.gui.tones import Tone
from agent.gui.widgets.banner import Banner
from agent.gui.widgets.buttons import button
from agent.gui.widgets.card import Card
from agent.gui.widgets.field_row import FieldRow
from agent.gui.widgets.inputs import SecretInput
from agent.gui.widgets.pictures import Tile
from agent.gui.widgets.spinner import Spinner
from agent.gui.widgets.text import Text

_WELCOME = (
    "Choose the user name and the password that open this agent from now on. "
    "Keep the password safe: nobody can read it back."
)
_RETURNING = "Open the agent by providing correct credentials."


class SignInPage(QWidget):
    """Emits what was entered; shows what the presenter says."""

    submitted = Signal(str, str, object)

    def __init__(self, on_retry: Callable[[], object]) -> None:
        super().__init__()
        self.setProperty("role", "page")
        self._first = False
        self._left = 0
        self._on_retry = on_retry
        self._no_secret = ""
        outer = QVBoxLayout(self)
        outer.setContentsMargins(24, 24, 24, 24)
        outer.addStretch(2)
        outer.addLayout(self._brand())
        outer.addSpacing(18)
        self.card = Card()
        self.card.setFixedWidth(420)
        self.card.body.setContentsMargins(26, 24, 26, 26)
        self.card.body.setSpacing(15)
        middle = QHBoxLayout()  # an alignment would ignore that the height depends on the width
        middle.addStretch()
        middle.addWidget(self.card)
        middle.addStretch()
        outer.addLayout(middle)
        outer.addStretch(3)
        self._build_waiting()
        self._build_form()
        self._tick = QTimer(self, interval=1_000)
        self._tick.timeout.connect(self._on_tick)
        self.show_waiting("Connecting to the agent's service …")

    def show_waiting(self, text: str) -> None:
        """The service does not answer yet."""
        self._form.hide()
        self._waiting.show()
        self._spinner.show()
        self._waiting_text.setText(text)
        self._lost.hide()

    def show_lost(self, title: str, remedy: str) -> None:
        """The service does not answer at all."""
        self.show_waiting("")
        self._spinner.hide()
        self._lost.show_message(Tone.WARN, title, remedy, [("Start", self._on_start)])

    def _on_start(self) -> None:
        self.show_waiting("Starting the agent's service …")
        self._on_retry()

    def show_form(self, *, first: bool, machine: str, reason: str = "") -> None:
        """Ask for the operator, or for a new one; `reason` says why again."""
        self._first = first
        self._waiting.hide()
        self._form.show()
        self._title.setText("Create the operator" if first else "Sign in")
        self._intro.setText(_WELCOME if first else _RETURNING)
        if self._no_secret and not first:
            self._intro.setText(f"{_RETURNING}\n{self._no_secret}")
        if reason:
            self.banner.show_message(Tone.INFO, "", reason)
        else:
            self.banner.hide()
        self._repeat_row.setVisible(first)
        self._password_row.show_help(visible=first)
        self.submit_button.setText("Create and open" if first else "Sign in")
        self.submit_button.setAccessibleName(self.submit_button.text())
        self._machine.setText(machine)
        self._machine.setVisible(bool(machine))
        (self.password.field if self.name.text() and not first else self.name).setFocus()

    def show_demo(self, name: str, password: str) -> None:
        """The demo's operator has a password that is no secret: say it, and fill the name in."""
        self._no_secret = f"Demo: the user name is {name}, the password {password}"
        self.name.setText(name)

    def show_busy(self, *, busy: bool) -> None:
        """The service is asked."""
        for widget in (self.name, self.password, self.repeated):
            widget.setEnabled(not busy)
        self.submit_button.setEnabled(not busy and self._left == 0)
        if busy:
            self.banner.show_message(Tone.BUSY, "", "Checking …")
        elif self.banner.property("tone") == "busy":
            self.banner.hide()

    def show_error(self, message: str) -> None:
        """Say what is wrong; the password is what has to be typed again."""
        if message:
            (self.password.field if self.name.text().strip() else self.name).setFocus()
            self.banner.show_message(Tone.ERROR, "", message)
        else:
            self.banner.hide()

    def show_countdown(self, seconds: int) -> None:
        """No further try for a while."""
        self._left = seconds
        self._show_left()
        if seconds > 0:
            self._tick.start()

    def forget_password(self) -> None:
        """Empty the password fields."""
        self.password.clear()
        self.repeated.clear()
        self.password.field.setFocus()

    def _brand(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(12)
        row.addStretch()
        row.addWidget(Tile("refresh-cw", "accent", 44))
        words = QVBoxLayout()
        words.setSpacing(1)
        self._machine = Text("", "muted")
        self._machine.hide()
        words.addWidget(Text("OP Agent", "title"))
        words.addWidget(self._machine)
        row.addLayout(words)
        row.addStretch()
        return row

    def _build_waiting(self) -> None:
        self._waiting = QWidget()
        column = QVBoxLayout(self._waiting)
        column.setContentsMargins(0, 0, 0, 0)
        row = QHBoxLayout()
        self._spinner, self._waiting_text = Spinner(), Text("", "muted", wrap=True)
        row.addWidget(self._spinner)
        row.addSpacing(6)
        row.addWidget(self._waiting_text, 1)
        column.addLayout(row)
        self._lost = Banner()
        column.addWidget(self._lost)
        self.card.body.addWidget(self._waiting)

    def _build_form(self) -> None:
        self._form = QWidget()
        column = QVBoxLayout(self._form)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(15)
        self._title, self._intro = Text("", "dialog-title"), Text("", "muted", wrap=True)
        column.addWidget(self._title)
        column.addWidget(self._intro)
        self.name = QLineEdit()
        self.name.setMaxLength(100)
        self.password, self.repeated = SecretInput("password"), SecretInput("repeated password")
        self._password_row = FieldRow("&Password", self.password, help_text="At least 10 characters.")
        self._repeat_row = FieldRow("Password &again", self.repeated)
        for row in (FieldRow("&User name", self.name), self._password_row, self._repeat_row):
            column.addWidget(row)
        self.banner = Banner()
        column.addWidget(self.banner)
        self.submit_button = button("Sign in", self._on_submit, kind="primary")
        self.submit_button.setDefault(True)
        column.addWidget(self.submit_button)
        for field in (self.name, self.password.field, self.repeated.field):
            field.returnPressed.connect(self._on_submit)
        self.card.body.addWidget(self._form)

    def _on_submit(self) -> None:
        if self.submit_button.isEnabled():
            repeated = self.repeated.take() if self._first else None
            self.submitted.emit(self.name.text(), self.password.take(), repeated)

    def _on_tick(self) -> None:
        self._left = max(self._left - 1, 0)
        self._show_left()
        if self._left == 0:
            self._tick.stop()

    def _show_left(self) -> None:
        self.submit_button.setEnabled(self._left == 0)
        usual = "Create and open" if self._first else "Sign in"
        self.submit_button.setText(f"Try again in {self._left} s" if self._left else usual)
