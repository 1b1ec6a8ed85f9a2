"""The vault's dialog: set it up, unlock it, or start afresh where it is lost."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import QCheckBox, QWidget

from agent.api import vault_models
from agent.gui.tones import Tone
from agent.gui.vault.sources import SourceChoice
from agent.gui.widgets.banner import Banner
from agent.gui.widgets.buttons import button
from agent.gui.widgets.dialog import Dialog
from agent.gui.widgets.field_row import FieldRow
from agent.gui.widgets.inputs import PathInput, SecretInput

_LOST = ("missing", "damaged")
_SET_UP = (
    "The credentials of your apps are kept in an encrypted vault, never in clear. Choose where the key to it comes "
    "from. You need this once."
)


class VaultDialog(Dialog):
    """Emits what was chosen. It closes by itself once the vault is open."""

    set_up_clicked = Signal(object, str, str, str, bool)
    unlock_clicked = Signal(object)
    closed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Vault", width=560, parent=parent)
        self._vault: vault_models.Vault | None = None
        self.sources = SourceChoice()
        self.sources.changed.connect(self._on_source)
        self.passphrase, self.repeated = SecretInput("passphrase"), SecretInput("repeated passphrase")
        self.path = PathInput("the key file")
        self.path.field.setText(str(Path.home() / "op-agent-vault.key"))
        self._rows = {
            "passphrase": FieldRow("&Passphrase", self.passphrase, help_text="At least 12 characters."),
            "twice": FieldRow("Passphrase a&gain", self.repeated),
            "path": FieldRow("Key &file", self.path, help_text="It is made where there is none yet."),
        }
        self.afresh = QCheckBox("&Set up a new vault instead")
        self.afresh.toggled.connect(self._on_afresh)
        self.body.addWidget(self.afresh)
        self.body.addWidget(self.sources)
        for row in self._rows.values():
            self.body.addWidget(row)
        self.banner = Banner()
        self.body.addWidget(self.banner)
        self.body.addStretch()
        self.close_button = button("Cancel", self.close)
        self.act_button = button("", self._on_act, kind="primary")
        self.foot.addStretch()
        self.foot.addWidget(self.close_button)
        self.foot.addWidget(self.act_button)
        self.act_button.setDefault(True)

    # -- what the presenter says -----------------------------------------------------------------------------------

    def show_vault(self, vault: vault_models.Vault) -> None:
        """Show what can be done about it; nothing is left to do once it is open."""
        if vault == self._vault:
            return
        self._vault = vault
        if vault.state == "open":
            self.close()
            return
        self._say(*_words(vault))
        self.afresh.setVisible(vault.state in _LOST)
        self.sources.show_sources(vault.sources)
        self._show_needs()

    def show_busy(self, *, busy: bool) -> None:
        """The service is at it."""
        self.act_button.setEnabled(not busy)
        if busy:
            self.banner.show_message(Tone.BUSY, "", "Opening the vault …")
        else:
            self.banner.hide()
        self.fit_soon()

    def show_error(self, message: str) -> None:
        """What is wrong and what to do."""
        if message:
            self.banner.show_message(Tone.ERROR, "", message)
            self._first_field()
        else:
            self.banner.hide()
        self.fit_soon()

    def forget(self) -> None:
        """Empty the passphrase fields."""
        self.passphrase.clear()
        self.repeated.clear()

    def closeEvent(self, event: QCloseEvent) -> None:
        self._let_go()
        super().closeEvent(event)

    def reject(self) -> None:
        self._let_go()
        super().reject()

    # -- reacting --------------------------------------------------------------------------------------------------

    @property
    def _sets_up(self) -> bool:
        state = self._vault.state if self._vault is not None else ""
        return state == "not set up" or (state in _LOST and self.afresh.isChecked())

    def _show_needs(self) -> None:
        """The fields that the chosen source wants, or that unlocking wants."""
        if self._vault is None:
            return
        source = self.sources.chosen if self._sets_up else self._vault.source
        needs = source.needs if source is not None else "nothing"
        if not self._sets_up and self._vault.state != "locked":
            needs = "nothing"
        self.sources.setVisible(self._sets_up)
        self._rows["passphrase"].setVisible(needs == "passphrase")
        self._rows["twice"].setVisible(needs == "passphrase" and self._sets_up)
        self._rows["path"].setVisible(needs == "path" and self._sets_up)
        unlocks = not self._sets_up and needs == "passphrase"
        self.act_button.setText("Set up" if self._sets_up else "Unlock" if unlocks else "Try again")
        self.act_button.setAccessibleName(self.act_button.text())
        self.act_button.setEnabled(not self._sets_up or source is not None)
        self.banner.hide()
        if unlocks:
            self.passphrase.field.setFocus()
        self.fit_soon()

    def _on_source(self) -> None:
        self._show_needs()
        self._first_field()

    def _on_afresh(self, chosen: bool) -> None:
        self._show_needs()
        if chosen:
            self.banner.show_message(
                Tone.WARN, "The credentials that were saved are given up.",
                "Each App Configuration asks for its secrets again. Everything else stays.",
            )  # fmt: skip

    def _on_act(self) -> None:
        if not self._sets_up:
            self.unlock_clicked.emit(self.passphrase.take() or None)
            return
        source = self.sources.chosen
        if source is not None:
            self.set_up_clicked.emit(
                source, self.passphrase.take(), self.repeated.take(), self.path.field.text(), self.afresh.isChecked()
            )

    def _first_field(self) -> None:
        for row in self._rows.values():
            if row.isVisibleTo(self):
                row.focus()
                return

    def _say(self, title: str, text: str) -> None:
        self.setWindowTitle(title)
        self.heading.setText(title)
        self.subtitle.setText(text)
        self.subtitle.setVisible(bool(text))

    def _let_go(self) -> None:
        self.forget()
        self.closed.emit()


def _words(vault: vault_models.Vault) -> tuple[str, str]:
    if vault.state == "not set up":
        return "Set up the vault", _SET_UP
    if vault.state == "locked":
        source = f"Its key comes from: {vault.source.label}.\n" if vault.source else ""
        return "Unlock the vault", f"{source}{vault.cure}".strip()
    return f"The vault is {vault.state}", vault.cure
