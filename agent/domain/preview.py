"""What a preview says of a record: what a run would make of it at one POST, field by field."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """What would become of a record."""

    CREATED = "Created"
    CHANGED = "Changed"
    LEFT = "Left"
    SKIPPED = "Skipped"
    FAILED = "Failed"


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One value that would change. `attribute` is a path such as `lines[7].quantity`; None is no value."""

    attribute: str
    old: str | None
    new: str | None


@dataclass(frozen=True, slots=True)
class PreviewedRecord:
    """A record at the node where its way would end, a POST in most cases.

    `message` says why it would be left, skipped or failed, `remedy` what to do. With `stand_in`, the destination would
    make the record's id: `destination_id` only stands for it.
    """

    node: str
    source_id: str
    destination_id: str
    outcome: Outcome
    changes: tuple[FieldChange, ...] = ()
    message: str = ""
    remedy: str = ""
    stand_in: bool = False
