"""What would change in a record, field by field, down to the child records of its collections."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from agent.domain.app import Attribute, DataType
from agent.domain.comparison import same
from agent.domain.packet import Row, Value
from agent.domain.preview import FieldChange

_LONGEST = 1_000
"""How many characters of a value are shown."""

_MOST_CHANGES = 500
"""How many changes of one record are told one by one."""


def differences(attributes: Sequence[Attribute], held: Row | None, given: Row) -> tuple[FieldChange, ...]:
    """What a write of `given` would change where `held` is; everything it brings where nothing is held.

    An empty result means that nothing would change.
    """
    if held == given:
        return ()
    found: list[FieldChange] = []
    for change in _row(attributes, held, given, ""):
        if len(found) == _MOST_CHANGES:
            found.append(FieldChange("…", None, f"More than {_MOST_CHANGES} values."))
            break
        found.append(change)
    return tuple(found)


def _row(attributes: Sequence[Attribute], held: Row | None, given: Row | None, path: str) -> Iterator[FieldChange]:
    none = (None,) * len(attributes)
    for attribute, old, new in zip(attributes, held or none, given or none, strict=True):
        name = f"{path}{attribute.name}"
        if attribute.type is DataType.COLLECTION:
            yield from _collection(attribute, old or (), new or (), name)
        elif not same(attribute.type, old, new):
            yield FieldChange(name, _shown(attribute, old), _shown(attribute, new))


def _collection(attribute: Attribute, old: Any, new: Any, path: str) -> Iterator[FieldChange]:
    """Child records are told apart by their keys; without a key, by their places, which count from 1."""
    members = attribute.members
    keys = [place for place, member in enumerate(members) if member.primary]
    before, after = _named(members, keys, old), _named(members, keys, new)
    for name, row in after.items():
        held = before.pop(name, None)
        if held is None:
            yield FieldChange(f"{path}[{name}]", None, _shown(attribute, [row]))
        else:
            yield from _row(members, held, row, f"{path}[{name}].")
    for name, row in before.items():
        yield FieldChange(f"{path}[{name}]", _shown(attribute, [row]), None)


def _named(members: Sequence[Attribute], keys: Sequence[int], rows: Sequence[Row]) -> dict[str, Row]:
    if not keys:
        return {str(number): row for number, row in enumerate(rows, 1)}
    return {"/".join(_shown(members[place], row[place]) or "" for place in keys): row for row in rows}


def _shown(attribute: Attribute, value: Value) -> str | None:
    if value is None:
        return None
    if isinstance(value, list):
        value = msgspec.json.encode(_object(attribute.members, value[0])).decode()
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text):,} characters)"


def _object(members: Sequence[Attribute], row: Row) -> dict[str, Any]:
    return {
        member.name: [_object(member.members, one) for one in value] if isinstance(value, list) else value
        for member, value in zip(members, row, strict=True)
    }
