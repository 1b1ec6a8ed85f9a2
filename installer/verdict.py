"""What `test.py` says at the end: a table of the checks, and one last line in pytest's own form."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

_COUNT = re.compile(r"(\d+) (passed|failed|errors?|skipped|xfailed|xpassed|deselected|warnings?)\b")
_SUMMARY = re.compile(rf"^=*\s*{_COUNT.pattern}.* in [\d.]+s")
_COLOUR = re.compile(r"\x1b\[[\d;]*m")


def counts(lines: Sequence[str]) -> Counter[str]:
    """How many tests passed, failed and so on, from the last summary line of pytest; empty when there is none."""
    for line in reversed(lines):
        plain = _COLOUR.sub("", line)
        if _SUMMARY.match(plain):
            return Counter(
                {
                    word.rstrip("s") if word.startswith(("err", "warn")) else word: int(number)
                    for number, word in _COUNT.findall(plain)
                }
            )
    return Counter()


def table(rows: Sequence[tuple[str, bool, float]]) -> str:
    """One row per check: name, verdict, time."""
    width = max(len(name) for name, _, _ in rows)
    lines = [f"{name:<{width}}  {'ok' if passed else 'FAILED':<6}  {seconds:>7.1f} s" for name, passed, seconds in rows]
    return "\n".join(["", *lines, ""])


def last_line(outcomes: Sequence[tuple[bool, Counter[str]]], seconds: float) -> str:
    """All runs of pytest added up. A check that failed without a failed test counts as an error."""
    total: Counter[str] = Counter()
    for passed, found in outcomes:
        total += found
        if not passed and not found["failed"] and not found["error"]:
            total["error"] += 1
    words = ("failed", "passed", "skipped", "deselected", "xfailed", "xpassed", "warning", "error")
    parts = [f"{total[word]} {_plural(word, total[word])}" for word in words if total[word]]
    return f"{' ' + ', '.join(parts or ['no tests ran'])} in {seconds:.2f}s ".center(80, "=")


def _plural(word: str, number: int) -> str:
    return f"{word}s" if word in {"warning", "error"} and number != 1 else word
