"""How a run is judged: when too many records fail to go on, and what is said of it in the end."""

from __future__ import annotations

from agent.domain.errors import FatalError
from agent.domain.run import Counts, RunState
from agent.domain.run_classes import TOO_MANY_FAILURES
from agent.domain.run_plan import NORMAL, RunPlan

_LEAST_FAILURES = 500
_SHARE = 0.5


class FailureLimit:
    """Stops a run in which most records fail, instead of failing a million of them one by one.

    Args:
        before: The run's counts so far.
    """

    def __init__(self, before: Counts) -> None:
        self._failed = before.failed
        self._written = before.written

    def is_reached_with(self, *, written: int, failed: int) -> bool:
        """Whether the run is to be stopped once a packet with these records is booked."""
        failures = self._failed + failed
        return failures >= _LEAST_FAILURES and failures > _SHARE * (failures + self._written + written)

    def add(self, *, written: int, failed: int) -> None:
        """Count a booked packet.

        Raises:
            FatalError: code `too-many-failures`.
        """
        reached = self.is_reached_with(written=written, failed=failed)
        self._written += written
        self._failed += failed
        if reached:
            raise FatalError(
                f"Stopped: {self._failed:,} of {self._failed + self._written:,} records failed.",
                code=TOO_MANY_FAILURES,
                remedy="Look at the messages in Sync Info, correct the cause, then execute the processflow again.",
            )


def conclusion(counts: Counts, plan: RunPlan = NORMAL) -> tuple[RunState, str, str]:
    """State, message and remedy of a run that read everything there was, or all that its plan told it to."""
    skipped = f", {counts.skipped:,} skipped" if counts.skipped else ""
    if counts.failed:
        state = RunState.PARTIAL if counts.written or counts.unchanged or counts.skipped else RunState.FAILED
        message = f"{_records(counts.written)} written, {counts.failed:,} failed{skipped}."
        return state, message, "Open Sync Info to see why each one failed and what to do."
    if counts.written or counts.skipped:
        return RunState.SUCCESS, f"{_records(counts.written)} written{skipped}.", ""
    if plan != NORMAL:
        found = (
            f"{_records(counts.read)} found, unchanged at the destination." if counts.read else "No record was found."
        )
        return RunState.SUCCESS, found, ""
    return RunState.SUCCESS, "Nothing new at the source.", ""


def _records(count: int) -> str:
    return f"{count:,} record" if count == 1 else f"{count:,} records"
