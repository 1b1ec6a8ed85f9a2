"""Decides what the Preview dialog shows: how far it is, the totals, and what would become of each record. No Qt."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from agent.api.preview_models import Preview, PreviewedRecord, PreviewPage, PreviewRequest, PreviewState
from agent.domain.errors import AgentError
from agent.domain.preview import Outcome
from agent.gui.calls import Calls

_WAIT_SECONDS = 20.0
_PAGE_ROWS = 200


class PreviewView(Protocol):
    """What the presenter needs of the dialog."""

    def show_preview(self, preview: Preview) -> None:
        """How far it is, and the totals so far."""

    def show_records(self, records: list[PreviewedRecord], *, more: bool) -> None:
        """Show these records instead."""

    def add_records(self, records: list[PreviewedRecord], *, more: bool) -> None:
        """Show more at the end."""

    def show_error(self, error: AgentError) -> None:
        """What failed and what to do."""


class PreviewPresenter:
    """One dialog, of one processflow. `execute` starts the run for real."""

    def __init__(self, view: PreviewView, calls: Calls, flow: str, execute: Callable[[str], object]) -> None:
        self._view, self._calls, self._flow, self._execute = view, calls, flow, execute
        self._preview: Preview | None = None
        self._outcome: Outcome | None = None
        self._next: str | None = None
        self._asking = False

    def start(self, limit: int) -> None:
        """Begin, or begin again with another limit; 0 is none."""
        self.cancel()
        self._outcome = None
        request = PreviewRequest(flow=self._flow, limit=limit)
        self._calls.start(lambda client: client.previews.start(request), self._on_preview, self._view.show_error)

    def cancel(self) -> None:
        """Stop reading. What was found so far stays on show."""
        preview = self._preview
        if preview is not None and preview.state is PreviewState.RUNNING:
            self._calls.start(lambda client: client.previews.stop(preview.id), lambda _: None, lambda _: None)

    def choose(self, outcome: Outcome | None) -> None:
        """Show the records with this outcome alone."""
        self._outcome = outcome
        self._ask("")

    def more(self) -> None:
        """The end of what is here comes in sight."""
        if self._next is not None and not self._asking:
            self._ask(self._next)

    def execute(self) -> None:
        """Do it for real."""
        self._execute(self._flow)

    def close(self) -> None:
        """The dialog is gone: nobody waits any more."""
        self._calls.cancel_all()
        self.cancel()

    def _on_preview(self, preview: Preview) -> None:
        self._preview = preview
        self._view.show_preview(preview)
        if preview.state is PreviewState.RUNNING:
            self._calls.start(
                lambda client: client.previews.get(preview.id, wait_seconds=_WAIT_SECONDS),
                self._on_preview,
                self._view.show_error,
            )
        else:
            self._ask("")

    def _ask(self, after: str) -> None:
        if self._preview is None:
            return
        identity, outcome = self._preview.id, self._outcome
        self._asking = True

        def answered(page: PreviewPage) -> None:
            self._asking = False
            if outcome is not self._outcome:
                return  # another choice was made meanwhile; its answer is on its way
            self._next = page.next
            show = self._view.add_records if after else self._view.show_records
            show(page.items, more=page.next is not None)

        def failed(error: AgentError) -> None:
            self._asking = False
            self._view.show_error(error)

        self._calls.start(
            lambda client: client.previews.records(identity, outcome=outcome, after=after, limit=_PAGE_ROWS),
            answered,
            failed,
        )
