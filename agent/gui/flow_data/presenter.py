"""Decides what the Data dialog does: bookmarks and variables, and changing them with a reason. No Qt."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from agent.api.bookmark_models import Bookmark
from agent.api.variable_models import Variable
from agent.domain.errors import AgentError
from agent.gui.calls import Calls, T, Work


class DataView(Protocol):
    """What the presenter needs of the dialog."""

    def show_bookmarks(self, bookmarks: list[Bookmark]) -> None:
        """How far each GET has been read."""

    def show_variables(self, variables: list[Variable]) -> None:
        """What the variables hold for the next run."""

    def show_busy(self, *, busy: bool) -> None:
        """A question is under way."""

    def show_error(self, error: AgentError | None) -> None:
        """What failed and what to do; None takes it back."""


class DataPresenter:
    """One dialog, of one processflow. `say` tells the operator what was done."""

    def __init__(self, view: DataView, calls: Calls, flow: str, say: Callable[[str], object]) -> None:
        self._view, self._calls, self._flow, self._say = view, calls, flow, say

    def open(self) -> None:
        """Ask for both."""
        flow = self._flow
        self._start(lambda client: client.bookmarks.all(flow), self._view.show_bookmarks)
        self._start(lambda client: client.variables.all(flow), self._view.show_variables)

    def move(self, node: str, moment: datetime | None, reason: str) -> None:
        """Let the next run read from a moment on; None: from the beginning."""
        flow = self._flow
        self._start(
            lambda client: client.bookmarks.set(flow, node, moment, reason=reason),
            lambda _: self._done(f"The next run reads {node} from there on"),
        )

    def set(self, name: str, value: str, reason: str) -> None:
        """Set a variable for the runs to come."""
        flow = self._flow
        self._start(
            lambda client: client.variables.set(flow, name, value, reason=reason),
            lambda _: self._done(f"{name} is set from the next run on"),
        )

    def reset(self, name: str, reason: str) -> None:
        """Let the default of the document count again."""
        flow = self._flow
        self._start(
            lambda client: client.variables.reset(flow, name, reason=reason),
            lambda _: self._done(f"The default of {name} counts again"),
        )

    def close(self) -> None:
        """Drop what is under way."""
        self._calls.cancel_all()

    def _start(self, work: Work[T], done: Callable[[T], object]) -> None:
        def answered(answer: T) -> None:
            self._view.show_busy(busy=False)
            done(answer)

        self._view.show_error(None)
        self._view.show_busy(busy=True)
        self._calls.start(work, answered, self._on_failed)

    def _done(self, words: str) -> None:
        self._say(words)
        self.open()

    def _on_failed(self, error: AgentError) -> None:
        self._view.show_busy(busy=False)
        self._view.show_error(error)
