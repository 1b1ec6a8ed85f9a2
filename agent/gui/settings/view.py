"""Settings on screen: a card per section, the vault, and what this agent is."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QGridLayout, QVBoxLayout

from agent.api import service_models, setting_models
from agent.api.service_models import EnvironmentState
from agent.gui import formats, tones
from agent.gui.settings.editors import SettingEditor
from agent.gui.settings.presenter import ENVIRONMENT
from agent.gui.vault.line import VaultLine
from agent.gui.widgets.card import Card
from agent.gui.widgets.chip import Chip
from agent.gui.widgets.page import Page, clear_layout
from agent.gui.widgets.text import Text, line, mono

_FIRST_SECTIONS = ["Environment", "Appearance"]


class SettingsPage(Page):
    """Emits name and value of what was changed."""

    changed = Signal(str, str)

    def __init__(self) -> None:
        super().__init__("Settings", "Every change applies at once.")
        column = self.add_scrolled()
        self._cards = QVBoxLayout()
        self._cards.setSpacing(12)
        column.addLayout(self._cards)
        self.editors: dict[str, SettingEditor] = {}
        self.environment = Chip("Stopped")
        vault = self._vault_card = Card()
        vault.body.addWidget(Text("Vault", "section"))
        vault.body.addWidget(
            Text("Where the credentials of your App Configurations are kept, encrypted.", "small", wrap=True)
        )
        self.vault = VaultLine(named=False)
        vault.body.addWidget(self.vault)
        self._cards.addWidget(vault)
        column.addWidget(self._build_about())
        column.addStretch()

    def show_settings(self, settings: list[setting_models.Setting]) -> None:
        """Show every setting; the cards are built once, since declarations do not change while it runs."""
        if {setting.name for setting in settings} <= set(self.editors):
            for setting in settings:
                self.show_setting(setting)
            return
        self.environment.setParent(None)
        self._cards.removeWidget(self._vault_card)
        clear_layout(self._cards)
        self.editors.clear()
        section, card = "", Card()
        for setting in self._in_order(settings):
            if setting.section != section or not self.editors:
                section, card = setting.section, Card()
                card.body.setSpacing(14)
                card.body.addWidget(Text(section, "section"))
                self._cards.addWidget(card)
            else:
                card.body.addWidget(line())
            editor = SettingEditor(setting)
            editor.changed.connect(self.changed)
            self.editors[setting.name] = editor
            card.body.addWidget(editor)
            if setting.name == ENVIRONMENT:
                self._cards.addWidget(self._vault_card)  # what nothing runs without, next to what runs it
                editor.beside.insertWidget(1, self.environment)
                self.environment.show()
        if self._cards.indexOf(self._vault_card) < 0:
            self._cards.addWidget(self._vault_card)

    def show_setting(self, setting: setting_models.Setting) -> None:
        """Show one setting's value."""
        if setting.name in self.editors:
            self.editors[setting.name].show_setting(setting)

    def show_setting_error(self, name: str, message: str) -> None:
        """What is wrong with a value."""
        if name in self.editors:
            self.editors[name].show_error(message)

    def show_state(self, state: service_models.ServiceState) -> None:
        """Environment, vault and facts about the service."""
        starting = state.environment is EnvironmentState.STARTING
        self._show_environment(state.environment, waits_for_vault=starting and state.vault.state != "open")
        self.vault.show_vault(state.vault)
        self._facts["Version"].setText(state.version)
        self._facts["Computer"].setText(state.machine)
        self._facts["Data folder"].setText(state.data_folder)
        self._facts["Service"].setText(f"process {state.pid}, since {formats.local(state.started_at)}")
        self._facts["Service"].setToolTip(formats.utc(state.started_at))

    def show_switching(self, *, on: bool) -> None:
        """The environment is being switched."""
        self._show_environment(EnvironmentState.STARTING if on else EnvironmentState.STOPPING)

    def _show_environment(self, state: EnvironmentState, *, waits_for_vault: bool = False) -> None:
        text = "Starting: waits for the vault" if waits_for_vault else state.value
        self.environment.show_state(text, tones.ENVIRONMENT[state])

    def _build_about(self) -> Card:
        card = Card()
        card.body.addWidget(Text("About this agent", "section"))
        grid = QGridLayout()
        grid.setHorizontalSpacing(24)
        grid.setVerticalSpacing(7)
        self._facts = {name: mono("") for name in ("Version", "Computer", "Data folder", "Service")}
        for row, (name, value) in enumerate(self._facts.items()):
            grid.addWidget(Text(name, "muted"), row, 0)
            grid.addWidget(value, row, 1)
        grid.setColumnStretch(1, 1)
        card.body.addLayout(grid)
        card.body.addWidget(
            Text(
                "OP Agent is free software (Apache-2.0). It uses Qt through PySide6 under the LGPL.", "small", wrap=True
            )
        )
        return card

    @staticmethod
    def _in_order(settings: list[setting_models.Setting]) -> list[setting_models.Setting]:
        sections = list(dict.fromkeys([*_FIRST_SECTIONS, *(setting.section for setting in settings)]))
        return sorted(settings, key=lambda setting: sections.index(setting.section))
