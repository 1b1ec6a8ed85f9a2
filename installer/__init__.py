"""The commands that set the project up. Standard library only: they run before anything is installed.

This file is read first by each of them, so it owns the first question: is this Python new enough? It has to be
readable for old interpreters, or they would print a syntax error instead of the sentence below.
"""

from __future__ import annotations

import sys

OLDEST_PYTHON = (3, 11)


def refusal(version: tuple[int, ...]) -> str:
    """The sentence for a Python that is too old; empty when it will do."""
    if version >= OLDEST_PYTHON:
        return ""
    found = ".".join(str(part) for part in version[:3])
    return (
        f"OP Agent needs Python 3.11 or newer, and this is Python {found}. "
        "Install a newer one and name it in the command, for example: python3.11 installer/run.py"
    )


if refusal(sys.version_info[:3]):
    raise SystemExit(refusal(sys.version_info[:3]))
