"""Makes the private virtual environment and keeps it in step with a lock file.

Owns the folder it is given and the note in it, `op-agent.json`, which says what was installed. An environment that was
left half-made is made anew; one that somebody made by hand is filled up, never deleted while it works.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from installer import OLDEST_PYTHON, lock_file, system_packages
from installer.progress import Progress, SetUpError

PROJECT = Path(__file__).resolve().parents[1]
RUNTIME_LOCK = PROJECT / "installer" / "requirements.lock"
# Holds every pin of the runtime lock and more, so an environment made from it serves both.
DEVELOPMENT_LOCK = PROJECT / "installer" / "requirements-dev.lock"

_NOTE = "op-agent.json"


def python_in(folder: Path) -> Path:
    """The interpreter of a virtual environment on this platform."""
    return folder / "Scripts" / "python.exe" if os.name == "nt" else folder / "bin" / "python"


def prepare(
    folder: Path,
    locks: Sequence[Path],
    progress: Progress,
    *,
    project: Path = PROJECT,
    without: Iterable[str] = (),
) -> Path:
    """Bring the environment up to date and give its interpreter. Does nothing when the note says that all is there.

    `locks[0]` gets installed, the others are known to be contained in it; `without` names packages to leave out.
    """
    left_out = frozenset(without)
    wanted = {path.name: _fingerprint(path, project, left_out) for path in locks}
    note = _read_note(folder)
    version = _version(folder)
    python = python_in(folder)
    if version >= OLDEST_PYTHON and note.get(locks[0].name) == wanted[locks[0].name]:
        return python

    if version < OLDEST_PYTHON or _is_unfinished(folder, note) or not _has_pip(python):
        with progress.step(f"Making a private Python environment in {folder.name}"):
            _make(folder)
    _write_note(folder, {})
    pins = lock_file.drop(locks[0].read_text(encoding="utf-8"), left_out)
    pinned = folder / "op-agent.lock"
    pinned.write_text(pins, encoding="utf-8")
    with progress.step(f"Installing {len(lock_file.read(pins))} pinned packages"):
        # Wheels only: building one would fetch its build tools unpinned.
        _pip(python, "--require-hashes", "--only-binary=:all:", "--requirement", str(pinned))
    with progress.step("Adding the agent itself"):
        _pip(python, "--no-deps", "--no-index", "--no-build-isolation", "--editable", str(project))
    _write_note(folder, wanted)
    return python


def _fingerprint(lock: Path, project: Path, without: frozenset[str]) -> str:
    """Changes when an installation would come out different: other pins, other metadata, a moved project."""
    metadata = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))
    parts = [lock.read_text(encoding="utf-8"), sorted(without), str(project)]
    parts += [metadata["project"], metadata["build-system"]]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _read_note(folder: Path) -> Mapping[str, str]:
    try:
        note = json.loads((folder / _NOTE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return note if isinstance(note, dict) else {}


def _write_note(folder: Path, note: Mapping[str, str]) -> None:
    """An empty note stands for work in progress; it is written before the work starts."""
    (folder / _NOTE).write_text(json.dumps(note, indent=1), encoding="utf-8")


def _is_unfinished(folder: Path, note: Mapping[str, str]) -> bool:
    """pip takes a package whose copying was cut short for installed, so what was begun is begun again."""
    return (folder / _NOTE).exists() and not note


def _version(folder: Path) -> tuple[int, ...]:
    """Of the interpreter inside; empty when there is none, or when the one it points to has gone."""
    question = "import sys; print(*sys.version_info[:2])"
    try:
        answer = subprocess.run(
            [python_in(folder), "-I", "-c", question], capture_output=True, text=True, check=True, timeout=60
        )
    except (OSError, subprocess.SubprocessError):
        return ()
    return tuple(int(part) for part in answer.stdout.split())


def _has_pip(python: Path) -> bool:
    return subprocess.run([python, "-I", "-c", "import pip"], capture_output=True, check=False).returncode == 0


def _make(folder: Path) -> None:
    # Also when this runs inside the environment that it replaces: the interpreter that the environment was made from.
    base = getattr(sys, "_base_executable", None) or sys.executable
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    _write_note(folder, {})
    done = _call([base, "-I", "-m", "venv", str(folder)])
    if done.returncode:
        raise SetUpError("Python could not make a virtual environment; its reason is above.", output=done.stdout)


def ensure_venv_module(apt: system_packages.Apt, *, wanted_too: Sequence[str] = ()) -> None:
    """Debian ships Python without the module that puts pip into an environment; get it, or say how.

    Who has to type the line themselves gets `wanted_too` in it as well, so as not to be asked twice.
    """
    if importlib.util.find_spec("ensurepip") is not None and importlib.util.find_spec("venv") is not None:
        return
    if not system_packages.is_debian():
        raise SetUpError("This Python lacks the modules venv and ensurepip. Install the one from its vendor, complete.")
    if not apt.install([system_packages.VENV, *([] if apt.is_root else wanted_too)]):
        raise SetUpError("Python's venv module is missing; run the line above, then this command again.")


def _pip(python: Path, *arguments: str) -> None:
    pip = [str(python), "-I", "-m", "pip", "--disable-pip-version-check", "--no-input"]
    done = _call([*pip, "install", "--quiet", "--no-warn-script-location", "--progress-bar=off", *arguments])
    if done.returncode:
        raise SetUpError(
            "pip could not install the packages; its reason is above, and often it is the network. "
            "When it is mended, run this command again; what was fetched already is not fetched again.",
            output=done.stdout,
        )


def _call(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    environment = dict(os.environ)
    if home := environment.get("OPAGENT_HOME"):
        # Whoever moves the agent's folders into one place means pip's downloads too.
        environment.setdefault("PIP_CACHE_DIR", str(Path(home).expanduser().resolve() / "cache" / "pip"))
    return subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
