"""The vault's box: one quiet line while it is open, the cure while it is not."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from agent.api import models
from agent.gui.tones import Tone
from agent.gui.widgets.banner import Banner
from agent.gui.widgets.buttons import button
from agent.gui.widgets.card import Card
from agent.gui.widgets.chip import Chip
from agent.gui.widgets.field_row import FieldRow
from agent.gui.widgets.inputs import ChoiceInput, PathInput, SecretInput
from agent.gui.widgets.pictures import Picture
from agent.gui.widgets.text import Text

_TONES = {"open": Tone.OK, "locked": Tone.WARN, "not set up": Tone.WARN}
_ENTER = (Qt.Key.Key_Return, Qt.Key.Key_Enter)
_CHOOSE = (
    "Secrets are encrypted before they are stored. Choose where the key to them is kept; "
    "without it no secret can be saved. Nothing is ever stored in clear."
)


class VaultBox(Card):
    """Emits what was chosen; `resized` when it needs another height."""

    set_up_clicked = Signal(object, str, str, str)
    unlock_clicked = Signal(object)
    resized = Signal()

    def __init__(self) -> None:
        super().__init__(inset=True)
        self.vault: models.Vault | None = None
        head = QHBoxLayout()
        head.setSpacing(9)
        head.addWidget(Picture("lock", "muted", 16))
        self._title = Text("Vault", "strong")
        self._source = Text("", "small")
        self._chip = Chip()
        head.addWidget(self._title)
        head.addWidget(self._source, 1)
        head.addWidget(self._chip)
        self.body.addLayout(head)
        self._text = Text("", "muted", wrap=True)
        self.body.addWidget(self._text)
        self._cure = QWidget()
        self._cure.setProperty("role", "clear")
        self.body.addWidget(self._cure)
        self._build_cure()
        self.banner = Banner()
        self.body.addWidget(self.banner)

    def show_vault(self, vault: models.Vault) -> None:
        """Show source, state and cure."""
        if vault == self.vault:
            return
        self.vault = vault
        self._source.setText(vault.source.label if vault.source else "")
        self._chip.show_state(vault.state[:1].upper() + vault.state[1:], _TONES.get(vault.state, Tone.ERROR))
        is_open, is_new = vault.state == "open", vault.state == "not set up"
        self._text.setText(_CHOOSE if is_new else vault.cure)
        self._text.setVisible(not is_open and bool(self._text.text()))
        self._cure.setVisible(not is_open)
        self.banner.hide()
        self._choice_row.setVisible(is_new)
        if is_new:
            self._show_sources(vault.sources)
        else:
            wants = vault.source is not None and vault.source.needs == "passphrase" and vault.state == "locked"
            self._show_needs("passphrase" if wants else "nothing", twice=False)
            self._act.setText("Unlock" if wants else "Try again")
            self._act.setEnabled(True)
        self._act.setAccessibleName(f"{self._act.text()} the vault")
        self.resized.emit()

    def show_busy(self, *, busy: bool) -> None:
        """The service is at it."""
        self._act.setEnabled(not busy)
        if busy:
            self.banner.show_message(Tone.BUSY, "", "Opening the vault …")
        else:
            self.banner.hide()
        self.resized.emit()

    def show_error(self, message: str) -> None:
        """What is wrong and what to do."""
        if message:
            self.banner.show_message(Tone.ERROR, "", message)
        else:
            self.banner.hide()
        self.resized.emit()

    def forget(self) -> None:
        """Empty the passphrase fields."""
        self.passphrase.clear()
        self.repeated.clear()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Enter in a field of the vault is meant for the vault, not for the dialog's default button."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress and event.key() in _ENTER:
            self._on_act()
            return True
        return False

    def _build_cure(self) -> None:
        column = QVBoxLayout(self._cure)
        column.setContentsMargins(0, 2, 0, 0)
        column.setSpacing(12)
        self.sources = ChoiceInput()
        self.sources.currentIndexChanged.connect(self._on_source)
        self._choice_row = FieldRow("&Key source", self.sources)
        self.passphrase, self.repeated = SecretInput("passphrase"), SecretInput("repeated passphrase")
        self.path = PathInput("the key file")
        self._rows = {
            "passphrase": FieldRow("Passph&rase", self.passphrase),
            "twice": FieldRow("Passphrase a&gain", self.repeated),
            "path": FieldRow("Key fil&e", self.path),
        }
        column.addWidget(self._choice_row)
        for row in self._rows.values():
            column.addWidget(row)
        for field in (self.passphrase.field, self.repeated.field, self.path.field):
            field.installEventFilter(self)
        self._act = button("Set up", self._on_act)
        column.addWidget(self._act, 0, Qt.AlignmentFlag.AlignLeft)

    def _show_sources(self, sources: list[models.VaultSource]) -> None:
        self.sources.blockSignals(True)
        self.sources.clear()
        for source in sources:
            self.sources.addItem(source.label if source.works else f"{source.label} (not available here)", source)
        first = next((index for index, source in enumerate(sources) if source.works), 0)
        self.sources.setCurrentIndex(first)
        self.sources.blockSignals(False)
        self._act.setText("Set up")
        self._on_source()

    def _on_source(self) -> None:
        source = self.sources.currentData()
        if not isinstance(source, models.VaultSource):
            return
        self._show_needs(source.needs, twice=True)
        self._choice_row.show_error("" if source.works else source.cure or source.state)
        self._act.setEnabled(source.works)
        self.resized.emit()

    def _show_needs(self, needs: str, *, twice: bool) -> None:
        self._rows["passphrase"].setVisible(needs == "passphrase")
        self._rows["twice"].setVisible(needs == "passphrase" and twice)
        self._rows["path"].setVisible(needs == "path")

    def _on_act(self) -> None:
        if self.vault is None or not self._act.isEnabled():
            return
        if self.vault.state == "not set up":
            self.set_up_clicked.emit(
                self.sources.currentData(), self.passphrase.take(), self.repeated.take(), self.path.field.text()
            )
        else:
            self.unlock_clicked.emit(self.passphrase.take() or None)
