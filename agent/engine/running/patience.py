"""How long a run waits after a fault that passes, and when it gives up. Progress in between starts the count anew."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from agent.domain.errors import TransientError

_WAITS_SECONDS = (5, 15, 30, 60, 120, 300, 600, 600, 600)
# Of the agent's own disk and database. Giving up would help nobody: the run's end could not be written either.
_NEVER_GIVEN_UP = frozenset({"disk-full", "database-busy", "database-unreachable"})
_LONGEST_FOR_THOSE_SECONDS = 60


def duration(seconds: float) -> str:
    """A length of time, for people."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7_200 else f"{seconds / 3_600:.1f} h"


@dataclass(frozen=True, slots=True)
class Wait:
    """What to do after a fault. `seconds` is None when it is time to give up; `tries` counts from 1."""

    seconds: float | None
    tries: int

    @property
    def text(self) -> str:
        """The time to wait, for people."""
        return duration(self.seconds or 0)


class Patience:
    """Counts tries in vain for each run. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tries: dict[str, tuple[int, int | None]] = {}

    def after(self, error: TransientError, *, run: str, progress: int | None) -> Wait:
        """How long to wait now. `progress` is a number that grows with whatever the run gets done; None if unknown."""
        with self._lock:
            tries, before = self._tries.get(run, (0, progress))
            tries = tries + 1 if progress in (before, None) else 1
            self._tries[run] = (tries, before if progress is None else progress)
        if error.code in _NEVER_GIVEN_UP:
            return Wait(min(_WAITS_SECONDS[min(tries, len(_WAITS_SECONDS)) - 1], _LONGEST_FOR_THOSE_SECONDS), tries)
        if tries > len(_WAITS_SECONDS):
            return Wait(None, tries)
        return Wait(max(_WAITS_SECONDS[tries - 1], error.retry_after_seconds or 0), tries)

    def healed(self, run: str) -> bool:
        """The run works. Returns whether it did not before."""
        with self._lock:
            return self._tries.pop(run, None) is not None

    def forget(self, run: str) -> None:
        """The run has ended."""
        with self._lock:
            self._tries.pop(run, None)
