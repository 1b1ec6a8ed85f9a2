"""Decides what the page of App Configurations shows and does. No Qt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from agent.api import app_models, configuration_models
from agent.domain.errors import AgentError
from agent.gui.calls import Calls
from agent.gui.catalog import Catalog
from agent.gui.panel import Navigator, Presenter


@dataclass(frozen=True, slots=True)
class AppEntry:
    """An app with its configurations."""

    app: app_models.App
    configurations: list[configuration_models.Configuration]
    now: datetime


class AppsView(Protocol):
    """What the presenter needs of the page."""

    def show_apps(self, entries: list[AppEntry]) -> None:
        """Show the cards."""

    def show_error(self, error: AgentError | None) -> None:
        """What failed and what to do; None takes it back."""

    def open_form(
        self, app: app_models.App, configuration: configuration_models.Configuration | None, *, validate: bool = False
    ) -> None:
        """Open the credential form; with `validate`, test what is stored at once."""

    def ask_remove(self, configuration: configuration_models.Configuration, app: str, flows: list[str]) -> None:
        """Ask before a configuration is removed, naming the processflows that use it."""


class AppsPresenter(Presenter):
    """Shows what the catalog knows; removes what was confirmed."""

    def __init__(
        self, view: AppsView, calls: Calls, catalog: Catalog, go: Navigator, now: Callable[[], datetime]
    ) -> None:
        self._view, self._calls, self._catalog, self._go, self._now = view, calls, catalog, go, now
        catalog.listeners.append(self.show)

    def refresh(self) -> None:
        """Ask again."""
        self._catalog.refresh()

    def show(self) -> None:
        """Show what is known."""
        self._view.show_error(self._catalog.error)
        if not self._catalog.loaded:
            return
        now = self._now()
        self._view.show_apps(
            [
                AppEntry(app, [one for one in self._catalog.configurations if one.app == app.id], now)
                for app in self._catalog.apps
            ]
        )

    def add(self, app_id: str) -> None:
        """A new configuration of an app."""
        app = next((app for app in self._catalog.apps if app.id == app_id), None)
        if app is not None:
            self._view.open_form(app, None)

    def validate(self, configuration_id: str) -> None:
        """Test a stored configuration; its form shows how."""
        self.edit(configuration_id, validate=True)

    def edit(self, configuration_id: str, *, validate: bool = False) -> None:
        """Edit a configuration."""
        found = self._catalog.configuration(configuration_id)
        app = next((app for app in self._catalog.apps if found is not None and app.id == found.app), None)
        if app is not None:
            self._view.open_form(app, found, validate=validate)

    def remove(self, configuration_id: str) -> None:
        """Ask, then remove."""
        found = self._catalog.configuration(configuration_id)
        if found is not None:
            flows = [self._catalog.flow_title(name) for name in found.used_by]
            self._view.ask_remove(found, self._catalog.app_name(found.app), flows)

    def remove_confirmed(self, configuration_id: str) -> None:
        """The operator said yes."""

        def removed(_: None) -> None:
            self._go.say("Configuration removed")
            self._catalog.refresh()

        self._calls.start(lambda client: client.remove_configuration(configuration_id), removed, self._view.show_error)

    def forget(self) -> None:
        """Drop every call."""
        self._calls.cancel_all()
