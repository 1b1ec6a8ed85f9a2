"""Turns the rows of a batch into the objects that are sent, with the values that paths and queries need."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from agent.connectors.rest.xml_bodies import xml_of
from agent.domain.app import Attribute, DataType
from agent.domain.error_classes import ErrorClass
from agent.domain.errors import RecordError
from agent.domain.packet import Batch, Row, Value
from agent.http.json_values import amount, encoded, parsed


@dataclass(frozen=True, slots=True)
class Body:
    """One row: what is sent of it, and its plain values by the names of its attributes."""

    row: int
    fields: dict[str, Any]
    values: Mapping[str, str]

    def content(self, wrap: str, *, as_xml: bool) -> bytes:
        """The text that is sent, inside these names. Raises RecordError where XML cannot have it."""
        names = wrap.split(".") if wrap else []
        if as_xml:
            return xml_of(names, self.fields)
        body: dict[str, Any] = encoded(self.fields)
        for name in reversed(names):
            body = {name: body}
        return msgspec.json.encode(body)


def joined(
    records: Sequence[Mapping[str, Any]], *, wrap: str, each: str, besides: Mapping[str, Any], as_xml: bool
) -> bytes:
    """The text of several records in one request.

    Args:
        records: Their fields.
        wrap: Under which names the list stands; in XML, the elements around it.
        each: Under which name each record stands in the list; in XML, the name of its element.
        besides: What stands beside the list, as it is.
        as_xml: Whether it is XML.

    Raises:
        RecordError: there is something that XML cannot have.
    """
    names = wrap.split(".") if wrap else []
    if as_xml:
        return xml_of(names, {**besides, each: list(records)})
    body: Any = [{each: encoded(one)} if each else encoded(one) for one in records]
    for name in reversed(names):
        body = {name: body}
    return msgspec.json.encode({**besides, **body} if besides else body)


def bodies_of(batch: Batch, types: Mapping[str, DataType]) -> tuple[list[Body], dict[int, RecordError]]:
    """The bodies of a batch, and why some rows have none. A value of None is not sent.

    Args:
        batch: The rows. An attribute with dots in its name goes into an object inside the record.
        types: The types that the service's attributes have, where the description says so.
    """
    bodies: list[Body] = []
    failures: dict[int, RecordError] = {}
    for number, row in enumerate(batch.rows):
        fields: dict[str, Any] = {}
        values: dict[str, str] = {}
        try:
            for attribute, value in zip(batch.attributes, row, strict=True):
                if value is None:
                    continue
                sent = _sent(attribute, types.get(attribute.name, attribute.type), value)
                _put(fields, attribute.name, sent)
                if isinstance(value, str | int):
                    values[attribute.name] = _plain(value)
        except RecordError as error:
            failures[number] = error
        else:
            bodies.append(Body(number, fields, values))
    return bodies, failures


def _sent(attribute: Attribute, wanted: DataType, value: Value) -> Any:
    if isinstance(value, list):
        return [dict(_members(attribute, row)) for row in value]
    if wanted in (DataType.INTEGER, DataType.DECIMAL):
        number = amount(value)
        if number is None or (wanted is DataType.INTEGER and number != number.to_integral_value()):
            raise _unfit(attribute.name, value, "a whole number" if wanted is DataType.INTEGER else "a number")
        return int(number) if wanted is DataType.INTEGER else number
    if wanted is DataType.BOOLEAN:
        word = _plain(value).strip().lower()
        if word not in {"true", "false", "1", "0"}:
            raise _unfit(attribute.name, value, "true or false")
        return word in {"true", "1"}
    if wanted in (DataType.JSON, DataType.COLLECTION):
        try:
            return parsed(value) if isinstance(value, str) else value
        except msgspec.MsgspecError as error:
            raise _unfit(attribute.name, value, "JSON") from error
    return _plain(value)


def _members(attribute: Attribute, row: Row) -> Iterator[tuple[str, Any]]:
    for member, value in zip(attribute.members, row, strict=True):
        if value is not None:
            yield member.name, _sent(member, member.type, value)


def _put(fields: dict[str, Any], name: str, value: Any) -> None:
    *outer, last = name.split(".")
    for one in outer:
        inner = fields.setdefault(one, {})
        if not isinstance(inner, dict):
            raise RecordError(
                f"“{one}” is mapped both as a value and as something with members.", code="mapped-twice",
                remedy="Map one of them.", field=name, error_class=ErrorClass.VALIDATION_FAILED,
            )  # fmt: skip
        fields = inner
    if last in fields:
        raise RecordError(
            f"“{name}” is mapped both as a value and as something with members.", code="mapped-twice",
            remedy="Map one of them.", field=name, error_class=ErrorClass.VALIDATION_FAILED,
        )  # fmt: skip
    fields[last] = value


def _plain(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _unfit(name: str, value: Value, expected: str) -> RecordError:
    shown = str(value)
    shown = shown if len(shown) <= 40 else f"{shown[:39]}…"
    return RecordError(
        f"“{shown}” does not fit {name}.", code="value-unfit", remedy=f"{name} takes {expected}.", field=name,
        error_class=ErrorClass.TYPE_MISMATCH,
    )  # fmt: skip
