"""One application for all tests of the window, off screen; shells with a pretended service."""

from __future__ import annotations

import os

os.environ["QT_QPA_PLATFORM"] = "offscreen"  # before the first import of Qt

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QSettings, qInstallMessageHandler
from PySide6.QtWidgets import QApplication

from agent.api import operator_models
from agent.gui import theme
from agent.gui.assembly import Shell
from agent.gui.bridge import Bridge
from agent.gui.garbage import GuiThreadGarbage
from tests.gui.doubles import InstantCalls, Recorder, pretended
from tests.helpers.fake_client import NOW, FakeClient

_HARMLESS = ("This plugin does not support",)
SESSION = operator_models.Session(name="anna", token="t")


@pytest.fixture(scope="session")
def qapp_cls() -> type[QApplication]:
    """A plain application; pytest-qt makes it."""
    return QApplication


@pytest.fixture(scope="session")
def look(qapp: QApplication) -> theme.Theme:
    """The application with our style, fonts and a light theme."""
    qapp.setStyle("Fusion")
    qapp.setCursorFlashTime(0)
    theme.load_fonts(qapp)
    found = theme.Theme(qapp)
    found.apply(theme.Mode.LIGHT)
    return found


@pytest.fixture(scope="session", autouse=True)
def garbage(qapp: QApplication) -> Iterator[GuiThreadGarbage]:
    """Collect in the GUI thread alone, as the application does."""
    found = GuiThreadGarbage(qapp)
    yield found
    found.stop()


@pytest.fixture(autouse=True)
def _quiet_qt() -> Iterator[list[str]]:
    """A warning of Qt fails the test."""
    said: list[str] = []

    def hear(_kind: object, _context: object, text: str) -> None:
        if not text.startswith(_HARMLESS):
            said.append(text)

    before = qInstallMessageHandler(hear)
    yield said
    qInstallMessageHandler(before)
    assert said == []


@pytest.fixture
def fake() -> FakeClient:
    """A pretended service with some of everything."""
    return FakeClient()


@pytest.fixture
def memory(tmp_path: Path) -> QSettings:
    """What the window remembers."""
    return QSettings(str(tmp_path / "window.ini"), QSettings.Format.IniFormat)


@pytest.fixture
def open_shell(qtbot: Any, look: theme.Theme, fake: FakeClient, memory: QSettings) -> Iterator[Callable[..., Shell]]:
    """Opens the window; closes it and its I/O thread afterwards."""
    opened: list[Shell] = []

    def open_it(*, signed_in: bool = True, now: Callable[[], datetime] = lambda: NOW) -> Shell:
        bridge = Bridge(pretended(fake), first_delay_seconds=0.02)
        shell = Shell(bridge, look, memory, session=SESSION if signed_in else None, now=now)
        qtbot.addWidget(shell.window)
        opened.append(shell)
        shell.window.show()
        return shell

    yield open_it
    for shell in opened:
        shell.bridge.close()
        shell.deleteLater()
    look.apply(theme.Mode.LIGHT)


@pytest.fixture
def shell(open_shell: Callable[..., Shell], qtbot: Any) -> Shell:
    """The window, signed in, with its catalog."""
    opened = open_shell()
    qtbot.waitUntil(lambda: opened.catalog.loaded and opened.session.state is not None)
    return opened


@pytest.fixture
def calls(fake: FakeClient) -> InstantCalls:
    """Calls for presenters."""
    return InstantCalls(fake)


@pytest.fixture
def view() -> Recorder:
    """A view for presenters."""
    return Recorder()
