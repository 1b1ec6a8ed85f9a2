"""Tables of what starts by itself."""

from __future__ import annotations

import sqlalchemy as sa

from agent.store.moments import Moment
from agent.store.tables.metadata import METADATA

# Outlives undeployment. A processflow without a row is started by hand.
SCHEDULES = sa.Table(
    "schedules",
    METADATA,
    sa.Column("flow", sa.Text, primary_key=True),
    # New at each change: compared and set, so that of several services one acts.
    sa.Column("stamp", sa.Text, nullable=False),
    sa.Column("plan", sa.JSON, nullable=False),
    sa.Column("anchor", Moment, nullable=False),
    sa.Column("since", Moment, nullable=False),
    sa.Column("changed_by", sa.Text, nullable=False),
    sa.Column("looked_at", Moment, nullable=False),
    sa.Column("next_at", Moment),
    sa.Column("owed", sa.JSON, nullable=False),
    sa.Column("run_count", sa.Integer, nullable=False),
    sa.Column("misfire_count", sa.Integer, nullable=False),
    sa.Column("misfires_in_a_row", sa.Integer, nullable=False),
    sa.Column("missed_count", sa.Integer, nullable=False),
    sa.Column("alert", sa.Text, nullable=False),
)

# How processflows try failed records again by themselves. Outlives undeployment; without a row it is done by hand.
RETRY_POLICIES = sa.Table(
    "retry_policies",
    METADATA,
    sa.Column("flow", sa.Text, primary_key=True),
    # New at each change: compared and set, so that of several services one acts.
    sa.Column("stamp", sa.Text, nullable=False),
    sa.Column("policy", sa.JSON, nullable=False),
    sa.Column("anchor", Moment, nullable=False),
    sa.Column("since", Moment, nullable=False),
    sa.Column("changed_by", sa.Text, nullable=False),
    sa.Column("next_at", Moment, nullable=False),
    # Whether a time has come whose retry is still to be started.
    sa.Column("due", sa.Boolean, nullable=False),
    sa.Column("run_count", sa.Integer, nullable=False),
    sa.Column("alert", sa.Text, nullable=False),
)
