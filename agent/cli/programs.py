"""Hands the terminal over to another program of ours: signals reach it as if it had been started itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import NoReturn


def become(module: str, arguments: Sequence[str]) -> NoReturn:
    """Go on as `python -m module …`, and end with its exit status."""
    command = [sys.executable, "-m", module, *arguments]
    sys.stdout.flush()
    sys.stderr.flush()
    if os.name == "posix":
        os.execv(sys.executable, command)  # noqa: S606 - our own program
    # Windows cannot replace a process. Ctrl+C reaches both; the other one decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(subprocess.call(command))  # noqa: S603 - our own program
