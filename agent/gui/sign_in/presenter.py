"""Decides what signing in does: checks what can be checked here, asks the service, holds back after a refusal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from agent.api import operator_models
from agent.domain.errors import AgentError, TransientError
from agent.gui.calls import Calls

_LONGEST_DELAY_SECONDS = 60
_MEANT_FOR_A_FIELD = {"name", "password"}


class SignInView(Protocol):
    """What the presenter needs of the form."""

    def show_busy(self, *, busy: bool) -> None:
        """Show that the service is asked, or no longer."""

    def show_error(self, message: str) -> None:
        """One sentence; the empty text takes it back."""

    def show_countdown(self, seconds: int) -> None:
        """Refuse another try for so long, and show it."""

    def forget_password(self) -> None:
        """Empty the password fields."""


class SignInPresenter:
    """One sign-in form. `signed_in` is called with the session."""

    def __init__(self, view: SignInView, calls: Calls, signed_in: Callable[[operator_models.Session], object]) -> None:
        self._view, self._calls, self._signed_in = view, calls, signed_in
        self._refusals = 0
        self._busy = False

    def submit(self, name: str, password: str, repeated: str | None) -> None:
        """Sign in; with `repeated`, create the first operator."""
        if self._busy:
            return
        if not name.strip() or not password:
            self._view.show_error("Enter a user name and a password.")
            return
        if repeated is not None and repeated != password:
            self._view.show_error("The two passwords differ. Enter the same password twice.")
            return
        self._busy = True
        self._view.show_error("")
        self._view.show_busy(busy=True)
        self._calls.start(lambda client: client.sign_in(name.strip(), password), self._on_session, self._on_refused)

    def reset(self) -> None:
        """The form comes on show again."""
        self._busy = False
        self._view.show_busy(busy=False)

    def _on_session(self, session: operator_models.Session) -> None:
        self._refusals = 0
        self.reset()
        self._view.forget_password()
        self._view.show_error("")
        self._signed_in(session)

    def _on_refused(self, error: AgentError) -> None:
        self.reset()
        self._view.show_error(f"{error.message} {error.remedy}".strip())
        wait = getattr(error, "retry_after_seconds", None)
        if wait is None and (isinstance(error, TransientError) or error.field in _MEANT_FOR_A_FIELD):
            return
        self._view.forget_password()
        self._refusals += 1
        held_back = min(2 ** (self._refusals - 1), _LONGEST_DELAY_SECONDS)
        self._view.show_countdown(max(round(wait or 0), held_back))
