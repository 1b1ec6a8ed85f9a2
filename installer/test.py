"""`python3 installer/test.py`: sets everything up and runs the whole suite: style, types, imports, tests.

Owns which checks there are, which of them go at the same time, and when they count as passed. Extra arguments go to
pytest; the second run of the tests, in an environment without Qt, is then left out. CI runs exactly this.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
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
# Each worker has a PostgreSQL server, services and stores of its own: more of them would be in each other's way.
MOST_WORKERS = 8
# Tests wait for services that start and for delays that pass: a third of their time, in which another worker works.
WORKERS_MORE_THAN_PROCESSORS = 1
# No test takes a third of it, on a busy machine. One that hangs ends the run, and says where it hung.
LONGEST_TEST_SECONDS = 900


@dataclass(frozen=True)
class Check:
    """One program of the suite. A run of pytest shows its output as it comes, the others at their end if they fail."""

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
        workers = min(_processors() + WORKERS_MORE_THAN_PROCESSORS, MOST_WORKERS)
        suite = checks(python, python_without_qt, arguments, workers=workers)
        outcomes += run_checks(suite, progress, scratch=Path(scratch))
    progress.say(verdict.table([(one.name, one.passed, one.seconds) for one in outcomes]))
    if python_without_qt is None:
        progress.say("Left out, as arguments were given: the tests without PySide6.")
    seconds = time.monotonic() - started
    progress.say(verdict.last_line([(one.passed, one.counts) for one in outcomes], seconds))
    return 0 if all(one.passed for one in outcomes) else 1


def checks(python: Path, python_without_qt: Path | None, arguments: Sequence[str], *, workers: int) -> list[Check]:
    """The suite, cheap checks first. Whoever gives arguments gets them in one process, where a debugger can ask."""
    parallel = [
        *("--numprocesses", str(workers), "--dist", "loadfile", "--no-loadscope-reorder", "--max-worker-restart", "0"),
        *("-o", f"faulthandler_timeout={LONGEST_TEST_SECONDS}", "-o", "faulthandler_exit_on_timeout=true"),
    ]
    ruff = [str(python), "-m", "ruff"]
    suite = [
        Check("ruff check", [*ruff, "check", "--quiet", *SOURCES]),
        Check("ruff format", [*ruff, "format", "--check", "--quiet", *SOURCES]),
        Check("import contracts", [str(python.with_name("lint-imports")), "--no-logo"]),
        Check("mypy --strict", [str(python), "-m", "mypy", "--strict", "--explicit-package-bases", *SOURCES]),
        # The window's tests here, all others below: each runs once, where the least is installed that it needs.
        Check("tests", [str(python), "-m", "pytest", *(arguments or [*parallel, "tests/gui"])], is_pytest=True),
    ]
    if python_without_qt is not None:
        command = [str(python_without_qt), "-m", "pytest", "-p", "no:pytest-qt", *parallel, "--ignore=tests/gui"]
        suite.append(Check("tests without PySide6", command, is_pytest=True))
    return suite


def run_checks(suite: Sequence[Check], progress: Progress, *, scratch: Path) -> list[Outcome]:
    """Run the tests one run after the other, and the quiet checks beside them; gives the outcomes in the suite's order.

    The quiet checks use one processor only, and the first run of the tests leaves it some time.
    """
    with ThreadPoolExecutor(max_workers=1) as beside:
        try:
            quiet = {check.name: beside.submit(run_check, check, progress, scratch=scratch)
                     for check in suite if not check.is_pytest}  # fmt: skip
            loud = {check.name: run_check(check, progress, scratch=scratch) for check in suite if check.is_pytest}
            return [quiet[check.name].result() if check.name in quiet else loud[check.name] for check in suite]
        except BaseException:
            beside.shutdown(wait=False, cancel_futures=True)
            raise


def run_check(
    check: Check, progress: Progress, *, scratch: Path, clock: Callable[[], float] = time.monotonic
) -> Outcome:
    """Run one check to its end. A run of pytest that found no test (exit 5) has failed like any other."""
    started = clock()
    if check.is_pytest:
        progress.say(f"--- {check.name}")
    with subprocess.Popen(
        check.command,
        cwd=environment.PROJECT,
        env=variables(os.environ, scratch),
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
    if not check.is_pytest:
        # All at once: the tests go on talking meanwhile.
        progress.say("\n".join([f"--- {check.name}", *(lines if process.returncode else [])]))
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


def variables(inherited: Mapping[str, str], scratch: Path) -> dict[str, str]:
    """Windows are drawn into memory; temporary files go to `scratch`; on Windows, too, the pipe carries UTF-8.

    The tests start hundreds of programs, and not one of them should compile the whole source anew: what some images
    set for small layers is taken back.
    """
    own = {"PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1", **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(scratch))}
    kept = {name: text for name, text in inherited.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {"QT_QPA_PLATFORM": "offscreen", **kept, **own}


def _processors() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
