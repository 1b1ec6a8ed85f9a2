"""A real service process in a folder of its own, started the way front ends start it, and ended whatever happens."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil

from agent.api.client import AgentClient
from agent.api.endpoint import NO_TLS, Endpoint, read_endpoint
from agent.api.folders import HOME_VARIABLE, Folders
from agent.api.launch import ensure_service, stop_service
from tests.helpers.agent_database import settle

T = TypeVar("T")
_PATIENCE_SECONDS = 60


class RunningService:
    """The service of one folder, running or not."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.folders = Folders.below(home)
        settle(home)

    # -- the process -------------------------------------------------------------------------------------------

    def start(self) -> Endpoint:
        """Start it, or find the one that runs."""
        return ensure_service(self.folders)

    def stop(self) -> bool:
        """Let it end gracefully."""
        return stop_service(self.folders)

    def kill(self) -> None:
        """End it as a crash does."""
        process = self.process()
        process.kill()
        _wait(process)

    def process(self) -> psutil.Process:
        """The process that has announced itself."""
        return psutil.Process(self.endpoint.pid)

    def wait_until_ended(self, process: psutil.Process) -> None:
        """Wait for the end of a process that was told to end."""
        _wait(process)

    @property
    def endpoint(self) -> Endpoint:
        """What it has announced."""
        return read_endpoint(self.folders.state)

    def last_end(self) -> dict[str, Any]:
        """What the service has noted of its own end."""
        return dict(json.loads((self.folders.state / "last-end.json").read_bytes()))

    # -- asking it ---------------------------------------------------------------------------------------------

    def ask(self, question: Callable[[AgentClient], Awaitable[T]], *, session: str | None = None) -> T:
        """Ask the running service through the client."""

        async def talk() -> T:
            async with AgentClient(self.endpoint, session=session) as client:
                return await question(client)

        return asyncio.run(talk())

    def http(self, headers: Mapping[str, str] | None = None) -> httpx.Client:
        """A plain HTTP client with the token, or with these headers alone."""
        endpoint = self.endpoint
        sent = {"Authorization": f"Bearer {endpoint.token.reveal()}"} if headers is None else dict(headers)
        return httpx.Client(base_url=endpoint.url, headers=sent, trust_env=False, verify=NO_TLS, timeout=30)

    # -- the command line ----------------------------------------------------------------------------------------

    def environ(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """The environment of programs that use this folder."""
        return {**os.environ, HOME_VARIABLE: str(self.home), **(more or {})}

    def opagent(
        self, *arguments: str, stdin: str = "", pass_fds: Sequence[int] = (), environ: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run one command to its end, with no terminal."""
        return subprocess.run(
            [sys.executable, "-m", "agent", *arguments],
            input=stdin,
            capture_output=True,
            encoding="utf-8",
            env=self.environ(environ),
            pass_fds=tuple(pass_fds),
            timeout=_PATIENCE_SECONDS,
            check=False,
        )

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        """Begin a command that goes on."""
        return subprocess.Popen(
            [sys.executable, "-m", "agent", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            env=self.environ(),
        )

    def end_all(self) -> None:
        """Kill every service of this folder, also one that hangs or never answered."""
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                command = process.cmdline()
                if "agent.service" in command and str(self.home) in command:
                    process.kill()
                    _wait(process)


@contextmanager
def service_below(home: Path) -> Iterator[RunningService]:
    """A service for the length of a block. It is not running at first."""
    service = RunningService(home)
    try:
        yield service
    finally:
        service.end_all()


def _wait(process: psutil.Process) -> None:
    for _ in range(_PATIENCE_SECONDS * 50):
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                with suppress(psutil.TimeoutExpired):
                    process.wait(0)
                return
            process.wait(0.02)
        except psutil.TimeoutExpired:
            continue
        except psutil.NoSuchProcess:
            return
    raise TimeoutError(f"the process {process.pid} does not end")
