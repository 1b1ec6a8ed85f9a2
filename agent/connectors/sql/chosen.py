"""Rows chosen by keys: those behind a row, and those with certain ids, from the texts that `writing.key_text` made of
keys back to a condition on the key."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import product
from typing import Any

from agent.connectors.sql.dialect import Dialect
from agent.connectors.sql.tables import Column, Family

_BYTES = re.compile(r"\\x(?:[0-9a-f]{2})*").fullmatch
_LEAST, _MOST = -(2**63), 2**63 - 1


def with_ids(dialect: Dialect, key: Sequence[Column], ids: Sequence[str]) -> tuple[str, list[Any]]:
    """A condition on `q` that holds for the rows with these ids, and its parameters.

    An id that no row can have, as it is no number where the key is one, is left out.
    """
    keys = [
        values
        for one in ids
        if (parts := _parts(one, key)) is not None
        for values in product(*(dialect.sought(column, part) for column, part in zip(key, parts, strict=True)))
    ]
    if not keys:
        return "1 = 0", []
    pairs = [dialect.by_text(column) for column in key]
    given = [part for parts in keys for part in parts]
    if len(key) == 1:
        name, mark = pairs[0]
        return f"{name} IN ({', '.join([mark] * len(keys))})", given
    if not dialect.row_values:
        each = " AND ".join(f"{name} = {mark}" for name, mark in pairs)
        return f"({' OR '.join([f'({each})'] * len(keys))})", given
    names, row = ", ".join(name for name, _ in pairs), ", ".join(mark for _, mark in pairs)
    return f"({names}) IN (VALUES {', '.join([f'({row})'] * len(keys))})", given


def bytes_of(text: str) -> Sequence[bytes]:
    """The bytes that have this text as an id; none where it is that of no bytes."""
    return (bytes.fromhex(text[2:]),) if _BYTES(text) else ()


def behind(dialect: Dialect, ordered: Sequence[Column], after: Sequence[Any]) -> tuple[str, list[Any]]:
    """A condition on `q` that holds for what comes behind a row when rows are ordered by these columns."""
    names, marks = list(map(dialect.ordered, ordered)), list(map(dialect.given, ordered))
    if dialect.row_values or len(names) == 1:
        return f"({', '.join(names)}) > ({', '.join(marks)})", list(after)
    # a > x, or a = x and b > y, and so on; and once more a >= x, for which an index is used.
    conditions, given = [], [after[0]]
    for place, (name, mark) in enumerate(zip(names, marks, strict=True)):
        same = [f"{one} = {its}" for one, its in zip(names[:place], marks[:place], strict=True)]
        conditions.append(f"({' AND '.join([*same, f'{name} > {mark}'])})")
        given += after[: place + 1]
    return f"({names[0]} >= {marks[0]} AND ({' OR '.join(conditions)}))", given


def _parts(text: str, key: Sequence[Column]) -> list[str] | None:
    parts = [text] if len(key) == 1 else _split(text)
    if len(parts) != len(key):
        return None
    fitting = all(
        column.family is not Family.INTEGER or _is_whole(part) for column, part in zip(key, parts, strict=True)
    )
    return parts if fitting else None


def _split(text: str) -> list[str]:
    """The parts of a key of several columns: told apart by slashes, with backslashes before those inside a part."""
    parts = [""]
    signs = iter(text)
    for sign in signs:
        if sign == "/":
            parts.append("")
        else:
            parts[-1] += next(signs, "") if sign == "\\" else sign
    return parts


def _is_whole(text: str) -> bool:
    digits = text.removeprefix("-")
    return digits.isascii() and digits.isdecimal() and len(digits) < 20 and _LEAST <= int(text) <= _MOST
