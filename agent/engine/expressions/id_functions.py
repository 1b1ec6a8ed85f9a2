"""Unique ids for expressions, made out of what they are for: the same values give the same id, today and tomorrow.

An id that came out of chance would be another one when a record is sent again after a crash, and the destination would
hold the record twice: see docs/decisions/0013-functions-and-lookups.md.
"""

from __future__ import annotations

import base64
import hashlib
import json
import uuid
from collections.abc import Sequence
from typing import Final

from agent.engine.expressions.signature import Function, RefusedError

_NAMESPACE: Final = uuid.UUID("5f0f5a4e-3d0e-5c59-9d1a-6a5a8e1f7b13")
_MOST_CHARACTERS: Final = 10_000


def _unique_id(*values: object) -> object:
    return str(uuid.uuid5(_NAMESPACE, _seed(values)))


def _short_unique_id(*values: object) -> object:
    digest = hashlib.sha256(f"{_NAMESPACE}{_seed(values)}".encode()).digest()
    return base64.b32encode(digest)[:12].decode().lower()


FUNCTIONS: Final[Sequence[Function]] = (
    Function("uniqueId", "(value …)", _unique_id),
    Function("shortUniqueId", "(value …)", _short_unique_id),
)


def _seed(values: Sequence[object]) -> str:
    if None in values:
        raise RefusedError("a value of a unique id is missing: records without it would all get the same id")
    seed = json.dumps([_same(value) for value in values], ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    if len(seed) > _MOST_CHARACTERS:
        raise RefusedError(f"the values of a unique id are longer than {_MOST_CHARACTERS:,} characters")
    return seed


def _same(value: object) -> object:
    """5 and 5.0 are the same number."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
