"""The entry: makes application, bridge, panels and window, and runs them until the operator quits."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QApplication

from agent.api.endpoint import Endpoint
from agent.gui import brand, theme
from agent.gui.assembly import CONNECTING, Shell, Welcome
from agent.gui.bridge import Bridge
from agent.gui.garbage import GuiThreadGarbage
from agent.gui.service_link import Connect

if TYPE_CHECKING:
    from agent.api.client import AgentClient

FindEndpoint = Callable[[bool], Endpoint]
"""Finds the service's end point; may block. The argument says whether it may start a service that does not run."""


def run(where: FindEndpoint, *, welcome: Callable[[], Welcome | None] = lambda: None, waiting: str = CONNECTING) -> int:
    """Show the window until the operator quits.

    Args:
        where: Finds the service's end point; may block. `where(True)` may start it, `where(False)` only looks.
        welcome: Asked once the service answers: an operator who is signed in already.
        waiting: What is said until the service answers.

    Returns:
        The status for the process to exit with.
    """
    application = make_application(sys.argv)
    chosen = theme.Theme(application)
    memory = QSettings("op-agent", "window")
    chosen.apply(_remembered_mode(memory))
    bridge = Bridge(connector(where, welcome))
    shell = Shell(bridge, chosen, memory, welcome=welcome, waiting=waiting)
    garbage = GuiThreadGarbage(application)
    shell.window.show()
    application.aboutToQuit.connect(shell.window.remember_geometry)
    end_on_signals(application)
    try:
        return application.exec()
    finally:
        bridge.close()
        garbage.stop()


def make_application(arguments: list[str]) -> QApplication:
    """The application with our style and fonts."""
    application = QApplication(arguments)
    application.setApplicationName("OP Agent")
    application.setDesktopFileName("op-agent")
    application.setWindowIcon(brand.window_icon())
    application.setStyle("Fusion")
    theme.load_fonts(application)
    return application


def end_on_signals(application: QApplication) -> None:
    """Ctrl+C in the console and the end of the session end the window without a question: nobody may be there for it.

    Needs Python to run now and then, which the collection of garbage sees to.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: application.exit())


def connector(where: FindEndpoint, welcome: Callable[[], Welcome | None] = lambda: None) -> Connect:
    """Makes clients for the service that `where` finds; the first speaks for whom `welcome` names."""
    first = True

    def connect(session: str | None, /, *, start: bool) -> AgentClient:
        from agent.api.client import AgentClient  # in the I/O thread: httpx takes a while to import

        nonlocal first
        endpoint = where(start)
        known = welcome() if first else None
        first = False
        return AgentClient(endpoint, session=known.session.token if known is not None else session)

    return connect


def _remembered_mode(memory: QSettings) -> theme.Mode:
    try:
        return theme.Mode(str(memory.value("theme", theme.Mode.SYSTEM.value)))
    except ValueError:
        return theme.Mode.SYSTEM
