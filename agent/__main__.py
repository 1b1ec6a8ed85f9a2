"""`opagent` and `python -m agent`: the window without arguments, the command line with them."""

from __future__ import annotations

import importlib.util
import os
import sys
from contextlib import ExitStack
from threading import Lock
from typing import TYPE_CHECKING

from agent.api.endpoint import Endpoint, not_running
from agent.api.folders import Folders

if TYPE_CHECKING:
    from agent.cli.demo import Demo
    from agent.gui.assembly import Welcome


def main() -> None:
    """Start what the arguments ask for and exit with its status."""
    arguments = sys.argv[1:]
    if not arguments or arguments[0] == "demo-window":
        hindrance = _why_no_window()
        if hindrance is not None:
            sys.stderr.write(f"{hindrance}\n")
            sys.exit(1)
    if not arguments:
        sys.exit(_window())
    if arguments[0] == "demo-window":
        sys.exit(_demo_window(int(arguments[1]) if len(arguments) > 1 else 10_000))
    from agent.cli.main import app  # imported here: the window does not need it

    app(prog_name="opagent")


def _why_no_window() -> str | None:
    """Why the window cannot open here, and what to do, where Qt itself would only abort."""
    if importlib.util.find_spec("PySide6") is None:
        return "The window is not installed here. Everything can be done without it: see “opagent --help”."
    screen = any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"))
    if sys.platform not in ("win32", "darwin") and not screen:
        return (
            "There is no screen to open the window on. Everything can be done without it: see “opagent --help”, "
            "or try “opagent demo --headless”."
        )
    return None


def _window() -> int:
    from agent.gui.application import run  # imported here: the command line does not need the window

    folders = Folders.discover(os.environ)
    return run(lambda start: find_service(folders, start=start))


def find_service(folders: Folders, *, start: bool, demo: bool = False) -> Endpoint:
    """The service for the window; it is looked for, and started, off the GUI thread."""
    from agent.api.launch import ensure_service, running_service  # imported here: the first paint does not need it

    if start:
        return ensure_service(folders, demo=demo)
    found = running_service(folders)
    if found is None:
        raise not_running()
    return found


def _demo_window(orders: int) -> int:
    from agent.gui.application import run

    demo = DemoBehindWindow(orders)
    try:
        return run(
            demo.find, welcome=demo.welcome, waiting="Preparing the demo: a store, a database and the agent's service …"
        )
    finally:
        demo.close()


class DemoBehindWindow:
    """The demo, prepared in the window's I/O thread while the window says so; taken down when the window closes."""

    def __init__(self, orders: int) -> None:
        self._orders = orders
        self._lock = Lock()
        self._stack = ExitStack()
        self._demo: Demo | None = None
        self._closed = False

    def find(self, start: bool) -> Endpoint:
        """The demo's service: prepared at the first call, looked for or started again at later ones."""
        from agent.cli.demo import running_demo  # imported here: only the demo needs both

        with self._lock:
            if self._closed:
                raise not_running()
            if self._demo is None:
                self._demo = self._stack.enter_context(running_demo(self._orders))
                return self._demo.endpoint
        return find_service(self._demo.folders, start=start, demo=True)

    def welcome(self) -> Welcome | None:
        """The demo's operator, who is signed in without typing."""
        from agent.cli.demo import OPERATOR_PASSWORD
        from agent.gui.assembly import Welcome

        return Welcome(self._demo.session, OPERATOR_PASSWORD) if self._demo is not None else None

    def close(self) -> None:
        """Take it down, once it is up."""
        with self._lock:
            self._closed = True
            self._stack.close()


if __name__ == "__main__":
    main()
