"""Finds out what a read request means: the table, view or query, the columns that it is ordered by, and its filter.

Whatever cannot be right is said here, before the first row is read.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from agent.connectors.contract import ReadRequest, SentClause, SentGroup, SentPart
from agent.connectors.sql.chosen import with_ids
from agent.connectors.sql.dialect import Dialect, Fault, cause, fetch
from agent.connectors.sql.parameters import Query, is_parameter, query_of
from agent.connectors.sql.schema import INCREMENTAL_OPTION, KEY_OPTION, QUERY_OPTION
from agent.connectors.sql.structure import matched
from agent.connectors.sql.tables import Column, Family, Table
from agent.domain.clauses import FilterPlace, Join
from agent.domain.errors import ConfigurationError
from agent.domain.packet import BY_HAND, Bookmark

_TYPES_HINT = " Look at the values of its parameters too: CAST(:name AS …) says of what type one is."
_LISTS = ("in", "not_in")
_NUMBERS = (Family.INTEGER, Family.FLOAT, Family.DECIMAL)


@dataclass(frozen=True, slots=True)
class Source:
    """What is read, settled at the beginning of a read."""

    table: Table
    key: tuple[Column, ...]
    changed: Column | None
    conditions: tuple[str, ...]
    parameters: tuple[Any, ...]
    now: datetime

    @property
    def sorted_anew(self) -> bool:
        """Whether the database may have to sort all rows for each page, as no index gives their order."""
        return self.changed is not None or frozenset(column.name for column in self.key) not in self.table.unique


def settled(connection: sa.Connection, dialect: Dialect, request: ReadRequest) -> Source:
    """Look at what is there. Raises ConfigurationError where it is not what the processflow says."""
    query = query_of(request)
    table = _query(connection, dialect, query) if query is not None else dialect.table(connection, request.schema)
    if table is None:
        raise ConfigurationError(
            f"There is no table or view {request.schema} in {dialect.place}.",
            code="table-missing",
            remedy="Correct the schema in the GET node of the processflow, or the App Configuration.",
            field=request.schema,
        )
    names = [column.name for column in table.columns]
    twin = next((name for name in names if names.count(name) > 1), None)
    if twin is not None:
        raise ConfigurationError(
            f"The query gives two columns called {twin}.",
            code="column-twice",
            remedy="Give one of them another name with AS.",
            field=QUERY_OPTION,
        )
    key = _key(table, request.options.get(KEY_OPTION, ""))
    if frozenset(column.name for column in key) in table.unique:
        key = tuple(replace(column, loose=False) for column in key)
    changed_name = request.options.get(INCREMENTAL_OPTION, "").strip()
    # Values that are equal are put in order by the key, so it does not matter how they are written.
    changed = replace(_column(table, changed_name, INCREMENTAL_OPTION), loose=False) if changed_name else None
    conditions: list[str] = []
    parameters: list[Any] = list(table.parameters)
    for clause in (one for one in request.clauses if query is None or not is_parameter(one)):
        condition, given = _part(connection, dialect, table, clause)
        conditions.append(condition)
        parameters += given
    if request.window is not None and changed is not None:
        for operator, moment in zip((">=", "<="), request.window, strict=True):
            condition, given = _condition(connection, dialect, table, _bound(changed, operator, moment))
            conditions.append(condition)
            parameters += given
    if changed is not None and request.bookmark is not None and request.bookmark.detail.get(BY_HAND):
        condition, given = _condition(connection, dialect, table, _since(changed, request.bookmark))
        conditions.append(condition)
        parameters += given
    if request.ids:
        condition, given = with_ids(dialect, key, request.ids)
        conditions.append(condition)
        parameters += given
    source = Source(table, key, changed, tuple(conditions), tuple(parameters), dialect.now(connection))
    _refuse_empty_keys(connection, dialect, source)
    return source


def _query(connection: sa.Connection, dialect: Dialect, query: Query) -> Table:
    try:
        return dialect.query(connection, query)
    except (sa.exc.DBAPIError, UnicodeError) as error:
        original = cause(error)
        if dialect.fault(original) in (Fault.LOST, Fault.BUSY, Fault.STOPPED):
            raise
        raise ConfigurationError(
            f"The query is refused by {dialect.place}.",
            code="query-refused",
            remedy="Try it in a program of the database, and correct the option query. It has to be one SELECT."
            + (_TYPES_HINT if query.values else ""),
            detail=dialect.code(original),
            field=QUERY_OPTION,
        ) from None


def _key(table: Table, option: str) -> tuple[Column, ...]:
    names = [name for name in (part.strip() for part in option.split(",")) if name] or list(table.key)
    if not names:
        what = f"The table {table.name}" if table.name else "The query"
        raise ConfigurationError(
            f"{what} has no primary key, so its rows cannot be told apart.",
            code="missing-key",
            remedy="Name the columns that identify a row in the option key of the GET node, e.g. key: sku.",
            field=KEY_OPTION,
        )
    return tuple(_column(table, name, KEY_OPTION) for name in names)


def _column(table: Table, name: str, where: str) -> Column:
    found = matched([name], table.columns).get(name)
    if found is None:
        names = [column.name for column in table.columns]
        close = difflib.get_close_matches(name, names, n=1)
        source = f"The table {table.name}" if table.name else "The query"
        raise ConfigurationError(
            f"{source} has no column {name}.",
            code="unknown-column",
            remedy=f"Did you mean {close[0]}?" if close else f"It has {', '.join(names[:20])}.",
            field=where,
        )
    return found


def _part(connection: sa.Connection, dialect: Dialect, table: Table, part: SentPart) -> tuple[str, list[Any]]:
    """A clause or a group as one condition with its parameters."""
    if not isinstance(part, SentGroup):
        return _condition(connection, dialect, table, part)
    members = [_part(connection, dialect, table, member) for member in part.members]
    sign = " AND " if part.join is Join.ALL else " OR "
    return f"({sign.join(condition for condition, _ in members)})", [one for _, given in members for one in given]


def _condition(connection: sa.Connection, dialect: Dialect, table: Table, clause: SentClause) -> tuple[str, list[Any]]:
    if clause.place is not FilterPlace.QUERY:
        raise ConfigurationError(
            f"A database takes no filter in the {clause.place.value}: {clause.key}.",
            code="filter-place",
            remedy=f"Remove the clause from the action filter, or its in: {clause.place.value}.",
            field=clause.key,
        )
    column = _column(table, clause.key.strip(), clause.key)
    values = [clause.value]
    if clause.operator in _LISTS:
        values = [part.strip() for part in clause.value.split(",")]
    try:
        return dialect.condition(connection, table, column, clause.operator, values)
    except ValueError:
        kind = f" ({column.declared})" if column.declared else ""
        raise ConfigurationError(
            f"The filter {clause.key} has a value that the column {column.name}{kind} cannot be compared with.",
            code="filter-value",
            remedy="Correct the value in the action filter.",
            field=clause.key,
        ) from None
    except KeyError:
        raise ConfigurationError(
            f"The filter {clause.key} has an operator that a database does not know: {clause.operator}.",
            code="filter-operator",
            remedy="Use =, !=, <, <=, >, >=, in or not_in.",
            field=clause.key,
        ) from None


def _since(changed: Column, bookmark: Bookmark) -> SentClause:
    """What a bookmark that a person set leaves to be read."""
    if changed.family in _NUMBERS or bookmark.moment is None:
        raise ConfigurationError(
            f"The column {changed.name} holds numbers, which do not tell what changed since the bookmark's moment.",
            code="bookmark-unsupported",
            remedy="Clear the bookmark: everything is read again, and what is unchanged is not written.",
            field=INCREMENTAL_OPTION,
        )
    return _bound(changed, ">=", bookmark.moment)


def _bound(changed: Column, operator: str, moment: datetime) -> SentClause:
    if changed.family in _NUMBERS:
        raise ConfigurationError(
            f"The column {changed.name} holds numbers, which do not tell which rows changed in a window of time.",
            code="replay-unsupported",
            remedy="Use a column of times in the option incremental, or choose rows with a runtime filter.",
            field=INCREMENTAL_OPTION,
        )
    return SentClause(changed.name, operator, moment.astimezone(UTC).isoformat().replace("+00:00", "Z"))


def _refuse_empty_keys(connection: sa.Connection, dialect: Dialect, source: Source) -> None:
    """A row without a key would be behind no other, and so be skipped without a word."""
    loose = [column for column in source.key if not column.required]
    if not loose:
        return
    empty = " OR ".join(f"q.{dialect.quote(column.name)} IS NULL" for column in loose)
    where = " AND ".join([*source.conditions, f"({empty})"])
    statement = dialect.limited("1", f"FROM {source.table.quoted} AS q WHERE {where}", 1)
    if fetch(connection, statement, source.parameters):
        named = ", ".join(column.name for column in loose)
        raise ConfigurationError(
            f"There are rows without a value in {named}, which is to identify them.",
            code="key-empty",
            remedy="Fill it in, exclude these rows with the action filter or a query, or choose another key.",
            field=KEY_OPTION,
        )
