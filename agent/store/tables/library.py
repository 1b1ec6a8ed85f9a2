"""Tables of what processflows are made with: documents that wait, functions, lookups and filter templates."""

from __future__ import annotations

import sqlalchemy as sa

from agent.store.moments import Moment
from agent.store.tables.metadata import METADATA

# Documents that wait to be deployed: what packages brought.
LIBRARY = sa.Table(
    "library",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("document", sa.Text, nullable=False),
    sa.Column("file", sa.Text, nullable=False),
    sa.Column("origin", sa.Text, nullable=False),
    sa.Column("added_at", Moment, nullable=False),
    sa.Column("added_by", sa.Text, nullable=False),
)

# Library functions: every version that was ever saved. Of each name one version at most is current.
FUNCTIONS = sa.Table(
    "functions",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("parameters", sa.JSON, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("examples", sa.JSON, nullable=False),
    sa.Column("saved_at", Moment, nullable=False),
    sa.Column("saved_by", sa.Text, nullable=False),
    sa.Column("current", sa.Boolean, nullable=False),
)

LOOKUP_TABLES = sa.Table(
    "lookup_tables",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("description", sa.Text, nullable=False),
    # Rises with every change, so that what was read of the table before is known to be old.
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("changed_at", Moment, nullable=False),
    sa.Column("changed_by", sa.Text, nullable=False),
)

LOOKUP_ROWS = sa.Table(
    "lookup_rows",
    METADATA,
    sa.Column("table_name", sa.Text, primary_key=True),
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("destination", sa.Text, nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sqlite_with_rowid=False,
)

# Clauses of a filter under a name, for one action.
FILTER_TEMPLATES = sa.Table(
    "filter_templates",
    METADATA,
    sa.Column("app", sa.Text, primary_key=True),
    sa.Column("schema", sa.Text, primary_key=True),
    sa.Column("action", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("clauses", sa.JSON, nullable=False),
    sa.Column("saved_at", Moment, nullable=False),
    sa.Column("saved_by", sa.Text, nullable=False),
)
