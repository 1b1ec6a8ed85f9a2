"""What was probably meant by a name that nothing has: for the remedies of errors."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Final

_MOST_NAMES: Final = 12
_COMPARED_CHARACTERS: Final = 60


def closest(name: str, known: Iterable[str]) -> str | None:
    """The known name that was probably meant."""
    by_folded = {one.casefold(): one for one in known}
    if name.casefold() in by_folded:
        return by_folded[name.casefold()]
    close = difflib.get_close_matches(name.casefold()[:_COMPARED_CHARACTERS], by_folded, n=1)
    return by_folded[close[0]] if close else None


def meant(name: str, known: Iterable[str], *, otherwise: str = "") -> str:
    """A sentence with what was probably meant, else with all that is known; `otherwise` where nothing is."""
    names = sorted(set(known))
    close = closest(name, names)
    if close is not None:
        return f"Did you mean “{close}”?"
    if not names:
        return otherwise
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return f"Known are {', '.join(names[:_MOST_NAMES])}{more}."
