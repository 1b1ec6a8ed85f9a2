"""Troubles that can be switched on while the store runs: what goes wrong, for which requests, and how often."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from enum import StrEnum


class FaultKind(StrEnum):
    """What goes wrong."""

    LATENCY = "latency"  # the answer comes later, by `latency_ms`
    STATUS = "status"  # an error answer with `status`
    RESET = "reset"  # the connection is reset before anything is done
    TRUNCATE = "truncate"  # the request is carried out, half of the answer comes, then the connection ends
    RATE_LIMIT = "rate_limit"  # 429 that says nothing about the quota: the platform is busy
    HTML = "html"  # 200 with a web page, as a captive portal or a proxy gives it
    HANG_BEFORE = "hang_before"  # nothing is done, and no answer comes
    HANG_AFTER = "hang_after"  # the request is carried out, and no answer comes
    DROP_AFTER = "drop_after"  # the request is carried out, then the connection is reset


@dataclass(frozen=True, slots=True)
class Fault:
    """One trouble. `count` limits how often it strikes; path and method choose for which requests."""

    kind: FaultKind
    count: int | None = None
    path: str = ""
    method: str = ""
    status: int = 500
    latency_ms: int = 0

    def __post_init__(self) -> None:
        if self.count is not None and self.count < 1:
            raise ValueError("count must be at least 1")
        if not 400 <= self.status <= 599:
            raise ValueError("status must be from 400 to 599")
        if self.latency_ms < 0:
            raise ValueError("latency_ms must not be negative")

    def strikes(self, method: str, path: str) -> bool:
        """Whether it is meant for a request."""
        return self.path in path and self.method.upper() in {"", method}


class Faults:
    """The troubles that are switched on, oldest first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self.struck = 0

    def add(self, fault: Fault) -> None:
        """Switch a trouble on."""
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        """Switch all troubles off."""
        with self._lock:
            self._faults.clear()

    def active(self) -> tuple[Fault, ...]:
        """Those that can still strike, with what is left of their counts."""
        with self._lock:
            return tuple(self._faults)

    def take(self, method: str, path: str) -> tuple[Fault, ...]:
        """What strikes this request: every latency that fits, and the first other trouble that does."""
        if not self._faults:
            return ()
        with self._lock:
            taken: list[Fault] = []
            kept: list[Fault] = []
            for fault in self._faults:
                is_free = fault.kind is FaultKind.LATENCY or all(one.kind is FaultKind.LATENCY for one in taken)
                if not (is_free and fault.strikes(method, path)):
                    kept.append(fault)
                    continue
                taken.append(fault)
                if fault.count is None:
                    kept.append(fault)
                elif fault.count > 1:
                    kept.append(replace(fault, count=fault.count - 1))
            self._faults = kept
            self.struck += bool(taken)
            return tuple(taken)
