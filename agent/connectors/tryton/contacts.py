"""Says which contact mechanisms of a party have to be made or changed.

Tryton may keep a contact in another form than it was given in: phone numbers with the country's code, the domain of an
e-mail address in small letters. What two people would take for the same contact is the same here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from agent.connectors.tryton.rows import Record

_PHONES: Final = frozenset({"phone", "mobile", "fax"})
_NO_DIGITS: Final = re.compile(r"[^0-9]")
_LEAST_DIGITS: Final = 6


def changed_contacts(wanted: Record, held: Sequence[Record]) -> Iterable[tuple[int | None, Record]]:
    """Each contact to make (None) or to change (its id), with its values.

    Args:
        wanted: A party, with `email`, `phone` and `contacts`.
        held: The contacts that the party has.
    """
    there = [(str(one.get("type") or ""), str(one.get("value") or "")) for one in held]
    for kind in ("email", "phone"):
        value = _tidy(wanted.get(kind))
        first = next((one for one in held if one.get("type") == kind), None)
        if not value or _is_there(kind, value, there):
            continue
        there.append((kind, value))
        yield (None, {"type": kind, "value": value}) if first is None else (first["id"], {"value": value})
    for contact in wanted.get("contacts", ()):
        kind, value = str(contact.get("type") or "other"), _tidy(contact.get("value"))
        if not _is_there(kind, value, there):
            there.append((kind, value))
            yield None, {"type": kind, "value": value}


def _is_there(kind: str, value: str, there: Iterable[tuple[str, str]]) -> bool:
    return any(one == kind and _same(kind, value, other) for one, other in there)


def _same(kind: str, value: str, other: str) -> bool:
    if kind not in _PHONES:
        return "".join(value.split()).casefold() == "".join(other.split()).casefold()
    national, international = sorted((_number(value), _number(other)), key=lambda one: one.startswith("+"))
    if national.startswith("+") or not international.startswith("+"):
        return national == international
    # 0113 496 0000 and +44 113 496 0000: the country's code stands where the 0 stood.
    digits = national.lstrip("0")
    return len(digits) >= _LEAST_DIGITS and international.endswith(digits)


def _number(value: str) -> str:
    text = value.strip()
    digits = _NO_DIGITS.sub("", text)
    if not digits:
        return text.casefold()
    if text.startswith("00"):
        return f"+{digits[2:]}"
    return f"+{digits}" if text.startswith("+") else digits


def _tidy(value: object) -> str:
    return str(value or "").strip()
