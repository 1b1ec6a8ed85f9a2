"""The contract's words for settings."""

from __future__ import annotations

from typing import Literal

from agent.api.base_models import Model, Request, ShortText


class Setting(Model):
    """A setting with its declaration, from which the panel is built."""

    name: str
    label: str
    help: str
    section: str
    kind: Literal["bool", "int", "choice", "path", "text"]
    choices: list[str]
    minimum: int | None
    maximum: int | None
    default: str
    value: str


class SettingChange(Request):
    """A new value, as text: "true"/"false" for a check box."""

    value: ShortText
