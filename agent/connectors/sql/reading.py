"""Reads a table, a view or a query in pages, each beginning behind the last row of the page before (keyset paging), so
that nothing is skipped while rows come, change and go.

Rows are read in the order of their key. With an incremental column they are read in its order, ties in the order of
their key: first the rows that have no value in it, then those from somewhat before the bookmark on.
"""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from agent.connectors.contract import ReadRequest, SentClause
from agent.connectors.sql.client import Client
from agent.connectors.sql.dialect import Column, Dialect, Fault, Table, cause, fetch
from agent.connectors.sql.schema import INCREMENTAL_OPTION, KEY_OPTION, OVERLAP_OPTION, QUERY_OPTION
from agent.connectors.sql.structure import matched
from agent.connectors.sql.writing import key_text
from agent.domain.errors import ConfigurationError, FatalError
from agent.domain.packet import Bookmark, JsonValue, Packet, Position

_OVERLAP = timedelta(seconds=60)
_LISTS = ("in", "not_in")


@dataclass(frozen=True, slots=True)
class _Source:
    """What is read, settled at the beginning of a read."""

    table: Table
    key: tuple[Column, ...]
    changed: Column | None
    conditions: tuple[str, ...]
    parameters: tuple[Any, ...]
    now: datetime


@dataclass(frozen=True, slots=True)
class _State:
    """Where the reader stands: in the rows without a value in the incremental column or in the others, behind which row
    (the values of the columns it is ordered by), and how far it has come when that is a value."""

    empty: bool
    after: tuple[Any, ...]
    highest: JsonValue
    began: datetime

    def position(self) -> Position:
        return {
            "part": "empty" if self.empty else "rows",
            "after": [_remembered(value) for value in self.after],
            "highest": self.highest,
            "began": self.began.isoformat(),
        }


@dataclass(frozen=True, slots=True)
class _Page:
    ids: list[str]
    documents: list[bytes]
    last: tuple[Any, ...]
    more: bool


class Reader:
    """Reads from one database."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def packets(self, request: ReadRequest) -> AsyncGenerator[Packet, None]:
        """All packets of a read; the next page is fetched while a packet is being processed."""
        dialect = self._client.dialect
        if not dialect.exists():
            raise ConfigurationError(
                f"There is nothing to read: {dialect.place} is not there.",
                code="file-missing",
                remedy="Correct the path of the file in the App Configuration.",
                field="database",
            )
        overlap = _overlap(request.options)
        source = await self._client.read(lambda connection: _settled(connection, dialect, request))
        lower = _lower(source, request)
        state = _begun(source, request.position)
        task = asyncio.ensure_future(self._page(source, state, lower, request.packet_records))
        try:
            while True:
                page = await task
                state = _advanced(source, state, page)
                if not page.more and not state.empty:
                    bookmark = _bookmark(dialect, source, state, request, overlap)
                    yield Packet(page.ids, page.documents, state.position(), bookmark)
                    return
                if not page.more:
                    state = replace(state, empty=False, after=())
                task = asyncio.ensure_future(self._page(source, state, lower, request.packet_records))
                if page.ids:
                    yield Packet(page.ids, page.documents, state.position())
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _page(self, source: _Source, state: _State, lower: JsonValue, records: int) -> _Page:
        return await self._client.read(
            lambda connection: _fetched(connection, self._client.dialect, source, state, lower=lower, records=records)
        )


def _settled(connection: sa.Connection, dialect: Dialect, request: ReadRequest) -> _Source:
    """Look at what is there. Raises ConfigurationError where it is not what the processflow says."""
    query = request.options.get(QUERY_OPTION, "").strip().rstrip(";").strip()
    table = _query(connection, dialect, query) if query else dialect.table(connection, request.schema)
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
    changed_name = request.options.get(INCREMENTAL_OPTION, "").strip()
    changed = _column(table, changed_name, INCREMENTAL_OPTION) if changed_name else None
    conditions: list[str] = []
    parameters: list[Any] = []
    for clause in request.clauses:
        condition, given = _condition(connection, dialect, table, clause)
        conditions.append(condition)
        parameters += given
    source = _Source(table, key, changed, tuple(conditions), tuple(parameters), dialect.now(connection))
    _refuse_empty_keys(connection, dialect, source)
    return source


def _query(connection: sa.Connection, dialect: Dialect, sql: str) -> Table:
    try:
        return dialect.query(connection, sql)
    except (sa.exc.DBAPIError, UnicodeError) as error:
        original = cause(error)
        if dialect.fault(original) in (Fault.LOST, Fault.BUSY, Fault.STOPPED):
            raise
        raise ConfigurationError(
            f"The query is refused by {dialect.place}.",
            code="query-refused",
            remedy="Try it in a program of the database, and correct the option query. It has to be one SELECT.",
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


def _condition(connection: sa.Connection, dialect: Dialect, table: Table, clause: SentClause) -> tuple[str, list[Any]]:
    if clause.header:
        raise ConfigurationError(
            f"A database takes no headers: {clause.key}.",
            code="filter-header",
            remedy="Remove the clause from the action filter, or its in: header.",
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


def _statement(
    dialect: Dialect, source: _Source, state: _State, lower: JsonValue, records: int
) -> tuple[str, tuple[Any, ...]]:
    """One page, and one row more, which tells whether there is another page and whether keys are unique."""
    ordered = source.key if state.empty or source.changed is None else (source.changed, *source.key)
    conditions, parameters = list(source.conditions), list(source.parameters)
    if source.changed is not None:
        name = f"q.{dialect.quote(source.changed.name)}"
        conditions.append(f"{name} IS {'' if state.empty else 'NOT '}NULL")
        if lower is not None and not state.empty and not state.after:
            conditions.append(f"{name} >= {dialect.given(source.changed)}")
            parameters.append(_recalled(lower))
    if state.after:
        names = ", ".join(f"q.{dialect.quote(column.name)}" for column in ordered)
        given = ", ".join(dialect.given(column) for column in ordered)
        conditions.append(f"({names}) > ({given})")
        parameters += state.after
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    order = ", ".join(f"q.{dialect.quote(column.name)}" for column in ordered)
    held = ", ".join(dialect.held(column) for column in ordered)
    selected = dialect.selected(source.table.columns)
    page = f"ORDER BY {order} LIMIT {records + 1:d}"
    statement = f"SELECT {held}, {selected} FROM {source.table.quoted} AS q{where} {page}"  # noqa: S608 - quoted names
    return statement, tuple(parameters)


def _fetched(
    connection: sa.Connection, dialect: Dialect, source: _Source, state: _State, *, lower: JsonValue, records: int
) -> _Page:
    statement, parameters = _statement(dialect, source, state, lower, records)
    rows = dialect.rows(connection, statement, parameters)
    ordered = len(source.key) + (source.changed is not None and not state.empty)
    keys = [row[ordered - len(source.key) : ordered] for row in rows]
    if len(set(keys)) < len(keys):
        raise _not_unique(source)
    more = len(rows) > records
    del rows[records:], keys[records:]
    return _Page(
        ids=[key_text(key) for key in keys],
        documents=dialect.documents(source.table.columns, [row[ordered:] for row in rows]),
        last=rows[-1][:ordered] if rows else (),
        more=more,
    )


def _refuse_empty_keys(connection: sa.Connection, dialect: Dialect, source: _Source) -> None:
    """A row without a key would be behind no other, and so be skipped without a word."""
    loose = [column for column in source.key if not column.required]
    if not loose:
        return
    empty = " OR ".join(f"q.{dialect.quote(column.name)} IS NULL" for column in loose)
    where = " AND ".join([*source.conditions, f"({empty})"])
    statement = f"SELECT 1 FROM {source.table.quoted} AS q WHERE {where} LIMIT 1"  # noqa: S608 - quoted names
    if fetch(connection, statement, source.parameters):
        named = ", ".join(column.name for column in loose)
        raise ConfigurationError(
            f"There are rows without a value in {named}, which is to identify them.",
            code="key-empty",
            remedy="Fill it in, exclude these rows with the action filter or a query, or choose another key.",
            field=KEY_OPTION,
        )


def _not_unique(source: _Source) -> ConfigurationError:
    named = ", ".join(column.name for column in source.key)
    return ConfigurationError(
        f"Several rows have the same {named}, so it does not identify a row.",
        code="key-not-unique",
        remedy="Name more columns in the option key of the GET node, separated by commas.",
        field=KEY_OPTION,
    )


def _overlap(options: Mapping[str, str]) -> int | None:
    text = options.get(OVERLAP_OPTION, "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise ConfigurationError(
            f"The option {OVERLAP_OPTION} has to be a whole number.",
            code="option-format",
            remedy="Write a number of seconds, or a count for a column of whole numbers.",
            field=OVERLAP_OPTION,
        )
    return int(text)


def _begun(source: _Source, position: Position | None) -> _State:
    if position is None:
        return _State(source.changed is not None, (), None, source.now)
    part, after = position.get("part"), position.get("after")
    if part not in ("empty", "rows") or isinstance(after, str) or not isinstance(after, Sequence):
        raise _damaged()
    ordered = len(source.key) + (source.changed is not None and part == "rows")
    if len(after) not in (0, ordered):
        raise _damaged()
    try:
        began = datetime.fromisoformat(str(position.get("began"))).astimezone(UTC)
    except ValueError:
        raise _damaged() from None
    return _State(part == "empty", tuple(map(_recalled, after)), position.get("highest"), began)


def _advanced(source: _Source, state: _State, page: _Page) -> _State:
    if not page.ids:
        return state
    highest = state.highest if state.empty or source.changed is None else _remembered(page.last[0])
    return replace(state, after=page.last, highest=highest)


def _lower(source: _Source, request: ReadRequest) -> JsonValue:
    """Where an incremental read begins: None for the first one, and after something else was read before."""
    detail = request.bookmark.detail if request.bookmark is not None else {}
    if source.changed is None or detail.get("table") != request.schema or detail.get("column") != source.changed.name:
        return None
    return detail.get("from")


def _bookmark(dialect: Dialect, source: _Source, state: _State, request: ReadRequest, overlap: int | None) -> Bookmark:
    began = state.began - (_OVERLAP if overlap is None or source.changed is None else timedelta(seconds=overlap))
    if source.changed is None:
        return Bookmark(moment=began)
    if state.highest is None:
        return request.bookmark or Bookmark()
    start, moment = dialect.earlier(source.changed, state.highest, overlap=overlap, now=state.began)
    detail = {"table": request.schema, "column": source.changed.name, "from": start}
    return Bookmark(moment=moment or began, detail=detail)


def _remembered(value: Any) -> JsonValue:
    """A value as JSON: binary data is written in hexadecimal digits."""
    return {"hex": value.hex()} if isinstance(value, bytes) else value


def _recalled(value: JsonValue) -> Any:
    return bytes.fromhex(str(value["hex"])) if isinstance(value, Mapping) else value


def _damaged() -> FatalError:
    return FatalError(
        "The place where reading stopped cannot be understood.",
        code="position-damaged",
        remedy="Execute the processflow again; it starts from the last bookmark.",
    )
