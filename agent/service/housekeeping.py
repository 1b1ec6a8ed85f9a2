"""Keeps what is there to be looked at within its budgets, in the background: snapshots, samples and packets."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime

from agent.domain.errors import AgentError
from agent.service.diagnosis import Diagnosis
from agent.service.journal import ServiceJournal
from agent.store.database import Database
from agent.store.settings import Settings
from agent.store.snapshot_budget import SnapshotBudget, SnapshotKeeper

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
        self._wanted, self._ending = threading.Event(), threading.Event()
        self._keeper = SnapshotKeeper(database, clock=clock, stopped=self._ending.is_set)
        self._failing = False
        self._thread = threading.Thread(target=self._work, name="housekeeping", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def wake(self) -> None:
        """Look at once."""
        self._wanted.set()

    def stop(self) -> None:
        """End, after the step that is being done."""
        self._ending.set()
        self._wanted.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _work(self) -> None:
        while not self._ending.is_set():
            self._look()
            self._wanted.wait(_LOOK_SECONDS)
            self._wanted.clear()

    def _look(self) -> None:
        try:
            self._diagnosis.enforce()
            days, megabytes = (self._settings.number(name) for name in ("snapshot_days", "snapshot_megabytes"))
            self._keeper.budget = SnapshotBudget(days, megabytes * _MEGABYTE)
            removed = self._keeper.enforce()
        except AgentError as error:
            self._fails(error.message, f"{error.remedy} {error.detail}".strip())
        except Exception as error:  # noqa: BLE001 - it is tried again in a minute, whatever it is
            self._fails("Snapshots could not be kept within their budget.", type(error).__name__)
        else:
            if self._failing:
                self._failing = False
                self._journal.write("info", "Snapshots are kept within their budget again.")
            if removed.packets or removed.bytes:
                detail = f"{removed.packets:,} packets of the data log; the file is {removed.bytes:,} bytes smaller"
                self._journal.write("debug", "Removed the oldest part of the snapshots.", detail=detail)

    def _fails(self, message: str, detail: str) -> None:
        if not self._failing:
            self._failing = True
            self._journal.write("warning", message, detail=detail)
