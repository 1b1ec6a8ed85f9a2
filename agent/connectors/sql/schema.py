"""What a SQL database offers: every table is a schema that can be read and written, and takes any attribute."""

from __future__ import annotations

from dataclasses import replace

from agent.connectors.sql.fields import FIELDS
from agent.domain.app import Action, ActionKind, App, Combining, Schema

GET, UPSERT, INSERT, UPDATE, DELETE, CALL = "GET", "UPSERT", "INSERT", "UPDATE", "DELETE", "CALL"
WRITES = (UPSERT, INSERT, UPDATE, DELETE)

KEY_OPTION, QUERY_OPTION, INCREMENTAL_OPTION, OVERLAP_OPTION = "key", "query", "incremental", "overlap"
TABLE_OPTION, KEEP, EXTEND = "table", "keep", "extend"
CHILD_TABLES_OPTION = "child_tables"
PARAMETER = ":"
"""What the key of a clause begins with that gives a parameter of a query its value."""

_TABLE = f"{EXTEND}: missing tables and columns are made (usual). {KEEP}: they are an error."
_CHILD_TABLES = (
    "Tables for collections that are not to be called <table>_<attribute>, e.g. "
    "“lines = order_items, lines.taxes = order_item_taxes”."
)

_ACTIONS = (
    Action(
        GET,
        ActionKind.READ,
        description="Reads the rows of a table, a view or a query; with incremental, those that changed.",
        any_filter=True,
        by_id=True,
        windowed_by=INCREMENTAL_OPTION,
        combining=Combining.TREE,
        header_filters=False,
        parameter_prefix=PARAMETER,
        options={
            KEY_OPTION: "The columns that identify a row, separated by commas. Without it, the table's primary key.",
            QUERY_OPTION: "A SELECT to read instead of a table. Needs key. A clause of the filter with the key "
            ":name gives the parameter :name in it a value.",
            INCREMENTAL_OPTION: "A column that grows with every change, such as updated_at. Only what changed since "
            "the last run is then read. Rows without a value in it are read each time.",
            OVERLAP_OPTION: "How far before the last run's end reading begins again, for changes that were committed "
            "late: seconds for a column of times (60), a count for whole numbers (SQLite 0, servers 1000).",
        },
    ),
    Action(
        UPSERT,
        ActionKind.WRITE,
        description="Inserts new rows and updates known ones by key. Collections go into tables of their own.",
        options={TABLE_OPTION: _TABLE, CHILD_TABLES_OPTION: _CHILD_TABLES},
    ),
    Action(
        INSERT,
        ActionKind.WRITE,
        description="Inserts new rows. A record whose row is there already fails.",
        options={TABLE_OPTION: _TABLE, CHILD_TABLES_OPTION: _CHILD_TABLES},
    ),
    Action(
        UPDATE,
        ActionKind.WRITE,
        description="Updates rows by key. A record that has no row fails. Makes no table and no column.",
        options={CHILD_TABLES_OPTION: _CHILD_TABLES},
    ),
    Action(
        DELETE,
        ActionKind.WRITE,
        description="Deletes rows by key, with those of the collections that are mapped. A record that has no row "
        "is skipped.",
        options={CHILD_TABLES_OPTION: _CHILD_TABLES},
    ),
    Action(
        CALL,
        ActionKind.WRITE,
        description="Calls the stored procedure of the schema's name for each record; the attributes are its "
        "parameters, by name. Not in SQLite.",
    ),
)

TEMPLATE = Schema(
    "",
    actions=_ACTIONS,
    open_attributes=True,
    description="A table, or for GET also a view.",
)

APP = App(
    id="sql",
    name="SQL database",
    version="1",
    description="Reads from and writes into tables of SQLite, PostgreSQL, MariaDB, MySQL and SQL Server.",
    fields=FIELDS,
    open_schemas=True,
    template=TEMPLATE,
)


def schema(name: str) -> Schema:
    """The schema of that name: whether there is such a table is known when it is used."""
    return replace(TEMPLATE, name=name)
