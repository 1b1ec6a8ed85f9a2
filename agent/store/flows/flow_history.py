"""Everything that the agent's database knows of one processflow, counted and deleted as a whole.

What belongs to a processflow is found by the columns of tables, so that a table that comes later goes with the rest:
`flow` is the processflow's name, `stream` one of its streams, `run` one of its runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from agent.domain.errors import ConflictError
from agent.store.databases.at_rest import refuse_under_run
from agent.store.databases.database import Database
from agent.store.records.audit import AuditLine, note
from agent.store.tables import METADATA
from agent.store.tables.events import EVENT_INBOXES, EVENTS
from agent.store.tables.flows import DEPLOYMENTS
from agent.store.tables.runs import RUNS
from agent.store.tables.schedules import SCHEDULES
from agent.store.tables.service import AUDIT
from agent.store.tables.streams import STREAMS
from agent.store.tables.sync_info import SYNC_INFO


@dataclass(frozen=True, slots=True)
class Extent:
    """How much there is of a processflow."""

    versions: int
    runs: int
    records: int
    bookmarks: int
    scheduled: bool
    receives_events: bool
    waiting_events: int


class FlowHistory:
    """The histories of the processflows of this agent."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def extent(self, flow: str) -> Extent:
        """How much there is."""
        streams = _streams(flow)
        with self._database.read() as connection:

            def count(table: sa.FromClause, where: sa.ColumnElement[bool]) -> int:
                return int(connection.execute(sa.select(sa.func.count()).select_from(table).where(where)).scalar_one())

            bookmarked = sa.and_(STREAMS.c.flow == flow, STREAMS.c.bookmark_moved_at.is_not(None))
            waiting = sa.and_(EVENTS.c.flow == flow, EVENTS.c.number > EVENT_INBOXES.c.processed)
            return Extent(
                versions=count(DEPLOYMENTS, DEPLOYMENTS.c.flow == flow),
                runs=count(RUNS, RUNS.c.flow == flow),
                records=count(SYNC_INFO, SYNC_INFO.c.stream.in_(streams)),
                bookmarks=count(STREAMS, bookmarked),
                scheduled=count(SCHEDULES, SCHEDULES.c.flow == flow) > 0,
                receives_events=count(EVENT_INBOXES, EVENT_INBOXES.c.flow == flow) > 0,
                waiting_events=count(EVENT_INBOXES.join(EVENTS, EVENTS.c.flow == EVENT_INBOXES.c.flow), waiting),
            )

    def require_forgettable(self, flow: str) -> None:
        """Refuse what `forget` would refuse, and change nothing."""
        with self._database.write() as connection:
            _refuse(connection, flow)

    def forget(self, flow: str, *, by: str, at: datetime, together: Callable[[], None] = lambda: None) -> Sequence[str]:
        """Delete all of it, in one transaction; that this was done is in the audit trail, which stays.

        Args:
            flow: The processflow.
            by: Who wants it.
            at: The present.
            together: Deletes what lies elsewhere, at the end of the transaction: where it raises, nothing is deleted.

        Returns:
            The ids of its runs, of which more may lie elsewhere.

        Raises:
            ConflictError: code `still-deployed` or `already-running`.
        """
        with self._database.write() as connection:
            _refuse(connection, flow)
            runs = connection.execute(sa.select(RUNS.c.id).where(RUNS.c.flow == flow)).scalars().all()
            for table, where in _belonging(flow):
                connection.execute(table.delete().where(where))
            note(connection, AuditLine(at, by, "history-deleted", flow))
            together()
        return runs


def _refuse(connection: sa.Connection, flow: str) -> None:
    deployed = sa.select(DEPLOYMENTS.c.version).where(DEPLOYMENTS.c.flow == flow, DEPLOYMENTS.c.active)
    if connection.execute(deployed).first() is not None:
        raise ConflictError(
            f"{flow} is deployed.", code="still-deployed", remedy="Undeploy it first, if its history may go."
        )
    refuse_under_run(connection, flow, then="delete its history")


def _belonging(flow: str) -> Iterator[tuple[sa.Table, sa.ColumnElement[bool]]]:
    """The tables with what is the processflow's in them; those that others are found by come last."""
    found_by: Mapping[str, Any] = {
        "flow": flow,
        "stream": _streams(flow),
        "run": sa.select(RUNS.c.id).where(RUNS.c.flow == flow),
    }
    for table in METADATA.tables.values():
        if table is AUDIT:
            continue
        column = next((name for name in found_by if name in table.c), None)
        if column == "flow" and table not in (RUNS, STREAMS):
            yield table, table.c.flow == flow
        elif column is not None and column != "flow":
            yield table, table.c[column].in_(found_by[column])
    yield RUNS, RUNS.c.flow == flow
    yield STREAMS, STREAMS.c.flow == flow


def _streams(flow: str) -> Any:
    return sa.select(STREAMS.c.id).where(STREAMS.c.flow == flow)
