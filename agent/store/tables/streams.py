"""Tables of streams: how far each has been read and written."""

from __future__ import annotations

import sqlalchemy as sa

from agent.store.moments import Moment
from agent.store.tables.metadata import METADATA

STREAMS = sa.Table(
    "streams",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("flow", sa.Text, nullable=False),
    sa.Column("node", sa.Text, nullable=False),
    sa.Column("bookmark", sa.JSON),
    sa.Column("bookmark_moved_at", Moment),
    # Who moved it there: a run, or a person.
    sa.Column("bookmark_run", sa.Text, nullable=False, server_default=""),
    sa.Column("bookmark_set_by", sa.Text, nullable=False, server_default=""),
    sa.UniqueConstraint("flow", "node"),
)

CURSORS = sa.Table(
    "cursors",
    METADATA,
    sa.Column("run", sa.Text, primary_key=True),
    sa.Column("stream", sa.Integer, primary_key=True),
    # How many packets of this run were written into the stream, or read from it to the end; compared and set, which
    # fences a worker that was thought dead.
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("position", sa.JSON),
    sa.Column("finished", sa.Boolean, nullable=False),
    sa.Column("memory", sa.JSON),
)

# A write to an app that keeps no receipts, from before it is sent until it is acknowledged.
INTENTS = sa.Table(
    "intents",
    METADATA,
    sa.Column("stream", sa.Integer, primary_key=True),
    sa.Column("run", sa.Text, nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("payload", sa.LargeBinary, nullable=False),
    sa.Column("sent_at", Moment, nullable=False),
)
