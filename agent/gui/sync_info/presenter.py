"""Decides what Sync Info shows: one processflow's records, filtered in the service, page after page. No Qt."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from agent.api import flow_models, live_models, record_models, run_models
from agent.api.live_models import EventKind
from agent.domain.errors import AgentError
from agent.domain.packet import SyncState
from agent.domain.run import RunState
from agent.domain.run_classes import RunClass
from agent.gui.calls import Call, Calls
from agent.gui.catalog import Catalog
from agent.gui.panel import Presenter
from agent.gui.sync_info.actions import Meant, RecordActions

_PAGE_ROWS = 200


class SyncInfoView(Protocol):
    """What the presenter needs of the page."""

    def show_flows(self, flows: list[tuple[str, str]], chosen: str) -> None:
        """Names and titles of the processflows, and the one on show."""

    def show_filter(self, state: SyncState | None) -> None:
        """Mark the state that is shown."""

    def show_failed_run(self, run: run_models.Run | None) -> None:
        """The last run failed as a whole; None: it did not."""

    def show_counts(self, counts: dict[SyncState, int]) -> None:
        """How many records there are in each state."""

    def show_records(self, records: list[record_models.SyncRecord], *, more: bool) -> None:
        """Show these records instead."""

    def add_records(self, records: list[record_models.SyncRecord], *, more: bool) -> None:
        """Show more at the end."""

    def show_busy(self, *, busy: bool) -> None:
        """A question is under way."""

    def show_acting(self, *, acting: bool) -> None:
        """Something is being done to records."""

    def show_error(self, error: AgentError | None) -> None:
        """What failed and what to do."""


class SyncInfoPresenter(Presenter):
    """One page."""

    def __init__(self, view: SyncInfoView, calls: Calls, catalog: Catalog, say: Callable[[str], object]) -> None:
        self._view, self._calls, self._catalog = view, calls, catalog
        self._flow, self._search = "", ""
        self._state: SyncState | None = None
        self._next: str | None = None
        self._pages = 0
        self._shown = False
        self._asked: Call | None = None
        self._counts: dict[SyncState, int] = {}
        self._actions = RecordActions(
            calls, say=say, failed=view.show_error, changed=self.refresh,
            busy=lambda acting: view.show_acting(acting=acting),
        )  # fmt: skip
        catalog.listeners.append(self._on_catalog)

    def activate(self) -> None:
        """Show the processflow that was on show, or the first."""
        self._shown = True
        if not self._catalog.loaded:
            self._catalog.refresh()
        before = self._flow
        self._on_catalog()
        if self._flow == before:
            self.refresh()

    def refresh(self) -> None:
        """Ask for the first page again."""
        if not self._flow:
            return
        self._view.show_error(None)
        self._ask("")

    def open(self, flow: str, state: SyncState | None) -> None:
        """Come from another panel."""
        self._shown = True
        self._flow, self._state, self._search = flow, state, ""
        self._view.show_filter(state)
        self._on_catalog()
        self.refresh()

    def choose_flow(self, name: str) -> None:
        """Another processflow."""
        if name != self._flow:
            self._flow = name
            self._show_failed_run()
            self.refresh()

    def choose_state(self, state: SyncState | None) -> None:
        """Another state."""
        self._state = state
        self._view.show_filter(state)
        self.refresh()

    def search(self, text: str) -> None:
        """Another text."""
        if text != self._search:
            self._search = text
            self.refresh()

    def more(self) -> None:
        """The end of what is here comes in sight."""
        if self._next is not None and self._asked is None:
            self._ask(self._next)

    def meant(self, records: list[record_models.SyncRecord]) -> Meant:
        """What something is to be done to: the selected records, or all that fit the filter."""
        counted = self._counts.get(self._state, 0) if self._state is not None else sum(self._counts.values())
        return Meant(self._flow, tuple(records), self._state, self._search, counted)

    def retry(self, records: list[record_models.SyncRecord]) -> None:
        """Try them again."""
        self._actions.retry(self.meant(records))

    def skip(self, records: list[record_models.SyncRecord], reason: str) -> None:
        """Leave them out."""
        self._actions.skip(self.meant(records), reason)

    def unskip(self, records: list[record_models.SyncRecord]) -> None:
        """Take that back."""
        self._actions.unskip(self.meant(records))

    def delete(self, records: list[record_models.SyncRecord]) -> None:
        """Forget them."""
        self._actions.delete(self.meant(records))

    def export(self, path: str) -> None:
        """Write what is on show, all of it, into a file."""
        self._actions.export(self.meant([]), Path(path))

    def on_event(self, event: live_models.Event) -> None:
        """A run of the processflow ended: look again, unless somebody has read further than the first page."""
        if event.kind is EventKind.RUN and event.data.get("flow") == self._flow and self._pages <= 1:
            ended = event.data.get("ended_at")
            if ended and self._asked is None:
                self._ask("")

    def forget(self) -> None:
        """Drop what is on show."""
        self._shown = False
        self._calls.cancel_all()
        self._asked, self._next, self._flow, self._state, self._search = None, None, "", None, ""
        self._view.show_records([], more=False)

    def _ask(self, after: str) -> None:
        if self._asked is not None:
            self._asked.cancel()
        self._view.show_busy(busy=True)
        flow, state, search = self._flow, self._state, self._search
        self._asked = self._calls.start(
            lambda client: client.sync_info(flow, state=state, search=search, after=after, limit=_PAGE_ROWS),
            self._on_first if not after else self._on_more,
            self._on_failed,
        )

    def _on_first(self, page: record_models.SyncPage) -> None:
        self._took(page)
        self._pages = 1
        self._counts = page.counts
        self._view.show_counts(page.counts)
        self._view.show_records(page.items, more=page.next is not None)

    def _on_more(self, page: record_models.SyncPage) -> None:
        self._took(page)
        self._pages += 1
        self._view.add_records(page.items, more=page.next is not None)

    def _took(self, page: record_models.SyncPage) -> None:
        self._asked = None
        self._next = page.next
        self._view.show_busy(busy=False)

    def _on_failed(self, error: AgentError) -> None:
        self._asked = None
        self._view.show_busy(busy=False)
        self._view.show_error(error)

    def _on_catalog(self) -> None:
        flows = [(flow.name, flow.title or flow.name) for flow in self._catalog.flows]
        first_time = self._shown and not self._flow and bool(flows)
        if first_time:
            self._flow = _most_wanted(self._catalog.flows).name
        self._view.show_flows(flows, self._flow)
        self._show_failed_run()
        if first_time:
            self.refresh()

    def _show_failed_run(self) -> None:
        run = next((flow.last_run for flow in self._catalog.flows if flow.name == self._flow), None)
        # Where it is the records, they are on show already.
        failed = run is not None and run.state is RunState.FAILED and run.error_class != RunClass.RECORDS
        self._view.show_failed_run(run if failed else None)


def _most_wanted(flows: list[flow_models.Flow]) -> flow_models.Flow:
    """One with failed records, else the one that ran last, else the first."""

    def ran(flow: flow_models.Flow) -> float:
        run = flow.active_run or flow.last_run
        return run.queued_at.timestamp() if run is not None else 0.0

    return max(flows, key=lambda flow: (flow.failed_records > 0, ran(flow)))
