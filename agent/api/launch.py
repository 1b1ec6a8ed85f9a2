"""Finds, starts and stops the service of a data folder. Blocking; for whoever is not inside an event loop.

The service is a process of its own: it outlives the one that started it, and a second one for the same folder ends at
once and leaves the first alone, so that two starters at the same moment both find the same service.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress

import httpx

from agent.api.endpoint import HOST, START_FAILURE_FILE, Endpoint, read_endpoint
from agent.api.folders import Folders
from agent.domain.errors import AgentError, ConfigurationError, FatalError, TransientError

START_SECONDS = 60.0
STOP_SECONDS = 60.0
_POLL_SECONDS = 0.05
_PROBE_SECONDS = 5.0
if sys.platform == "win32":
    _DETACHED = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
else:
    _DETACHED = 0


def running_service(folders: Folders) -> Endpoint | None:
    """The service of these folders, or None where none answers.

    Raises:
        ConfigurationError: code `endpoint-unreadable`: another account runs it.
    """
    try:
        endpoint = read_endpoint(folders.state)
    except TransientError:
        return None
    try:
        answer = httpx.get(f"{endpoint.url}/api/v1/health", timeout=_PROBE_SECONDS, trust_env=False)
        # After a crash the port may belong to somebody else by now.
        return endpoint if answer.json()["pid"] == endpoint.pid else None
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return None


def ensure_service(folders: Folders, *, demo: bool = False, timeout_seconds: float = START_SECONDS) -> Endpoint:
    """The running service, started where there is none.

    Args:
        folders: The data folder's places.
        demo: Start it on the demo's folders; says nothing about a service that runs already.
        timeout_seconds: How long it may take to answer.

    Raises:
        AgentError: why it could not be started; `service-slow` where it did not answer in time.
    """
    found = running_service(folders)
    if found is not None:
        return found
    folders.create()
    (folders.state / START_FAILURE_FILE).unlink(missing_ok=True)
    process = _spawn(folders, demo=demo)
    end = time.monotonic() + timeout_seconds
    while time.monotonic() < end:
        ended = process.poll() is not None
        found = running_service(folders)
        if found is not None:
            # It is nobody's child any more: Python must not warn that it was never waited for.
            process.returncode = process.returncode or 0
            return found
        if ended:
            raise _start_failure(folders, process.returncode)
        time.sleep(_POLL_SECONDS)
    raise TransientError(
        "The agent's service did not start in time.",
        code="service-slow",
        remedy="Try again in a moment; if it happens again, look at the file service-output.txt in the log folder.",
        detail=str(folders.logs),
    )


def stop_service(folders: Folders, *, timeout_seconds: float = STOP_SECONDS) -> bool:
    """Let the service drain its runs to their next checkpoint and end. False where none was running.

    Raises:
        TransientError: code `service-slow`: it did not end in time.
    """
    endpoint = running_service(folders)
    if endpoint is None:
        return False
    headers = {"Authorization": f"Bearer {endpoint.token.reveal()}"}
    with suppress(httpx.HTTPError):
        httpx.post(f"{endpoint.url}/api/v1/stop", headers=headers, timeout=_PROBE_SECONDS, trust_env=False)
    end = time.monotonic() + timeout_seconds
    while running_service(folders) is not None or folders.endpoint.exists():
        if time.monotonic() >= end:
            raise TransientError(
                "The agent's service did not end in time.",
                code="service-slow",
                remedy="A run may be waiting for an app; look again in a moment with “opagent service status”.",
            )
        time.sleep(_POLL_SECONDS)
    return True


def note_start_failure(folders: Folders, error: AgentError) -> None:
    """Leave word for the starter, who cannot see the service's own output."""
    told = {"message": error.message, "code": error.code, "remedy": error.remedy, "detail": error.detail}
    with suppress(OSError):
        (folders.state / START_FAILURE_FILE).write_text(json.dumps(told), "utf-8")


def _spawn(folders: Folders, *, demo: bool) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "agent.service", "run", *(["--demo"] if demo else [])]
    try:
        with (folders.logs / "service-output.txt").open("wb") as output:
            return subprocess.Popen(  # noqa: S603 - our own program
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=folders.data,
                env=_environment(os.environ),
                close_fds=True,
                # So that it survives the console or the session that it was started from.
                creationflags=_DETACHED,
                start_new_session=os.name == "posix",
            )
    except OSError as error:
        raise ConfigurationError(
            "The agent's service could not be started.",
            code="service-not-started",
            remedy="Install the agent again; its Python interpreter or its folders cannot be used.",
            detail=f"{type(error).__name__}: {error.strerror}",
        ) from error


def _environment(own: Mapping[str, str]) -> dict[str, str]:
    """UTF-8 everywhere. What is meant for Qt in this process is not meant for the service, and does it no harm."""
    return {**own, "PYTHONUTF8": "1"}


def _start_failure(folders: Folders, status: int | None) -> AgentError:
    try:
        told = json.loads((folders.state / START_FAILURE_FILE).read_text("utf-8"))
        return ConfigurationError(
            str(told["message"]), code=str(told["code"]), remedy=str(told["remedy"]), detail=str(told["detail"])
        )
    except (OSError, ValueError, KeyError, TypeError):
        return FatalError(
            "The agent's service ended while it was starting.",
            code="service-not-started",
            remedy="Look at the file service-output.txt in the log folder, and send it to your support.",
            detail=f"exit status {status}, log folder {folders.logs}, address {HOST}",
        )
