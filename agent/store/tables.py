"""The tables of the agent's own database, for SQLite and PostgreSQL alike. Changes go through `migrations`.

Times are whole milliseconds since 1970 in UTC. A *stream* is what one POST node of one processflow receives; Sync Info,
bookmarks and unanswered writes belong to streams, so that they survive redeployment and undeployment.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

METADATA = sa.MetaData()


class Moment(sa.types.TypeDecorator[datetime]):
    """An aware UTC datetime, stored as milliseconds since 1970."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> int | None:
        return None if value is None else to_milliseconds(value)

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> datetime | None:
        return None if value is None else from_milliseconds(int(value))


def to_milliseconds(moment: datetime) -> int:
    """Milliseconds since 1970 of an aware datetime."""
    return round(moment.timestamp() * 1000)


def from_milliseconds(milliseconds: int) -> datetime:
    """The aware UTC datetime of milliseconds since 1970."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


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

# The records that a retry tries, while it runs. Sorted by record, so that those of several POST nodes are read once.
PLAN_RECORDS = sa.Table(
    "plan_records",
    METADATA,
    sa.Column("run", sa.Text, primary_key=True),
    sa.Column("source_id", sa.Text, primary_key=True),
    sa.Column("node", sa.Text, primary_key=True),
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

# Until when a Delay holds a packet back: decided once, and still known after a restart.
HOLDS = sa.Table(
    "holds",
    METADATA,
    sa.Column("run", sa.Text, primary_key=True),
    sa.Column("node", sa.Text, primary_key=True),
    sa.Column("packet", sa.Text, primary_key=True),
    sa.Column("until", Moment, nullable=False),
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

# How many rows of Sync Info are in each state: counting them would take longer the more there are.
SYNC_COUNTS = sa.Table(
    "sync_counts",
    METADATA,
    sa.Column("stream", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("state", sa.SmallInteger, primary_key=True, autoincrement=False),
    sa.Column("records", sa.Integer, nullable=False),
)

# What each node of a run did; see `agent.store.node_work`. A run's id begins with its time.
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
