"""Tables of Sync Info: what became of each record, and what people decided about it."""

from __future__ import annotations

import sqlalchemy as sa

from agent.store.moments import Moment
from agent.store.tables.metadata import METADATA

SYNC_INFO = sa.Table(
    "sync_info",
    METADATA,
    sa.Column("stream", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("source_id", sa.Text, primary_key=True),
    sa.Column("destination_id", sa.Text, nullable=False),
    sa.Column("state", sa.SmallInteger, nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("remedy", sa.Text, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    # xxh3 of the source record and the deployment's version: equal means that there is nothing to write.
    sa.Column("fingerprint", sa.BigInteger, nullable=False),
    sa.Column("run", sa.Text, nullable=False),
    sa.Column("updated_at", sa.BigInteger, nullable=False),
    # What kind of trouble it is, what has to be mended, and what its message has in common with others; see
    # `message_shapes`.
    sa.Column("error_class", sa.Text, nullable=False, server_default=""),
    sa.Column("cure", sa.Text, nullable=False, server_default=""),
    sa.Column("shape", sa.BigInteger),
    # Whether an operator said that this state of the record is not to be written; see SKIPS.
    sa.Column("skipped", sa.Boolean, nullable=False, server_default=sa.false()),
    # The tracked columns as a JSON object; empty where there are none.
    sa.Column("tracked", sa.Text, nullable=False, server_default=""),
    # All of a page's order, so that the newest of a million are found without sorting them.
    sa.Index("sync_info_by_time", "stream", "updated_at", "source_id"),
    sa.Index(
        "sync_info_troubled",
        "stream",
        "state",
        "updated_at",
        "source_id",
        sqlite_where=sa.text("state <> 1"),
        postgresql_where=sa.text("state <> 1"),
    ),
    sa.Index(
        "sync_info_alike",
        "stream",
        "state",
        "shape",
        "updated_at",
        "source_id",
        sqlite_where=sa.text("shape IS NOT NULL"),
        postgresql_where=sa.text("shape IS NOT NULL"),
    ),
    sqlite_with_rowid=False,
)

# How many rows of Sync Info are in each state: counting them would take longer the more there are.
SYNC_COUNTS = sa.Table(
    "sync_counts",
    METADATA,
    sa.Column("stream", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("state", sa.SmallInteger, primary_key=True, autoincrement=False),
    sa.Column("records", sa.Integer, nullable=False),
)

# Records that an operator skipped: why and who, which state of the record is meant, and how the row was before.
SKIPS = sa.Table(
    "skips",
    METADATA,
    sa.Column("stream", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("source_id", sa.Text, primary_key=True),
    sa.Column("fingerprint", sa.BigInteger, nullable=False),
    # The deployed version that the fingerprint is of.
    sa.Column("version", sa.Integer),
    sa.Column("skipped_by", sa.Text, nullable=False),
    sa.Column("skipped_at", sa.BigInteger, nullable=False),
    sa.Column("state", sa.SmallInteger, nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("remedy", sa.Text, nullable=False),
    sa.Column("error_class", sa.Text, nullable=False),
    sa.Column("cure", sa.Text, nullable=False),
    sa.Column("shape", sa.BigInteger),
    sqlite_with_rowid=False,
)

# Mapped records that a person corrected and sent: both versions, for good.
CORRECTIONS = sa.Table(
    "corrections",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("flow", sa.Text, nullable=False),
    sa.Column("node", sa.Text, nullable=False),
    sa.Column("source_id", sa.Text, nullable=False),
    sa.Column("fingerprint", sa.BigInteger, nullable=False),
    sa.Column("original", sa.JSON, nullable=False),
    sa.Column("edited", sa.JSON, nullable=False),
    # What is sent, with its types.
    sa.Column("payload", sa.LargeBinary, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("made_by", sa.Text, nullable=False),
    sa.Column("made_at", Moment, nullable=False),
    sa.Column("run", sa.Text, nullable=False),
    sa.Index("corrections_by_record", "flow", "source_id", "id"),
)
