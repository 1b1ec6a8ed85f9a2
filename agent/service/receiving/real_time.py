"""The listener for events, in a thread and an event loop of its own: however many arrive, operators are answered.

It follows its settings at once. It is apart from the contract in every way: another address, no token, nothing but
events.
"""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Final

from starlette.types import ASGIApp

from agent.engine.walking.journal import Level
from agent.service.receiving.connections import GuardedProtocol
from agent.service.receiving.servers import QuietServer
from agent.store.settings import Settings

_GRACE_SECONDS: Final = 3
_STOP_SECONDS: Final = 15.0
# Longer than proxies keep theirs: who closes an idle connection must be the one who would use it next.
_KEEP_ALIVE_SECONDS: Final = 75
_MOST_CONNECTIONS: Final = 1_000
SETTINGS: Final = frozenset({"real_time", "real_time_address", "real_time_port"})


@dataclass(frozen=True, slots=True)
class Listening:
    """Whether the listener listens, and why it does not where it should."""

    on: bool
    trouble: str = ""


class RealTime:
    """The listener. Thread-safe.

    Args:
        settings: Whether and where to listen.
        door: Makes an application, one for each time that it listens.
        tell: Writes a line into the log.
    """

    def __init__(self, settings: Settings, *, door: Callable[[], ASGIApp], tell: Callable[[Level, str], None]) -> None:
        self._settings, self._door, self._tell = settings, door, tell
        self._lock = threading.Lock()
        self._server: QuietServer | None = None
        self._thread: threading.Thread | None = None
        self._trouble = ""

    @property
    def listening(self) -> Listening:
        """What the listener does."""
        return Listening(self._server is not None, self._trouble)

    @property
    def address(self) -> str:
        """Where it listens, or would."""
        host = str(self._settings.value("real_time_address"))
        return f"http://{f'[{host}]' if ':' in host else host}:{self._settings.number('real_time_port')}"

    @property
    def public_url(self) -> str:
        """How the outside reaches it."""
        return str(self._settings.value("real_time_public_url")).rstrip("/") or self.address

    def follow(self) -> None:
        """Listen as the settings say, now. Why that is not possible is told, and in `listening`."""
        with self._lock:
            self._end()
            self._trouble = ""
            if not self._settings.switch("real_time"):
                return
            try:
                listener = _listening(
                    str(self._settings.value("real_time_address")).strip(), self._settings.number("real_time_port")
                )
            except (OSError, UnicodeError, OverflowError) as error:
                reason = error.strerror if isinstance(error, OSError) and error.strerror else "it is no address"
                self._trouble = f"Events cannot be received at {self.address}: {reason}."
                self._tell("error", self._trouble)
                return
            self._begin(listener)
            self._tell("info", f"Events are received at {self.address}.")

    def stop(self) -> None:
        """Listen no more; those who are being answered get their answers first."""
        with self._lock:
            self._end()

    def _begin(self, listener: socket.socket) -> None:
        up = threading.Event()
        self._server = server = QuietServer(
            self._door(), protocol=EventProtocol, grace_seconds=_GRACE_SECONDS, up=up.set,
            most_connections=_MOST_CONNECTIONS, keep_alive_seconds=_KEEP_ALIVE_SECONDS,
        )  # fmt: skip
        self._thread = threading.Thread(target=_serve, args=(server, listener, up), name="real-time", daemon=True)
        self._thread.start()
        up.wait(_STOP_SECONDS)

    def _end(self) -> None:
        server, thread, self._server, self._thread = self._server, self._thread, None, None
        if server is not None and thread is not None:
            server.should_exit = True
            thread.join(_STOP_SECONDS)


class EventProtocol(GuardedProtocol):
    """Its silent connections are counted by themselves: strangers must not push out those of operators."""

    _silent: ClassVar[OrderedDict[GuardedProtocol, None]] = OrderedDict()


def _serve(server: QuietServer, listener: socket.socket, up: threading.Event) -> None:
    try:
        asyncio.run(server.serve([listener]))
    finally:
        up.set()
        listener.close()


def _listening(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE | socket.AI_NUMERICHOST
    )[0]
    listener = socket.socket(family, kind, protocol or socket.IPPROTO_TCP)
    try:
        if sys.platform == "win32":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            # After a restart, connections of before may still be in their last state.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except BaseException:
        listener.close()
        raise
    return listener
