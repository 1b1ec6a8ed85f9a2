"""Decides what Settings shows and does: every change is applied at once, or taken back with the reason. No Qt."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from agent.api import live_models, service_models, setting_models
from agent.api.live_models import EventKind
from agent.domain.errors import AgentError
from agent.gui.calls import Calls
from agent.gui.panel import Presenter

ENVIRONMENT = "enable_environment"
THEME = "theme"


class SettingsView(Protocol):
    """What the presenter needs of the page."""

    def show_settings(self, settings: list[setting_models.Setting]) -> None:
        """Show every setting with its value."""

    def show_setting(self, setting: setting_models.Setting) -> None:
        """Show one setting's value."""

    def show_setting_error(self, name: str, message: str) -> None:
        """What is wrong with a value; the empty text takes it back."""

    def show_state(self, state: service_models.ServiceState) -> None:
        """Show environment, vault and facts about the service."""

    def show_switching(self, *, on: bool) -> None:
        """The environment is being switched."""

    def show_error(self, error: AgentError | None) -> None:
        """What failed and what to do."""


class SettingsPresenter(Presenter):
    """One page. `theme_chosen` is told the theme whenever it is known."""

    def __init__(
        self,
        view: SettingsView,
        calls: Calls,
        *,
        own_theme: Callable[[], str],
        theme_chosen: Callable[[str], object],
        state_wanted: Callable[[], object],
    ) -> None:
        self._view, self._calls = view, calls
        self._own_theme, self._theme_chosen, self._state_wanted = own_theme, theme_chosen, state_wanted
        self._settings: dict[str, setting_models.Setting] = {}
        self._theme_is_ours = False
        self._under_way: set[str] = set()
        self._wanted: dict[str, str] = {}

    def refresh(self) -> None:
        """Ask again."""
        self._calls.start(lambda client: client.settings(), self._on_settings, self._view.show_error)
        self._state_wanted()

    def on_state(self, state: service_models.ServiceState) -> None:
        """Environment or vault changed."""
        self._view.show_state(state)

    def on_event(self, event: live_models.Event) -> None:
        """Somebody changed a setting."""
        if event.kind is EventKind.SETTING:
            try:
                self._on_changed(setting_models.Setting.model_validate(event.data))
            except ValueError:
                self.refresh()

    def change(self, name: str, value: str) -> None:
        """Change a setting. What is wanted while a change is under way is done after it."""
        before = self._settings.get(name)
        if before is None:
            return
        if name in self._under_way:
            self._wanted[name] = value
            return
        if before.value == value:
            return
        self._view.show_setting_error(name, "")
        if name == THEME and self._theme_is_ours:
            self._on_changed(before.model_copy(update={"value": value}))
            return
        if name == ENVIRONMENT:
            self._view.show_switching(on=value == "true")

        def refused(error: AgentError) -> None:
            self._ended(name, before)
            self._view.show_setting_error(name, f"{error.message} {error.remedy}".strip())

        self._under_way.add(name)
        self._calls.start(
            lambda client: client.change_setting(name, value), lambda setting: self._ended(name, setting), refused
        )

    def forget(self) -> None:
        """Drop every call."""
        self._calls.cancel_all()
        self._under_way.clear()
        self._wanted.clear()

    def _ended(self, name: str, setting: setting_models.Setting) -> None:
        self._under_way.discard(name)
        wanted = self._wanted.pop(name, setting.value)
        if wanted == setting.value:
            self._on_changed(setting)
        else:
            self._settings[name] = setting
            self.change(name, wanted)
        if name == ENVIRONMENT:
            self._state_wanted()

    def _on_settings(self, settings: list[setting_models.Setting]) -> None:
        self._theme_is_ours = all(setting.name != THEME for setting in settings)
        if self._theme_is_ours:
            settings = [*settings, _theme_setting(self._own_theme())]
        self._settings = {setting.name: setting for setting in settings}
        self._view.show_error(None)
        shown = [one for one in settings if one.name not in self._under_way] if self._under_way else settings
        self._view.show_settings(shown)
        self._theme_chosen(self._settings[THEME].value)

    def _on_changed(self, setting: setting_models.Setting) -> None:
        self._settings[setting.name] = setting
        if setting.name in self._under_way:
            return  # what the operator sees is what he wants
        self._view.show_setting(setting)
        if setting.name == THEME:
            self._theme_chosen(setting.value)


def _theme_setting(value: str) -> setting_models.Setting:
    return setting_models.Setting(
        name=THEME,
        label="Theme",
        help="How this window looks.",
        section="Appearance",
        kind="choice",
        choices=["system", "light", "dark"],
        minimum=None,
        maximum=None,
        default="system",
        value=value,
    )
