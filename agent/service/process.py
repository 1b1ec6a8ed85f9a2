"""The life of the service process: one for each data folder, announced when it answers, ended gracefully."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from types import FrameType
from typing import cast

import uvicorn
from starlette.types import ASGIApp

from agent.api.endpoint import HOST
from agent.api.folders import Folders
from agent.api.launch import note_start_failure
from agent.domain.errors import AgentError, TransientError
from agent.domain.secret import Secret
from agent.service.agent_parts import AgentParts
from agent.service.contract import contract
from agent.service.guard import Guard
from agent.store.file_lock import locked
from agent.store.private_files import write_private

_GRACE_SECONDS = 5
_TOKEN_BYTES = 32


def run_service(folders: Folders, *, demo: bool, environ: Mapping[str, str]) -> int:
    """Run the service until it is asked to end.

    Returns:
        The status for the process to exit with: 0 also where a service of this folder runs already, 1 where it could
        not start.
    """
    try:
        folders.create()
        with locked(folders.service_lock, timeout_seconds=0):
            return asyncio.run(_serve(folders, demo=demo, environ=environ))
    except TransientError as error:
        if error.code == "file-locked":
            _say(f"The agent's service is running already on {folders.data}; it goes on.")
            return 0
        return _not_started(folders, error)
    except AgentError as error:
        return _not_started(folders, error)


async def _serve(folders: Folders, *, demo: bool, environ: Mapping[str, str]) -> int:
    token = Secret(secrets.token_urlsafe(_TOKEN_BYTES))
    parts = await asyncio.to_thread(AgentParts, folders, demo=demo, environ=environ)
    server: _Server | None = None
    reason = "It could not go on listening."

    def stop(why: str) -> None:
        nonlocal reason
        reason = why
        if server is not None:
            server.should_exit = True
        parts.hub.close()

    try:
        with _listening() as listener:
            port = listener.getsockname()[1]
            hosts = frozenset({f"{HOST}:{port}", f"localhost:{port}"})
            guard = Guard(
                cast("ASGIApp", contract(parts, stop=stop)), token=token, hosts=lambda: hosts,
                operator_of=parts.operators.name_of,
            )  # fmt: skip
            server = _Server(_config(guard))
            _stop_on_signals(stop)
            write_private(folders.token, token.reveal().encode())
            parts.start()
            ticking = asyncio.create_task(parts.hub.tick_until_cancelled())
            serving = asyncio.create_task(server.serve([listener]))
            await server.up.wait()
            announced = {"port": port, "pid": os.getpid()}
            write_private(folders.endpoint, json.dumps(announced).encode())
            await serving
            ticking.cancel()
            await parts.validations.close()
    finally:
        folders.endpoint.unlink(missing_ok=True)
        await asyncio.to_thread(parts.stop, reason)
    return 0


class _Server(uvicorn.Server):
    """Leaves signals to us, and says when it answers."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()


def _config(application: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        application,
        http="httptools",
        ws="none",
        loop="asyncio",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )


@contextlib.contextmanager
def _listening() -> Iterator[socket.socket]:
    # asyncio sends small answers at once only when it sees the protocol named; otherwise each waits for an ACK.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.bind((HOST, 0))
        yield listener
    finally:
        listener.close()


def _stop_on_signals(stop: Callable[[str], None]) -> None:
    loop = asyncio.get_running_loop()
    reasons = {signal.SIGINT: "Interrupted at its console.", signal.SIGTERM: "Ended by the system."}
    if sys.platform == "win32":
        reasons[signal.SIGBREAK] = "Ended by the system."

    def on_signal(number: int, _frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(stop, reasons[signal.Signals(number)])

    for number in reasons:
        signal.signal(number, on_signal)


def _not_started(folders: Folders, error: AgentError) -> int:
    note_start_failure(folders, error)
    _say(f"{error.message} {error.remedy}".strip())
    return 1


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
