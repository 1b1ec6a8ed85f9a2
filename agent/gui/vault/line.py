"""The vault in one line: where its key comes from, how it stands, and the button that leads to the cure."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout

from agent.api import vault_models
from agent.gui.tones import Tone
from agent.gui.widgets.buttons import button
from agent.gui.widgets.card import Card
from agent.gui.widgets.chip import Chip
from agent.gui.widgets.pictures import Picture
from agent.gui.widgets.text import Elided, Text

TONES = {"open": Tone.OK, "locked": Tone.WARN, "not set up": Tone.WARN}
_ACTIONS = {"not set up": "Set &up…", "locked": "&Unlock…"}
_WHY = {
    "not set up": "Secrets are kept encrypted. Choose once where the key to them comes from.",
    "locked": "Secrets can be neither read nor saved until it is open.",
}


def state_word(vault: vault_models.Vault) -> str:
    """The vault's state as a chip says it."""
    return vault.state[:1].upper() + vault.state[1:]


class VaultLine(Card):
    """Emits `open_clicked` when the operator wants to do something about it; `resized` when its height changes.

    `named` is off where a title above says already that it is the vault.
    """

    open_clicked = Signal()
    resized = Signal()

    def __init__(self, *, named: bool = True) -> None:
        super().__init__(inset=True)
        self.vault: vault_models.Vault | None = None
        head = QHBoxLayout()
        head.setSpacing(9)
        head.addWidget(Picture("lock", "muted", 16))
        if named:
            head.addWidget(Text("Vault", "strong"))
        self._source = Elided("", "small")
        head.addWidget(self._source, 1)
        self._chip = Chip()
        head.addWidget(self._chip)
        self.action = button("", self.open_clicked.emit, name="Open the vault")
        head.addWidget(self.action)
        self.body.addLayout(head)
        self._why = Text("", "small", wrap=True)
        self.body.addWidget(self._why)
        self.hide()

    def show_vault(self, vault: vault_models.Vault) -> None:
        """Show source, state and what it means."""
        self.show()
        if vault == self.vault:
            return
        self.vault = vault
        is_open = vault.state == "open"
        self._source.show_text(vault.source.label if vault.source else "")
        self._chip.show_state(state_word(vault), TONES.get(vault.state, Tone.ERROR))
        self.action.setText(_ACTIONS.get(vault.state, "&Put right…"))
        self.action.setAccessibleName(f"{self.action.text().replace('&', '').rstrip('…')} the vault")
        self.action.setVisible(not is_open)
        self._why.setText(_WHY.get(vault.state, vault.cure))
        self._why.setVisible(not is_open)
        self.resized.emit()
