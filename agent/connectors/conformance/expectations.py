"""How the suite says that something is not as it should be, or that there is nothing to try."""

from __future__ import annotations

import unittest


class NotConformingError(AssertionError):
    """The connector does not do what is expected of every connector. The text says what, and what is expected."""


class NotOfferedError(unittest.SkipTest):
    """The case is about something that the connector or its app does not have. pytest counts it as skipped."""


def hold(condition: object, otherwise: str) -> None:
    """Expect something.

    Raises:
        NotConformingError: It is not so.
    """
    if not condition:
        raise NotConformingError(otherwise)


def offered(condition: object, otherwise: str) -> None:
    """Go on only if there is something to try.

    Raises:
        NotOfferedError: There is not.
    """
    if not condition:
        raise NotOfferedError(otherwise)
