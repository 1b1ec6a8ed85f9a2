"""Tables of App Configurations."""

from __future__ import annotations

import sqlalchemy as sa

from agent.store.moments import Moment
from agent.store.tables.metadata import METADATA

CONFIGURATIONS = sa.Table(
    "configurations",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("app", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("plain_values", sa.JSON, nullable=False),
    sa.Column("secret_hints", sa.JSON, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("facts", sa.JSON, nullable=False),
    sa.Column("validated_at", Moment),
    sa.Column("saved_at", Moment, nullable=False),
    sa.UniqueConstraint("app", "name"),
)

# Configurations whose credentials the app refuses: what uses them waits until they are proven again.
TRIPS = sa.Table(
    "trips",
    METADATA,
    sa.Column("configuration", sa.Text, primary_key=True),
    sa.Column("since", Moment, nullable=False),
    sa.Column("code", sa.Text, nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("remedy", sa.Text, nullable=False),
)
