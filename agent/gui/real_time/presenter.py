"""Decides what the Event URL dialog does: the address on demand, another one, the signature secret, what came. No Qt.

The URL is a password. It is asked for only when the operator wants to see or to copy it, and not kept.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Protocol

from agent.api.event_models import EventUrl, Inbox, RealTime
from agent.domain.errors import AgentError
from agent.gui.calls import Calls

_EXAMPLE = json.dumps({"id": 1})


class EventsView(Protocol):
    """What the presenter needs of the dialog."""

    def show_state(self, state: RealTime, inbox: Inbox) -> None:
        """Whether events are received, and what has arrived."""

    def show_url(self, url: str) -> None:
        """The whole address in clear; the empty text hides it again."""

    def copy(self, text: str) -> None:
        """Put a text on the clipboard."""

    def show_signed(self) -> None:
        """The secret is stored: empty its field."""

    def show_busy(self, *, busy: bool) -> None:
        """A question is under way."""

    def show_error(self, error: AgentError | None) -> None:
        """What failed and what to do; None takes it back."""


class EventsPresenter:
    """One dialog, of one processflow. `say` tells the operator what was done."""

    def __init__(self, view: EventsView, calls: Calls, flow: str, say: Callable[[str], object]) -> None:
        self._view, self._calls, self._flow, self._say = view, calls, flow, say
        self._asking = False

    def refresh(self) -> None:
        """Ask what has arrived; not while the question before is still under way."""
        if not self._asking:
            self._asking = True
            self._calls.start(lambda client: client.real_time.state(), self._on_state, self._on_no_state)

    def reveal(self) -> None:
        """Show the address."""
        self._ask_url(lambda found: self._view.show_url(found.url))

    def copy_url(self) -> None:
        """Put the address on the clipboard, without showing it."""

        def copy(found: EventUrl) -> None:
            self._view.copy(found.url)
            self._say("The URL is on the clipboard. It is a password: give it to the sender alone")

        self._ask_url(copy)

    def copy_test(self) -> None:
        """Put a command that sends an event on the clipboard."""

        def copy(found: EventUrl) -> None:
            quoted = _EXAMPLE.replace('"', '\\"')
            self._view.copy(f'curl -i -X POST -H "Content-Type: application/json" -d "{quoted}" "{found.url}"')
            self._say("The command is on the clipboard. Paste it into a terminal and press Enter")

        self._ask_url(copy)

    def renew(self) -> None:
        """Make another address; the operator said yes."""
        flow = self._flow

        def renewed(_: EventUrl) -> None:
            self._view.show_busy(busy=False)
            self._view.show_url("")
            self._say("Renewed. The old URL is refused from now on: copy the new one for its senders")
            self.refresh()

        self._start()
        self._calls.start(lambda client: client.real_time.renew(flow), renewed, self._on_failed)

    def sign(self, secret: str) -> None:
        """Set what senders sign with."""
        flow = self._flow

        def signed(_: Inbox) -> None:
            self._view.show_busy(busy=False)
            self._view.show_signed()
            self._say("The secret is stored: signatures are checked with it from now on")
            self.refresh()

        self._start()
        self._calls.start(lambda client: client.real_time.sign(flow, secret), signed, self._on_failed)

    def close(self) -> None:
        """Drop what is under way."""
        self._calls.cancel_all()

    def _ask_url(self, use: Callable[[EventUrl], object]) -> None:
        flow = self._flow

        def told(found: EventUrl) -> None:
            self._view.show_busy(busy=False)
            use(found)
            self.refresh()  # there may be one only now

        self._start()
        self._calls.start(lambda client: client.real_time.url(flow), told, self._on_failed)

    def _start(self) -> None:
        self._view.show_error(None)
        self._view.show_busy(busy=True)

    def _on_state(self, state: RealTime) -> None:
        self._asking = False
        inbox = next((one for one in state.inboxes if one.flow == self._flow), None)
        self._view.show_state(state, inbox or Inbox(flow=self._flow, deployed=True, has_url=False))

    def _on_no_state(self, error: AgentError) -> None:
        self._asking = False
        self._on_failed(error)

    def _on_failed(self, error: AgentError) -> None:
        self._view.show_busy(busy=False)
        self._view.show_error(error)
