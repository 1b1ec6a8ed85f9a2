"""The operating system's vault for tests: GNOME Keyring in a D-Bus session of its own, unlocked or locked.

What is in the keyring outlives the session, as it does from one sign-in to the next.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

UNLOCK = "printf ci-pass | gnome-keyring-daemon --unlock --components=secrets >/dev/null; "
START_LOCKED = "gnome-keyring-daemon --start --components=secrets >/dev/null; "
_PROGRAMS = ("dbus-run-session", "gnome-keyring-daemon", "bash")
_MISSING = [program for program in _PROGRAMS if shutil.which(program) is None]
_ROOT = Path(__file__).resolve().parents[2]
_PATIENCE_SECONDS = 120


def needs_keyring(test: Callable[..., None]) -> Callable[..., None]:
    """Marks a test that uses `in_session`."""
    marks = (
        pytest.mark.keyring,
        pytest.mark.skipif(sys.platform != "linux", reason="The Secret Service belongs to Linux."),
        pytest.mark.skipif(bool(_MISSING), reason=f"Not installed: {', '.join(_MISSING)} (apt: gnome-keyring dbus)."),
    )
    for mark in marks:
        test = mark(test)
    return test


def in_session(folder: Path, before: str, command: Sequence[str], *, stdin: str = "") -> dict[str, Any]:
    """Run a program in a session whose keyring is in that folder, and give its last line, which is JSON.

    `before` is what happens to the keyring first: `UNLOCK`, `START_LOCKED`, or nothing at all.
    """
    data = folder / "keyring"
    data.mkdir(mode=0o700, exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if name not in ("DBUS_SESSION_BUS_ADDRESS", "DISPLAY")}
    # The daemon listens on a socket in there, and the path of a socket has no room for the folder of a test.
    with tempfile.TemporaryDirectory(prefix="session-") as runtime:
        environ = kept | {
            "XDG_DATA_HOME": str(data),
            "XDG_RUNTIME_DIR": runtime,
            "PYTHONPATH": os.pathsep.join(filter(None, (str(_ROOT), kept.get("PYTHONPATH")))),
        }
        done = subprocess.run(
            ["dbus-run-session", "--", "bash", "-c", f'{before}exec "$@"', "bash", *command],
            env=environ, input=stdin, capture_output=True, text=True, timeout=_PATIENCE_SECONDS, check=False, cwd=_ROOT,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))
