"""Records on their way from node to node of a stage: as the source gave them, or as a Mapper made them.

A record keeps its source id and the fingerprint of its source document wherever it goes, and the error that it failed
with, until a POST books it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from agent.domain.app import Attribute, DataType
from agent.domain.errors import RecordError
from agent.domain.packet import Row, Value


@dataclass(frozen=True, slots=True)
class Load:
    """A packet at some node.

    `documents` are the records as JSON objects; for a mapped load they are empty, and `rows` hold a value for each of
    `attributes`, None where the record failed. `errors` says by index why records failed; no node looks at these again.
    """

    source_ids: Sequence[str]
    fingerprints: Sequence[int]
    documents: Sequence[bytes]
    attributes: tuple[Attribute, ...] = ()
    rows: Sequence[Row | None] | None = None
    errors: Mapping[int, RecordError] = field(default_factory=dict)
    tracked: Sequence[str] | None = None
    """The tracked columns of each record as JSON text; None where nothing is tracked."""

    def __len__(self) -> int:
        return len(self.source_ids)

    def picked(self, indices: Sequence[int]) -> Load:
        """Those records, in this order."""
        if len(indices) == len(self) and indices == range(len(self)):
            return self
        errors = {}
        if self.errors:
            errors = {place: self.errors[index] for place, index in enumerate(indices) if index in self.errors}
        return Load(
            source_ids=[self.source_ids[index] for index in indices],
            fingerprints=[self.fingerprints[index] for index in indices],
            documents=[self.documents[index] for index in indices] if self.rows is None else (),
            attributes=self.attributes,
            rows=[self.rows[index] for index in indices] if self.rows is not None else None,
            errors=errors,
            tracked=[self.tracked[index] for index in indices] if self.tracked is not None else None,
        )

    def newest(self) -> Load:
        """Of a record that is there several times only its last state."""
        if len(set(self.source_ids)) == len(self):
            return self
        last = {source_id: index for index, source_id in enumerate(self.source_ids)}
        return self.picked(sorted(last.values()))

    def cut(self, size: int) -> Iterable[Load]:
        """Pieces of at most so many records."""
        for start in range(0, len(self), size):
            yield self.picked(range(start, min(start + size, len(self))))

    def failed(self, errors: Mapping[int, RecordError]) -> Load:
        """The same with more errors."""
        if not errors:
            return self
        rows = self.rows
        if rows is not None:
            rows = [None if index in errors else row for index, row in enumerate(rows)]
        return Load(
            self.source_ids, self.fingerprints, self.documents, self.attributes, rows, {**self.errors, **errors},
            self.tracked,
        )  # fmt: skip

    def as_documents(self) -> Sequence[bytes]:
        """The records as JSON objects, made out of rows where a Mapper was at work; `{}` for one that failed."""
        if self.rows is None:
            return self.documents
        encode = _encoder(self.attributes)
        return [encode(row) if row is not None else b"{}" for row in self.rows]


def joined(loads: Sequence[Load]) -> Load:
    """One load of several that are alike: all as the source gave them, or all mapped to the same attributes."""
    if len(loads) == 1:
        return loads[0]
    errors: dict[int, RecordError] = {}
    start = 0
    for load in loads:
        errors.update({start + index: error for index, error in load.errors.items()})
        start += len(load)
    mapped = loads[0].rows is not None
    return Load(
        source_ids=[one for load in loads for one in load.source_ids],
        fingerprints=[one for load in loads for one in load.fingerprints],
        documents=() if mapped else [one for load in loads for one in load.documents],
        attributes=loads[0].attributes,
        rows=[row for load in loads for row in load.rows or ()] if mapped else None,
        errors=errors,
        tracked=[one for load in loads for one in load.tracked or [""] * len(load)]
        if any(load.tracked is not None for load in loads)
        else None,
    )


def alike(one: Load, other: Load) -> bool:
    """Whether two loads can be joined."""
    return (one.rows is None) == (other.rows is None) and one.attributes == other.attributes


def _encoder(attributes: tuple[Attribute, ...]) -> Callable[[Row], bytes]:
    def encode(row: Row) -> bytes:
        return msgspec.json.encode(_object(attributes, row))

    return encode


def _object(attributes: tuple[Attribute, ...], row: Row) -> dict[str, Any]:
    return {attribute.name: _plain(attribute, value) for attribute, value in zip(attributes, row, strict=True)}


def _plain(attribute: Attribute, value: Value) -> Any:
    """A value as JSON has it: a decimal is a number again, JSON text what it says."""
    if value is None:
        return None
    if attribute.type in (DataType.DECIMAL, DataType.JSON) and isinstance(value, str):
        return msgspec.Raw(value.encode())
    if isinstance(value, list):
        return [_object(attribute.members, row) for row in value]
    return value
