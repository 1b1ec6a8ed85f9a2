"""App Configurations on screen."""

from __future__ import annotations

from typing import Protocol

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from agent.api import app_models, configuration_models
from agent.gui.apps.card import AppCard
from agent.gui.apps.presenter import AppEntry
from agent.gui.widgets.dialog import ConfirmDialog
from agent.gui.widgets.keyed_list import KeyedList
from agent.gui.widgets.page import Page
from agent.gui.widgets.tab_order import order_tabs


class FormOpener(Protocol):
    """Opens the credential form over a window; with `validate`, tests what is stored at once."""

    def __call__(
        self,
        over: QWidget,
        app: app_models.App,
        configuration: configuration_models.Configuration | None,
        /,
        *,
        validate: bool = False,
    ) -> object: ...


class AppsPage(Page):
    """Emits ids; `open_credentials` is how the assembly opens the form."""

    add_clicked = Signal(str)
    validate_clicked = Signal(str)
    edit_clicked = Signal(str)
    remove_clicked = Signal(str)
    schemas_clicked = Signal(str)
    remove_confirmed = Signal(str)

    def __init__(self, open_credentials: FormOpener) -> None:
        super().__init__("App Configurations", "The apps that this agent can connect to, and your connections to them.")
        self._open_credentials = open_credentials
        column = self.add_scrolled()
        cards = QVBoxLayout()
        cards.setSpacing(12)
        column.addLayout(cards)
        column.addStretch()
        self._cards = KeyedList[AppEntry](cards, lambda entry: entry.app.id, self._make_card)

    def show_apps(self, entries: list[AppEntry]) -> None:
        """Show the cards."""
        self._cards.show_items(entries)
        order_tabs(self._cards.rows)  # configurations come and go inside the cards

    def open_form(
        self, app: app_models.App, configuration: configuration_models.Configuration | None, *, validate: bool = False
    ) -> None:
        """Open the credential form; with `validate`, test what is stored at once."""
        self._open_credentials(self.window(), app, configuration, validate=validate)

    def ask_remove(self, configuration: configuration_models.Configuration, app: str, flows: list[str]) -> None:
        """Ask before a configuration is removed."""
        text = f"Its credentials are taken out of the vault. They cannot be brought back from here.\n\nApp: {app}"
        if flows:
            text += "\n\nThese processflows use it and will not run without it:\n" + "\n".join(
                f"  •  {flow}" for flow in flows
            )
        question = ConfirmDialog(
            f"Remove “{configuration.name}”?",
            text,
            accept="Remove",
            on_accept=lambda: self.remove_confirmed.emit(configuration.id),
            parent=self.window(),
        )
        question.open()

    def _make_card(self) -> QWidget:
        card = AppCard()
        card.add_clicked.connect(self.add_clicked)
        card.validate_clicked.connect(self.validate_clicked)
        card.edit_clicked.connect(self.edit_clicked)
        card.remove_clicked.connect(self.remove_clicked)
        card.schemas_clicked.connect(self.schemas_clicked)
        return card
