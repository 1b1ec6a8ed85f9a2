"""A run: one execution of a deployed processflow, and the states it passes through."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class RunState(StrEnum):
    """A run with failed records is Partial, never Success."""

    QUEUED = "Queued"
    RUNNING = "Running"
    WAITING = "Waiting"
    CANCELLING = "Cancelling"
    SUCCESS = "Success"
    PARTIAL = "Partial"
    FAILED = "Failed"
    CANCELLED = "Cancelled"

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return self in _ENDED


_ENDED = frozenset({RunState.SUCCESS, RunState.PARTIAL, RunState.FAILED, RunState.CANCELLED})


class Trigger(StrEnum):
    """Why a run was started."""

    MANUAL = "manual"
    SCHEDULE = "schedule"
    EVENT = "event"
    RETRY = "retry"
    RUNTIME_FILTER = "runtime-filter"
    REPLAY = "replay"
    RESEND = "resend"


@dataclass(frozen=True, slots=True)
class Counts:
    """How many records a run read, how many of them were unchanged, and what became of the rest."""

    read: int = 0
    unchanged: int = 0
    written: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.read + other.read,
            self.unchanged + other.unchanged,
            self.written + other.written,
            self.failed + other.failed,
            self.skipped + other.skipped,
        )
