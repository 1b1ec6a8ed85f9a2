"""The contract's words for the service itself: its health, its state and how it ended before."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Literal

from agent.api.base_models import Model
from agent.api.vault_models import Vault


class EnvironmentState(StrEnum):
    """What *Enable Environment* shows."""

    STOPPED = "Stopped"
    STARTING = "Starting"
    RUNNING = "Running"
    STOPPING = "Stopping"


class Health(Model):
    """The answer of the health end point, the only one that wants no token.

    `proof` is the HMAC-SHA256 of the challenge under the token; see `agent.api.endpoint.proof`.
    """

    status: Literal["ok"] = "ok"
    version: str
    pid: int
    proof: str = ""


class LastEnd(Model):
    """How the service ended the time before."""

    at: datetime | None
    clean: bool
    reason: str


class ServiceState(Model):
    """What the service is and does."""

    version: str
    pid: int
    started_at: datetime
    environment: EnvironmentState
    data_folder: str
    machine: str
    operator_exists: bool
    demo: bool
    vault: Vault
    last_end: LastEnd | None
    active_runs: int
