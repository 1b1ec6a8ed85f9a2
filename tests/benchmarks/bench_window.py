"""How soon the window is there. Prints figures and judges none.

    .venv/bin/python -m tests.benchmarks.bench_window [runs]

Each run starts the program as an operator does, as a process of its own, and takes the time from just before that to
the end of the main window's first paint event, and to the moment when the sign-in form is on show (the service's
state has been asked and answered). The window is painted on a real X server where Xvfb is installed, else off screen.
"Cold" means that the machine's file cache was dropped before, which needs root on Linux.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from agent.api.folders import HOME_VARIABLE, Folders
from agent.api.launch import ensure_service, stop_service

_CHILD = """
import os, sys, time
from agent.gui import window
from agent.gui.sign_in import view
from agent import __main__ as program

def told(word):
    print(word, time.time() - float(os.environ["BENCH_START"]), flush=True)

paint = window.MainWindow.paintEvent
def paint_and_tell(self, event):
    paint(self, event)
    if not hasattr(self, "told"):
        self.told = True
        told("painted")
window.MainWindow.paintEvent = paint_and_tell

form = view.SignInPage.show_form
def form_and_tell(self, **facts):
    form(self, **facts)
    told("form")
view.SignInPage.show_form = form_and_tell
sys.argv = ["opagent"]
program.main()
"""
_PATIENCE_SECONDS = 120


def main() -> None:
    """Run everything."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with tempfile.TemporaryDirectory() as name, _screen() as screen:
        home = Path(name) / "agent"
        environ = {**os.environ, **screen, HOME_VARIABLE: str(home), "XDG_CONFIG_HOME": name}
        os.environ[HOME_VARIABLE] = str(home)
        folders = Folders.below(home)
        _say(f"screen: {screen['QT_QPA_PLATFORM']}, {runs} runs, median (least – most), seconds")
        _say(f"{'':<38}{'first paint':>22}{'sign-in form':>22}")
        try:
            _row("warm, service not running yet", [_fresh(environ, folders) for _ in range(runs)])
            ensure_service(folders)
            _row("warm, service running", [_start(environ) for _ in range(runs)])
            if _drop_caches():
                _row("cold, service running", [_cold(environ) for _ in range(runs)])
            else:
                _say("cold: not measured, the file cache cannot be dropped here")
        finally:
            stop_service(folders)


def _fresh(environ: Mapping[str, str], folders: Folders) -> dict[str, float]:
    stop_service(folders)
    return _start(environ)


def _cold(environ: Mapping[str, str]) -> dict[str, float]:
    _drop_caches()
    return _start(environ)


def _start(environ: Mapping[str, str]) -> dict[str, float]:
    """One start of the program; gives when what happened."""
    found: dict[str, float] = {}
    with subprocess.Popen(
        [sys.executable, "-c", _CHILD],
        env={**environ, "BENCH_START": str(time.time())},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        end = time.monotonic() + _PATIENCE_SECONDS
        for line in process.stdout:
            word, _, seconds = line.partition(" ")
            found[word] = float(seconds)
            if "form" in found or time.monotonic() > end:
                break
        process.terminate()
    return found


@contextmanager
def _screen() -> Iterator[dict[str, str]]:
    """A virtual X server where there is one."""
    program = shutil.which("Xvfb")
    if program is None:
        yield {"QT_QPA_PLATFORM": "offscreen"}
        return
    reading, writing = os.pipe()
    command = [program, "-displayfd", str(writing), "-screen", "0", "1440x900x24", "-nolisten", "tcp"]
    process = subprocess.Popen(command, pass_fds=[writing], stderr=subprocess.DEVNULL)
    os.close(writing)
    try:
        with os.fdopen(reading) as told:
            number = told.readline().strip()
        yield {"QT_QPA_PLATFORM": "xcb", "DISPLAY": f":{number}"}
    finally:
        process.terminate()
        process.wait()


def _drop_caches() -> bool:
    try:
        subprocess.run(["sync"], check=True)
        Path("/proc/sys/vm/drop_caches").write_text("3", "ascii")
    except OSError:
        return False
    return True


def _row(name: str, runs: list[dict[str, float]]) -> None:
    cells = []
    for word in ("painted", "form"):
        seconds = [run[word] for run in runs]
        cells.append(f"{statistics.median(seconds):.2f} ({min(seconds):.2f} – {max(seconds):.2f})")
    _say(f"{name:<38}{cells[0]:>22}{cells[1]:>22}")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
