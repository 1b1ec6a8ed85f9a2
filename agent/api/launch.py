"""Finds, starts and stops the service of a data folder. Blocking; for whoever is not inside an event loop.

The service is a process of its own: it outlives the one that started it, and a second one for the same folder ends at
once and leaves the first alone, so that two starters at the same moment both find the same service.
"""

from __future__ import annotations

import hmac
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import httpx

from agent.api.endpoint import NO_TLS, START_FAILURE_FILE, Endpoint, proof, read_endpoint
from agent.api.folders import Folders
from agent.domain.errors import AgentError, ConfigurationError, FatalError, TransientError

START_SECONDS = 60.0
STOP_SECONDS = 60.0
_POLL_SECONDS = 0.05
_PROBE_SECONDS = 5.0
_OUTPUT_FILE = "service-output.txt"
if sys.platform == "win32":
    _DETACHED = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
else:
    _DETACHED = 0


def running_service(folders: Folders) -> Endpoint | None:
    """The service of these folders, or None where none answers. The token is not sent: its knowledge is asked for.

    Raises:
        ConfigurationError: code `endpoint-unreadable`: another account runs it.
    """
    try:
        endpoint = read_endpoint(folders.state)
    except TransientError:
        return None
    challenge = secrets.token_hex(16)
    url = f"{endpoint.url}/api/v1/health"
    try:
        answer = httpx.get(url, params={"challenge": challenge}, timeout=_PROBE_SECONDS, trust_env=False, verify=NO_TLS)
        # After a crash the port may belong to somebody else by now, who would like to see what is typed next.
        known = hmac.compare_digest(str(answer.json()["proof"]).encode(), proof(endpoint.token, challenge).encode())
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return None
    return endpoint if known else None


def ensure_service(folders: Folders, *, demo: bool = False, timeout_seconds: float = START_SECONDS) -> Endpoint:
    """The running service, started where there is none.

    Args:
        folders: The data folder's places.
        demo: Start it as the demo's; says nothing about a service that runs already.
        timeout_seconds: How long it may take to answer.

    Raises:
        AgentError: why it could not be started; `service-slow` where it did not answer in time.
    """
    found = running_service(folders)
    if found is not None:
        return found
    folders.create()
    _forget_failure(folders)
    end = time.monotonic() + timeout_seconds
    process = _spawn(folders, demo=demo)
    while time.monotonic() < end:
        ended = process.poll() is not None
        found = running_service(folders)
        if found is not None:
            # It is nobody's child any more: Python must not warn that it was never waited for.
            process.returncode = process.returncode or 0
            return found
        if ended and process.returncode != 0:
            raise _start_failure(folders, process.returncode)
        if ended:
            # It left the field to another one, which has ended since.
            process = _spawn(folders, demo=demo)
        time.sleep(_POLL_SECONDS)
    process.returncode = process.returncode or 0
    raise TransientError(
        "The agent's service did not start in time.",
        code="service-slow",
        remedy=f"Try again in a moment; if it happens again, look at the file {folders.logs / _OUTPUT_FILE}.",
    )


def stop_service(folders: Folders, *, timeout_seconds: float = STOP_SECONDS) -> bool:
    """Let the service drain its runs to their next checkpoint, and wait until its process has ended.

    Returns False where none was running.

    Raises:
        TransientError: code `service-slow`: it did not end in time.
    """
    endpoint = running_service(folders)
    if endpoint is None:
        return False
    headers = {"Authorization": f"Bearer {endpoint.token.reveal()}"}
    has_ended = _watch(endpoint.pid)
    with suppress(httpx.HTTPError):
        httpx.post(
            f"{endpoint.url}/api/v1/stop", headers=headers, timeout=_PROBE_SECONDS, trust_env=False, verify=NO_TLS
        )
    end = time.monotonic() + timeout_seconds
    while not has_ended():
        if time.monotonic() >= end:
            raise TransientError(
                "The agent's service did not end in time.",
                code="service-slow",
                remedy="A run may be waiting for an app; look again in a moment with “opagent service status”.",
            )
        time.sleep(_POLL_SECONDS)
    return True


def _watch(pid: int) -> Callable[[], bool]:
    """How to see whether the process that has this number now has ended."""
    import psutil  # imported here: only stopping needs it

    try:
        process = psutil.Process(pid)
    except psutil.NoSuchProcess:
        return lambda: True

    def has_ended() -> bool:
        try:
            if process.status() != psutil.STATUS_ZOMBIE:
                return False
            # Ended, and nobody has taken note yet; whoever should may be busy, or be us.
            with suppress(psutil.TimeoutExpired):
                process.wait(0)
        except psutil.NoSuchProcess:
            pass
        return True

    return has_ended


def note_start_failure(folders: Folders, error: AgentError) -> None:
    """Leave word for the starter, who cannot see the service's own output."""
    told = {"message": error.message, "code": error.code, "remedy": error.remedy, "detail": error.detail}
    with suppress(OSError):
        (folders.state / START_FAILURE_FILE).write_text(json.dumps(told), "utf-8")


def _forget_failure(folders: Folders) -> None:
    with suppress(OSError):
        (folders.state / START_FAILURE_FILE).unlink(missing_ok=True)


def _spawn(folders: Folders, *, demo: bool) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "agent.service", "run", *(["--demo"] if demo else [])]
    if folders.home is not None:
        command += ["--home", str(folders.home)]
    try:
        descriptor = os.open(folders.logs / _OUTPUT_FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "wb") as output:
            _keep_short(folders.logs / _OUTPUT_FILE)
            return subprocess.Popen(  # noqa: S603 - our own program
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=folders.data,
                # UTF-8 everywhere. What is meant for Qt in this process does the service no harm.
                env={**os.environ, "PYTHONUTF8": "1"},
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


def _keep_short(output: Path) -> None:
    """A start that fails again and again must not fill the disk."""
    if output.stat().st_size > 1_000_000:
        os.truncate(output, 0)


def _start_failure(folders: Folders, status: int) -> AgentError:
    try:
        told = json.loads((folders.state / START_FAILURE_FILE).read_text("utf-8"))
        return ConfigurationError(
            str(told["message"]), code=str(told["code"]), remedy=str(told["remedy"]), detail=str(told["detail"])
        )
    except (OSError, ValueError, KeyError, TypeError):
        return FatalError(
            "The agent's service ended while it was starting.",
            code="service-not-started",
            remedy=f"Look at the file {folders.logs / _OUTPUT_FILE}, and send it to your support.",
            detail=f"exit status {status}",
        )
