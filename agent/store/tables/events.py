"""Tables of received events."""

from __future__ import annotations

import sqlalchemy as sa

from agent.store.moments import Moment
from agent.store.tables.metadata import METADATA

# Where a processflow receives events. Outlives undeployment.
EVENT_INBOXES = sa.Table(
    "event_inboxes",
    METADATA,
    sa.Column("flow", sa.Text, primary_key=True),
    # SHA-256 of the secret in its URL, in hexadecimal digits; none before somebody asked for the URL.
    sa.Column("secret_hash", sa.Text),
    sa.Column("renewed_at", Moment),
    sa.Column("renewed_by", sa.Text, nullable=False, server_default=""),
    # Numbers are given out here, under this row's lock: who reads by number misses none that is committed later.
    sa.Column("last_number", sa.BigInteger, nullable=False, server_default="0"),
    # Up to here every source has processed them.
    sa.Column("processed", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("bytes", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("received_count", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("duplicate_count", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("refused_count", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("last_received_at", Moment),
    sa.Column("last_refused_at", Moment),
    sa.Column("last_refusal", sa.Text, nullable=False, server_default=""),
)

# The records of received events.
EVENTS = sa.Table(
    "events",
    METADATA,
    sa.Column("flow", sa.Text, primary_key=True),
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    # The number of the last record of the same event.
    sa.Column("ends", sa.BigInteger, nullable=False),
    sa.Column("delivery", sa.Text, nullable=False),
    sa.Column("source_id", sa.Text, nullable=False),
    sa.Column("document", sa.LargeBinary, nullable=False),
    sa.Column("received_at", Moment, nullable=False),
    sa.Index("events_by_delivery", "flow", "delivery"),
    sa.Index("events_by_source", "flow", "source_id", "number"),
)
