"""Finds what lies at a place of an answer, and leaves its text as it is: amounts keep the digits that were written."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

_DOT = re.compile(r"(?<!\\)\.")
"""Between two names; a dot that belongs to a name has a backslash before it."""
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LIST = msgspec.json.Decoder(list[msgspec.Raw])
_ANY = msgspec.json.Decoder()


def at(content: bytes | msgspec.Raw, place: str) -> msgspec.Raw | None:
    """The JSON text at a place, such as `data.orders` or `errors.0.message`; None where there is nothing, or null.

    Raises:
        msgspec.MsgspecError: it is no JSON.
    """
    found = _there(content, place)
    return None if found is None or _is_null(found) else found


def _there(content: bytes | msgspec.Raw, place: str) -> msgspec.Raw | None:
    """What is at a place, `null` too; None where the place is missing."""
    found = msgspec.Raw(content)
    for name in _names(place):
        text = bytes(found).lstrip()[:1]
        inner: msgspec.Raw | None = None
        if text == b"{":
            inner = _OBJECT.decode(found).get(name)
        elif text == b"[" and name.isascii() and name.isdecimal() and len(name) < 7:
            items = _LIST.decode(found)
            inner = items[int(name)] if int(name) < len(items) else None
        if inner is None:
            return None
        found = inner
    return found


def _is_null(text: msgspec.Raw) -> bool:
    return bytes(text).strip() in {b"", b"null"}


def records_at(
    content: bytes, place: str, *, absent_if_empty: bool = False, elements: bool = False
) -> Sequence[msgspec.Raw] | None:
    """The records at a place; None where there is no list.

    An answer without content, and `null` at the place, stand for an empty list. A missing place does so only with
    `absent_if_empty`: an answer that tells of an error has none either.

    Args:
        content: JSON text.
        place: Where the list lies.
        absent_if_empty: See above.
        elements: It was XML: a list of one is no list there, and an empty one is nothing in the element around it.

    Raises:
        msgspec.MsgspecError: it is no JSON.
    """
    if not content.strip():
        return ()
    _ANY.decode(content)  # all of it, not only the way to the place
    found = _there(content, place)
    if found is None:
        outer = place.rpartition(".")[0]
        empty = absent_if_empty or (elements and outer and _there(content, outer) is not None)
        return () if empty else None
    if _is_null(found):
        return ()
    if elements and bytes(found)[:1] == b"{":
        return (found,)
    if bytes(found).lstrip()[:1] != b"[":
        return None
    return _LIST.decode(found)


def _names(place: str) -> list[str]:
    return [name.replace("\\.", ".") for name in _DOT.split(place)] if place else []


def word(raw: msgspec.Raw | None) -> str:
    """A text or a number as an id or a cursor has it; empty for anything else."""
    if raw is None:
        return ""
    text = bytes(raw).strip()
    if text[:1] == b'"':
        found: Any = msgspec.json.decode(text)
        return str(found)
    return "" if text[:1] in b"{[" or text in {b"true", b"false"} else text.decode("ascii", "replace")
