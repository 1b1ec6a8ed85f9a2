"""How a presenter asks the service, without knowing of threads: start a call, be told, cancel it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol, TypeVar

from agent.domain.errors import AgentError

if TYPE_CHECKING:  # the client brings httpx along, which the first paint does not need
    from agent.api.client import AgentClient

T = TypeVar("T")
Work = Callable[["AgentClient"], Awaitable[T]]


class Call(Protocol):
    """A call under way."""

    def cancel(self) -> None:
        """Drop it: its request is cancelled and neither of its two answers arrives any more."""


class Calls(Protocol):
    """What a presenter is given to talk to the service. Answers arrive later, in the GUI thread."""

    def start(
        self, work: Work[T], done: Callable[[T], object], failed: Callable[[AgentError], object] | None = None
    ) -> Call:
        """Start a call. Without `failed`, the window shows the error."""

    def cancel_all(self) -> None:
        """Drop every call that this object started."""
