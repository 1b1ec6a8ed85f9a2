"""The settings' present values: read once, changed through here, kept in a key-value store that is passed in."""

from __future__ import annotations

import threading
from typing import Protocol

from agent.domain import settings as declared
from agent.domain.errors import ConfigurationError
from agent.domain.settings import SETTINGS, Setting, SettingValue


class SettingsStore(Protocol):
    """Keeps texts by name."""

    def load(self) -> dict[str, str]:
        """Everything that was saved."""
        ...

    def save(self, name: str, value: str) -> None:
        """Keep one text."""
        ...


class Settings:
    """All settings. Thread-safe. A stored value that no longer makes sense counts as the default; see `unreadable`."""

    def __init__(self, store: SettingsStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._values: dict[str, SettingValue] = {}
        self.unreadable: list[str] = []
        saved = store.load()
        for setting in SETTINGS:
            self._values[setting.name] = self._read(setting, saved.get(setting.name))

    def change(self, name: str, text: str) -> SettingValue:
        """Set a value from its text, and keep it.

        Raises:
            ConfigurationError: code `setting-unknown`, `setting-invalid` or `setting-range`; nothing was changed.
        """
        setting = declared.setting(name)
        value = setting.parse(text)
        with self._lock:
            self._store.save(name, setting.serialise(value))
            self._values[name] = value
        return value

    def value(self, name: str) -> SettingValue:
        """A setting's value."""
        declared.setting(name)
        return self._values[name]

    def text(self, name: str) -> str:
        """A setting's value as text: what `change` takes, what the window shows."""
        return declared.setting(name).serialise(self.value(name))

    def switch(self, name: str) -> bool:
        """The value of a setting of kind bool."""
        value = self.value(name)
        if not isinstance(value, bool):
            raise TypeError(f"The setting {name} is no switch.")
        return value

    def number(self, name: str) -> int:
        """The value of a setting of kind int."""
        value = self.value(name)
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError(f"The setting {name} is no number.")
        return value

    def _read(self, setting: Setting, text: str | None) -> SettingValue:
        if text is None:
            return setting.default
        try:
            return setting.parse(text)
        except ConfigurationError:
            self.unreadable.append(setting.name)
            return setting.default
