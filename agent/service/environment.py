"""*Enable Environment*: whether processflows may be deployed and executed here, and what the check box shows.

The gate of the worker opens once the setting is on, the service has started and the vault gives its secrets; it closes
when the setting goes off or the service stops, and what runs then halts at its next checkpoint.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

from agent.api.models import EnvironmentState
from agent.domain.errors import ConflictError


class Gate(Protocol):
    """What the environment turns."""

    @property
    def is_open(self) -> bool: ...

    @property
    def active(self) -> int: ...

    def open_gate(self) -> None: ...

    def close_gate(self) -> None: ...


class Environment:
    """The state of the environment.

    Args:
        gate: The worker.
        enabled: The setting's value.
        secrets_ready: Whether the vault is open, or nothing needs it.
    """

    def __init__(self, gate: Gate, *, enabled: Callable[[], bool], secrets_ready: Callable[[], bool]) -> None:
        self._gate, self._enabled, self._secrets_ready = gate, enabled, secrets_ready
        self._lock = threading.Lock()
        self._started = False

    @property
    def state(self) -> EnvironmentState:
        """What the check box shows."""
        if self._gate.is_open:
            return EnvironmentState.RUNNING
        if self._started and self._enabled():
            return EnvironmentState.STARTING
        return EnvironmentState.STOPPING if self._gate.active else EnvironmentState.STOPPED

    def start(self) -> None:
        """The service has started."""
        self._started = True
        self.follow()

    def stop(self) -> None:
        """The service is about to end."""
        self._started = False
        self.follow()

    def follow(self) -> None:
        """Open or close the gate after a change of the setting, of the vault or of the service."""
        with self._lock:
            wanted = self._started and self._enabled() and self._secrets_ready()
            if wanted and not self._gate.is_open:
                self._gate.open_gate()
            elif not wanted and self._gate.is_open:
                self._gate.close_gate()

    def require(self) -> None:
        """Refuse what only a running environment does.

        Raises:
            ConflictError: code `environment-not-enabled`, or `environment-starting` while the vault is not open.
        """
        if self._gate.is_open:
            return
        if self._started and self._enabled():
            raise ConflictError(
                "The environment is enabled but waits for the vault.",
                code="environment-starting",
                remedy="Open Settings → Vault and unlock it.",
            )
        raise ConflictError(
            "Environment is not enabled",
            code="environment-not-enabled",
            remedy="Open Settings and tick Enable Environment, or run “opagent settings set enable_environment true”.",
        )
