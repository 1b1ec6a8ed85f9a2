"""Turns the rows of a batch into the JSON objects that a write action sends, and compares them with what a store holds.

The types are those of the schema, whatever a mapping made of a value: V3 takes amounts as numbers, V2 as texts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from string import Formatter
from typing import Any

import msgspec

from agent.connectors.bigcommerce.write_actions import POST, WriteAction
from agent.domain.app import Attribute, DataType, Schema
from agent.domain.error_classes import ErrorClass
from agent.domain.errors import ConfigurationError, RecordError
from agent.domain.packet import Batch, Row, Value
from agent.http.json_values import agrees, amount, parsed

ID = "id"
_ALSO_ID = "product_id"
_SINGULAR = {
    "customers": "customer", "customer_addresses": "address", "customer_groups": "customer group", "orders": "order",
    "shipments": "shipment", "products": "product", "variants": "variant", "brands": "brand",
    "categories": "category", "webhooks": "webhook",
}  # fmt: skip


@dataclass(slots=True)
class Body:
    """What is sent for one row. `named` are the values of the row that say which record is meant."""

    row: int
    fields: dict[str, Any]
    named: dict[str, Any]

    @property
    def id(self) -> int | None:
        """The record's id, if it is known."""
        found = self.named.get(ID)
        return found if isinstance(found, int) else None

    def named_as(self, schema: str) -> str:
        """The record for people."""
        plain = (pair for pair in self.named.items() if isinstance(pair[1], str | int) and pair[1] != "")
        name = next((f"{key} {value}" for key, value in plain), "")
        one = _SINGULAR.get(schema, f"record of {schema}")
        return f"{one} with {name}" if name else one


class Bodies:
    """The bodies of a batch, and why some rows have none.

    Raises:
        ConfigurationError: An attribute is mapped that the action does not write.
    """

    def __init__(
        self, batch: Batch, *, schema: Schema, action: WriteAction, ignored: frozenset[str] = frozenset()
    ) -> None:
        self.failures: dict[int, RecordError] = {}
        self.bodies: list[Body] = []
        naming = named_attributes(schema, action)
        names = [_renamed(attribute.name, schema) for attribute in batch.attributes]
        for name in names:
            if name not in action.fields | naming | ignored:
                raise _not_written(name, schema, action)
        wanted = [schema.attribute(name) or Attribute(name) for name in names]
        text_amounts = action.version == 2
        for number, row in enumerate(batch.rows):
            try:
                values = {
                    name: _json(one, value, given, text_amounts=text_amounts)
                    for name, one, given, value in zip(names, wanted, batch.attributes, row, strict=True)
                    if value is not None and name not in ignored
                }
                _check_needs(values, action)
            except RecordError as error:
                self.failures[number] = error
                continue
            # What names a record by something else than its id is written as well, if it is a field.
            fields = {name: value for name, value in values.items() if name in action.fields}
            self.bodies.append(Body(number, fields, {name: values[name] for name in sorted(naming) if name in values}))


def named_attributes(schema: Schema, action: WriteAction) -> frozenset[str]:
    """The attributes that say which record is meant, or where it belongs."""
    in_path = {name for _, name, _, _ in Formatter().parse(action.path) if name}
    searched = {search.attribute for search in action.searches}
    matched = {name for search in action.searches for name in search.match if name != "*"}
    return frozenset(in_path | searched | matched) & {attribute.name for attribute in schema.attributes}


def is_held(body: Body, held: Mapping[str, Any]) -> bool:
    """Whether a record of the store has all that was to be written. What the store does not tell does not count."""
    return all(agrees(value, held[name]) for name, value in body.fields.items() if name in held)


def _renamed(name: str, schema: Schema) -> str:
    return ID if name == _ALSO_ID and schema.name == "products" else name


def _check_needs(values: Mapping[str, Any], action: WriteAction) -> None:
    for name in action.needs:
        if values.get(name) in (None, "", []):
            raise RecordError(
                f"The record has no {name}.",
                code="value-missing",
                remedy=f"Map a value to {name}.",
                field=name,
                error_class=ErrorClass.DATA_MISSING,
            )
    keys = [search.attribute for search in action.searches]
    if action.method != POST and not any(values.get(key) not in (None, "") for key in keys):
        raise RecordError(
            "The record does not say which one is meant.",
            code="identity",
            remedy=f"Map a value to {' or '.join(keys)}.",
            field=keys[0],
            error_class=ErrorClass.DATA_MISSING,
        )


def _json(wanted: Attribute, value: Value, given: Attribute, *, text_amounts: bool) -> Any:
    """A value as JSON has it, for an attribute of the schema."""
    if isinstance(value, list):
        members = {member.name: member for member in wanted.members}
        return [dict(_members(members, given, row, text_amounts=text_amounts)) for row in value]
    kind = wanted.type
    if kind in (DataType.JSON, DataType.COLLECTION):
        return _parsed(value, wanted)
    if kind is DataType.BOOLEAN:
        return _truth(value, wanted)
    if kind in (DataType.INTEGER, DataType.DECIMAL):
        number = amount(value)
        if number is None or (kind is DataType.INTEGER and number != number.to_integral_value()):
            raise _unfit(wanted, value, "a whole number" if kind is DataType.INTEGER else "a number")
        if kind is DataType.INTEGER:
            return int(number)
        return format(number, "f") if text_amounts else number
    return value if isinstance(value, str) else str(value)


def _members(
    members: Mapping[str, Attribute], given: Attribute, row: Row, *, text_amounts: bool
) -> Iterator[tuple[str, Any]]:
    for attribute, value in zip(given.members, row, strict=True):
        if value is not None:
            wanted = members.get(attribute.name, attribute)
            yield attribute.name, _json(wanted, value, attribute, text_amounts=text_amounts)


def _parsed(value: Value, wanted: Attribute) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return parsed(value)
    except msgspec.MsgspecError as error:
        raise _unfit(wanted, value, "JSON") from error


def _truth(value: Value, wanted: Attribute) -> bool:
    text = str(value).strip().lower()
    if text not in {"true", "false", "1", "0"}:
        raise _unfit(wanted, value, "true or false")
    return text in {"true", "1"}


def _unfit(wanted: Attribute, value: Value, expected: str) -> RecordError:
    shown = str(value)
    shown = shown if len(shown) <= 40 else f"{shown[:39]}…"
    return RecordError(
        f"“{shown}” does not fit {wanted.name}.",
        code="value-unfit",
        remedy=f"{wanted.name} takes {expected}.",
        field=wanted.name,
        error_class=ErrorClass.TYPE_MISMATCH,
    )


_ELSEWHERE = {
    ("customers", "addresses"): "Addresses are changed by customer_addresses PUT, and added by customer_addresses POST."
}


def _not_written(name: str, schema: Schema, action: WriteAction) -> ConfigurationError:
    elsewhere = _ELSEWHERE.get((schema.name, name), f"It writes {', '.join(sorted(action.fields))}.")
    return ConfigurationError(
        f"{schema.name} {action.method} does not write {name}.",
        code="attribute-not-written",
        remedy=f"Take it out of the mapping. {elsewhere}",
        field=name,
    )
