"""The few packages of Debian and Ubuntu that pip cannot bring: what Qt links to, and what the tests start.

Installs through apt when it may; otherwise gives the exact line for somebody who may. Other systems bring these
libraries themselves, or have package managers that we do not drive.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from installer.progress import Progress, SetUpError

# Found in a bare Debian 12: without any one of these, PySide6 does not load.
QT = ("libegl1", "libgl1", "libglib2.0-0", "libfontconfig1", "libdbus-1-3", "libxkbcommon0")
# Without these Qt loads, and then finds no screen. Its message names libxcb-cursor0 whichever is missing.
QT_SCREEN = ("libxcb-cursor0", "libxcb-icccm4", "libxcb-keysyms1", "libxcb-shape0", "libxkbcommon-x11-0")
# Package -> the program that tests start. A program that came another way is as good.
FOR_TESTS: Mapping[str, str] = {
    "xvfb": "Xvfb",
    "gnome-keyring": "gnome-keyring-daemon",
    "dbus": "dbus-run-session",
    "postgresql": "postgres",
    "mariadb-server": "mariadb-install-db",
    "openssh-server": "sshd",
}
VENV = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def is_debian() -> bool:
    """Debian, Ubuntu and their kin: the systems whose packages we can name."""
    return Path("/etc/debian_version").exists() and shutil.which("apt-get") is not None


def is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def missing(names: Sequence[str], *, run: Run = subprocess.run) -> list[str]:
    """Those of the packages that are not installed, under this name or the one of the 64-bit time transition."""
    asked = [spelling for name in names for spelling in (name, f"{name}t64")]
    answer = run(
        ["dpkg-query", "--show", "--showformat", "${Package} ${db:Status-Status}\n", *asked],
        capture_output=True,
        text=True,
        check=False,
    )
    installed = {line.split()[0] for line in answer.stdout.splitlines() if line.endswith(" installed")}
    return [name for name in names if name not in installed and f"{name}t64" not in installed]


def missing_for_tests(*, find: Callable[[str], str | None] = shutil.which) -> list[str]:
    """Packages whose program is nowhere to be found. Debian keeps PostgreSQL's server off the PATH."""
    servers = any(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    return [
        package
        for package, program in FOR_TESTS.items()
        if find(program) is None and not (package == "postgresql" and servers)
    ]


def apt_line(names: Sequence[str]) -> str:
    """What a person types to install the packages."""
    return f"sudo apt-get update && sudo apt-get install -y --no-install-recommends {' '.join(names)}"


class Apt:
    """Debian's package manager, in the hands of root or of nobody. Reads the package lists anew once, when needed."""

    def __init__(self, progress: Progress, *, root: bool, run: Run = subprocess.run) -> None:
        self._progress = progress
        self.is_root = root
        self._run = run
        self._lists_are_fresh = False

    def install(self, names: Sequence[str]) -> bool:
        """Install the packages, or say how. True when they are there now; a failure is told, not raised."""
        if not names:
            return True
        if not self.is_root:
            self._progress.say(f"Missing system packages. Please run:\n  {apt_line(names)}")
            return False
        try:
            with self._progress.step(f"Installing system packages: {' '.join(names)}"):
                self._install(names)
        except SetUpError as error:
            self._progress.explain(error)
            return False
        return True

    def _install(self, names: Sequence[str]) -> None:
        if not self._lists_are_fresh:
            # This also fails for one source among many, so only the installation itself decides.
            self._call("update")
            self._lists_are_fresh = True
        done = self._call("install", "-y", "--no-install-recommends", *names)
        if done.returncode:
            advice = f"apt could not install them. When it works again, please run:\n  {apt_line(names)}"
            raise SetUpError(advice, output=done.stdout)

    def _call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        # Somebody's unattended upgrade may hold the lock: wait a while rather than fail.
        return self._run(
            ["apt-get", "-q", "-o", "DPkg::Lock::Timeout=120", *arguments],
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
