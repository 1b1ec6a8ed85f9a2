"""Reads a table, a view or a query in pages, each beginning behind the last row of the page before (keyset paging), so
that nothing is skipped while rows come, change and go.

Rows are read in the order of their key. With an incremental column they are read in its order, ties in the order of
their key: first the rows that have no value in it, then those from somewhat before the bookmark on.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Any

import sqlalchemy as sa

from agent.connectors.contract import ReadRequest
from agent.connectors.sql import progress
from agent.connectors.sql.chosen import behind
from agent.connectors.sql.client import Client
from agent.connectors.sql.dialect import Dialect
from agent.connectors.sql.failures import ChangedError
from agent.connectors.sql.schema import KEY_OPTION, OVERLAP_OPTION
from agent.connectors.sql.sources import Source, settled
from agent.connectors.sql.tables import Column
from agent.connectors.sql.writing import key_text
from agent.domain.errors import ConfigurationError, FatalError
from agent.domain.packet import Bookmark, JsonValue, Packet, Position

_OVERLAP = timedelta(seconds=60)
_SORTED_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class _State:
    """Where the reader stands: in the rows without a value in the incremental column or in the others, behind which row
    (the values of the columns it is ordered by), and what it has seen in the incremental column."""

    empty: bool
    after: tuple[Any, ...]
    seen: progress.Seen
    began: datetime

    def position(self) -> Position:
        return {
            "part": "empty" if self.empty else "rows",
            "after": [_remembered(value) for value in self.after],
            "seen": progress.stored(self.seen),
            "began": self.began.isoformat(),
        }


@dataclass(frozen=True, slots=True)
class _Part:
    """What becomes one packet. `last` are the values by which its last row is ordered; `seen`, what there is in the
    incremental column."""

    ids: list[str]
    documents: list[bytes]
    last: tuple[Any, ...]
    seen: progress.Seen


@dataclass(frozen=True, slots=True)
class _Page:
    """What one statement fetched: at least one part, which may be empty, and whether there is more."""

    parts: list[_Part]
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
        source = await self._settled(request)
        lower = _lower(source, request)
        state = _begun(source, request.position)
        task = asyncio.ensure_future(self._page(request, source, state, lower))
        try:
            while True:
                page = await task
                states = [state := _advanced(state, part) for part in page.parts]
                finished = not page.more and not state.empty
                if not page.more:
                    state = replace(state, empty=False, after=())
                if not finished:
                    task = asyncio.ensure_future(self._page(request, source, state, lower))
                for part, its_state in zip(page.parts[:-1], states, strict=False):
                    yield Packet(part.ids, part.documents, its_state.position())
                last = page.parts[-1]
                if finished:
                    bookmark = _bookmark(dialect, source, states[-1], request, overlap)
                    yield Packet(last.ids, last.documents, states[-1].position(), bookmark)
                    return
                if last.ids:
                    yield Packet(last.ids, last.documents, state.position())
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _page(self, request: ReadRequest, source: Source, state: _State, lower: JsonValue) -> _Page:
        def fetched(connection: sa.Connection) -> _Page:
            return _fetched(connection, self._client, source, state, lower=lower, records=request.packet_records)

        try:
            return await self._client.read(fetched)
        except ChangedError:
            # Either somebody changes it at this moment, or it is a view that is broken: then it is so once more.
            source = await self._settled(request)
            try:
                await self._client.read(fetched)
            except ChangedError as error:
                raise error.lasting() from None
            raise

    async def _settled(self, request: ReadRequest) -> Source:
        """What is to be read. Somebody may change it at that moment, but hardly twice."""
        try:
            return await self._client.read(lambda connection: settled(connection, self._client.dialect, request))
        except ChangedError:
            pass
        try:
            return await self._client.read(lambda connection: settled(connection, self._client.dialect, request))
        except ChangedError as error:
            raise error.lasting() from None


def _statement(
    dialect: Dialect, source: Source, state: _State, lower: JsonValue, records: int
) -> tuple[str, tuple[Any, ...]]:
    """One page, and one row more, which tells whether there is another page and whether keys are unique."""
    ordered = source.key if state.empty or source.changed is None else (source.changed, *source.key)
    conditions, parameters = list(source.conditions), list(source.parameters)
    if source.changed is not None:
        conditions.append(f"q.{dialect.quote(source.changed.name)} IS {'' if state.empty else 'NOT '}NULL")
        if lower is not None and not state.empty and not state.after:
            conditions.append(f"{dialect.ordered(source.changed)} >= {dialect.given(source.changed)}")
            parameters.append(_recalled(lower))
    if state.after:
        condition, given = behind(dialect, ordered, state.after)
        conditions.append(condition)
        parameters += given
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    order = ", ".join(map(dialect.ordered, ordered))
    held = ", ".join(dialect.held(column) for column in ordered)
    selected = dialect.selected(source.table.columns)
    rest = f"FROM {source.table.quoted} AS q{where} ORDER BY {order}"
    return dialect.limited(f"{held}, {selected}", rest, records + 1), tuple(parameters)


def _fetched(
    connection: sa.Connection, client: Client, source: Source, state: _State, *, lower: JsonValue, records: int
) -> _Page:
    dialect = client.dialect
    at_once = records * (_SORTED_AT_ONCE if source.sorted_anew else 1)
    statement, parameters = _statement(dialect, source, state, lower, at_once)
    begun = time.perf_counter()
    rows = dialect.rows(connection, statement, parameters)
    client.tell("READ", statement, rows=len(rows), since=begun)
    ordered = len(source.key) + (source.changed is not None and not state.empty)
    keys = [row[ordered - len(source.key) : ordered] for row in rows]
    _refuse_odd_texts(source, [row[:ordered] for row in rows])
    if len(set(keys)) < len(keys):
        raise _not_unique(source)
    more = len(rows) > at_once
    del rows[at_once:], keys[at_once:]
    documents = dialect.documents(source.table.columns, [row[ordered:] for row in rows])
    changed = None if state.empty else source.changed
    parts = [
        _Part(
            ids=[key_text(key) for key in keys[start : start + records]],
            documents=documents[start : start + records],
            last=rows[min(start + records, len(rows)) - 1][:ordered],
            seen=_seen(changed, rows[start : start + records]),
        )
        for start in range(0, len(rows), records)
    ]
    return _Page(parts or [_Part([], [], (), {})], more)


def _seen(changed: Column | None, rows: Sequence[Sequence[Any]]) -> progress.Seen:
    return progress.seen(changed, [_remembered(row[0]) for row in rows]) if changed is not None else {}


def _refuse_odd_texts(source: Source, rows: Sequence[Sequence[Any]]) -> None:
    """What is no proper text can be given back neither to the database, to go on behind it, nor as an id."""
    for row in rows:
        for place, value in enumerate(row):
            if isinstance(value, str) and not value.isascii() and not _is_text(value):
                raise _not_text((*((source.changed,) if len(row) > len(source.key) else ()), *source.key)[place])


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _not_text(column: Column | None) -> ConfigurationError:
    name = column.name if column is not None else ""
    return ConfigurationError(
        f"A row has bytes in {name} that are no text in UTF-8, so that nothing can be read behind it.",
        code="key-not-text",
        remedy="Correct that value, exclude its row with a query, or choose other columns for key and incremental.",
        field=KEY_OPTION,
    )


def _not_unique(source: Source) -> ConfigurationError:
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


def _begun(source: Source, position: Position | None) -> _State:
    if position is None:
        return _State(source.changed is not None, (), {}, source.now)
    part, after = position.get("part"), position.get("after")
    if part not in ("empty", "rows") or isinstance(after, str) or not isinstance(after, Sequence):
        raise _damaged()
    ordered = len(source.key) + (source.changed is not None and part == "rows")
    if len(after) not in (0, ordered):
        raise _damaged()
    try:
        began = datetime.fromisoformat(str(position.get("began"))).astimezone(UTC)
        found = progress.recalled(position.get("seen"))
    except ValueError:
        raise _damaged() from None
    return _State(part == "empty", tuple(map(_recalled, after)), found, began)


def _advanced(state: _State, part: _Part) -> _State:
    if not part.ids:
        return state
    return replace(state, after=part.last, seen=progress.together(state.seen, part.seen))


def _lower(source: Source, request: ReadRequest) -> JsonValue:
    """Where an incremental read begins: None for the first one, and after something else was read before."""
    detail = request.bookmark.detail if request.bookmark is not None else {}
    if source.changed is None or detail.get("table") != request.schema or detail.get("column") != source.changed.name:
        return None
    return detail.get("from")


def _bookmark(dialect: Dialect, source: Source, state: _State, request: ReadRequest, overlap: int | None) -> Bookmark:
    began = state.began - (_OVERLAP if overlap is None or source.changed is None else timedelta(seconds=overlap))
    if source.changed is None:
        return Bookmark(moment=began)
    highest = progress.furthest(source.changed, state.seen, _lower(source, request))
    if highest is None:
        return request.bookmark or Bookmark()
    start, moment = dialect.earlier(source.changed, highest, overlap=overlap, now=state.began)
    detail = {"table": request.schema, "column": source.changed.name, "from": start}
    return Bookmark(moment=moment or began, detail=detail)


def _remembered(value: Any) -> JsonValue:
    """A value as JSON, which has neither bytes nor infinite numbers."""
    if isinstance(value, float) and not isfinite(value):
        return {"number": str(value)}
    return {"hex": value.hex()} if isinstance(value, bytes) else value


def _recalled(value: JsonValue) -> Any:
    if isinstance(value, Mapping):
        return bytes.fromhex(str(value["hex"])) if "hex" in value else float(str(value["number"]))
    return value


def _damaged() -> FatalError:
    return FatalError(
        "The place where reading stopped cannot be understood.",
        code="position-damaged",
        remedy="Execute the processflow again; it starts from the last bookmark.",
    )
