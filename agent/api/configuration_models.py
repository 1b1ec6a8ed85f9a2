"""The contract's words for App Configurations, and for validating them."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import Field, SecretStr

from agent.api.base_models import DocumentText, Model, Name, Problem, Request


class ConfigurationState(StrEnum):
    """Whether the stored values have been proven."""

    SAVED = "Saved, not validated"
    VALIDATED = "Validated"
    FAILED = "Validation failed"


class Fact(Model):
    """A label and a value for people."""

    label: str
    value: str


class Trip(Model):
    """Since when, and why, an app refuses a configuration: its processflows wait until it is validated again."""

    since: datetime
    message: str
    remedy: str
    waiting_runs: int


class Configuration(Model):
    """An App Configuration. `secrets` maps each stored secret's field to a hint."""

    id: str
    app: str
    name: str
    values: dict[str, str]
    secrets: dict[str, str]
    state: ConfigurationState
    message: str
    facts: list[Fact]
    validated_at: datetime | None
    saved_at: datetime
    used_by: list[str]
    tripped: Trip | None = None


class ConfigurationDraft(Request):
    """What a credential form holds. With `id`, secrets that are left out keep their stored value."""

    id: str | None = None
    app: Name
    name: Name
    values: dict[str, DocumentText] = Field(default_factory=dict)
    secrets: dict[str, SecretStr] = Field(default_factory=dict)


class Saved(Model):
    """The answer to Save. `message` is "Connection Data Saved"; `notes` say what was tidied."""

    message: str
    notes: list[str]
    configuration: Configuration


class ValidationState(StrEnum):
    """How far a validation is."""

    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Validation(Model):
    """A validation, running or done. `message` is "Test Connection Successful" when it succeeded.

    `sign_in_url` is the page at which a person has to sign in, while one is waited for.
    """

    id: str
    state: ValidationState
    progress: list[str]
    sign_in_url: str = ""
    message: str = ""
    facts: list[Fact] = Field(default_factory=list)
    warnings: list[str] = Field(default_factory=list)
    notes: list[str] = Field(default_factory=list)
    values: dict[str, str] = Field(default_factory=dict)
    problem: Problem | None = None
