"""The tables and views of a database as schemas, for people who look at what there is."""

from __future__ import annotations

import sqlalchemy as sa

from agent.connectors.sql.dialect import Dialect, Fault, cause
from agent.connectors.sql.schema import TEMPLATE, schema
from agent.connectors.sql.structure import FITTING
from agent.connectors.sql.tables import Table
from agent.connectors.sql.triggers import on_one_line
from agent.domain.app import ActionKind, Attribute, DataType, Schema

_SAVEPOINT = "opagent_look"
_READS = tuple(one for one in TEMPLATE.actions if one.kind is ActionKind.READ)


def described(connection: sa.Connection, dialect: Dialect) -> list[Schema]:
    """Every table and view with its columns. Views are only read; of one that is broken it is said why."""
    found = []
    for name in dialect.tables(connection):
        dialect.savepoints.set(connection, _SAVEPOINT)
        try:
            table = dialect.table(connection, name)
        except sa.exc.DBAPIError as error:
            original = cause(error)
            if dialect.fault(original) is not Fault.CHANGED or not dialect.savepoints.undo(connection, _SAVEPOINT):
                raise
            said = on_one_line(dialect.complaint(original))
            found.append(Schema(name, (), _READS, open_attributes=False, description=f"Broken: {said}"))
            continue
        dialect.savepoints.release(connection, _SAVEPOINT)
        if table is not None:  # else it was dropped a moment ago
            found.append(_schema(name, table))
    return found


def _schema(name: str, table: Table) -> Schema:
    attributes = tuple(
        Attribute(
            column.name,
            FITTING.get(column.family, DataType.TEXT),
            required=column.required and not column.filled and not column.computed,
            primary=column.name in table.key,
            description=column.declared + (", filled by the database" if column.filled or column.computed else ""),
        )
        for column in table.columns
    )
    actions = _READS if table.view else TEMPLATE.actions
    base = schema(name)
    return Schema(name, attributes, actions, open_attributes=not table.view and base.open_attributes,
                  description="A view" if table.view else "A table")  # fmt: skip
