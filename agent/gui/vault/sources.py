"""The choice of a key source: one radio button each, with what it means for the operator."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QButtonGroup, QRadioButton, QVBoxLayout, QWidget

from agent.api import vault_models
from agent.gui.widgets.card import Card
from agent.gui.widgets.text import Text

_MEANING = {
    "system": "Opens by itself as soon as the agent's account is signed in to this computer. The best choice for an "
    "agent that runs in your own session.",
    "systemd-credential": "Opens by itself at each start of the service. For a service that systemd runs.",
    "passphrase": "You type it after each start of the service; until then nothing that needs credentials runs. "
    "Nobody can recover it for you.",
    "key-file": "Opens by itself. Whoever has this file and the vault can read the credentials: keep a copy in a safe "
    "place, apart from the backup of the agent.",
}
_FOR_SPECIALISTS = {"systemd-credential"}
"""Offered where it works; who can bring it about reads how in the guide."""
_INDENT = 27


class SourceChoice(QWidget):
    """Emits `changed` when another source is chosen."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Where the key to the vault comes from")
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(8)
        self._group = QButtonGroup(self)
        self._group.buttonClicked.connect(lambda _: self.changed.emit())
        self._sources: list[vault_models.VaultSource] = []
        self.choices: list[QRadioButton] = []

    @property
    def chosen(self) -> vault_models.VaultSource | None:
        """The source that is chosen."""
        return self._sources[self._group.checkedId()] if self._group.checkedId() >= 0 else None

    def show_sources(self, sources: list[vault_models.VaultSource]) -> None:
        """Show the sources, those that work here first. Only one that opens by itself and safely is chosen for them."""
        if self._sources:
            return  # what was chosen stays chosen while the state is asked again
        told = [source for source in sources if source.works or source.kind not in _FOR_SPECIALISTS]
        self._sources = sorted(told, key=lambda source: not source.works)
        for number, source in enumerate(self._sources):
            self._add(number, source)
        if self._sources and self._sources[0].works and self._sources[0].needs == "nothing":
            self.choices[0].setChecked(True)

    def choose(self, kind: str) -> None:
        """Choose a source by its kind."""
        for source, radio in zip(self._sources, self.choices, strict=True):
            if source.kind == kind:
                radio.setChecked(True)
                self.changed.emit()

    def _add(self, number: int, source: vault_models.VaultSource) -> None:
        row = Card(inset=True)
        row.body.setSpacing(3)
        radio = QRadioButton(source.label)
        radio.setEnabled(source.works)
        text = _MEANING.get(source.kind, "") if source.works else f"Not available here. {source.cure}".strip()
        radio.setAccessibleDescription(text)
        self._group.addButton(radio, number)
        self.choices.append(radio)
        row.body.addWidget(radio)
        meaning = Text(text, "small", wrap=True)
        meaning.setContentsMargins(_INDENT, 0, 0, 0)
        meaning.setVisible(bool(text))
        row.body.addWidget(meaning)
        self._column.addWidget(row)
