"""`python3 installer/run.py`: sets everything up and opens the agent on the demo; without a screen, runs it headless.

Owns the order of the set-up and the question whether there is a screen. What the demo does is `agent demo`.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # so that these imports work from any folder

from installer import environment, system_packages
from installer.progress import Progress, SetUpError


def main(arguments: Sequence[str]) -> int:
    options = _parser().parse_args(arguments)
    progress = Progress()
    try:
        python = set_up(progress, [environment.RUNTIME_LOCK])
        if options.setup_only:
            progress.say("Everything is set up.")
            return 0
        headless = options.headless or not _can_open_a_window(python, progress)
    except SetUpError as error:
        progress.explain(error)
        return 1
    return subprocess.call(
        [python, "-m", "agent", "demo", *(["--headless"] if headless else [])], cwd=environment.PROJECT
    )


def set_up(progress: Progress, locks: Sequence[Path], *, for_tests: bool = False) -> Path:
    """System packages, environment, pinned packages, the agent. Gives the environment's interpreter.

    What only tests start is installed by root alone: without it those tests are skipped, which is not worth a request.
    """
    root = system_packages.is_root()
    apt = system_packages.Apt(progress, root=root)
    is_debian = system_packages.is_debian()
    for_qt = system_packages.missing([*system_packages.QT, *system_packages.QT_SCREEN]) if is_debian else []
    environment.ensure_venv_module(apt, wanted_too=for_qt)
    apt.install(for_qt)
    if is_debian and for_tests and root:
        apt.install(system_packages.missing_for_tests())
    return environment.prepare(environment.PROJECT / ".venv", locks, progress)


def has_screen(variables: Mapping[str, str], platform: str) -> bool:
    """Windows and macOS always have one to offer; elsewhere the session says so."""
    if platform in {"win32", "darwin"}:
        return True
    return bool(variables.get("DISPLAY") or variables.get("WAYLAND_DISPLAY"))


def _can_open_a_window(python: Path, progress: Progress) -> bool:
    if not has_screen(os.environ, sys.platform):
        progress.say("There is no screen here, so the demo runs without a window.")
        return False
    check = subprocess.run(
        [python, "-c", "from PySide6 import QtSvg, QtWidgets"], capture_output=True, text=True, check=False
    )
    if check.returncode:
        reason = check.stderr.strip().splitlines()[-1:] or ["unknown reason"]
        progress.say(f"Qt cannot be loaded here ({reason[0]}), so the demo runs without a window.")
        return False
    return True


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="run.py", description="Set the agent up and open it on the demo.")
    parser.add_argument("--setup-only", action="store_true", help="set everything up and stop")
    parser.add_argument("--headless", action="store_true", help="run the demo without a window in any case")
    return parser


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
