"""Decides what the window as a whole shows: waiting, sign-in, the agent, or that its service is gone. No Qt."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from agent.api import live_models, operator_models, service_models
from agent.domain.errors import AgentError
from agent.gui.calls import Call, Calls
from agent.gui.service_link import Link, LinkState

SIGN_IN_CODES = frozenset({"sign-in-required", "not-signed-in", "session-expired", "session-unknown", "no-session"})

_ENDED = "Your session has ended, as after a restart of the agent's service. Sign in again; nothing was lost."


class WindowView(Protocol):
    """What the presenter needs of the window."""

    def show_waiting(self, text: str) -> None:
        """Nothing is known yet."""

    def show_lost_before_sign_in(self, error: AgentError) -> None:
        """The service does not answer and nobody is signed in."""

    def show_sign_in(self, *, first: bool, machine: str, reason: str = "") -> None:
        """Ask for the operator; `reason` says why again."""

    def show_agent(self, session: operator_models.Session) -> None:
        """Show the panels."""

    def show_state(self, state: service_models.ServiceState) -> None:
        """Environment, vault, demo."""

    def show_lost(self, error: AgentError | None) -> None:
        """The calm banner over the panels; None takes it away."""

    def refresh_panels(self) -> None:
        """Ask for everything again."""


class SessionPresenter:
    """Follows the connection and the operator's session. `renew` signs in anew where that needs nobody (the demo)."""

    def __init__(
        self,
        view: WindowView,
        calls: Calls,
        *,
        session: operator_models.Session | None,
        use_session: Callable[[str | None], object],
        renew: Callable[[], bool] = lambda: False,
    ) -> None:
        self._view, self._calls, self._use_session = view, calls, use_session
        self._renew = renew
        self._asked: Call | None = None
        self.session = session
        self.state: service_models.ServiceState | None = None

    def on_link(self, link: Link) -> None:
        """The connection came, went, or is being made."""
        if link.state is LinkState.ONLINE:
            self._view.show_lost(None)
            self._ask_state()
        elif link.state is LinkState.LOST and link.error is not None:
            if self.session is None:
                self._view.show_lost_before_sign_in(link.error)
            else:
                self._view.show_lost(link.error)

    def on_event(self, event: live_models.Event) -> None:
        """The environment changed: its event carries the whole state."""
        if event.kind is not live_models.EventKind.ENVIRONMENT:
            return
        try:
            self._on_changed(service_models.ServiceState.model_validate(event.data))
        except ValueError:
            self.refresh_state()

    def refresh_state(self) -> None:
        """Ask for the state again; panels that change it call this."""
        self._calls.start(lambda client: client.state(), self._on_changed, lambda _: None)

    def adopt(self, session: operator_models.Session) -> None:
        """Somebody is signed in already."""
        self.session = session
        self._use_session(session.token)

    def on_signed_in(self, session: operator_models.Session) -> None:
        """An operator signed in."""
        self.adopt(session)
        self._view.show_agent(session)
        if self.state is not None:
            self._view.show_state(self.state)
        self._ask_state()

    def sign_off(self) -> None:
        """End the session; the window asks for an operator at once, whatever the service says."""
        self._calls.start(lambda client: client.sign_off(), lambda _: None, lambda _: None)
        self._forget()

    def end(self, reason: str) -> None:
        """The service has ended the session at the operator's own wish; `reason` says why to sign in again."""
        self._forget(reason)

    def on_error(self, error: AgentError) -> bool:
        """Whether an error means that the session is over; the window then asks for the operator."""
        if error.code not in SIGN_IN_CODES or self.session is None:
            return False
        if not self._renew():
            self._forget(_ENDED)
        return True

    def _forget(self, reason: str = "") -> None:
        self.session = None
        self._use_session(None)
        machine = self.state.machine if self.state is not None else ""
        self._view.show_sign_in(first=False, machine=machine, reason=reason)

    def _ask_state(self) -> None:
        if self._asked is not None:
            self._asked.cancel()
        self._asked = self._calls.start(lambda client: client.state(), self._on_first_state, self._on_no_state)

    def _on_first_state(self, state: service_models.ServiceState) -> None:
        self._asked = None
        if self.session is None:
            self.state = state
            self._view.show_sign_in(first=not state.operator_exists, machine=state.machine)
            return
        self._view.show_agent(self.session)
        self._on_changed(state)
        self._view.refresh_panels()

    def _on_changed(self, state: service_models.ServiceState) -> None:
        self.state = state
        if self.session is not None:
            self._view.show_state(state)

    def _on_no_state(self, error: AgentError) -> None:
        self._asked = None
        if self.on_error(error):
            return
        if self.session is None:
            self._view.show_lost_before_sign_in(error)
        else:
            self._view.show_lost(error)
