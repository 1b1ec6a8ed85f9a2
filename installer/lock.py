"""`python3 installer/lock.py [--upgrade]`: makes both lock files anew from pyproject.toml. Needs uv (`pip install uv`).

Without `--upgrade` the versions of the present files stay where pyproject.toml still allows them.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # so that these imports work from any folder

from installer.environment import DEVELOPMENT_LOCK, PROJECT, RUNTIME_LOCK, python_in


def main(arguments: Sequence[str]) -> int:
    uv = shutil.which("uv") or shutil.which("uv", path=str(python_in(PROJECT / ".venv").parent))
    if uv is None:
        print("uv is not installed; get it with: pip install uv")
        return 1
    for command in commands(uv, arguments):
        done = subprocess.run(command, cwd=PROJECT, check=False)
        if done.returncode:
            return done.returncode
    return 0


def commands(uv: str, extra: Sequence[str]) -> list[list[str]]:
    """The development lock first; the runtime lock then takes its versions from it, so that one contains the other."""
    compile_ = [uv, "pip", "compile", "pyproject.toml", "--extra", "gui", "--group", "build"]
    compile_ += ["--universal", "--python-version", "3.11", "--generate-hashes", "--no-header", "--quiet", *extra]
    development, runtime = (path.relative_to(PROJECT).as_posix() for path in (DEVELOPMENT_LOCK, RUNTIME_LOCK))
    return [
        [*compile_, "--group", "dev", "--output-file", development],
        [*compile_, "--constraints", development, "--output-file", runtime],
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
