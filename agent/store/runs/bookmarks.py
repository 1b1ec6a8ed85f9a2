"""Bookmarks as people see and move them. Runs move them in the ledger; people between runs, with a reason."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from agent.domain.packet import BY_HAND, Bookmark
from agent.store.databases.at_rest import refuse_under_run
from agent.store.databases.database import Database
from agent.store.records.audit import AuditLine, note
from agent.store.runs.acknowledgement import StoredBookmark
from agent.store.tables.streams import STREAMS


@dataclass(frozen=True, slots=True)
class BookmarkRow:
    """How far one source node was read and acknowledged; since when, and by which run or person it was moved there."""

    node: str
    bookmark: Bookmark | None
    since: datetime | None
    run: str
    set_by: str


class BookmarkStore:
    """The bookmarks of this agent."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self, flow: str) -> list[BookmarkRow]:
        """Those of the nodes that a processflow ever read or wrote, by node."""
        query = sa.select(STREAMS).where(STREAMS.c.flow == flow).order_by(STREAMS.c.node)
        with self._database.read() as connection:
            return [_row(row) for row in connection.execute(query)]

    def require_movable(self, flow: str) -> None:
        """Refuse what `move` would refuse, and change nothing."""
        with self._database.write() as connection:
            _refuse_running(connection, flow)

    def move(self, *, flow: str, node: str, moment: datetime | None, reason: str, by: str, at: datetime) -> BookmarkRow:
        """Set a bookmark to a moment, or take it away (None), and add a line to the audit trail.

        Raises:
            ConflictError: code `already-running`: a run of the processflow has not ended, and would move it, too.
        """
        kept = StoredBookmark(moment, {BY_HAND: True}) if moment is not None else None
        values = {
            "bookmark": msgspec.to_builtins(kept) if kept is not None else sa.null(), "bookmark_moved_at": at,
            "bookmark_run": "", "bookmark_set_by": by,
        }  # fmt: skip
        where = sa.and_(STREAMS.c.flow == flow, STREAMS.c.node == node)
        with self._database.write() as connection:
            _refuse_running(connection, flow)
            before = connection.execute(sa.select(STREAMS).where(where).with_for_update()).first()
            if before is None:
                connection.execute(STREAMS.insert().values(flow=flow, node=node, **values))
            else:
                connection.execute(STREAMS.update().where(where).values(values))
            note(
                connection,
                AuditLine(
                    at, by, "bookmark-set" if kept is not None else "bookmark-clear", flow, node, reason,
                    before=before.bookmark if before is not None else None,
                    after=msgspec.to_builtins(kept) if kept is not None else None,
                ),
            )  # fmt: skip
            return _row(connection.execute(sa.select(STREAMS).where(where)).one())


def _refuse_running(connection: sa.Connection, flow: str) -> None:
    refuse_under_run(connection, flow, because="and moves the bookmark itself", then="set the bookmark")


def _row(row: sa.Row[Any]) -> BookmarkRow:
    bookmark = None
    if row.bookmark is not None:
        kept = msgspec.convert(row.bookmark, StoredBookmark)
        bookmark = Bookmark(kept.moment, kept.detail)
    return BookmarkRow(row.node, bookmark, row.bookmark_moved_at, row.bookmark_run, row.bookmark_set_by)
