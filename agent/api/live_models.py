"""The contract's words for server-sent events: what changed, as it happens."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from agent.api.base_models import Model


class EventKind(StrEnum):
    """What changed. The data of an event is the model in brackets."""

    ENVIRONMENT = "environment"  # ServiceState
    RUN = "run"  # Run
    LOG = "log"  # LogBounds
    VALIDATION = "validation"  # Validation
    DEPLOYMENT = "deployment"  # DeploymentLine
    CONFIGURATION = "configuration"  # Configuration, or its id alone when it was removed
    FLOW = "flow"  # name of the processflow
    SETTING = "setting"  # Setting
    ALERTS = "alerts"  # Alerts
    PREVIEW = "preview"  # Preview


class DeploymentLine(Model):
    """A numbered line of a deployment as it happens."""

    name: str
    number: int
    line: str


class Event(Model):
    """A server-sent event."""

    id: int
    kind: EventKind
    data: dict[str, object] = Field(default_factory=dict)
