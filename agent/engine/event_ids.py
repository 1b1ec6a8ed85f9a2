"""`{$}` in the filter of a GET that follows an event Start: the id of the record that an event names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from agent.connectors.contract import SentClause, SentGroup, SentPart
from agent.domain.clauses import all_clauses
from agent.domain.processflow import GetNode

EVENT_ID = "{$}"
_MOST_AT_ONCE = 50


def names_events(get: GetNode) -> bool:
    """Whether a GET fetches the records that events name, rather than all that changed."""
    return any(EVENT_ID in clause.value for clause in all_clauses(get.filters))


def ids_at_once(parts: Sequence[SentPart]) -> int:
    """How many ids one read can ask for: several where the only place for them is a list."""
    holders = [clause for clause in _clauses(parts) if EVENT_ID in clause.value]
    listed = all(
        clause.value.strip() == EVENT_ID and (clause.operator == "in" or clause.key.endswith(":in"))
        for clause in holders
    )
    return _MOST_AT_ONCE if listed and len(holders) == 1 else 1


def with_ids(parts: Sequence[SentPart], ids: Sequence[str]) -> tuple[SentPart, ...]:
    """The clauses with ids in their place."""
    text = ",".join(ids)
    return tuple(
        replace(part, members=with_ids(part.members, ids))
        if isinstance(part, SentGroup)
        else replace(part, value=part.value.replace(EVENT_ID, text))
        for part in parts
    )


def _clauses(parts: Sequence[SentPart]) -> Iterator[SentClause]:
    for part in parts:
        if isinstance(part, SentGroup):
            yield from _clauses(part.members)
        else:
            yield part
