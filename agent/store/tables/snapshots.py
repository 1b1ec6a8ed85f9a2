"""Tables of what runs did, node by node and packet by packet."""

from __future__ import annotations

import sqlalchemy as sa

from agent.store.tables.metadata import METADATA

# What each node of a run did; see `agent.store.looks.node_work`. A run's id begins with its time.
NODE_ENTRIES = sa.Table(
    "node_entries",
    METADATA,
    sa.Column("run", sa.Text, primary_key=True),
    sa.Column("node", sa.Text, primary_key=True),
    sa.Column("entry", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("began_at", sa.BigInteger, nullable=False),
    sa.Column("last_at", sa.BigInteger, nullable=False),
    sa.Column("milliseconds", sa.BigInteger, nullable=False),
    sa.Column("packets_in", sa.BigInteger, nullable=False),
    sa.Column("records_in", sa.BigInteger, nullable=False),
    sa.Column("packets_out", sa.BigInteger, nullable=False),
    sa.Column("records_out", sa.BigInteger, nullable=False),
    sa.Column("unchanged", sa.BigInteger, nullable=False),
    sa.Column("failed", sa.BigInteger, nullable=False),
    sa.Column("skipped", sa.BigInteger, nullable=False),
    sa.Column("done", sa.SmallInteger, nullable=False),
    sa.Column("fault", sa.Text, nullable=False),
    sqlite_with_rowid=False,
)

# What became of the records of each packet: one row for a packet, the oldest has the smallest id.
DATA_LOG = sa.Table(
    "data_log",
    METADATA,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("run", sa.Text, nullable=False),
    sa.Column("stream", sa.Integer, nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("node", sa.Text, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("records", sa.Integer, nullable=False),
    sa.Column("failed", sa.Integer, nullable=False),
    sa.Column("skipped", sa.Integer, nullable=False),
    # What the row takes on disk, about.
    sa.Column("size", sa.Integer, nullable=False),
    # Before the content: SQLite reads a row from its beginning, and only as far as it is asked for.
    sa.Column("hashes", sa.LargeBinary, nullable=False),
    sa.Column("content", sa.LargeBinary, nullable=False),
    sa.Index("data_log_by_run", "run", "id"),
    # With the size, so that all of them are added up without reading a row.
    sa.Index("data_log_by_stream", "stream", "id", "size"),
)
