"""Tables of processflows that are or were deployed."""

from __future__ import annotations

import sqlalchemy as sa

from agent.store.moments import Moment
from agent.store.tables.metadata import METADATA

DEPLOYMENTS = sa.Table(
    "deployments",
    METADATA,
    sa.Column("flow", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("document", sa.Text, nullable=False),
    sa.Column("file", sa.Text, nullable=False),
    sa.Column("bindings", sa.JSON, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("deployed_at", Moment, nullable=False),
    sa.Column("deployed_by", sa.Text, nullable=False),
    sa.Column("log", sa.JSON, nullable=False),
    # The versions of library functions that it uses, and the lookup table behind each name, as they were found then.
    sa.Column("functions", sa.JSON, nullable=False),
    sa.Column("lookups", sa.JSON, nullable=False),
    # Credential tokens that no App Configuration is bound to yet, with their apps: until then it cannot run.
    sa.Column("waits_for", sa.JSON, nullable=False),
    # The plan of its schedule as it was when the version was deployed, in the form of domain.plan_form.
    sa.Column("schedule", sa.JSON),
    # The version that it is a copy of, where somebody rolled back.
    sa.Column("restored_from", sa.Integer),
    # What whoever deployed it chose to pass over, in sentences for people.
    sa.Column("remarks", sa.JSON, nullable=False),
    # The one version of a processflow that new runs use; none when it was undeployed.
    sa.Column("active", sa.Boolean, nullable=False),
)

# Every deployment that was asked for, those that failed as well, and every undeployment.
DEPLOYMENT_LOG = sa.Table(
    "deployment_log",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("flow", sa.Text, nullable=False),
    sa.Column("started_at", Moment, nullable=False),
    sa.Column("ended_at", Moment),
    sa.Column("asked_by", sa.Text, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("outcome", sa.Text, nullable=False),
    # The version that it made, or withdrew.
    sa.Column("version", sa.Integer),
    sa.Column("code", sa.Text, nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("remedy", sa.Text, nullable=False),
    sa.Column("lines", sa.JSON, nullable=False),
    sa.Index("deployment_log_by_flow", "flow", "id"),
)

# What variables hold outside a run: set by somebody, or kept by a run together with the bookmark.
VARIABLES = sa.Table(
    "variables",
    METADATA,
    sa.Column("flow", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    # A text, a number, true or false; {"sealed": …} for an encrypted one.
    sa.Column("value", sa.JSON, nullable=False),
    sa.Column("changed_at", Moment, nullable=False),
    sa.Column("changed_by", sa.Text, nullable=False),
    sa.Column("run", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
)
