"""Runs the suite without pytest, for `opagent connector test`: `python -m agent.connectors.conformance [FOLDER]`."""

from __future__ import annotations

import argparse
import asyncio.base_events
import asyncio.runners
import contextlib
import json
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

from agent.connectors.conformance.expectations import NotConformingError, NotOfferedError
from agent.connectors.conformance.suite import Conformance

_PLACES = ("tests/test_conformance.py", "test_conformance.py")
_SUITE = Path(__file__).parent
_PYTHONS = {asyncio.runners.__file__, asyncio.base_events.__file__, contextlib.__file__}
_SIGNS = {"passed": "  ok ", "failed": "FAIL ", "not offered": "  –  "}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one case. `reason` says why it failed, or why there was nothing to try."""

    suite: str
    case: str
    outcome: str
    seconds: float
    reason: str = ""


class _NoSuiteError(Exception):
    """There is nothing to run; the text says what was looked for."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was asked for; 0 when all is well, 1 when a case failed, 2 when there is none."""
    parser = argparse.ArgumentParser("opagent connector test", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=Path(), help="The connector's folder, or its suite.")
    parser.add_argument("--only", default="", metavar="WORDS", help="Only cases with these words in their names.")
    parser.add_argument("--json", action="store_true", dest="as_json", help="Print JSON.")
    given = parser.parse_args(arguments)
    try:
        suites = found_suites(given.folder)
    except _NoSuiteError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    outcomes = []
    for outcome in outcomes_of(suites, only=given.only):
        outcomes.append(outcome)
        if not given.as_json:
            sys.stdout.write(_line(outcome))
            sys.stdout.flush()
    if given.as_json:
        sys.stdout.write(json.dumps([asdict(one) for one in outcomes], ensure_ascii=False, indent=2) + "\n")
    else:
        sys.stdout.write(_summary(outcomes))
    if not outcomes:
        sys.stderr.write(f"No case has “{given.only}” in its name.\n")
        return 2
    return 1 if any(one.outcome == "failed" for one in outcomes) else 0


def found_suites(folder: Path) -> list[type[Conformance]]:
    """The classes that inherit the suite, in a connector's folder or in one file."""
    folder = folder.resolve()
    file = folder if folder.is_file() else next((folder / one for one in _PLACES if (folder / one).is_file()), None)
    if file is None:
        raise _NoSuiteError(f"There is no {_PLACES[0]} in {folder}. Give the folder of a connector.")
    sys.path[:0] = [str(file.parent), str(folder if folder.is_dir() else file.parent), str(Path.cwd())]
    spec = spec_from_file_location("conformance_of_connector", file)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        traceback.print_exc()
        raise _NoSuiteError(f"{file} cannot be imported.") from error
    suites = [
        one
        for name, one in vars(module).items()
        if name.startswith("Test") and isinstance(one, type) and issubclass(one, Conformance)
    ]
    if not suites:
        raise _NoSuiteError(f"No class in {file} inherits Conformance and has a name that begins with Test.")
    return suites


def outcomes_of(suites: Sequence[type[Conformance]], *, only: str = "") -> Iterator[Outcome]:
    """Run the cases, one after the other."""
    for suite in suites:
        for name in _cases(suite):
            words = name.removeprefix("test_").replace("_", " ")
            if only.casefold() in words:
                yield _carried_out(suite, name, words)


def _cases(suite: type[Conformance]) -> list[str]:
    """The names of the cases, in the order in which they are written."""
    classes = [one for one in suite.__mro__ if one is not object]
    # The suite's own parts in their order, then what a connector added.
    ordered = [one for one in classes if one.__module__.startswith("agent.")]
    ordered += [one for one in classes if one not in ordered]
    names = [name for one in ordered for name in vars(one) if name.startswith("test_")]
    return list(dict.fromkeys(names))


def _carried_out(suite: type[Conformance], name: str, words: str) -> Outcome:
    begun = time.monotonic()
    outcome, reason = "passed", ""
    try:
        getattr(suite(), name)()
    except NotOfferedError as error:
        outcome, reason = "not offered", str(error)
    except NotConformingError as error:
        outcome, reason = "failed", str(error)
    except Exception as error:  # noqa: BLE001 - whatever the connector or its stand raises is the answer
        outcome, reason = "failed", _told(error)
    return Outcome(suite.__name__, words, outcome, round(time.monotonic() - begun, 3), reason)


def _told(error: Exception) -> str:
    """What came out, and the way to it through the connector's own code: the suite's and Python's tell nobody much."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [one for one in frames if not Path(one.filename).is_relative_to(_SUITE) and one.filename not in _PYTHONS]
    lines = [f"{type(error).__name__} came out: {error}", *traceback.format_list(own or frames[-1:])]
    return "\n".join(line.rstrip() for line in lines)


def _line(one: Outcome) -> str:
    reason = f" ({one.reason})" if one.outcome == "not offered" else ""
    line = f"{_SIGNS[one.outcome]}{one.suite}: {one.case}{reason}\n"
    if one.outcome == "failed":
        line += "".join(f"       {text}\n" for text in one.reason.splitlines())
    return line


def _summary(outcomes: Sequence[Outcome]) -> str:
    counts = {sign: sum(one.outcome == sign for one in outcomes) for sign in _SIGNS}
    seconds = sum(one.seconds for one in outcomes)
    return "{passed} passed, {failed} failed, {none} not offered, in {seconds:.1f} s.\n".format(
        passed=counts["passed"], failed=counts["failed"], none=counts["not offered"], seconds=seconds
    )


if __name__ == "__main__":
    sys.exit(main())
