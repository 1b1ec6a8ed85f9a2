"""The contract's words for apps: their cards, credential forms and schemas."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from agent.api.base_models import Model, Problem
from agent.domain.app import DataType, FieldKind


class ChoiceWords(Model):
    """What is said of a field where another one has a certain value."""

    field: str
    choice: str
    help: str
    example: str


class CredentialField(Model):
    """One field of a credential form. `shown_when` is another field, and then its choices for which this one counts."""

    name: str
    label: str
    kind: FieldKind
    required: bool
    help: str
    example: str
    choices: list[str]
    default: str
    shown_when: tuple[str, ...] | None = None
    words: list[ChoiceWords] = Field(default_factory=list)


class Attribute(Model):
    """One field of a schema."""

    name: str
    type: DataType
    required: bool
    primary: bool
    description: str
    members: list[Attribute] = Field(default_factory=list)


class Action(Model):
    """An operation on a schema."""

    name: str
    kind: str
    description: str
    filters: list[str]


class Schema(Model):
    """An entity of an app."""

    name: str
    description: str
    attributes: list[Attribute]
    actions: list[Action]


class AppStatus(StrEnum):
    """The status chip of an app's card: that of its worst configuration."""

    NOT_CONFIGURED = "Not configured"
    SAVED = "Saved, not validated"
    VALIDATED = "Validated"
    FAILED = "Validation failed"
    BROKEN = "Cannot load"


class App(Model):
    """An app's card."""

    id: str
    name: str
    version: str
    description: str
    status: AppStatus
    configurations: int
    fields: list[CredentialField]
    problem: Problem | None = None
