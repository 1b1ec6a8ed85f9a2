"""The batch of records that passes between two nodes, before and after mapping, and what became of each record.

A source record stays JSON text until the mapper reads it: decoding it earlier costs more than everything else. Mapped
values travel as plain scalars, one form for each `DataType`:

    text str · integer int · decimal str in plain notation ("12.3400") · boolean bool ·
    datetime str, ISO 8601 in UTC ("2026-01-31T09:15:00Z", fractions of a second only where there are any) ·
    json str of JSON text · collection list of rows · None where there is no value
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from agent.domain.app import Attribute
from agent.domain.errors import RecordError

JsonValue: TypeAlias = "str | int | float | bool | Sequence[JsonValue] | Mapping[str, JsonValue] | None"
Row: TypeAlias = "tuple[Value, ...]"
Value: TypeAlias = "str | int | bool | list[Row] | None"

Position: TypeAlias = Mapping[str, JsonValue]
"""Where a reader stands inside one run: small, JSON, and meaningful only to the connector that made it."""


BY_HAND = "by_hand"
"""In the detail of a bookmark that a person set: its moment is all there is, and a connector goes by that."""


@dataclass(frozen=True, slots=True)
class Bookmark:
    """How far a source has been read and acknowledged.

    `moment` is what `~{CreatedDate}~` renders, aware and in UTC; `detail` belongs to the connector.
    """

    moment: datetime | None = None
    detail: Mapping[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Packet:
    """Records as they were read. `documents[i]` is the JSON object of the record `source_ids[i]`.

    `position` says where to go on after this packet. `bookmark` is set on the last packet of a read alone: the
    bookmark to store once this packet is acknowledged. A read always ends with such a packet, if need be an empty one.
    `missing` are the ids of records that were asked for by id and are not there; the engine alone fills it in.
    """

    source_ids: Sequence[str]
    documents: Sequence[bytes]
    position: Position
    bookmark: Bookmark | None = None
    missing: Sequence[str] = ()

    def __len__(self) -> int:
        return len(self.source_ids)


@dataclass(frozen=True, slots=True)
class Batch:
    """Mapped records on their way into an app: `rows[i]` holds a value for each of `attributes`."""

    attributes: tuple[Attribute, ...]
    source_ids: Sequence[str]
    rows: Sequence[Row]

    def __len__(self) -> int:
        return len(self.rows)


class SyncState(StrEnum):
    """What became of one record."""

    UNPROCESSED = "Unprocessed"
    SUCCESS = "Success"
    SKIPPED = "Skipped"
    FAILED = "Failed"


@dataclass(frozen=True, slots=True)
class WriteReport:
    """What the destination said, record for record.

    `destination_ids` has one entry for each row, empty where the row failed. A row whose index is in neither
    mapping was acknowledged.
    """

    destination_ids: Sequence[str]
    failures: Mapping[int, RecordError] = field(default_factory=dict)
    skipped: Mapping[int, str] = field(default_factory=dict)
