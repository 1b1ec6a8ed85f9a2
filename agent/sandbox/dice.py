"""Where every generated value comes from: a number that depends on the seed and the record, and on nothing else."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import TypeVar

Item = TypeVar("Item")


def roll(seed: int, kind: str, number: int) -> int:
    """A 32-bit number for one record of one kind. Cheap on purpose: no generator is set up per record."""
    return zlib.crc32(b"%d" % number, zlib.crc32(kind.encode(), seed & 0xFFFFFFFF))


def kind_seed(seed: int, kind: str) -> int:
    """The part of roll that is the same for all records of a kind, for loops that cannot afford to repeat it."""
    return zlib.crc32(kind.encode(), seed & 0xFFFFFFFF)


def pick(items: Sequence[Item], number: int) -> Item:
    """One of the items."""
    return items[number % len(items)]
