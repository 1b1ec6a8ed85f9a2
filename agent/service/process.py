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
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from types import FrameType
from typing import Any, cast

from starlette.types import ASGIApp

from agent.api.endpoint import HOST, proof
from agent.api.folders import Folders
from agent.api.launch import note_start_failure, running_service
from agent.domain.errors import AgentError, FatalError, TransientError
from agent.domain.secret import Secret
from agent.engine.running.garbage import collect_less_often
from agent.service.agent_parts import DRAIN_SECONDS, AgentParts
from agent.service.contract import contract
from agent.service.guard import Guard
from agent.service.receiving.connections import GuardedProtocol
from agent.service.receiving.servers import QuietServer
from agent.store.file_lock import locked
from agent.store.private_files import write_private

_GRACE_SECONDS = 5
_TOKEN_BYTES = 32
_LOCK_SECONDS = 0.5
# As long as the one before may take to drain its runs and to end.
_PATIENCE_SECONDS = 50.0


def run_service(
    folders: Folders, *, demo: bool, environ: Mapping[str, str], drain_seconds: float = DRAIN_SECONDS
) -> int:
    """Run the service until it is asked to end.

    Args:
        folders: Where everything lies.
        demo: Whether this is the demo.
        environ: For systemd's credentials.
        drain_seconds: How long runs may take to reach a checkpoint at the end.

    Returns:
        The status for the process to exit with: 0 also where a service of this folder runs already, 1 where it could
        not start.
    """
    try:
        collect_less_often()
        folders.create()
        with contextlib.ExitStack() as held:
            if not _only_one(folders, held):
                _say(f"The agent's service is running already on {folders.data}; it goes on.")
                return 0
            drained = asyncio.run(_serve(folders, demo=demo, environ=environ, drain_seconds=drain_seconds))
            if not drained:
                # A run is still at work. It must not go on beside the next service, which the lock keeps away until
                # this very moment: end as in a crash, which every run can take.
                os._exit(0)
    except AgentError as error:
        return _not_started(folders, error)
    except Exception as error:
        _not_started(folders, _unexpected(error))
        raise
    return 0


def _only_one(folders: Folders, held: contextlib.ExitStack) -> bool:
    """Take the folder for us; False where another service uses it and answers. Waits for one that starts or ends."""
    end = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            held.enter_context(locked(folders.service_lock, timeout_seconds=_LOCK_SECONDS))
        except TransientError as error:
            if running_service(folders) is not None:
                return False
            if time.monotonic() > end:
                raise TransientError(
                    "Another process of the agent uses this data folder, and neither answers nor ends.",
                    code="service-stuck",
                    remedy="End it, or restart the machine, then start the service again.",
                    detail=str(folders.data),
                ) from error
        else:
            return True


async def _serve(folders: Folders, *, demo: bool, environ: Mapping[str, str], drain_seconds: float) -> bool:
    """Be the service; returns whether every run reached its checkpoint before the end."""
    wish: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def stop(why: str) -> None:
        if not wish.done():
            wish.set_result(why)
        # From now on nobody is sent here; who starts the service waits for our end.
        _withdraw(folders)

    _stop_on_signals(stop)
    parts = await asyncio.to_thread(AgentParts, folders, demo=demo, environ=environ)
    reason = "Something unexpected went wrong in it."
    try:
        await _listen(folders, parts, stop=stop, wish=wish)
        reason = wish.result()
    except AgentError as error:
        reason = error.message
        raise
    finally:
        _withdraw(folders)
        drained = await asyncio.to_thread(parts.stop, reason, drain_seconds=drain_seconds)
    return drained


async def _listen(
    folders: Folders, parts: AgentParts, *, stop: Callable[[str], None], wish: asyncio.Future[str]
) -> None:
    """Answer until it is wished that the service ends."""
    token = Secret(secrets.token_urlsafe(_TOKEN_BYTES))
    with _listening() as listener:
        port = listener.getsockname()[1]
        hosts = frozenset({f"{HOST}:{port}", f"localhost:{port}"})
        application = contract(parts, stop=stop, prove=lambda challenge: proof(token, challenge))
        guard = Guard(
            cast("ASGIApp", application), token=token, hosts=lambda: hosts, operator_of=parts.operators.name_of
        )
        answers = asyncio.Event()
        server = QuietServer(guard, protocol=GuardedProtocol, grace_seconds=_GRACE_SECONDS, up=answers.set)
        serving = asyncio.create_task(server.serve([listener]))
        ticking = asyncio.create_task(parts.hub.tick_until_cancelled())
        up = asyncio.create_task(answers.wait())
        try:
            await asyncio.wait({serving, up}, return_when=asyncio.FIRST_COMPLETED)
            if up.done() and not wish.done():
                write_private(folders.token, token.reveal().encode())
                write_private(folders.endpoint, json.dumps({"port": port, "pid": os.getpid()}).encode())
                parts.start()
                ends: set[asyncio.Future[Any]] = {serving, wish}
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            # Those who wait for an answer get one at once: nothing holds the end up.
            parts.previews.interrupt()
            parts.hub.close()
            await parts.validations.close()
            server.should_exit = True
            await asyncio.wait({serving})
            await parts.validations.close()
            for task in (ticking, up):
                task.cancel()
            await asyncio.gather(ticking, up, return_exceptions=True)
        if not wish.done():
            raise FatalError(
                "The agent's service could not go on listening.",
                code="listening-failed",
                remedy="Start it again; if it happens again, send the log to your support.",
                detail=type(serving.exception()).__name__,
            )


@contextlib.contextmanager
def _listening() -> Iterator[socket.socket]:
    # asyncio sends small answers at once only when it sees the protocol named; otherwise each waits for an ACK.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if sys.platform == "win32":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        listener.bind((HOST, 0))
        yield listener
    finally:
        listener.close()


def _withdraw(folders: Folders) -> None:
    with contextlib.suppress(OSError):
        folders.endpoint.unlink(missing_ok=True)


def _stop_on_signals(stop: Callable[[str], None]) -> None:
    loop = asyncio.get_running_loop()
    reasons = {signal.SIGINT: "Interrupted at its console.", signal.SIGTERM: "Ended by the system."}
    if sys.platform == "win32":
        reasons[signal.SIGBREAK] = "Ended by the system."
    else:
        reasons[signal.SIGHUP] = "Its terminal was closed."

    def on_signal(number: int, _frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(stop, reasons[signal.Signals(number)])

    for number in reasons:
        signal.signal(number, on_signal)


def _not_started(folders: Folders, error: AgentError) -> int:
    if error.code == "disk-full":
        # Nothing runs that could go on by itself, or clear anything.
        error = TransientError(error.message, code=error.code, remedy="Make room on it, then start the service again.")
    note_start_failure(folders, error)
    _say(f"{error.message} {error.remedy}".strip())
    return 1


def _unexpected(error: Exception) -> FatalError:
    place = traceback.extract_tb(error.__traceback__)[-1]
    return FatalError(
        "The agent's service could not start: something unexpected went wrong.",
        code="unexpected",
        remedy="Start it again; if it happens again, send service-output.txt in the log folder to your support.",
        detail=f"{type(error).__name__} in {place.name}",
    )


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
