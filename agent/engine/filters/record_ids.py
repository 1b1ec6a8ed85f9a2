"""`{$}` in a filter: where ids stand in for the records that a retry tries, or that events name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from agent.connectors.contract import SentClause, SentGroup, SentPart
from agent.domain.clauses import RECORD_ID, all_clauses
from agent.domain.processflow import GetNode

LISTED_AT_ONCE = 50
"""How many ids a filter names in one list: with them, addresses stay short."""


def names_events(get: GetNode) -> bool:
    """Whether a GET that follows an event Start fetches the records that events name, not all that changed."""
    return any(RECORD_ID in clause.value for clause in all_clauses(get.filters))


def takes_lists(parts: Iterable[SentPart]) -> bool:
    """Whether ids can be asked for several at once: wherever they stand, a list may stand."""
    return all(
        clause.value.strip() == RECORD_ID and (clause.operator == "in" or clause.key.endswith(":in"))
        for clause in sent_clauses(parts)
        if RECORD_ID in clause.value
    )


def with_ids(parts: Sequence[SentPart], ids: Sequence[str]) -> tuple[SentPart, ...]:
    """The clauses with the ids in them. They come last, so that nothing in an id is taken for a function."""
    return tuple(
        replace(part, members=with_ids(part.members, ids))
        if isinstance(part, SentGroup)
        else replace(part, value=part.value.replace(RECORD_ID, ",".join(ids)))
        for part in parts
    )


def sent_clauses(parts: Iterable[SentPart]) -> Iterator[SentClause]:
    """Every clause, wherever it stands."""
    for part in parts:
        if isinstance(part, SentGroup):
            yield from sent_clauses(part.members)
        else:
            yield part
