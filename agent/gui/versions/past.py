"""Decides what the list of undeployed processflows shows: back to a version, or away with all that is kept. No Qt."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from agent.api.deployment_models import FlowHistory, PastFlow
from agent.domain.errors import AgentError
from agent.gui.calls import Calls


class PastView(Protocol):
    """What the presenter needs of the dialog."""

    def show_past(self, flows: list[PastFlow]) -> None:
        """All of them."""

    def ask_forget(self, history: FlowHistory) -> None:
        """Ask before the history of one is deleted."""

    def show_busy(self, *, busy: bool) -> None:
        """A question is under way."""

    def show_error(self, error: AgentError | None) -> None:
        """What failed and what to do; None takes it back."""


class PastPresenter:
    """One dialog. `say` tells the operator what was done."""

    def __init__(self, view: PastView, calls: Calls, say: Callable[[str], object]) -> None:
        self._view, self._calls, self._say = view, calls, say

    def open(self) -> None:
        """Ask which there are."""
        self._view.show_busy(busy=True)
        self._calls.start(lambda client: client.versions.past(), self._on_past, self._on_failed)

    def forget(self, name: str) -> None:
        """Find out how much there is of one, then ask."""
        self._view.show_busy(busy=True)
        self._calls.start(lambda client: client.versions.history(name), self._on_history, self._on_failed)

    def forget_confirmed(self, name: str) -> None:
        """The operator said yes."""

        def gone(_: FlowHistory) -> None:
            self._say(f"The history of {name} is deleted")
            self.open()

        self._view.show_busy(busy=True)
        self._calls.start(lambda client: client.versions.forget(name), gone, self._on_failed)

    def close(self) -> None:
        """Drop what is under way."""
        self._calls.cancel_all()

    def _on_past(self, flows: list[PastFlow]) -> None:
        self._view.show_busy(busy=False)
        self._view.show_error(None)
        self._view.show_past(flows)

    def _on_history(self, history: FlowHistory) -> None:
        self._view.show_busy(busy=False)
        self._view.ask_forget(history)

    def _on_failed(self, error: AgentError) -> None:
        self._view.show_busy(busy=False)
        self._view.show_error(error)
