"""Decides what changing one's password does. What is typed is handed to the client at once and kept nowhere. No Qt."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from agent.domain.errors import AgentError
from agent.gui.calls import Calls


class PasswordView(Protocol):
    """What the presenter needs of the dialog."""

    def show_busy(self, *, busy: bool) -> None:
        """Show that the service is asked, or no longer."""

    def show_error(self, message: str, *, old: bool = False) -> None:
        """What is wrong and what to do; `old` where the present password has to be typed again."""

    def forget(self) -> None:
        """Empty the fields."""

    def close(self) -> object:
        """It is done."""


class PasswordPresenter:
    """One dialog, for the operator of that name. `changed` is called once the password is another one."""

    def __init__(self, view: PasswordView, calls: Calls, name: str, changed: Callable[[], object]) -> None:
        self._view, self._calls, self._name, self._changed = view, calls, name, changed
        self._busy = False

    def submit(self, old: str, new: str, repeated: str) -> None:
        """Change it, where what was typed makes sense."""
        if self._busy:
            return
        if not old:
            self._view.show_error("Enter the present password.", old=True)
        elif not new:
            self._view.show_error("Enter a new password.")
        elif new != repeated:
            self._view.show_error("The two new passwords differ. Enter the same one twice.")
        else:
            self._busy = True
            self._view.show_busy(busy=True)
            self._calls.start(
                lambda client: client.change_password(self._name, old, new), self._on_changed, self._on_refused
            )

    def _on_changed(self, _: None) -> None:
        self._view.forget()
        self._view.close()
        self._changed()

    def _on_refused(self, error: AgentError) -> None:
        self._busy = False
        self._view.show_busy(busy=False)
        if error.code == "wrong-credentials":
            self._view.show_error("The present password is wrong. Check the Caps Lock key, and try again.", old=True)
        else:
            self._view.show_error(f"{error.message} {error.remedy}".strip())
