"""What the one test command counts as passed, and what it says at the end; also the first questions of `run.py`."""

from __future__ import annotations

import io
import itertools
import sys
from collections import Counter
from pathlib import Path

import pytest

from installer import environment, refusal, verdict
from installer.progress import Progress, SetUpError
from installer.run import has_screen
from installer.test import Check, Outcome, checks, run_check, run_checks, variables


def outcome_of(code: str, *, is_pytest: bool) -> tuple[Outcome, str]:
    said = io.StringIO()
    check = Check("it", [sys.executable, "-c", code], is_pytest=is_pytest)
    return run_check(check, Progress(said), scratch=Path(), clock=lambda: 0.0), said.getvalue()


def test_a_passing_check_says_nothing_but_its_name() -> None:
    outcome, said = outcome_of("print('all good')", is_pytest=False)
    assert outcome.passed
    assert said == "--- it\n"


def test_a_failing_check_shows_its_output() -> None:
    outcome, said = outcome_of("import sys; print('line 3 is bad'); sys.exit(1)", is_pytest=False)
    assert not outcome.passed
    assert "line 3 is bad" in said


def test_quiet_checks_run_beside_the_tests_and_are_told_in_one_piece_with_their_name(tmp_path: Path) -> None:
    said = io.StringIO()
    met = tmp_path / "met"
    waits = f"import pathlib, time\nwhile not pathlib.Path({str(met)!r}).exists(): time.sleep(0.01)\n"
    suite = [
        Check("style", [sys.executable, "-c", "import sys; print('one'); print('two'); sys.exit(1)"]),
        Check("types", [sys.executable, "-c", f"import pathlib; pathlib.Path({str(met)!r}).touch()"]),
        Check("tests", [sys.executable, "-c", waits + "print('1 passed in 0.10s')"], is_pytest=True),
    ]
    outcomes = run_checks(suite, Progress(said), scratch=tmp_path)
    assert [(one.name, one.passed) for one in outcomes] == [("style", False), ("types", True), ("tests", True)]
    assert "--- style\none\ntwo\n" in said.getvalue()
    assert said.getvalue().splitlines().count("--- types") == 1


def test_programs_of_the_tests_keep_what_they_compiled_and_use_the_scratch_folder(
    tmp_path: Path,
) -> None:
    given = variables({"PYTHONDONTWRITEBYTECODE": "1", "TMPDIR": "/elsewhere", "LANG": "C"}, tmp_path)
    assert "PYTHONDONTWRITEBYTECODE" not in given
    assert given["TMPDIR"] == str(tmp_path)
    assert given["LANG"] == "C"


def test_tests_are_counted_and_shown_as_they_come() -> None:
    outcome, said = outcome_of("print('..s'); print('2 passed, 1 skipped in 0.10s')", is_pytest=True)
    assert outcome.passed
    assert outcome.counts == {"passed": 2, "skipped": 1}
    assert "..s" in said


@pytest.mark.parametrize(
    "code",
    [
        "import sys; print('no tests ran in 0.01s'); sys.exit(5)",
        "print('no tests ran in 0.01s')",
        "import sys; print('1 failed, 2 passed in 0.01s'); sys.exit(1)",
        "print('3 skipped in 0.01s')",
    ],
)
def test_a_run_without_a_passed_test_or_with_a_failed_one_has_failed(code: str) -> None:
    assert not outcome_of(code, is_pytest=True)[0].passed


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("5 passed in 0.31s", {"passed": 5}),
        ("==== 1 failed, 5 passed, 1 warning in 75.31s (0:01:15) ====", {"failed": 1, "passed": 5, "warning": 1}),
        ("\x1b[32m\x1b[1m2 passed\x1b[0m, \x1b[33m2 errors\x1b[0m\x1b[32m in 0.1s\x1b[0m", {"passed": 2, "error": 2}),
        ("no tests ran in 0.01s", {}),
        ("the client passed 3 passed tickets", {}),
    ],
)
def test_the_summary_of_pytest_is_understood(line: str, found: dict[str, int]) -> None:
    assert verdict.counts(["3 passed tests", line, ""]) == found


def test_the_last_line_adds_up_and_counts_a_failed_check_as_an_error() -> None:
    tests = (True, Counter(passed=5, skipped=1))
    again = (False, Counter(passed=3, failed=2))
    assert verdict.last_line([(True, Counter()), tests, again], 61.0).strip("=") == (
        " 2 failed, 8 passed, 1 skipped in 61.00s "
    )
    assert verdict.last_line([(False, Counter()), tests], 2).strip("=") == " 5 passed, 1 skipped, 1 error in 2.00s "


def test_the_table_names_every_check() -> None:
    assert verdict.table([("ruff", True, 0.5), ("tests", False, 61.25)]).splitlines() == [
        "",
        "ruff   ok          0.5 s",
        "tests  FAILED     61.2 s",
    ]


def test_arguments_go_to_the_tests_and_leave_the_second_run_out() -> None:
    python = Path("bin/python")
    asked = checks(python, None, ["-k", "one"], workers=2)
    assert asked[-1].name == "tests"
    assert asked[-1].command[-2:] == ["-k", "one"]
    assert "--numprocesses" not in asked[-1].command
    assert [check.name for check in checks(python, python, [], workers=2)][-2:] == ["tests", "tests without PySide6"]


def test_the_whole_suite_runs_in_several_processes() -> None:
    suite = checks(Path("bin/python"), Path("bin/python"), [], workers=3)
    for check in (one for one in suite if one.is_pytest):
        assert ("--numprocesses", "3") in itertools.pairwise(check.command)


def test_ci_runs_exactly_the_command_that_a_person_runs() -> None:
    lines = (environment.PROJECT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if "python" in line] == ["exec python3 installer/test.py"]


@pytest.mark.parametrize("version", [(3, 8, 10), (3, 10, 14)])
def test_an_old_python_is_refused_with_a_sentence(version: tuple[int, ...]) -> None:
    assert "needs Python 3.11 or newer" in refusal(version)
    assert ".".join(map(str, version)) in refusal(version)


@pytest.mark.parametrize("version", [(3, 11, 0), (3, 14, 1)])
def test_a_new_python_is_not_refused(version: tuple[int, ...]) -> None:
    assert refusal(version) == ""


@pytest.mark.parametrize(
    ("variables", "platform", "there"),
    [
        ({}, "linux", False),
        ({"DISPLAY": ""}, "linux", False),
        ({"DISPLAY": ":0"}, "linux", True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", True),
        ({}, "win32", True),
        ({}, "darwin", True),
    ],
)
def test_a_screen_is_where_the_session_says_so(variables: dict[str, str], platform: str, there: bool) -> None:
    assert has_screen(variables, platform) is there


def test_a_step_is_one_line_with_its_time() -> None:
    said = io.StringIO()
    times = iter([10.0, 12.5])
    with Progress(said, clock=lambda: next(times)).step("Building"):
        assert said.getvalue() == "Building ..."
    assert said.getvalue() == "Building ... 2.5 s\n"


def test_a_failed_step_shows_the_end_of_the_output_and_what_to_do() -> None:
    said = io.StringIO()
    progress = Progress(said)
    error = SetUpError("Do this.", output="\n".join(str(number) for number in range(100)))
    with pytest.raises(SetUpError), progress.step("Building"):
        raise error
    progress.explain(error)
    lines = said.getvalue().splitlines()
    assert lines[0] == "Building ... failed"
    assert lines[1:] == [*(str(number) for number in range(70, 100)), "Do this."]
