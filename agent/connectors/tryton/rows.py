"""Turns the rows of a batch into records by name, and records of Tryton back into rows, each value in its form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, Final, cast

from agent.connectors.tryton.schema import APP
from agent.connectors.tryton.wire import plain
from agent.domain.app import Attribute, DataType
from agent.domain.error_classes import ErrorClass
from agent.domain.errors import ConfigurationError, RecordError
from agent.domain.packet import Batch, Row, Value

Record = dict[str, Any]
_KEYS: Final = frozenset({"code", "party_code", "product_code", "reference"})


def must_be_known(schema_name: str, attributes: Sequence[Attribute], writable: Mapping[str, frozenset[str]]) -> None:
    """Refuse attributes that are not written.

    Args:
        schema_name: The schema.
        attributes: The batch's attributes.
        writable: The attributes that are written; for a collection `name` its members are under `name.`.

    Raises:
        ConfigurationError: One is not.
    """
    for attribute in attributes:
        strange = [] if attribute.name in writable[""] else [attribute.name]
        if attribute.members and not strange:
            known = writable.get(f"{attribute.name}.", frozenset())
            strange = [f"{attribute.name}.{one.name}" for one in attribute.members if one.name not in known]
        if strange:
            raise ConfigurationError(
                f"Tryton does not take {strange[0]} on {schema_name}.",
                code="attribute-unknown",
                remedy=f"It takes {', '.join(sorted(writable['']))}.",
                field=strange[0],
            )


def record_of(batch: Batch, row: int) -> Record:
    """What a row says, by name: values as texts, integers and booleans, collections as lists of records.

    What records are known by is given as Tryton keeps it: as a text without blanks at its ends. A blank one is none.
    """
    return _named(batch.attributes, batch.rows[row])


def row_of(attributes: Sequence[Attribute], held: Mapping[str, Any], wanted: Row | None = None) -> Row:
    """What Tryton holds, as a row of these attributes. What means the same as `wanted` is given as it is there."""
    values = []
    for index, attribute in enumerate(attributes):
        there = _value(attribute, held.get(attribute.name))
        asked = wanted[index] if wanted is not None else None
        values.append(asked if same(asked, there) else there)
    return tuple(values)


def same(one: Any, other: Any) -> bool:
    """Whether two values mean the same to Tryton, which keeps no difference between nothing and an empty text."""
    if one in (None, "") and other in (None, ""):
        return True
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    try:
        return Decimal(str(one)) == Decimal(str(other))
    except InvalidOperation:
        return bool(one == other) if not isinstance(one, str) else one.strip() == str(other).strip()


def decimal_of(record: Mapping[str, Any], name: str) -> Decimal:
    """A number.

    Raises:
        RecordError: There is none.
    """
    value = record.get(name)
    if value in (None, ""):
        raise missing(name)
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise wrong_type(name, "a number")
    return number


def day_of(record: Mapping[str, Any], name: str) -> date | None:
    """A day, of a moment its day in UTC.

    Raises:
        RecordError: It is none.
    """
    value = record.get(name)
    if value in (None, ""):
        return None
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError:
        raise wrong_type(name, "a day, such as 2026-01-31") from None


def missing(name: str) -> RecordError:
    """The record lacks a value."""
    return RecordError(
        f"The record has no {name}.",
        code="value-missing",
        remedy=f"Map {name}, and see that it has a value in the source app.",
        field=name,
        error_class=ErrorClass.DATA_MISSING,
    )


def wrong_type(name: str, wanted: str) -> RecordError:
    """A value is not of the kind that Tryton keeps."""
    return RecordError(
        f"The value of {name} is not {wanted}.",
        code="value-type",
        remedy="Correct it in the source app, or map another one.",
        field=name,
        error_class=ErrorClass.TYPE_MISMATCH,
    )


def not_there(what: str, key: object, field: str) -> RecordError:
    """The record refers to something that Tryton does not have."""
    return RecordError(
        f"Tryton has no {what} {key}.",
        code="not-in-tryton",
        remedy=f"Bring or make that {what} first, or correct {field}.",
        field=field,
        error_class=ErrorClass.DEPENDENT_MISSING,
    )


def schema_attribute(schema_name: str, name: str) -> Attribute | None:
    """An attribute of ours."""
    schema = APP.schema(schema_name)
    return schema.attribute(name) if schema is not None else None


def _named(attributes: Sequence[Attribute], values: Row) -> Record:
    """None says nothing of an attribute, and is left out."""
    record: Record = {}
    for attribute, given in zip(attributes, values, strict=True):
        value = str(given).strip() or None if attribute.name in _KEYS and given is not None else given
        if attribute.type is DataType.COLLECTION and value is not None:
            record[attribute.name] = [_named(attribute.members, one) for one in cast("list[Row]", value)]
        elif value is not None:
            record[attribute.name] = value
    return record


def _value(attribute: Attribute, held: Any) -> Value:
    if attribute.type is DataType.COLLECTION:
        return [row_of(attribute.members, one) for one in held or ()]
    value = plain(held)
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int) and attribute.type is DataType.INTEGER:
        return value
    return format(Decimal(str(value)).normalize(), "f") if isinstance(value, int | float) else str(value)
