"""`{$}` in the filter of a GET that follows an event Start: the id of the record that an event names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from agent.connectors.contract import SentClause
from agent.domain.processflow import GetNode

EVENT_ID = "{$}"
_MOST_AT_ONCE = 50


def names_events(get: GetNode) -> bool:
    """Whether a GET fetches the records that events name, rather than all that changed."""
    return any(EVENT_ID in clause.value for clause in get.filters)


def ids_at_once(clauses: Sequence[SentClause]) -> int:
    """How many ids one read can ask for: several where the only place for them is a list."""
    holders = [clause for clause in clauses if EVENT_ID in clause.value]
    listed = all(
        clause.value.strip() == EVENT_ID and (clause.operator == "in" or clause.key.endswith(":in"))
        for clause in holders
    )
    return _MOST_AT_ONCE if listed and len(holders) == 1 else 1


def with_ids(clauses: Sequence[SentClause], ids: Sequence[str]) -> Iterator[SentClause]:
    """The clauses with ids in their place."""
    text = ",".join(ids)
    for clause in clauses:
        yield replace(clause, value=clause.value.replace(EVENT_ID, text)) if EVENT_ID in clause.value else clause
