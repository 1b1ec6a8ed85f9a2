"""Which texts a spreadsheet program would take for a formula, and the apostrophe that keeps it from that.

A CSV file says nothing about types, so programs guess: what begins with one of a few signs is calculated, and a formula
may run a program or send what stands beside it away. Numbers stay numbers, also negative ones. What was guarded can be
told from what already began with an apostrophe, so that a file is read again as it was.

Source: OWASP, “CSV Injection”; the wide forms are taken for the usual ones where East Asian input is set.
"""

from __future__ import annotations

import re

_SIGNS = "=+\\-@\t\r\n＝＋－＠"
_FORMULA = re.compile(f"'*[{_SIGNS}]")
_GUARDED = re.compile(f"'+[{_SIGNS}]")
_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?")


def guarded(text: str) -> str:
    """A text that spreadsheet programs take for a text, also where it begins like a formula."""
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def unguarded(text: str) -> str:
    """The text that was guarded."""
    return text[1:] if _GUARDED.match(text) else text
