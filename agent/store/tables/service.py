"""Tables of the service itself: its settings, who may use it, what people changed by hand and what needs a person."""

from __future__ import annotations

import sqlalchemy as sa

from agent.store.moments import Moment
from agent.store.tables.metadata import METADATA

KEY_VALUES = sa.Table(
    "key_values",
    METADATA,
    sa.Column("area", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

OPERATORS = sa.Table(
    "operators",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("password_hash", sa.Text, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
    sa.Column("last_failure_at", Moment),
)

# What people changed by hand and nobody may lose sight of: kept apart from the log, and never cleared with it.
AUDIT = sa.Table(
    "audit",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("at", Moment, nullable=False),
    sa.Column("who", sa.Text, nullable=False),
    sa.Column("what", sa.Text, nullable=False),
    sa.Column("flow", sa.Text, nullable=False),
    sa.Column("node", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("before", sa.JSON(none_as_null=True)),
    sa.Column("after", sa.JSON(none_as_null=True)),
)

# Since when alerts are there, and who has seen them; what causes them is told by other tables.
ALERTS = sa.Table(
    "alerts",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("since", Moment, nullable=False),
    sa.Column("acknowledged_by", sa.Text, nullable=False, server_default=""),
    sa.Column("acknowledged_at", Moment),
    sa.Column("measure", sa.Text, nullable=False, server_default=""),
)
