"""The Event URL dialog: the address as a password, what senders sign with, how to try it, and what has arrived."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QCloseEvent, QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from agent.api.event_models import Inbox, RealTime, SignatureState
from agent.domain.errors import AgentError
from agent.gui import formats, theme
from agent.gui.bridge import Bridge
from agent.gui.icons import icon
from agent.gui.real_time.presenter import EventsPresenter
from agent.gui.tones import Tone
from agent.gui.widgets.banner import Banner
from agent.gui.widgets.buttons import button
from agent.gui.widgets.card import Card
from agent.gui.widgets.dialog import ConfirmDialog, Dialog
from agent.gui.widgets.fact_grid import Fact, FactGrid
from agent.gui.widgets.field_row import FieldRow
from agent.gui.widgets.inputs import SecretInput
from agent.gui.widgets.spinner import Spinner
from agent.gui.widgets.text import Text

_CLOCK_MILLISECONDS = 4_000
_HIDDEN = "••••••••••••"
_SIGNATURES = {
    SignatureState.NONE: "The document of this processflow checks no signatures. Whoever writes it can add “verify” to "
    "its Start; until then the URL alone protects it.",
    SignatureState.MISSING: "Senders sign, and the secret is not set yet: until it is, every event is refused.",
    SignatureState.SET: "Every event has to be signed with the secret that is stored.",
}


class EventsDialog(Dialog):
    """Emits what was clicked."""

    reveal_clicked = Signal()
    copy_clicked = Signal()
    test_clicked = Signal()
    renew_confirmed = Signal()
    secret_given = Signal(str)
    settings_clicked = Signal()
    grew_old = Signal()

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(
            f"Event URL of “{title}”",
            "Other applications start this processflow by sending something to this address. Whoever knows it can "
            "send: treat it as a password.",
            width=680, parent=parent,
        )  # fmt: skip
        self._title, self._revealed = title, False
        self._address = f"…/events/{_HIDDEN}"
        self.banner, self.trouble = Banner(), Banner()
        self.body.addWidget(self.trouble)
        self.body.addWidget(self.banner)
        self.body.addWidget(self._build_url())
        self._arrived = Card(inset=True)
        self._arrived.body.addWidget(Text("What has arrived", "label"))
        self.facts = FactGrid()
        self._arrived.body.addWidget(self.facts)
        self.body.addWidget(self._arrived)
        self.body.addWidget(self._build_signature())
        self.body.addWidget(Text("To try it", "section"))
        self.body.addWidget(
            Text(
                "Copy the test command, paste it into a terminal of this computer and press Enter. The first line of "
                "the answer has to say 202 Acknowledged, or hold the answer of the processflow; then the number of "
                "received events above goes up. What it sends is an example: take what your application sends instead.",
                "muted", wrap=True,
            )
        )  # fmt: skip
        row = QHBoxLayout()
        self.test_button = button("Copy the &test command", self.test_clicked.emit, picture="copy")
        row.addWidget(self.test_button)
        row.addStretch()
        self.body.addLayout(row)
        self.body.addStretch()
        self._spinner = Spinner(16)
        self._spinner.hide()
        self.close_button = button("Close", self.close)
        self.foot.addWidget(self._spinner)
        self.foot.addStretch()
        self.foot.addWidget(self.close_button)
        self._clock = QTimer(self, interval=_CLOCK_MILLISECONDS)
        self._clock.timeout.connect(self.grew_old)
        self._clock.start()

    # -- what the presenter says -----------------------------------------------------------------------------------

    def show_state(self, state: RealTime, inbox: Inbox) -> None:
        """Whether events are received, and what has arrived."""
        if state.trouble:
            self.trouble.show_message(
                Tone.ERROR, "Events cannot be received", state.trouble, [("Open Settings", self._on_settings)]
            )
        elif not state.listening:
            text = "Open Settings, section Real Time, and tick Receive events. Until then senders get no answer."
            self.trouble.show_message(
                Tone.WARN, "Events are not received", text, [("Open Settings", self._on_settings)]
            )
        else:
            self.trouble.hide()
        self._address = f"{state.public_url}/events/{inbox.flow}/{_HIDDEN}"
        if not self._revealed:
            self._show_address()
        made = "Not made yet: it is made when you show or copy it for the first time."
        if inbox.has_url and inbox.renewed_at is not None:
            made = f"Made {formats.local(inbox.renewed_at)} by {inbox.renewed_by}."
        self._url_row.say(made)
        self.facts.show_facts(_facts(inbox))
        self._show_signature(inbox.signature)
        self.fit_soon()

    def show_url(self, url: str) -> None:
        """The whole address in clear, or hidden again."""
        self._revealed = bool(url)
        self.url.setText(url)
        if not url:
            self._show_address()
        self.url.setCursorPosition(0)
        self.reveal_button.setText(" Hide" if url else " Show")
        self.reveal_button.setAccessibleName("Hide the URL" if url else "Show the URL")
        self.reveal_button.setIcon(icon("eye-off" if url else "eye", "text"))

    def _show_address(self) -> None:
        """What is seen of it while it is hidden; asked for again and again, so that a selection stays."""
        if self.url.text() != self._address:
            self.url.setText(self._address)
            self.url.setCursorPosition(0)

    def copy(self, text: str) -> None:
        """Put a text on the clipboard."""
        QGuiApplication.clipboard().setText(text)

    def show_signed(self) -> None:
        """The secret is stored."""
        self.secret.clear()
        self._show_ready()

    def show_busy(self, *, busy: bool) -> None:
        """A question is under way."""
        self._spinner.setVisible(busy)
        for control in (self.reveal_button, self.copy_button, self.renew_button, self.test_button):
            control.setEnabled(not busy)

    def show_error(self, error: AgentError | None) -> None:
        """What failed and what to do."""
        if error is None:
            self.banner.hide()
        else:
            self.banner.show_error(error)
        self.fit_soon()

    def closeEvent(self, event: QCloseEvent) -> None:
        self._clock.stop()
        self.show_url("")
        self.secret.clear()
        super().closeEvent(event)

    # -- building --------------------------------------------------------------------------------------------------

    def _build_url(self) -> QWidget:
        holder = QWidget()
        holder.setProperty("role", "clear")
        column = QVBoxLayout(holder)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        row = QHBoxLayout()
        row.setSpacing(8)
        self.url = QLineEdit()
        self.url.setReadOnly(True)
        self.url.setFont(theme.mono(12))
        self._url_row = FieldRow("&URL for the sender", self.url)
        column.addWidget(self._url_row)
        column.addLayout(row)
        self.reveal_button = button("Show", self._on_reveal, picture="eye", name="Show the URL")
        self.copy_button = button("&Copy", self.copy_clicked.emit, picture="copy", name="Copy the URL")
        self.renew_button = button("&Renew…", self._ask_renew, picture="refresh-cw", name="Renew the URL")
        for control in (self.reveal_button, self.copy_button, self.renew_button):
            row.addWidget(control)
        row.addStretch()
        return holder

    def _build_signature(self) -> QWidget:
        self.secret = SecretInput("the signature secret")
        self.secret.edited.connect(self._show_ready)
        self.sign_button = button("&Set", self._on_sign, name="Set the signature secret")
        self.sign_button.setEnabled(False)
        holder = QWidget()
        holder.setProperty("role", "clear")
        row = QHBoxLayout(holder)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self.secret, 1)
        row.addWidget(self.sign_button)
        holder.setFocusProxy(self.secret.field)
        self._secret_row = FieldRow("Si&gnature secret", holder)
        self._signature_holder = holder
        return self._secret_row

    def _show_signature(self, state: SignatureState) -> None:
        self._signature_holder.setVisible(state is not SignatureState.NONE)
        self._secret_row.say(_SIGNATURES[state])
        self.secret.field.setPlaceholderText(
            "Set; type another one to replace it" if state is SignatureState.SET else ""
        )

    def _show_ready(self) -> None:
        self.sign_button.setEnabled(bool(self.secret.take()))

    def _on_reveal(self) -> None:
        if self._revealed:
            self.show_url("")
        else:
            self.reveal_clicked.emit()

    def _on_sign(self) -> None:
        self.secret_given.emit(self.secret.take())

    def _on_settings(self) -> None:
        self.close()
        self.settings_clicked.emit()

    def _ask_renew(self) -> None:
        ConfirmDialog(
            f"Renew the URL of “{self._title}”?",
            "The present one is refused at once, and every sender needs the new one. Do this when the URL got into "
            "wrong hands.",
            accept="Renew", on_accept=self.renew_confirmed.emit, parent=self,
        ).open()  # fmt: skip


def _facts(inbox: Inbox) -> list[Fact]:
    """What has arrived. Numbers first, then when, then why the last one was refused."""
    last = formats.local(inbox.last_received_at) if inbox.last_received_at else formats.DASH
    found = [
        ("Received", formats.number(inbox.received)), ("Waiting", formats.number(inbox.waiting)),
        ("Repeated", formats.number(inbox.duplicates)), ("Refused", formats.number(inbox.refused)),
        ("Last received", last),
    ]  # fmt: skip
    if inbox.last_refused_at is not None:
        found.append(("Last refused", f"{formats.local(inbox.last_refused_at)}: {inbox.last_refusal}"))
    return found


def open_events(
    bridge: Bridge,
    flow: str,
    title: str,
    *,
    say: Callable[[str], object],
    settings: Callable[[], object],
    parent: QWidget,
) -> EventsDialog:
    """Show the dialog over a window."""
    dialog = EventsDialog(title, parent)
    presenter = EventsPresenter(dialog, bridge.scope(), flow, say)
    dialog.reveal_clicked.connect(presenter.reveal)
    dialog.copy_clicked.connect(presenter.copy_url)
    dialog.test_clicked.connect(presenter.copy_test)
    dialog.renew_confirmed.connect(presenter.renew)
    dialog.secret_given.connect(presenter.sign)
    dialog.settings_clicked.connect(settings)
    dialog.grew_old.connect(presenter.refresh)
    dialog.closed.connect(lambda: presenter.close())  # noqa: PLW0108 - signals hold methods weakly, this holds it
    presenter.refresh()
    dialog.open()
    return dialog
