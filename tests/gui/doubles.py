"""Doubles for presenters without a window, and small hands for windows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, cast

from PySide6.QtCore import Qt

from agent.api import service_models
from agent.api.client import AgentClient
from agent.domain.errors import AgentError
from agent.gui.assembly import Shell
from agent.gui.service_link import Connect
from tests.helpers.fake_client import FakeClient


class InstantCall:
    """A call of `InstantCalls`."""

    def __init__(self) -> None:
        self.cancelled = False

    def cancel(self) -> None:
        """Cancel it."""
        self.cancelled = True


class InstantCalls:
    """`Calls` for presenters without a window: each call is answered when `settle` is awaited."""

    def __init__(self, client: FakeClient) -> None:
        self._client = client
        self._waiting: list[tuple[InstantCall, Any, Any, Any]] = []
        self.unhandled: list[Exception] = []

    def start(self, work: Callable[[Any], Awaitable[Any]], done: Any, failed: Any = None) -> InstantCall:
        """Start a call."""
        call = InstantCall()
        self._waiting.append((call, work, done, failed or self.unhandled.append))
        return call

    def cancel_all(self) -> None:
        """Drop every call."""
        for call, *_ in self._waiting:
            call.cancel()

    async def settle(self) -> None:
        """Answer every call, and those that the answers start."""
        while self._waiting:
            call, work, done, failed = self._waiting.pop(0)
            if call.cancelled:
                continue
            try:
                answer = await work(self._client)
            except AgentError as error:
                failed(error)
            else:
                done(answer)


class Recorder:
    """A view that writes down what it is told: `said("show_error")` is the last arguments of that method."""

    def __init__(self) -> None:
        self.told: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []

    def __getattr__(self, name: str) -> Callable[..., None]:
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda *given, **named: self.told.append((name, given, named))

    def said(self, name: str) -> tuple[Any, ...]:
        """The last arguments of a method."""
        return next(given + tuple(named.values()) for told, given, named in reversed(self.told) if told == name)

    def names(self) -> list[str]:
        """Every method, in order."""
        return [name for name, _, _ in self.told]


def click(qtbot: Any, widget: Any) -> None:
    """Click in the middle of a widget."""
    qtbot.mouseClick(widget, Qt.MouseButton.LeftButton)


def control(form: Any, name: str) -> Any:
    """The input of a form's field, whatever kind it is."""
    return form.rows[name].control


def editor(shell: Shell, name: str) -> Any:
    """The input of a setting, whatever kind it is."""
    return shell.settings.view.editors[name].control


def state_of(shell: Shell) -> service_models.ServiceState:
    """What the window knows of the service."""
    assert shell.session.state is not None
    return shell.session.state


def pretended(fake: FakeClient) -> Connect:
    """Connects to a pretended service."""

    def connect(_session: str | None, /, *, start: bool) -> AgentClient:
        return cast("AgentClient", fake)

    return connect
