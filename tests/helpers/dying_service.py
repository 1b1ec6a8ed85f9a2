"""A real service that kills itself at a point of its own code: `python -m tests.helpers.dying_service HOME POINT`.

A point is `module:name`, with `enter` or `leave` and a number: `agent.store.runs.ledger:Ledger.hold leave 2` is the
moment at which the second call of that function is over. Nothing is closed, flushed or told: the process is gone.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from agent.api.folders import Folders
from agent.api.launch import running_service
from agent.engine.running.garbage import importing

_PATIENCE_SECONDS = 60.0


class Point(NamedTuple):
    """Where the service dies: at the `number`th time that it enters, or leaves, that function."""

    function: str
    when: str = "enter"
    number: int = 1

    def __str__(self) -> str:
        return f"{self.function} {self.when} {self.number}"


class DyingService:
    """A service that will die at a point. It runs as soon as this is made."""

    def __init__(self, folders: Folders, point: Point) -> None:
        assert folders.home is not None
        self.point = point
        self._folders = folders
        command = [sys.executable, "-m", "tests.helpers.dying_service", str(folders.home), *map(str, point)]
        with (folders.logs / "dying.txt").open("ab") as output:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)

    def wait_until_it_answers(self) -> bool:
        """Wait until it can be asked. Returns False where it died before."""
        end = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < end:
            if self._process.poll() is not None:
                return False
            if running_service(self._folders) is not None:
                return True
            time.sleep(0.05)
        raise TimeoutError("the dying service does not start")

    def wait_until_it_died(self) -> None:
        """Wait for its death. Raises AssertionError where it ends in another way, TimeoutExpired where it lives on."""
        status = self._process.wait(_PATIENCE_SECONDS)
        assert status == (-signal.SIGKILL if os.name == "posix" else 1), f"{self.point}: it ended with {status}"

    def end(self) -> None:
        """Make sure that nothing of it is left."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait(20)


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL if os.name == "posix" else signal.SIGTERM)
    threading.Event().wait()  # the signal comes at once, but to another thread


def _arm(point: Point) -> None:
    module_name, _, path = point.function.partition(":")
    owner: Any = importlib.import_module(module_name)
    *parents, name = path.split(".")
    for parent in parents:
        owner = getattr(owner, parent)
    setattr(owner, name, _dying(getattr(owner, name), point))


def _dying(function: Callable[..., Any], point: Point) -> Callable[..., Any]:
    left = point.number
    lock = threading.Lock()

    def passed(when: str) -> None:
        nonlocal left
        with lock:
            left -= when == point.when
            if left == 0:
                _die()

    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def awaited(*arguments: Any, **named: Any) -> Any:
            passed("enter")
            result = await function(*arguments, **named)
            passed("leave")
            return result

        return awaited

    @functools.wraps(function)
    def called(*arguments: Any, **named: Any) -> Any:
        passed("enter")
        result = function(*arguments, **named)
        passed("leave")
        return result

    return called


def main(home: str, function: str, when: str, number: str) -> int:
    """Run the service until it dies."""
    with importing():
        from agent.service.process import run_service

    _arm(Point(function, when, int(number)))
    return run_service(Folders.below(Path(home)), demo=False, environ=os.environ)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
