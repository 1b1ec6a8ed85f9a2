"""What is taken out of a packet's documents, in which form, and the general way of taking it: walking through them.

The quick way is in `agent.engine.mapping.extraction`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from agent.engine.mapping.conversion import Column, JsonNumber, json_text
from agent.engine.mapping.paths import MISSING, Path, children, opened, walk

ShapeError = (msgspec.MsgspecError, RecursionError, UnicodeDecodeError)
"""What `extract` and `extract_by_walking` raise for documents that they cannot take apart."""


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value per record. `raw` leaves it as JSON text."""

    path: Path
    raw: bool = False


@dataclass(frozen=True, slots=True)
class Collection:
    """Many child records per record: the values of `members`, or with None, the documents of the child records."""

    path: Path
    members: Mapping[int, Scalar] | None


@dataclass(slots=True)
class Children:
    """The child records of several records in one row: `counts[i]` of them belong to record i."""

    counts: list[int]
    columns: dict[int, Column] = field(default_factory=dict)
    documents: list[bytes] = field(default_factory=list)


@dataclass(slots=True)
class Extracted:
    """Columns of values, and child records, by the number of what was asked for."""

    columns: dict[int, Column] = field(default_factory=dict)
    children: dict[int, Children] = field(default_factory=dict)


def extract_by_walking(
    document: bytes, scalars: Mapping[int, Scalar], collections: Mapping[int, Collection]
) -> Extracted:
    """The values of a single document, whatever its shape. Raises one of `ShapeError` when it is not a JSON object."""
    record = _ANYTHING.decode(document)
    if not isinstance(record, dict):
        raise msgspec.ValidationError("the record is not a JSON object")
    extracted = Extracted()
    for number, scalar in scalars.items():
        extracted.columns[number] = [_walked(record, scalar)]
    for number, collection in collections.items():
        found = _objects(children(record, collection.path))
        if collection.members is None:
            documents = [json_text(child).encode() for child in found]
            extracted.children[number] = Children([len(found)], documents=documents)
        else:
            columns = {
                member: [_walked(child, scalar) for child in found] for member, scalar in collection.members.items()
            }
            extracted.children[number] = Children([len(found)], columns=columns)
    return extracted


def _walked(document: object, scalar: Scalar) -> object:
    value = walk(document, scalar.path)
    if value is MISSING or value is None:
        return None
    return msgspec.Raw(json_text(value).encode()) if scalar.raw else value


def child_documents(value: bytes) -> list[bytes]:
    """The JSON objects in a JSON value, arrays in arrays opened. Raises one of `ShapeError` for plain values."""
    return [json_text(child).encode() for child in _objects(opened(_ANYTHING.decode(value)))]


def _objects(found: list[object]) -> list[object]:
    if not all(isinstance(child, dict) for child in found):
        raise msgspec.ValidationError("child records are expected, but there are plain values")
    return found


_ANYTHING = msgspec.json.Decoder(float_hook=JsonNumber)
