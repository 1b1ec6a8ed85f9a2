"""The contract's words for runs that do something else than read on: resync, runtime filter, replay."""

from __future__ import annotations

from typing import Annotated

from pydantic import AwareDatetime, Field, StringConstraints

from agent.api.models import Request, ShortText
from agent.domain.clauses import FilterPlace
from agent.domain.packet import SyncState

MOST_IDS = 10_000
"""How many records can be named one by one. For more there is the choice by state."""

RecordId = Annotated[str, StringConstraints(min_length=1, max_length=1_000, pattern=r"^[^\x00]*$")]
NodeId = Annotated[str, StringConstraints(max_length=100)]
Text = Annotated[str, StringConstraints(max_length=1_000, pattern=r"^[^\x00]*$")]


class FilterClause(Request):
    """One clause of a runtime filter."""

    key: Text
    operator: ShortText = "="
    value: Text = ""
    place: FilterPlace = FilterPlace.QUERY


class Execution(Request):
    """How a run is to be started. Nothing in it: it reads on from the bookmark.

    Attributes:
        filter: Clauses that all have to hold, in the place of the action filter, for this run alone.
        node: The GET node that they are for; it may be left out where there is one.
    """

    filter: Annotated[list[FilterClause], Field(max_length=200)] | None = None
    node: NodeId = ""


class Resync(Request):
    """Which records are to be tried again: those with these ids, or all in this state.

    Attributes:
        node: Only what Sync Info knows of this POST node; empty: of all.
        ids: Source ids.
        state: Without ids, it has to be given.
        search: Only those that a text is found in: in the ids or in the message.
    """

    node: NodeId = ""
    ids: list[RecordId] = Field(default=[], max_length=MOST_IDS)
    state: SyncState | None = None
    search: Text = ""


class ReplayWindow(Request):
    """A window of time whose records are to be read again.

    Attributes:
        since: The first moment that belongs to it.
        until: The last one.
        nodes: Only these GET nodes; empty: all.
        again: Whether what is at the destination unchanged is written once more.
    """

    since: AwareDatetime
    until: AwareDatetime
    nodes: list[NodeId] = Field(default=[], max_length=500)
    again: bool = False
