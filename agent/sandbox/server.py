"""Runs a store as an HTTP server on loopback: in the foreground for the program, in a thread for tests."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from agent.sandbox.application import TRANSPORT, Application
from agent.sandbox.hook_sender import HookSender
from agent.sandbox.options import SandboxOptions
from agent.sandbox.store import Store

_HOST = "127.0.0.1"
_LOOK_SECONDS = 0.1
_STOP_SECONDS = 10.0
_GRACE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class RunningSandbox:
    """A store that answers."""

    port: int
    store: Store
    options: SandboxOptions
    token: str = field(repr=False)

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return f"http://{_HOST}:{self.port}"

    @property
    def api_path(self) -> str:
        """What an operator of a token account enters as API Path."""
        return f"{self.origin}/stores/{self.options.store_hash}/v3/"

    @property
    def legacy_api_path(self) -> str:
        """What an operator of a legacy account enters as API Path."""
        return f"{self.origin}/api/v2/"

    @property
    def username(self) -> str:
        """The user name; only legacy accounts check it."""
        return self.options.username

    def announcement(self) -> dict[str, object]:
        """What a program that starts the sandbox has to know."""
        return {
            "port": self.port,
            "api_path": self.api_path,
            "legacy_api_path": self.legacy_api_path,
            "username": self.username,
            "token": self.token,
        }


class Server:
    """A store and its server, listening from the moment it is made."""

    def __init__(self, options: SandboxOptions) -> None:
        self._socket = _listen(options.port)
        self.sandbox = RunningSandbox(
            port=self._socket.getsockname()[1], store=Store(options), options=options, token=options.access_token
        )
        self._sender = HookSender(self.sandbox.store.hooks)
        self._application = Application(self.sandbox.store, origin=self.sandbox.origin)
        config = uvicorn.Config(
            cast("Any", self._application),
            http=_Protocol,
            ws="none",
            loop="asyncio",
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            timeout_keep_alive=75,
        )
        self._server = _UvicornServer(config, self._application)

    def run(self) -> None:
        """Serve until a signal or stop. Returns when everything is closed."""
        self._sender.start()
        try:
            self._server.run(sockets=[self._socket])
        finally:
            self._sender.stop()
            self._socket.close()

    def stop(self) -> None:
        """Ask run to return. May be called from any thread."""
        self._server.stop()

    def wait_until_started(self, timeout_seconds: float) -> bool:
        """Whether it answers within the time."""
        return self._server.is_up.wait(timeout_seconds)


@contextlib.contextmanager
def running_sandbox(options: SandboxOptions | None = None) -> Iterator[RunningSandbox]:
    """Run a store in a thread of this process for as long as the block lasts."""
    server = Server(options if options is not None else SandboxOptions(quota=None))
    thread = threading.Thread(target=server.run, name="sandbox")
    thread.start()
    try:
        if not server.wait_until_started(_STOP_SECONDS):
            raise TimeoutError("The sandbox store did not start.")
        yield server.sandbox
    finally:
        server.stop()
        thread.join(_STOP_SECONDS)


class _Protocol(HttpToolsProtocol):
    """Hands the connection on to the application, which has to cut it now and then."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        cast("dict[str, Any]", self.scope)[TRANSPORT] = self.transport


class _UvicornServer(uvicorn.Server):
    """Says when it is up, stops at once, and lets go of requests that hang on purpose.

    uvicorn itself looks ten times a second whether it should stop, which adds up where a test has a store of its own.
    """

    def __init__(self, config: uvicorn.Config, application: Application) -> None:
        super().__init__(config)
        self.is_up = threading.Event()
        self._application = application
        self._stopping = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def stop(self) -> None:
        """Ask for the end. May be called from any thread, and from a signal handler."""
        self.should_exit = True
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # it has ended already
                self._loop.call_soon_threadsafe(self._stopping.set)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        self.stop()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        self.is_up.set()

    async def main_loop(self) -> None:
        while not self.should_exit:
            # A signal that another thread has caught is handled only when this one wakes up.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self._stopping.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        del sockets  # each server closes its own
        self._application.closing.set()
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GRACE_SECONDS):
                while self.server_state.connections or self.server_state.tasks:  # noqa: ASYNC110 - uvicorn gives no event
                    await asyncio.sleep(0.001)
        for task in self.server_state.tasks:
            task.cancel()


def _listen(port: int) -> socket.socket:
    # asyncio sends small answers at once only when it sees the protocol named; otherwise each waits 40 ms for an ACK.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.bind((_HOST, port))
    except OSError:
        listener.close()
        raise
    return listener
