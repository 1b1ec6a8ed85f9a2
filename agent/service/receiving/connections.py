"""Connections that have not said what they want yet: few, brief and small.

Any account of this machine can connect to the service's port. Without the token it gets no answer, but it could hold
connections open until the service has no file handles left, or send headers until it has no memory left.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_MOST_SILENT = 100
_PATIENCE_SECONDS = 10.0
_LARGEST_HEAD_BYTES = 65_536


class GuardedProtocol(HttpToolsProtocol):
    """HTTP whose requests have to state their whole head soon; when too many do not, the oldest of them go."""

    _silent: ClassVar[OrderedDict[GuardedProtocol, None]] = OrderedDict()
    _timer: asyncio.TimerHandle | None = None
    _head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self._wait_for_head()
        while len(self._silent) > _MOST_SILENT:
            next(iter(self._silent)).hang_up()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_is_complete()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self in self._silent:
            self._head_bytes += len(data)
            # A body may have come along with its head.
            super().data_received(data)
            if self in self._silent and self._head_bytes > _LARGEST_HEAD_BYTES:
                self.hang_up()
        else:
            super().data_received(data)

    def on_message_begin(self) -> None:
        self._wait_for_head()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._head_is_complete()
        super().on_headers_complete()

    def _wait_for_head(self) -> None:
        if self not in self._silent:
            self._silent[self] = None
            self._head_bytes = 0
            self._timer = self.loop.call_later(_PATIENCE_SECONDS, self.hang_up)

    def _head_is_complete(self) -> None:
        self._silent.pop(self, None)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def hang_up(self) -> None:
        """Cut the connection."""
        self._head_is_complete()
        self.transport.abort()
