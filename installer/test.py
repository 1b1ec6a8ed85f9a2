"""`python3 installer/test.py`: sets everything up and runs the whole suite: style, types, imports, tests.

Owns which checks there are and when they count as passed. Extra arguments go to pytest; the second run of the tests,
in an environment without Qt, is then left out. CI runs exactly this.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # so that these imports work from any folder

from installer import environment, verdict
from installer.progress import Progress, SetUpError
from installer.run import set_up

# What the window needs and nothing else does. pytest-qt is installed but refuses to start without them.
QT_PACKAGES = ("pyside6-essentials", "shiboken6")
SOURCES = ("agent", "installer", "tests")


@dataclass(frozen=True)
class Check:
    """One program of the suite. A run of pytest shows its output as it comes, the others only when they fail."""

    name: str
    command: Sequence[str]
    is_pytest: bool = False


@dataclass
class Outcome:
    name: str
    passed: bool
    seconds: float
    counts: Counter[str] = field(default_factory=Counter)


def main(arguments: Sequence[str]) -> int:
    progress = Progress()
    started = time.monotonic()
    try:
        python, python_without_qt = _set_up(progress, with_second=not arguments)
    except SetUpError as error:
        progress.explain(error)
        return 1
    outcomes = [Outcome("set-up", passed=True, seconds=time.monotonic() - started)]
    # Tests leave their folders for whoever looks at a failure; here nobody does, so they go when we go.
    with tempfile.TemporaryDirectory(prefix="opagent-", ignore_cleanup_errors=True) as scratch:
        # PostgreSQL refuses to run as root: the account that the tests start it under has to get through to its folder.
        Path(scratch).chmod(0o711)
        for check in checks(python, python_without_qt, arguments):
            outcomes.append(run_check(check, progress, scratch=Path(scratch)))  # noqa: PERF401 - one at a time, aloud
    progress.say(verdict.table([(one.name, one.passed, one.seconds) for one in outcomes]))
    if python_without_qt is None:
        progress.say("Left out, as arguments were given: the tests without PySide6.")
    seconds = time.monotonic() - started
    progress.say(verdict.last_line([(one.passed, one.counts) for one in outcomes], seconds))
    return 0 if all(one.passed for one in outcomes) else 1


def checks(python: Path, python_without_qt: Path | None, arguments: Sequence[str]) -> list[Check]:
    """The suite, cheap checks first."""
    ruff = [str(python), "-m", "ruff"]
    suite = [
        Check("ruff check", [*ruff, "check", "--quiet", *SOURCES]),
        Check("ruff format", [*ruff, "format", "--check", "--quiet", *SOURCES]),
        Check("mypy --strict", [str(python), "-m", "mypy", "--strict", "--explicit-package-bases", *SOURCES]),
        Check("import contracts", [str(python.with_name("lint-imports")), "--no-logo"]),
        # The window's tests here, all others below: each runs once, where the least is installed that it needs.
        Check("tests", [str(python), "-m", "pytest", *(arguments or ["tests/gui"])], is_pytest=True),
    ]
    if python_without_qt is not None:
        command = [str(python_without_qt), "-m", "pytest", "-p", "no:pytest-qt", "--ignore=tests/gui"]
        suite.append(Check("tests without PySide6", command, is_pytest=True))
    return suite


def run_check(
    check: Check, progress: Progress, *, scratch: Path, clock: Callable[[], float] = time.monotonic
) -> Outcome:
    """Run one check to its end. A run of pytest that found no test (exit 5) has failed like any other."""
    started = clock()
    progress.say(f"--- {check.name}")
    with subprocess.Popen(
        check.command,
        cwd=environment.PROJECT,
        env=_variables(scratch),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
    ) as process:
        lines: list[str] = []
        for line in process.stdout or ():
            lines.append(line.rstrip("\n"))
            if check.is_pytest:
                progress.say(lines[-1])
    if process.returncode and not check.is_pytest:
        progress.say("\n".join(lines))
    counts = verdict.counts(lines) if check.is_pytest else Counter[str]()
    passed = process.returncode == 0 and (not check.is_pytest or counts["passed"] > 0)
    return Outcome(check.name, passed, clock() - started, counts)


def _set_up(progress: Progress, *, with_second: bool) -> tuple[Path, Path | None]:
    locks = [environment.DEVELOPMENT_LOCK, environment.RUNTIME_LOCK]
    python = set_up(progress, locks, for_tests=True)
    if not with_second:
        return python, None
    folder = environment.PROJECT / ".venv-headless"
    return python, environment.prepare(folder, locks[:1], progress, without=QT_PACKAGES)


def _variables(scratch: Path) -> dict[str, str]:
    """Windows are drawn into memory; temporary files go to `scratch`; on Windows, too, the pipe carries UTF-8."""
    own = {"PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1", **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(scratch))}
    return {"QT_QPA_PLATFORM": "offscreen", **os.environ, **own}


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
