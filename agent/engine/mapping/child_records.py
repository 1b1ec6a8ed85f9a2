"""Child records as parts of the records that they belong to: those that expressions computed, those of several
selections in a row, and who is to blame when one fails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from agent.domain.packet import Row
from agent.engine.mapping.conversion import Column, json_text
from agent.engine.mapping.extracted import Children
from agent.engine.mapping.paths import opened


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why one record cannot be mapped."""

    attribute: str
    message: str
    code: str
    remedy: str = ""


def computed_children(name: str, found: Column, failures: dict[int, Trouble]) -> Children:
    """The child records that an expression gave for each record. `name` is the collection's."""
    counts: list[int] = []
    documents: list[bytes] = []
    for index, value in enumerate(found):
        items = opened(value)
        if not all(isinstance(item, dict) for item in items):
            message = f"{name}: child records are expected, but its expression gave plain values."
            failures.setdefault(index, Trouble(name, message, "mapping-children"))
            items = []
        counts.append(len(items))
        documents += [json_text(item).encode() for item in items]
    return Children(counts, documents=documents)


def given_columns(
    name: str, names: Mapping[int, str], rooted: Column, counts: Sequence[int], failures: dict[int, Trouble]
) -> dict[int, Column]:
    """The columns of child records that were computed with the whole record at hand, under these names."""
    results: list[Mapping[str, object]] = []
    for index, (value, count) in enumerate(zip(rooted, counts, strict=bool(names))):
        items = opened(value)
        if len(items) != count:
            message = f"{name}: an expression that names $$ gave {len(items)} values for {count} child records."
            failures.setdefault(index, Trouble(name, message, "mapping-children"))
            items = [{}] * count
        results += [item if isinstance(item, dict) else {} for item in items]
    return {place: [result.get(key) for result in results] for place, key in names.items()}


def joined(parts: Sequence[list[list[Row]]]) -> list[list[Row]]:
    """The child records of each record, those of one selection after those of another."""
    filled = [part for part in parts if any(part)] or list(parts[:1])
    if len(filled) == 1:
        return filled[0]
    return [list(chain.from_iterable(lists)) for lists in zip(*filled, strict=True)]


def blame(
    name: str,
    counts: Sequence[int],
    child_failures: Mapping[int, Trouble],
    failures: dict[int, Trouble],
    before: Sequence[int],
) -> None:
    """Say of each record which of its child records failed first, and its number. `before` are those before these."""
    owners = list(chain.from_iterable([(record, place) for place in range(n)] for record, n in enumerate(counts)))
    for child, trouble in sorted(child_failures.items()):
        record, place = owners[child]
        attribute = f"{name}.{trouble.attribute}" if trouble.attribute else name
        message = f"{name}, record {before[record] + place + 1}: {trouble.message}"
        failures.setdefault(record, Trouble(attribute, message, trouble.code, trouble.remedy))
