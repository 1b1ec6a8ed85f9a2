"""Changing settings: the one place that knows which part of the service follows which setting."""

from __future__ import annotations

from agent.api import live_models, setting_models
from agent.domain import settings as declared
from agent.service import answers
from agent.service.events import Hub
from agent.service.receiving.real_time import SETTINGS as REAL_TIME
from agent.service.receiving.receiving_parts import EventParts
from agent.service.runs.environment import Environment
from agent.service.upkeep.diagnosis import Diagnosis
from agent.service.upkeep.housekeeping import Housekeeping
from agent.store.logs.entries import least_kept
from agent.store.logs.logs import LogBudget, LogStore
from agent.store.settings import Settings

_MEGABYTE = 1_000_000


class SettingsDesk:
    """The settings, and those who follow them."""

    def __init__(
        self,
        settings: Settings,
        *,
        environment: Environment,
        logs: LogStore,
        diagnosis: Diagnosis,
        hub: Hub,
        events: EventParts,
        housekeeping: Housekeeping,
    ) -> None:
        self._settings, self._environment, self._events = settings, environment, events
        self._logs, self._diagnosis, self._hub, self._housekeeping = logs, diagnosis, hub, housekeeping
        self._apply_log()

    def all(self) -> list[setting_models.Setting]:
        """Every setting."""
        return answers.settings(self._settings)

    def change(self, name: str, text: str) -> setting_models.Setting:
        """Set a value; whoever follows it has followed when this returns.

        Raises:
            ConfigurationError: the value makes no sense; nothing was changed.
        """
        if name == "diagnosis_path":
            self._diagnosis.refuse_unusable(str(declared.setting(name).parse(text)))
        self._settings.change(name, text)
        answer = answers.setting(declared.setting(name), self._settings.text(name))
        self._hub.publish(live_models.EventKind.SETTING, answer)
        if name == "enable_environment":
            self._environment.follow()
        elif name.startswith("log_") or name == "severity_level":
            self._apply_log()
        elif name.startswith(("diagnosis_", "temp_")) or name == "packet_samples":
            self._diagnosis.follow_settings()
        elif name in REAL_TIME:
            self._events.follow_settings()
        elif name.startswith("snapshot_"):
            self._housekeeping.wake()
        return answer

    def _apply_log(self) -> None:
        settings = self._settings
        self._logs.keep_from(least_kept(str(settings.value("log_target")), str(settings.value("severity_level"))))
        self._logs.set_budget(LogBudget(settings.number("log_days"), settings.number("log_megabytes") * _MEGABYTE))
