"""Tables of runs: how they stand, and what they have to remember while they go on."""

from __future__ import annotations

import sqlalchemy as sa

from agent.store.moments import Moment
from agent.store.tables.metadata import METADATA

RUNS = sa.Table(
    "runs",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("flow", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("trigger", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("cancel_requested", sa.Boolean, nullable=False),
    sa.Column("queued_at", Moment, nullable=False),
    sa.Column("started_at", Moment),
    sa.Column("ended_at", Moment),
    sa.Column("read_count", sa.Integer, nullable=False),
    sa.Column("unchanged_count", sa.Integer, nullable=False),
    sa.Column("written_count", sa.Integer, nullable=False),
    sa.Column("failed_count", sa.Integer, nullable=False),
    sa.Column("skipped_count", sa.Integer, nullable=False),
    sa.Column("activity", sa.Text, nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("remedy", sa.Text, nullable=False),
    # Why a run failed as a whole, and what has to be mended: see `domain.run_classes`. Empty where it did not.
    sa.Column("error_class", sa.Text, nullable=False, server_default=""),
    sa.Column("cure", sa.Text, nullable=False, server_default=""),
    sa.Column("requested_by", sa.Text, nullable=False),
    # A run that waits for a Delay: until when, and how often it has waited. Each time another workflow goes on with it.
    sa.Column("resume_at", Moment),
    sa.Column("parks", sa.Integer, nullable=False, server_default="0"),
    # The values that the run's packets gave to variables, as they are after the last packet that was booked.
    sa.Column("variables", sa.JSON),
    # The App Configuration that a run waits for, as that has tripped; empty where it does not.
    sa.Column("waits_for", sa.Text, nullable=False, server_default=""),
    # The time of its schedule that the run stands for; none where it was started otherwise.
    sa.Column("planned_for", Moment),
    # What it is to do, in the form of `domain.run_plan`; NULL for a run that reads on from the bookmark.
    sa.Column("plan", sa.JSON(none_as_null=True)),
    sa.Index("runs_by_flow", "flow", "id"),
    # Of each processflow one run at most has not ended.
    sa.Index(
        "runs_active",
        "flow",
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    ),
)

# The records that a retry tries, while it runs. Sorted by record, so that those of several POST nodes are read once.
PLAN_RECORDS = sa.Table(
    "plan_records",
    METADATA,
    sa.Column("run", sa.Text, primary_key=True),
    sa.Column("source_id", sa.Text, primary_key=True),
    sa.Column("node", sa.Text, primary_key=True),
    sqlite_with_rowid=False,
)

# Until when a Delay holds a packet back: decided once, and still known after a restart.
HOLDS = sa.Table(
    "holds",
    METADATA,
    sa.Column("run", sa.Text, primary_key=True),
    sa.Column("node", sa.Text, primary_key=True),
    sa.Column("packet", sa.Text, primary_key=True),
    sa.Column("until", Moment, nullable=False),
)
