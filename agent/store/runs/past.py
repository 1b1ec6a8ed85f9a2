"""What earlier runs of a processflow left, for whoever must not leave anything: it reads alone."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from agent.domain.packet import Bookmark
from agent.store.databases.database import Database
from agent.store.inbox.events import EventStore
from agent.store.records.skips import Skipped
from agent.store.records.sync_rows import Known
from agent.store.runs.ledger import Ledger
from agent.store.tables.streams import STREAMS


class Past:
    """The past of one processflow. A node that never ran has none, and gets none by being asked about."""

    def __init__(self, database: Database, flow: str) -> None:
        self._database, self.flow = database, flow
        self._ledger = Ledger(database)
        self.events = EventStore(database)

    def bookmark(self, node: str) -> Bookmark | None:
        """How far the source of a GET node has been read and acknowledged."""
        stream = self._stream(node)
        return self._ledger.bookmark(stream) if stream is not None else None

    def known(self, node: str, source_ids: Sequence[str]) -> dict[str, Known]:
        """What became of records at a POST node the last time."""
        stream = self._stream(node) if source_ids else None
        return self._ledger.known(stream, source_ids) if stream is not None else {}

    def skipped(self, node: str, source_ids: Sequence[str]) -> dict[str, Skipped]:
        """Those of these records that an operator skipped at a POST node, and in which state."""
        stream = self._stream(node) if source_ids else None
        if stream is None or not self._ledger.has_skips(stream):
            return {}
        return self._ledger.skipped(stream, source_ids)

    def _stream(self, node: str) -> int | None:
        query = sa.select(STREAMS.c.id).where(STREAMS.c.flow == self.flow, STREAMS.c.node == node)
        with self._database.read() as connection:
            found: int | None = connection.execute(query).scalar()
        return found
