"""Which records of Sync Info are meant: what a page shows, what is exported, and what is done to many at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import sqlalchemy as sa

from agent.domain.error_classes import ErrorClass
from agent.domain.packet import SyncState
from agent.store.runs.acknowledgement import STATE_NUMBERS
from agent.store.tables.streams import STREAMS
from agent.store.tables.sync_info import SYNC_INFO


@dataclass(frozen=True, slots=True)
class RecordFilter:
    """Only records that fit everything that is given.

    Args:
        state: In this state.
        search: With this text in their ids, their message or their tracked columns.
        node: Of this POST node.
        error_class: With this kind of trouble.
        group: Of this group: the number of a message's shape.
    """

    state: SyncState | None = None
    search: str = ""
    node: str = ""
    error_class: ErrorClass | None = None
    group: int | None = None

    @property
    def empty(self) -> bool:
        """Whether all records fit."""
        return self == RecordFilter()

    def conditions(self) -> list[sa.ColumnElement[bool]]:
        """What a row of a stream has to fulfil, besides belonging to the node."""
        found: list[sa.ColumnElement[bool]] = []
        if self.state is not None:
            found.append(SYNC_INFO.c.state == STATE_NUMBERS[self.state])
            if self.state is not SyncState.SUCCESS:
                # Bare, so that SQLite uses the partial index on troubled records.
                found.append(sa.literal_column("sync_info.state <> 1", sa.Boolean))
        if self.error_class is not None:
            found.append(SYNC_INFO.c.error_class == self.error_class.value)
            found.append(sa.literal_column("sync_info.shape IS NOT NULL", sa.Boolean))
        if self.group is not None:
            found.append(SYNC_INFO.c.shape == self.group)
        if self.search:
            found.append(found_by(self.search))
        return found


ALL = RecordFilter()


def found_by(search: str) -> sa.ColumnElement[bool]:
    """Whether a row is found by a text in its ids, its message and its tracked columns."""
    columns = (SYNC_INFO.c.source_id, SYNC_INFO.c.destination_id, SYNC_INFO.c.message, SYNC_INFO.c.tracked)
    return sa.or_(*(column.icontains(search, autoescape=True) for column in columns))


class Stream(NamedTuple):
    """What one POST node receives."""

    id: int
    node: str


def streams(connection: sa.Connection, flow: str, node: str = "") -> list[Stream]:
    """The streams of a processflow, or that of one of its nodes."""
    query = sa.select(STREAMS.c.id, STREAMS.c.node).where(STREAMS.c.flow == flow).order_by(STREAMS.c.id)
    return [Stream(*row) for row in connection.execute(query.where(STREAMS.c.node == node) if node else query)]
