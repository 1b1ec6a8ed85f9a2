"""Walks through the records of a model in the order in which they were last changed, page after page.

Tryton writes `create_date` into a record when it is made and `write_date` when it is changed afterwards; the moment of
the last change is in the one or the other. So there are two passes: first the records that were never changed, by
(create_date, id), then the others, by (write_date, id). A record that changes meanwhile moves from the first pass into
the second, or to the second one's end, and is never passed over.

Both moments are those at which the database's transaction *began*, so that a change appears later than its moment
says. A read that follows another one therefore begins `OVERLAP` before the moment up to which the other one went, and
leaves out what the other one had read in just that state. It misses only what a transaction of more than `OVERLAP` did.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from agent.connectors.tryton.clauses import Asked
from agent.connectors.tryton.client import Client
from agent.domain.packet import BY_HAND, Bookmark, JsonValue, Position

OVERLAP: Final = timedelta(minutes=5)
_MOST_SEEN: Final = 300
"""How many records of the overlap are remembered at most. With more, all of them are read again, which is no harm."""
_MADE: Final = "create_date"
_CHANGED: Final = "write_date"
_SAME_MOMENT: Final = timedelta(seconds=1)
"""A bookmark's moment is rendered without the fractions of its second."""
_ANY: Final[Mapping[str, object]] = {"active_test": False}


@dataclass(frozen=True, slots=True)
class Page:
    """Some records with their ids and when they last changed; `position` is where the next page begins."""

    rows: Sequence[Mapping[str, Any]]
    position: Position


@dataclass(slots=True)
class _Walk:
    """Where a read stands. `top` is the last change there was when it began, `seen` what it read of just before."""

    top: datetime | None
    column: str = _MADE
    at: datetime | None = None
    record: int = 0
    seen: dict[str, str] | None = field(default_factory=dict)

    def position(self) -> Position:
        return {
            "top": _text(self.top), "column": self.column, "at": _text(self.at), "record": self.record,
            "seen": None if self.seen is None else dict(self.seen),
        }  # fmt: skip

    def note(self, row: Mapping[str, Any]) -> None:
        """Remember a record of the overlap, unless there are too many of them."""
        stamp = changed_at(row)
        if self.seen is None or self.top is None or stamp < self.top - OVERLAP:
            return
        if len(self.seen) < _MOST_SEEN:
            self.seen[str(row["id"])] = stamp.isoformat()
        else:
            self.seen = None


async def pages(
    client: Client,
    model: str,
    asked: Asked,
    names: Sequence[str],
    *,
    records: int,
    bookmark: Bookmark | None,
    position: Position | None,
) -> AsyncGenerator[Page | Bookmark, None]:
    """The pages of a read, and at last its new bookmark.

    Args:
        client: The client.
        model: The model.
        asked: What is asked for.
        names: The fields to read.
        records: How many records a page has at most.
        bookmark: Of the read before, from which `asked.since` comes as a rule.
        position: Of the last page that arrived, where a read goes on.
    """
    since, before = _start(asked, bookmark)
    walk = await _begun(client, model) if position is None else _walk(position)
    while True:
        rows = await client.search_read(
            model,
            [*asked.domain, *_between(walk.column, since, asked.until), *_after(walk)],
            [*dict.fromkeys((*names, _MADE, _CHANGED))],
            most=records,
            order=[[walk.column, "ASC"], ["id", "ASC"]],
        )
        for row in rows:
            walk.note(row)
        if rows:
            walk.at, walk.record = rows[-1][walk.column], rows[-1]["id"]
        full = len(rows) == records
        if not full and walk.column == _MADE:
            walk.column, walk.at, walk.record = _CHANGED, None, 0
            full = True
        new = [row for row in rows if before.get(str(row["id"])) != changed_at(row).isoformat()]
        if new:
            yield Page(new, walk.position())
        if not full:
            break
    yield _bookmark(walk, bookmark)


async def last_change(client: Client, model: str) -> datetime | None:
    """When any record of a model was last made or changed; None where there is none."""
    found: list[datetime] = []
    for column in (_MADE, _CHANGED):
        rows = await client.search_read(
            model, [[column, "!=", None]], [column], most=1, order=[[column, "DESC"]], context=_ANY
        )
        found += [row[column] for row in rows]
    return max(found, default=None)


def changed_at(row: Mapping[str, Any]) -> datetime:
    """When a record was last changed, or made."""
    stamp = row.get(_CHANGED) or row.get(_MADE)
    return stamp if isinstance(stamp, datetime) else datetime.fromtimestamp(0, UTC)


def follows(asked: Asked, bookmark: Bookmark | None) -> bool:
    """Whether a read asks for what changed since the bookmark, rather than since a moment that somebody chose."""
    if asked.since is None or bookmark is None or bookmark.moment is None or BY_HAND in bookmark.detail:
        return False
    return abs(asked.since - bookmark.moment) <= _SAME_MOMENT


def _start(asked: Asked, bookmark: Bookmark | None) -> tuple[datetime | None, Mapping[str, JsonValue]]:
    if bookmark is None or asked.since is None or not follows(asked, bookmark):
        return asked.since, {}
    seen = bookmark.detail.get("seen")
    return asked.since - OVERLAP, seen if isinstance(seen, Mapping) else {}


async def _begun(client: Client, model: str) -> _Walk:
    return _Walk(await last_change(client, model))


def _walk(position: Position) -> _Walk:
    # A position comes from this connector alone, through the agent's database.
    at, top, seen, record = position["at"], position["top"], position["seen"], position["record"]
    return _Walk(
        top=_moment(top), column=str(position["column"]), at=_moment(at),
        record=record if isinstance(record, int) else 0,
        seen={str(one): str(stamp) for one, stamp in seen.items()} if isinstance(seen, Mapping) else None,
    )  # fmt: skip


def _between(column: str, since: datetime | None, until: datetime | None) -> list[object]:
    pass_: list[object] = [[_CHANGED, "=" if column == _MADE else "!=", None]]
    return [
        *pass_,
        *([[column, ">=", since]] if since is not None else []),
        *([[column, "<=", until]] if until is not None else []),
    ]


def _after(walk: _Walk) -> list[object]:
    if walk.at is None:
        return []
    same = [[walk.column, "=", walk.at], ["id", ">", walk.record]]
    return [["OR", [walk.column, ">", walk.at], same]]


def _bookmark(walk: _Walk, before: Bookmark | None) -> Bookmark:
    if walk.top is None:
        return before or Bookmark()
    return Bookmark(walk.top, {"seen": None if walk.seen is None else dict(walk.seen)})


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _moment(text: JsonValue) -> datetime | None:
    return datetime.fromisoformat(text) if isinstance(text, str) else None
