"""Reads a schema to its end, in passes, so that nothing is skipped while the store changes meanwhile.

The first pass reads what the operator's clauses select. If it took more than one page, a closing pass collects what was
changed since shortly before the first began, and again, until a pass fits into one page. The bookmark is shortly before
the moment, by the store's clock, at which the last pass began: whatever changes after that is read next time.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

from agent.domain.errors import FatalError
from agent.domain.packet import Bookmark, JsonValue, Packet, Position

OVERLAP = timedelta(seconds=2)
"""How far before a pass's beginning the next one starts: the store's clock shows whole seconds, and a change becomes
visible a little after the time it carries."""

_MOST_PASSES = 6
_PACKET_BYTES = 8 << 20
"""A packet ends here however few its records are, so that memory does not grow with their size."""

_FIRST_PASS = 1


@dataclass(frozen=True, slots=True)
class Page:
    """One page of records. `following` is where the next page begins, None after the last one.

    `began` is the store's time when the page was asked for.
    """

    ids: Sequence[str]
    documents: Sequence[bytes]
    following: Place | None
    began: datetime | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page begins: after an id, after a cursor, or by number."""

    last_id: int = 0
    after: str = ""
    page: int = 0


class Pages(Protocol):
    """Fetches the pages of one schema."""

    @property
    def narrows(self) -> bool:
        """Whether it can be asked for what changed since a moment: where not, there is no closing pass."""
        ...

    async def fetch(self, place: Place, *, since: datetime | None) -> Page:
        """The page at that place, of all records or of those changed since a moment."""
        ...

    async def store_time(self) -> datetime:
        """The store's time now, where a page did not tell."""
        ...

    async def close(self) -> None:
        """Drop what is under way."""
        ...


@dataclass(frozen=True, slots=True)
class _State:
    """Where the reader stands. `began` is when the pass began; `continued` whether it is past its first page."""

    number: int
    place: Place
    since: datetime | None
    began: datetime | None
    continued: bool = False

    def position(self) -> Position:
        position: dict[str, JsonValue] = {
            "pass": self.number,
            "last_id": self.place.last_id,
            "since": _written(self.since),
            "bookmark": _written(self.began),
        }
        if self.place.after:
            position["after"] = self.place.after
        if self.place.page:
            position["page"] = self.place.page
        return position


async def packets(pages: Pages, *, position: Position | None, packet_records: int) -> AsyncGenerator[Packet, None]:
    """All records as packets of about that size; the next page is fetched while a packet is being processed."""
    try:
        async with aclosing(_packets(pages, _start(position), packet_records)) as stream:
            async for packet in stream:
                yield packet
    finally:
        await pages.close()


async def _packets(pages: Pages, state: _State, packet_records: int) -> AsyncGenerator[Packet, None]:
    while True:
        gathered: dict[str, bytes] = {}
        size = 0
        task = asyncio.ensure_future(pages.fetch(state.place, since=state.since))
        try:
            while True:
                page = await task
                if state.began is None:
                    state = replace(state, began=page.began or await pages.store_time())
                gathered.update(zip(page.ids, page.documents, strict=True))
                size += sum(map(len, page.documents))
                if page.following is None:
                    break
                state = replace(state, place=page.following, continued=True)
                task = asyncio.ensure_future(pages.fetch(state.place, since=state.since))
                if len(gathered) >= packet_records or size >= _PACKET_BYTES:
                    yield _packet(gathered, state.position())
                    gathered, size = {}, 0
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        assert state.began is not None
        earlier = state.began - OVERLAP
        if not state.continued or not pages.narrows or state.number >= _MOST_PASSES:
            yield _packet(gathered, state.position(), Bookmark(moment=earlier))
            return
        state = _State(number=state.number + 1, place=Place(), since=earlier, began=None)
        if gathered:
            yield _packet(gathered, state.position())


def asked_at(server_time: datetime | None, seconds: float) -> datetime | None:
    """The store's time when a request left, given the time its answer carries and how long the answer took."""
    return None if server_time is None else server_time - timedelta(seconds=math.ceil(seconds))


def _packet(gathered: dict[str, bytes], position: Position, bookmark: Bookmark | None = None) -> Packet:
    return Packet(list(gathered), list(gathered.values()), position, bookmark)


def _start(position: Position | None) -> _State:
    if position is None:
        return _State(_FIRST_PASS, Place(), None, None)
    number, last_id = position.get("pass"), position.get("last_id", 0)
    after, page = position.get("after", ""), position.get("page", 0)
    if not (isinstance(number, int) and isinstance(last_id, int) and isinstance(after, str) and isinstance(page, int)):
        raise _damaged()
    place = Place(last_id, after, page)
    began = _read(position.get("bookmark"))
    return _State(number, place, _read(position.get("since")), began, continued=began is not None)


def _written(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _read(text: JsonValue) -> datetime | None:
    if text is None:
        return None
    try:
        return datetime.fromisoformat(str(text)).astimezone(UTC)
    except ValueError as error:
        raise _damaged() from error


def _damaged() -> FatalError:
    return FatalError(
        "The place where reading stopped cannot be understood.",
        code="position-damaged",
        remedy="Execute the processflow again; it starts from the last bookmark.",
    )
