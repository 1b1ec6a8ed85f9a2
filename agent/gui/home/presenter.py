"""Keeps Home up to date. No Qt."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from agent.api import service_models
from agent.domain.errors import AgentError
from agent.gui.calls import Calls
from agent.gui.catalog import Catalog
from agent.gui.home.content import HomeContent, content
from agent.gui.panel import Navigator, Presenter


class HomeView(Protocol):
    """What the presenter needs of the page."""

    def show_content(self, found: HomeContent) -> None:
        """Show it."""

    def show_error(self, error: AgentError | None) -> None:
        """The last question had no answer; None takes it back."""


class HomePresenter(Presenter):
    """Shows what the catalog knows."""

    def __init__(
        self, view: HomeView, calls: Calls, catalog: Catalog, go: Navigator, now: Callable[[], datetime]
    ) -> None:
        self._view, self._calls, self._catalog, self._go, self._now = view, calls, catalog, go, now
        self._state: service_models.ServiceState | None = None
        self._read: service_models.LastEnd | None = None
        catalog.listeners.append(self.show)

    def refresh(self) -> None:
        """Ask again."""
        self._catalog.refresh()

    def on_state(self, state: service_models.ServiceState) -> None:
        """Environment or vault changed."""
        self._state = state
        self.show()

    def show(self) -> None:
        """Show what is known; called again by the view's clock, since relative times grow old."""
        self._view.show_error(self._catalog.error)
        if self._catalog.loaded:
            ended = self._state.last_end if self._state is not None else None
            dismissed = self._dismiss if ended != self._read else None
            self._view.show_content(content(self._catalog, self._state, self._go, self._now(), dismissed=dismissed))

    def _dismiss(self) -> None:
        self._read = self._state.last_end if self._state is not None else None
        self.show()

    def open_flow(self, name: str) -> None:
        """A row of the table was chosen."""
        self._go.open_flows(name)

    def cancel(self, run_id: str) -> None:
        """Cancel a run; its event says the rest."""
        self._calls.start(lambda client: client.cancel_run(run_id), lambda _: None)

    def forget(self) -> None:
        """Drop every call."""
        self._calls.cancel_all()
