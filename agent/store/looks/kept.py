"""What is kept of a run for a look into it later: packets before and after a node, records that failed, requests."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class KeptKind(StrEnum):
    """What was kept."""

    BEFORE = "before"
    AFTER = "after"
    FAILED = "failed"
    REQUEST = "request"


@dataclass(frozen=True, slots=True)
class Kept:
    """A packet, or a request, that is to be kept.

    `number` counts the packets of the source in the run from 1, `piece` the packets that came out of it at this place.
    `records` is how many the packet had, `shown` how many of them are in `content`, which is JSON.
    """

    run: str
    node: str
    kind: KeptKind
    number: int
    piece: int
    records: int
    shown: int
    at: datetime
    content: bytes


@dataclass(frozen=True, slots=True)
class KeptRow:
    """What is kept, without its content. `id` leads to it; `bytes` is its size on disk."""

    id: str
    run: str
    node: str
    kind: KeptKind
    number: int
    piece: int
    records: int
    shown: int
    at: datetime
    bytes: int
