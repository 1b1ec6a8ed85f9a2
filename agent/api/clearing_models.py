"""The contract's words for clearing what can go without harm."""

from __future__ import annotations

from enum import StrEnum

from agent.api.base_models import Model


class ClearTarget(StrEnum):
    """What can be cleared without fear."""

    TEMP = "temp"
    CACHE = "cache"


class ClearPlace(Model):
    """One kind of thing that would go, or went."""

    label: str
    files: int
    bytes: int


class ClearReport(Model):
    """What clearing would remove, or removed. `kept` names what is never touched."""

    target: ClearTarget
    places: list[ClearPlace]
    files: int
    bytes: int
    done: bool
    kept: str
