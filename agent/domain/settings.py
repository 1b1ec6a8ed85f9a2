"""Every setting, declared once: type, limits, default and the words the operator sees. Storing them is elsewhere."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath, PureWindowsPath
from typing import Literal, TypeAlias

from agent.domain.errors import ConfigurationError, NotFoundError
from agent.domain.meant import meant

SettingKind: TypeAlias = Literal["bool", "int", "choice", "path", "text"]
SettingValue: TypeAlias = bool | int | str

_LONGEST_TEXT = 4_000


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting. A path is text too: empty, or absolute in the manner of either platform."""

    name: str
    kind: SettingKind
    default: SettingValue
    label: str
    section: str
    help: str = ""
    choices: tuple[str, ...] = ()
    minimum: int | None = None
    maximum: int | None = None

    def parse(self, text: str) -> SettingValue:
        """The value that a text stands for.

        Raises:
            ConfigurationError: code `setting-invalid` or `setting-range`, with the setting's name as field.
        """
        text = text.strip()
        match self.kind:
            case "bool":
                return self._parse_bool(text)
            case "int":
                return self._parse_int(text)
            case "choice":
                return self._parse_choice(text)
            case "path":
                return self._parse_path(text)
            case "text":
                return self._parse_text(text)

    def serialise(self, value: SettingValue) -> str:
        """The text that stands for a value; `parse` gives the value back."""
        return ("true" if value else "false") if isinstance(value, bool) else str(value)

    def _parse_bool(self, text: str) -> bool:
        if text.casefold() not in ("true", "false"):
            raise self._refused("is either on or off", "Enter true or false.")
        return text.casefold() == "true"

    def _parse_int(self, text: str) -> int:
        if not re.fullmatch(r"[+-]?[0-9]{1,18}", text):
            raise self._refused("is a whole number", self._range())
        value = int(text)
        too_small = self.minimum is not None and value < self.minimum
        if too_small or (self.maximum is not None and value > self.maximum):
            raise self._refused(f"cannot be {value:,}", self._range(), code="setting-range")
        return value

    def _parse_choice(self, text: str) -> str:
        for choice in self.choices:
            if choice.casefold() == text.casefold():
                return choice
        raise self._refused("has no such choice", f"Choose one of: {', '.join(self.choices)}.")

    def _parse_path(self, text: str) -> str:
        if text and not (PurePosixPath(text).is_absolute() or PureWindowsPath(text).is_absolute()):
            raise self._refused("is a complete path", "Enter the folder's path from its root, or leave it empty.")
        return self._parse_text(text)

    def _parse_text(self, text: str) -> str:
        if len(text) > _LONGEST_TEXT or not text.isprintable():
            raise self._refused("is one line of text", "Remove line breaks and other control characters.")
        return text

    def _range(self) -> str:
        if self.minimum is not None and self.maximum is not None:
            return f"Enter a whole number from {self.minimum:,} to {self.maximum:,}."
        return "Enter a whole number."

    def _refused(self, what: str, remedy: str, *, code: str = "setting-invalid") -> ConfigurationError:
        return ConfigurationError(f"“{self.label}” {what}.", code=code, remedy=remedy, field=self.name)


ERROR_ONLY, ERROR_AND_INFO, ALL_TARGETS = "Error only", "Error and Info", "Error, Info and Status"

SETTINGS: tuple[Setting, ...] = (
    Setting(
        "enable_environment",
        "bool",
        default=False,
        label="Enable Environment",
        section="Environment",
        help="Runs deployed processflows in the background, also while the window is closed.",
    ),
    Setting(
        "theme",
        "choice",
        default="system",
        label="Theme",
        section="Appearance",
        help="How the window looks.",
        choices=("system", "light", "dark"),
    ),
    Setting(
        "log_target",
        "choice",
        default=ALL_TARGETS,
        label="Log Target",
        section="Log",
        help="What is written to the log. Errors are always written.",
        choices=(ERROR_ONLY, ERROR_AND_INFO, ALL_TARGETS),
    ),
    Setting(
        "severity_level",
        "choice",
        default="All",
        label="Severity Level",
        section="Log",
        help="How important a line has to be. Critical keeps errors; High adds warnings, Medium information.",
        choices=("Critical", "High", "Medium", "All"),
    ),
    Setting(
        "log_days",
        "int",
        default=30,
        label="Keep the log for (days)",
        section="Log",
        help="Older days are removed whole.",
        minimum=1,
        maximum=3_650,
    ),
    Setting(
        "log_megabytes",
        "int",
        default=1_024,
        label="Keep the log up to (MB)",
        section="Log",
        help="Above this the oldest part of the log is removed.",
        minimum=16,
        maximum=1_048_576,
    ),
    Setting(
        "diagnosis_mode",
        "bool",
        default=False,
        label="Diagnosis Mode",
        section="Diagnosis",
        help="Keeps the packets of every run. Costs disk space; switch it on to look into a problem.",
    ),
    Setting(
        "diagnosis_path",
        "path",
        default="",
        label="Agent Output Path",
        section="Diagnosis",
        help="The folder for packets kept in Diagnosis Mode. Empty: the agent's own Temp folder.",
    ),
    Setting(
        "packet_samples",
        "bool",
        default=True,
        label="Keep samples of packets",
        section="Diagnosis",
        help="Keeps the first records at each node, records that fail, and some requests, also without Diagnosis Mode.",
    ),
    Setting(
        "real_time",
        "bool",
        default=False,
        label="Receive events",
        section="Real Time",
        help="Listens for what other applications send to processflows that start with an event.",
    ),
    Setting(
        "real_time_address",
        "text",
        default="127.0.0.1",
        label="Host address",
        section="Real Time",
        help="127.0.0.1 behind a reverse proxy on this machine; 0.0.0.0 for all addresses of this machine.",
    ),
    Setting(
        "real_time_port",
        "int",
        default=8080,
        label="Port",
        section="Real Time",
        minimum=1,
        maximum=65_535,
    ),
    Setting(
        "real_time_public_url",
        "text",
        default="",
        label="Host public Url",
        section="Real Time",
        help="How the outside reaches this machine, such as https://events.example.com. Empty: address and port.",
    ),
    Setting(
        "event_rate",
        "int",
        default=500,
        label="At most events a second",
        section="Real Time",
        help="For each processflow. Above it, senders are told to come back in a moment.",
        minimum=1,
        maximum=100_000,
    ),
    Setting(
        "event_days",
        "int",
        default=7,
        label="Keep processed events for (days)",
        section="Real Time",
        help="So long an event can be tried again, and is recognised when it comes again.",
        minimum=1,
        maximum=365,
    ),
    Setting(
        "event_megabytes",
        "int",
        default=512,
        label="Keep events up to (MB)",
        section="Real Time",
        help="Above this the oldest processed events are removed. Where all of it waits, senders have to come back.",
        minimum=16,
        maximum=1_048_576,
    ),
    Setting(
        "temp_days",
        "int",
        default=7,
        label="Keep packets for (days)",
        section="Diagnosis",
        minimum=1,
        maximum=365,
    ),
    Setting(
        "temp_megabytes",
        "int",
        default=1_024,
        label="Keep packets up to (MB)",
        section="Diagnosis",
        help="Above this the oldest packets are removed. A quarter of it is for samples.",
        minimum=1,
        maximum=1_048_576,
    ),
    Setting(
        "snapshot_days",
        "int",
        default=30,
        label="Keep snapshots for (days)",
        section="Diagnosis",
        help="What each run did, node by node and record by record. Sync Info stays in any case.",
        minimum=1,
        maximum=3_650,
    ),
    Setting(
        "snapshot_megabytes",
        "int",
        default=1_024,
        label="Keep snapshots up to (MB)",
        section="Diagnosis",
        help="Above this the oldest part is removed, and its space is given back.",
        minimum=1,
        maximum=1_048_576,
    ),
)

_BY_NAME = {setting.name: setting for setting in SETTINGS}


def setting(name: str) -> Setting:
    """The declaration of that name.

    Raises:
        NotFoundError: code `setting-unknown`.
    """
    found = _BY_NAME.get(name)
    if found is None:
        raise NotFoundError(
            f"There is no setting “{name}”.",
            code="setting-unknown",
            remedy=meant(name, _BY_NAME),
            field=name,
        )
    return found
