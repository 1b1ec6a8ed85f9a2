"""Decides what the Runs dialog shows: of one run its nodes, its records, what is kept of its packets, and its log.

Only what is on show is asked for. While the run goes on, its events bring the nodes up to date. No Qt.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, Protocol

from agent.api import live_models
from agent.api.log_models import LogEntry, LogSearch
from agent.api.run_models import Run, RunPage
from agent.api.snapshot_models import DataLogPage, KeptPacket, KeptPacketContent, LoggedRecord, Snapshot
from agent.domain.errors import AgentError
from agent.gui.calls import Call, Calls

if TYPE_CHECKING:  # the client brings httpx along, which the first paint does not need
    from agent.api.client import AgentClient

_RUNS, _ROWS, _LINES = 50, 200, 500


class Look(Enum):
    """What is on show of a run."""

    NODES = auto()
    RECORDS = auto()
    PACKETS = auto()
    ACTIVITY = auto()


class RunsView(Protocol):
    """What the presenter needs of the dialog."""

    def show_runs(self, runs: list[Run], chosen: str) -> None:
        """The runs to choose from, the newest first, and the one that is chosen."""

    def show_look(self, look: Look, search: str) -> None:
        """Mark what is on show, and what is searched for."""

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """How the run stands, and its nodes."""

    def show_records(self, records: list[LoggedRecord], *, more: bool) -> None:
        """Show these records instead."""

    def add_records(self, records: list[LoggedRecord], *, more: bool) -> None:
        """Show more at the end."""

    def show_packets(self, packets: list[KeptPacket]) -> None:
        """What is kept."""

    def show_packet(self, content: KeptPacketContent) -> None:
        """One of them."""

    def show_activity(self, entries: list[LogEntry], *, left_out: int) -> None:
        """The lines of the log, the oldest first; so many older ones are left out."""

    def show_busy(self, *, busy: bool) -> None:
        """A question is under way."""

    def show_error(self, error: AgentError | None) -> None:
        """What failed and what to do; None takes it back."""


class RunsPresenter:
    """One dialog, of one processflow."""

    def __init__(self, view: RunsView, calls: Calls, flow: str) -> None:
        self._view, self._calls, self._flow = view, calls, flow
        self._run, self._search, self._look = "", "", Look.NODES
        self._next: str | None = None
        self._asked: Call | None = None
        self._looking = False

    def open(self, run_id: str = "", search: str = "") -> None:
        """Begin: with the newest run, or with one, and what became of one record there."""
        self._run, self._search = run_id, search
        self._look = Look.RECORDS if search else Look.NODES
        flow = self._flow
        self._view.show_look(self._look, search)
        self._view.show_busy(busy=True)

        def told(page: RunPage) -> None:
            runs = page.items
            if not self._run and runs:
                self._run = runs[0].id
            if self._run and all(one.id != self._run for one in runs):
                wanted = self._run
                self._calls.start(
                    lambda client: client.run(wanted), lambda run: self._begin([*runs, run]), self._on_failed
                )
            else:
                self._begin(runs)

        self._calls.start(lambda client: client.runs(flow=flow, limit=_RUNS), told, self._on_failed)

    def choose_run(self, run_id: str) -> None:
        """Another run."""
        if run_id != self._run:
            self._run = run_id
            self.refresh()

    def choose_look(self, look: Look) -> None:
        """Something else of it."""
        self._look = look
        self._view.show_look(look, self._search)
        self._ask()

    def search(self, text: str) -> None:
        """Records with another text."""
        if text != self._search:
            self._search = text
            self._ask()

    def more(self) -> None:
        """The end of what is here comes in sight."""
        if self._next is not None and self._asked is None and self._look is Look.RECORDS:
            self._ask_records(self._next)

    def open_packet(self, packet_id: str) -> None:
        """Show what is in it."""
        run = self._run
        self._calls.start(
            lambda client: client.snapshots.packet(run, packet_id), self._view.show_packet, self._on_failed
        )

    def refresh(self) -> None:
        """Ask again how the run stands, and for what is on show."""
        if self._run:
            self._ask_snapshot()
            self._ask()

    def on_event(self, event: live_models.Event) -> None:
        """The run that is on show went on."""
        if event.kind is live_models.EventKind.RUN and event.data.get("id") == self._run and not self._looking:
            self._ask_snapshot()
            if event.data.get("ended_at") and self._look is not Look.NODES:
                self._ask()

    def close(self) -> None:
        """Drop what is under way."""
        self._calls.cancel_all()

    def _begin(self, runs: list[Run]) -> None:
        self._view.show_busy(busy=False)
        self._view.show_runs(runs, self._run)
        self.refresh()

    def _ask_snapshot(self) -> None:
        run, self._looking = self._run, True

        def told(snapshot: Snapshot) -> None:
            self._looking = False
            if snapshot.run.id == self._run:
                self._view.show_snapshot(snapshot)

        def failed(error: AgentError) -> None:
            self._looking = False
            self._on_failed(error)

        self._calls.start(lambda client: client.snapshots.get(run), told, failed)

    def _ask(self) -> None:
        if self._asked is not None:
            self._asked.cancel()
            self._asked = None
            self._view.show_busy(busy=False)
        self._view.show_error(None)
        if not self._run:
            return
        run = self._run
        match self._look:
            case Look.RECORDS:
                self._ask_records("")
            case Look.PACKETS:
                self._view.show_busy(busy=True)
                self._asked = self._calls.start(
                    lambda client: client.snapshots.packets(run), self._on_packets, self._on_failed
                )
            case Look.ACTIVITY:
                self._ask_activity()

    def _ask_records(self, after: str) -> None:
        run, search = self._run, self._search

        def told(page: DataLogPage) -> None:
            self._answered()
            self._next = page.next
            show = self._view.add_records if after else self._view.show_records
            show(page.items, more=page.next is not None)

        self._view.show_busy(busy=True)
        self._asked = self._calls.start(
            lambda client: client.snapshots.records(run, search=search, after=after, limit=_ROWS),
            told,
            self._on_failed,
        )

    def _ask_activity(self) -> None:
        wanted = LogSearch(run=self._run)

        async def read(client: AgentClient) -> tuple[int, list[LogEntry]]:
            hits = await client.search_log(wanted)
            first = max(0, hits.count - _LINES)
            entries: list[LogEntry] = []
            while first + len(entries) < hits.count:
                page = await client.log_hits(hits.id, first + len(entries))
                if not page.items:
                    break
                entries += page.items
            return first, entries

        def told(found: tuple[int, list[LogEntry]]) -> None:
            self._answered()
            self._view.show_activity(found[1], left_out=found[0])

        self._view.show_busy(busy=True)
        self._asked = self._calls.start(read, told, self._on_failed)

    def _on_packets(self, packets: list[KeptPacket]) -> None:
        self._answered()
        self._view.show_packets(packets)

    def _answered(self) -> None:
        self._asked = None
        self._view.show_busy(busy=False)

    def _on_failed(self, error: AgentError) -> None:
        self._answered()
        self._view.show_error(error)
