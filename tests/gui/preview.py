"""The window with a pretended service, to look at and to photograph. Not part of the product.

python -m tests.gui.preview --panel home --theme dark --shot home.png
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from PySide6.QtCore import QSettings, QTimer
from PySide6.QtWidgets import QApplication

from agent.api import operator_models
from agent.gui import theme
from agent.gui.application import make_application
from agent.gui.assembly import Shell
from agent.gui.bridge import Bridge
from tests.gui.doubles import pretended
from tests.gui.scenes import SCENES
from tests.helpers.fake_client import FakeClient


def main() -> int:
    """Show one scene, or write its picture."""
    parser = argparse.ArgumentParser(prog="tests.gui.preview")
    parser.add_argument("--panel", default="home", choices=sorted(SCENES))
    parser.add_argument("--theme", default="light", choices=["light", "dark", "system"])
    parser.add_argument("--size", default="1240x800")
    parser.add_argument("--shot", type=Path)
    options = parser.parse_args()
    application = make_application([])
    application.setCursorFlashTime(0)
    chosen = theme.Theme(application)
    chosen.apply(theme.Mode(options.theme))
    scene = SCENES[options.panel]
    fake = FakeClient(empty=scene.empty)
    fake.declared["theme"] = fake.declared["theme"].model_copy(update={"value": options.theme})
    scene.prepare(fake)
    with TemporaryDirectory() as folder:
        memory = QSettings(str(Path(folder) / "window.ini"), QSettings.Format.IniFormat)
        bridge = Bridge(pretended(fake), first_delay_seconds=0.1)
        session = operator_models.Session(name="anna", token="t") if scene.signed_in else None
        shell = Shell(bridge, chosen, memory, session=session, now=lambda: fake.now)
        width, height = (int(part) for part in options.size.split("x"))
        shell.window.resize(width, height)
        shell.window.show()
        _step(application, shell, [*scene.steps(shell, fake)], options.shot)
        status = application.exec()
        bridge.close()
    return status


def _step(application: QApplication, shell: Shell, steps: list[Callable[[], object]], shot: Path | None) -> None:
    """Give the window time between steps, as a person would; then the picture."""

    def next_step() -> None:
        if steps:
            steps.pop(0)()
            QTimer.singleShot(350, next_step)
        elif shot is not None:
            _photograph(shell, shot)
            application.exit()  # quit() asks the windows, and a form that is not saved asks the operator

    QTimer.singleShot(900, next_step)


def _photograph(shell: Shell, shot: Path) -> None:
    dialog = QApplication.activeModalWidget() or QApplication.activePopupWidget()
    target = dialog if dialog is not None and dialog is not shell.window else shell.window
    target.grab().save(str(shot))


if __name__ == "__main__":
    sys.exit(main())
