"""*Enable Environment*: whether processflows may be deployed and executed here, and what the check box shows.

The gate of the worker opens once the setting is on, the service has started and the vault gives its secrets; it closes
when the setting goes off or the service stops, and what runs then halts at its next checkpoint.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

from agent.api.service_models import EnvironmentState
from agent.domain.errors import AgentError, ConflictError

_PATIENCE_SECONDS = 20.0


class Gate(Protocol):
    """What the environment turns."""

    @property
    def is_open(self) -> bool: ...

    @property
    def active(self) -> int: ...

    def open_gate(self) -> None: ...

    def close_gate(self) -> None: ...


class Environment:
    """The state of the environment. Thread-safe.

    Args:
        gate: The worker.
        enabled: The setting's value.
        secrets_ready: Whether the vault is open, or nothing needs it.
        changed: Called when the state may have changed without the gate.
    """

    def __init__(
        self,
        gate: Gate,
        *,
        enabled: Callable[[], bool],
        secrets_ready: Callable[[], bool],
        changed: Callable[[], None],
    ) -> None:
        self._gate, self._enabled, self._secrets_ready, self._changed = gate, enabled, secrets_ready, changed
        self._lock = threading.Lock()
        self._started = False
        self._settled = threading.Event()
        self._ending = False
        self._trouble: AgentError | None = None

    @property
    def state(self) -> EnvironmentState:
        """What the check box shows."""
        if self._gate.is_open:
            return EnvironmentState.RUNNING
        if self._is_coming():
            return EnvironmentState.STARTING
        return EnvironmentState.STOPPING if self._gate.active else EnvironmentState.STOPPED

    def start(self, trouble: AgentError | None = None) -> None:
        """The service has started; `trouble` is why runs cannot be executed until it starts again."""
        self._trouble, self._started = trouble, True
        self.follow()
        self._settled.set()

    def stop(self) -> None:
        """The service is about to end."""
        self._ending = True
        self.follow()
        self._settled.set()

    def follow(self) -> None:
        """Open or close the gate after a change of the setting, of the vault or of the service."""
        with self._lock:
            wanted = self._started and self._is_coming() and self._secrets_ready()
            if wanted and not self._gate.is_open:
                self._gate.open_gate()
            elif not wanted and self._gate.is_open:
                self._gate.close_gate()
        self._changed()

    def require(self, *, patience_seconds: float = _PATIENCE_SECONDS) -> None:
        """Refuse what only a running environment does. Waits for a service that is just starting.

        Raises:
            ConflictError: code `environment-not-enabled`, or `environment-starting` while the vault is not open.
            AgentError: why the service cannot execute anything.
        """
        if not self._gate.is_open and self._is_coming():
            self._settled.wait(patience_seconds)
        if self._gate.is_open:
            return
        if self._enabled() and self._trouble is not None:
            raise self._trouble
        if self._is_coming():
            raise ConflictError(
                "The environment is enabled but waits for the vault.",
                code="environment-starting",
                remedy="Open Settings → Vault and unlock it, or run “opagent vault unlock”.",
            )
        raise ConflictError(
            "Environment is not enabled",
            code="environment-not-enabled",
            remedy="Open Settings and tick Enable Environment, or run “opagent settings set enable_environment true”.",
        )

    def _is_coming(self) -> bool:
        return not self._ending and self._trouble is None and self._enabled()
