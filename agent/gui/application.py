"""The entry: makes application, bridge, panels and window, and runs them until the operator quits."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QApplication

from agent.api import models
from agent.api.endpoint import Endpoint
from agent.gui import theme
from agent.gui.assembly import Shell
from agent.gui.bridge import Bridge
from agent.gui.garbage import GuiThreadGarbage
from agent.gui.service_link import Connect

if TYPE_CHECKING:
    from agent.api.client import AgentClient

FindEndpoint = Callable[[bool], Endpoint]
"""Finds the service's end point; may block. The argument says whether it may start a service that does not run."""


def run(where: Endpoint | FindEndpoint, session: models.Session | None = None) -> int:
    """Show the window until the operator quits.

    Args:
        where: The service, or how to find it. `find(True)` may start it, `find(False)` only looks.
        session: An operator's session, where the caller signed in already (the demo).

    Returns:
        The status for the process to exit with.
    """
    application = make_application(sys.argv)
    chosen = theme.Theme(application)
    memory = QSettings("op-agent", "window")
    chosen.apply(_remembered_mode(memory))
    bridge = Bridge(_connect(where), session=session.token if session else None)
    shell = Shell(bridge, chosen, memory, session=session)
    garbage = GuiThreadGarbage(application)
    shell.window.show()
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
    application.setStyle("Fusion")
    theme.load_fonts(application)
    return application


def _connect(where: Endpoint | FindEndpoint) -> Connect:
    def connect(session: str | None, /, *, start: bool) -> AgentClient:
        from agent.api.client import AgentClient  # in the I/O thread: httpx takes a while to import

        endpoint = where if isinstance(where, Endpoint) else where(start)
        return AgentClient(endpoint, session=session)

    return connect


def _remembered_mode(memory: QSettings) -> theme.Mode:
    try:
        return theme.Mode(str(memory.value("theme", theme.Mode.SYSTEM.value)))
    except ValueError:
        return theme.Mode.SYSTEM
