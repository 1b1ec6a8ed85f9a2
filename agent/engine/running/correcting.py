"""A mapped record as people see and correct it: plain JSON values by attribute, and back into typed ones.

Decimals are shown as text, so that no digit is lost on the way. A value that comes back as it was shown stays exactly
what it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from agent.domain.app import Attribute, DataType
from agent.domain.errors import ConfigurationError
from agent.domain.packet import Row, Value
from agent.engine.mapping.conversion import convert, json_text
from agent.engine.running.intended import unpacked_row

_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(tuple[list[Attribute], list[object]])


def packed(attributes: Sequence[Attribute], row: Row) -> bytes:
    """A row and its attributes as bytes."""
    return _ENCODER.encode((attributes, row))


def unpacked(content: bytes) -> tuple[tuple[Attribute, ...], Row]:
    """What was packed."""
    attributes, values = _DECODER.decode(content)
    return tuple(attributes), unpacked_row(values)


def shown(attributes: Sequence[Attribute], row: Row) -> dict[str, Any]:
    """The values of a row by attribute."""
    return {attribute.name: _shown(attribute, value) for attribute, value in zip(attributes, row, strict=True)}


def corrected(attributes: Sequence[Attribute], row: Row, given: Mapping[str, Any]) -> Row:
    """The row with the values that were given; attributes that are not named stay as they are.

    Raises:
        ConfigurationError: code `correction-invalid`, with the attribute as its field.
    """
    _check_names(attributes, given, "")
    values: list[Value] = []
    for attribute, value in zip(attributes, row, strict=True):
        same = attribute.name not in given or given[attribute.name] == _shown(attribute, value)
        values.append(value if same else _value(attribute, given[attribute.name], attribute.name))
    return tuple(values)


def _shown(attribute: Attribute, value: Value) -> Any:
    if isinstance(value, list):
        return [shown(attribute.members, row) for row in value]
    if attribute.type is DataType.JSON and isinstance(value, str):
        return msgspec.json.decode(value.encode())
    return value


def _value(attribute: Attribute, given: Any, place: str) -> Value:
    if attribute.type is DataType.COLLECTION:
        return _rows(attribute, given, place)
    column, unfit = ([json_text(given)], {}) if attribute.type is DataType.JSON else convert([given], attribute.type)
    if unfit:
        raise _refused(place, f"{place}: {unfit[0]}.")
    value = column[0]
    if attribute.required and (value is None or (isinstance(value, str) and not value.strip())):
        raise _refused(place, f"{place}: a value is required.")
    return value


def _rows(attribute: Attribute, given: Any, place: str) -> list[Row]:
    if not isinstance(given, list) or not all(isinstance(one, Mapping) for one in given):
        raise _refused(place, f"{place}: a list of records is expected.")
    rows = []
    for number, one in enumerate(given):
        _check_names(attribute.members, one, f"{place}.{number}.")
        rows.append(
            tuple(
                _value(member, one.get(member.name), f"{place}.{number}.{member.name}") for member in attribute.members
            )
        )
    return rows


def _check_names(attributes: Sequence[Attribute], given: Mapping[str, Any], before: str) -> None:
    known = {attribute.name for attribute in attributes}
    unknown = next((name for name in given if name not in known), None)
    if unknown is not None:
        raise _refused(
            f"{before}{unknown[:100]}", f"The record has no attribute “{before}{unknown[:100]}”.",
            f"It has {', '.join(list(known)[:20])}.",
        )  # fmt: skip


def _refused(place: str, message: str, remedy: str = "Correct the value.") -> ConfigurationError:
    return ConfigurationError(message, code="correction-invalid", remedy=remedy, field=place)
