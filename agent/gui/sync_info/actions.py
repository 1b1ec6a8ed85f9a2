"""Decides what is done to records on show: try again, skip, take skips back, delete, export. No Qt.

What is meant is either the records that are selected or, where none is, all that fit the filter.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agent.api import record_models, run_models
from agent.api.record_models import (
    ExportFormat,
    RecordChoice,
    RecordJob,
    RecordJobState,
    RecordKey,
    SkipRequest,
    Wanted,
)
from agent.api.rerun_models import Resync
from agent.domain.errors import AgentError
from agent.domain.packet import SyncState
from agent.gui import formats
from agent.gui.calls import Calls, T, Work

if TYPE_CHECKING:  # the client brings httpx along, which the first paint does not need
    from agent.api.client import AgentClient

_WAIT_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Meant:
    """Which records something is to be done to: these, or all of a processflow that fit."""

    flow: str
    records: tuple[record_models.SyncRecord, ...]
    state: SyncState | None
    search: str
    count: int

    @property
    def words(self) -> str:
        """Which they are, for people."""
        return words(len(self.records), self.state, self.search, self.count)


def words(selected: int, state: SyncState | None, search: str, count: int) -> str:
    """Which records are meant, for people: the selected ones, else all of `count` that fit; a search is not counted."""
    if selected:
        return formats.plural(selected, "selected record")
    kind = f"{state.value.casefold()} record" if state is not None else "record"
    return f"every {kind} with “{search}”" if search else f"all {formats.plural(count, kind)}"


class RecordActions:
    """Asks the service.

    Args:
        calls: To ask with.
        say: Tells the operator what was done.
        failed: Shows what failed and what to do.
        busy: Told whether something is under way.
        changed: Called when records have changed.
    """

    def __init__(
        self,
        calls: Calls,
        *,
        say: Callable[[str], object],
        failed: Callable[[AgentError], object],
        busy: Callable[[bool], object],
        changed: Callable[[], object],
    ) -> None:
        self._calls, self._say, self._show_failure = calls, say, failed
        self._busy, self._changed = busy, changed

    def retry(self, meant: Meant) -> None:
        """Read these records at their source again, and write what is not written yet."""
        if meant.records:
            nodes = {record.node for record in meant.records}
            ids = [record.source_id for record in meant.records]
            which = Resync(node=nodes.pop() if len(nodes) == 1 else "", ids=ids)
        else:
            which = Resync(state=meant.state or SyncState.FAILED, search=meant.search)

        def started(_: run_models.Run) -> None:
            self._busy(False)
            self._say(f"Trying {meant.words} again; Sync Info shows what becomes of them")

        self._start(lambda client: client.reruns.resync(meant.flow, which), started)

    def skip(self, meant: Meant, reason: str) -> None:
        """Leave these records out as they are now."""
        request = SkipRequest(**_choice(meant).model_dump(), reason=reason)
        self._work(lambda client: client.records.skip(meant.flow, request), "skipped")

    def unskip(self, meant: Meant) -> None:
        """Take skips back: the next run writes these records again."""
        choice = _choice(meant)
        self._work(lambda client: client.records.unskip(meant.flow, choice), "no longer skipped")

    def delete(self, meant: Meant) -> None:
        """Forget these records."""
        choice = _choice(meant)
        self._work(lambda client: client.records.delete(meant.flow, choice), "deleted")

    def export(self, meant: Meant, path: Path) -> None:
        """Write all that fit the filter into a file."""
        kind = ExportFormat.XLSX if path.suffix.casefold() == ".xlsx" else ExportFormat.CSV
        wanted = Wanted(state=meant.state, search=meant.search)

        async def save(client: AgentClient) -> int:
            pieces = client.records.export(meant.flow, kind, wanted)
            size = 0
            beside = path.with_name(f"{path.name}.part")
            with await asyncio.to_thread(beside.open, "wb") as file:
                async for piece in pieces:
                    size += await asyncio.to_thread(file.write, piece)
            await asyncio.to_thread(beside.replace, path)
            return size

        def saved(size: int) -> None:
            self._busy(False)
            self._say(f"Saved {path.name}, {formats.size(size)}")

        self._start(save, saved)

    def _work(self, begin: Callable[[AgentClient], Awaitable[RecordJob]], done: str) -> None:
        """Begin something in batches, wait for its end, tell of it."""

        async def work(client: AgentClient) -> RecordJob:
            job = await begin(client)
            while job.state is RecordJobState.RUNNING:
                job = await client.records.job(job.id, wait_seconds=_WAIT_SECONDS)
            return job

        def ended(job: RecordJob) -> None:
            self._busy(False)
            words = f"{formats.plural(job.changed, 'record')} {done}"
            self._say(f"{words}. {job.message}".strip() if job.state is not RecordJobState.DONE else words)
            self._changed()

        self._start(work, ended)

    def _start(self, work: Work[T], done: Callable[[T], object]) -> None:
        self._busy(True)
        self._calls.start(work, done, self._on_failed)

    def _on_failed(self, error: AgentError) -> None:
        self._busy(False)
        self._show_failure(error)


def _choice(meant: Meant) -> RecordChoice:
    if meant.records:
        keys: Sequence[RecordKey] = [RecordKey(node=one.node, source_id=one.source_id) for one in meant.records]
        return RecordChoice(ids=list(keys))
    unfiltered = meant.state is None and not meant.search
    return RecordChoice(wanted=Wanted(state=meant.state, search=meant.search), everything=unfiltered)
