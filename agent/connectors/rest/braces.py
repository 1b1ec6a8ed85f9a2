"""The names in braces that paths and queries of a description have in the place of values."""

from __future__ import annotations

import re
from string import Formatter


def names_in(text: str) -> list[str]:
    """The names in braces. Raises ValueError where a brace stands alone, or more than a name in it."""
    names = []
    for _, name, form, conversion in Formatter().parse(text):
        if name is None:
            continue
        if form or conversion or not re.fullmatch(r"[A-Za-z_][\w.-]*", name):
            raise ValueError(f"{{{name}}} is no name of an attribute")
        names.append(name)
    return names
