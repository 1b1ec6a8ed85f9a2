"""What messages of failed records have in common: two that differ only in ids, numbers and quoted values are alike.

The shape's number is kept with each failed record, so that a million failures are grouped by an index, not by text.
"""

from __future__ import annotations

import re

import xxhash

_QUOTED = re.compile(r"“[^”]*”|\"[^\"]*\"|(?<!\w)'[^']*'(?!\w)")
_NUMBERED = re.compile(r"[^\s“”\"'(),;:]*\d(?:[^\s“”\"'(),;:]|,(?=\d))*")
_SHORTEST_ID = 3


def shape(error_class: str, message: str, source_id: str) -> int:
    """The number of a message's shape: not negative, below 2^63, and the same for messages that are alike."""
    if len(source_id) >= _SHORTEST_ID:
        message = message.replace(source_id, "#")
    message = _NUMBERED.sub("#", _QUOTED.sub("#", message))
    return xxhash.xxh3_64_intdigest(f"{error_class}\0{message}".encode("utf-8", "surrogatepass")) >> 1
