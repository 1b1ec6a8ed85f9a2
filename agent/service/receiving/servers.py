"""What the two servers of this process have in common: nothing is said that nobody asked for, and signals are ours."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator

import uvicorn
from starlette.types import ASGIApp

from agent.service.receiving.connections import GuardedProtocol


class QuietServer(uvicorn.Server):
    """Leaves signals to the service, and says when it answers.

    Args:
        application: What answers.
        protocol: What connections are.
        grace_seconds: How long those who are being answered may take at the end.
        up: Called, in the server's event loop, when it answers.
        most_connections: From how many connections on others are refused; None for any number.
        keep_alive_seconds: How long an idle connection is kept.
    """

    def __init__(
        self,
        application: ASGIApp,
        *,
        protocol: type[GuardedProtocol],
        grace_seconds: int,
        up: Callable[[], None],
        most_connections: int | None = None,
        keep_alive_seconds: int = 5,
    ) -> None:
        super().__init__(
            uvicorn.Config(
                application,
                http=protocol,
                ws="none",
                loop="asyncio",
                lifespan="off",
                access_log=False,
                log_config=None,
                server_header=False,
                date_header=False,
                proxy_headers=False,
                limit_concurrency=most_connections,
                timeout_graceful_shutdown=grace_seconds,
                timeout_keep_alive=keep_alive_seconds,
            )
        )
        self._up = up

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        self._up()
