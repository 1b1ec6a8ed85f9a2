"""Keeps what is there to be looked at within its budgets, in the background: snapshots, samples and packets."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from agent.domain.errors import AgentError
from agent.service.looking import Looker
from agent.service.upkeep.diagnosis import Diagnosis
from agent.service.upkeep.journal import ServiceJournal
from agent.store.databases.database import Database
from agent.store.looks.snapshot_budget import SnapshotBudget, SnapshotKeeper
from agent.store.settings import Settings

_LOOK_SECONDS = 60.0
_MEGABYTE = 1_000_000


class Housekeeping:
    """Looks once a minute, and when the budgets have changed.

    Args:
        database: Where snapshots lie.
        diagnosis: Packets and samples.
        settings: The budgets.
        journal: Hears once when it begins to fail, and once when it works again.
        clock: Gives the present, aware.
    """

    def __init__(
        self,
        *,
        database: Database,
        diagnosis: Diagnosis,
        settings: Settings,
        journal: ServiceJournal,
        clock: Callable[[], datetime],
    ) -> None:
        self._diagnosis, self._settings, self._journal = diagnosis, settings, journal
        self._looker = Looker(
            self._look, name="housekeeping", again_seconds=_LOOK_SECONDS, fails=self._fails,
            heals=lambda: journal.write("info", "Snapshots are kept within their budget again."), stop_seconds=None,
        )  # fmt: skip
        self._keeper = SnapshotKeeper(database, clock=clock, stopped=lambda: self._looker.stopping)

    def start(self) -> None:
        """Begin to look."""
        self._looker.start()

    def wake(self) -> None:
        """Look at once."""
        self._looker.wake()

    def stop(self) -> None:
        """End, after the step that is being done."""
        self._looker.stop()

    def _look(self) -> float:
        self._diagnosis.enforce()
        days, megabytes = (self._settings.number(name) for name in ("snapshot_days", "snapshot_megabytes"))
        self._keeper.budget = SnapshotBudget(days, megabytes * _MEGABYTE)
        removed = self._keeper.enforce()
        if removed.packets or removed.bytes:
            detail = f"{removed.packets:,} packets of the data log; the file is {removed.bytes:,} bytes smaller"
            self._journal.write("debug", "Removed the oldest part of the snapshots.", detail=detail)
        return _LOOK_SECONDS

    def _fails(self, error: Exception) -> None:
        if isinstance(error, AgentError):
            self._journal.write("warning", error.message, detail=f"{error.remedy} {error.detail}".strip())
        else:
            message = "Snapshots could not be kept within their budget."
            self._journal.write("warning", message, detail=type(error).__name__)
