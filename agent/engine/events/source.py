"""Received events as the source of a stage: their own records, or the records of an app that they name.

A read covers what waits when it begins. The bookmark is the number of the last record taken off the queue, beside what
the app's connector keeps there, so it moves with the acknowledgement of the destination like every other.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from agent.connectors.contract import Connection, ReadRequest
from agent.domain.errors import FatalError
from agent.domain.packet import Bookmark, JsonValue, Packet, Position
from agent.engine.filters.record_ids import LISTED_AT_ONCE, takes_lists, with_ids
from agent.store.inbox.events import EventRow, EventStore

EVENT = "event"
"""In bookmarks and positions: the number of the last record that was taken off the queue."""

INNER = "inner"
"""In positions: where the app's connector stands within what it was asked for last."""

ENDS = "ends"
"""In positions: the number of the last record of the event in hand, where senders wait for answers."""

_UPTO, _NEXT = "upto", "next"
_MOST_AT_ONCE = 5_000


class EventQueue:
    """The records of the events themselves.

    Args:
        store: The events.
        flow: The processflow that receives them.
        one_event: Whether a packet must not hold records of several events.
    """

    def __init__(self, store: EventStore, flow: str, *, one_event: bool) -> None:
        self._store, self._flow, self._one_event = store, flow, one_event

    async def read(self, request: ReadRequest) -> AsyncGenerator[Packet, None]:
        """All records that wait."""
        if request.ids:
            rows = await asyncio.to_thread(self._store.newest, self._flow, request.ids)
            yield _packet(rows, {}, Bookmark())
            return
        done, upto = await _span(self._store, self._flow, request)
        while True:
            rows = await asyncio.to_thread(
                self._store.page, self._flow, after=done, upto=upto, most=request.packet_records,
                one_event=self._one_event, window=request.window,
            )  # fmt: skip
            done = rows[-1].number if rows else upto
            last = done >= upto
            yield _packet(rows, {EVENT: done, _UPTO: upto}, Bookmark(detail={EVENT: done}) if last else None)
            if last:
                return


class EventFetch:
    """The records of an app that events name by their ids.

    Args:
        store: The events.
        flow: The processflow that receives them.
        app: The entered connection to the app.
        one_event: Whether a packet must not hold records of several events.
        missing: Told of ids for which the app gave no record.
    """

    def __init__(
        self,
        store: EventStore,
        flow: str,
        app: Connection,
        *,
        one_event: bool,
        missing: Callable[[Sequence[str]], None],
    ) -> None:
        self._store, self._flow, self._app = store, flow, app
        self._one_event, self._missing = one_event, missing

    async def read(self, request: ReadRequest) -> AsyncGenerator[Packet, None]:
        """The records that all waiting events name, as they are now."""
        done, upto = await _span(self._store, self._flow, request)
        position = request.position or {}
        following, inner = _number(position, _NEXT), position.get(INNER)
        if done >= upto:
            yield Packet([], [], {EVENT: done, _UPTO: upto}, Bookmark(detail={EVENT: done}))
        at_once = LISTED_AT_ONCE if takes_lists(request.clauses) and not self._one_event else 1
        while done < upto:
            rows = await asyncio.to_thread(
                self._store.page, self._flow, after=done, upto=following or upto, most=at_once
            )
            if any("," in row.source_id for row in rows):
                del rows[1:]  # a list would take it for several
            ids = list(dict.fromkeys(row.source_id for row in rows))
            following = rows[-1].number if rows else upto
            ends: dict[str, JsonValue] = {ENDS: rows[-1].ends} if rows and self._one_event else {}
            read = replace(
                request, clauses=with_ids(request.clauses, ids), bookmark=None,
                position=inner if isinstance(inner, Mapping) else None,
            )  # fmt: skip
            resumed, got = inner is not None, set[str]()
            async with aclosing(_generated(self._app, read)) as packets:
                async for packet in packets:
                    got.update(packet.source_ids)
                    if packet.bookmark is None:
                        where: Position = {EVENT: done, _UPTO: upto, _NEXT: following, INNER: dict(packet.position)}
                        yield replace(packet, position=where)
                        continue
                    done = following
                    if not resumed and len(got) < len(ids) and (lost := [one for one in ids if one not in got]):
                        self._missing(lost)
                    bookmark = Bookmark(detail={EVENT: done}) if done >= upto else None
                    yield replace(packet, position={EVENT: done, _UPTO: upto, **ends}, bookmark=bookmark)
            following, inner = 0, None


class EventPoll:
    """What has changed in an app, read because events arrived: they say no more than that it is time."""

    def __init__(self, store: EventStore, flow: str, app: Connection) -> None:
        self._store, self._flow, self._app = store, flow, app

    async def read(self, request: ReadRequest) -> AsyncGenerator[Packet, None]:
        """All that has changed. It counts for every event that waits when it begins."""
        _, upto = await _span(self._store, self._flow, request)
        inner = (request.position or {}).get(INNER)
        read = replace(request, position=inner if isinstance(inner, Mapping) else None)
        async with aclosing(_generated(self._app, read)) as packets:
            async for packet in packets:
                bookmark = packet.bookmark
                if bookmark is not None:
                    bookmark = replace(bookmark, detail={**bookmark.detail, EVENT: upto})
                yield replace(packet, position={_UPTO: upto, INNER: dict(packet.position)}, bookmark=bookmark)


def event_number(bookmark: Bookmark | None) -> int | None:
    """The number of the last record that a source has taken off the queue; None where it never has."""
    found = bookmark.detail.get(EVENT) if bookmark is not None else None
    return found if isinstance(found, int) else None


def _packet(rows: Sequence[EventRow], position: Position, bookmark: Bookmark | None) -> Packet:
    return Packet([row.source_id for row in rows], [row.document for row in rows], position, bookmark)


async def _span(store: EventStore, flow: str, request: ReadRequest) -> tuple[int, int]:
    """From behind which number to which one a read goes."""
    position = request.position or {}
    done = _number(position, EVENT) if EVENT in position else event_number(request.bookmark)
    if done is None:
        done = await asyncio.to_thread(store.processed, flow) if request.window is None else 0
    if _UPTO in position:
        return done, _number(position, _UPTO)
    most = _MOST_AT_ONCE if request.window is None else None
    return done, await asyncio.to_thread(store.upto, flow, after=done, most=most)


def _number(position: Mapping[str, JsonValue], name: str) -> int:
    found = position.get(name, 0)
    if not isinstance(found, int):
        raise FatalError(
            "The place where reading stopped cannot be understood.",
            code="position-damaged",
            remedy="Execute the processflow again; it starts from the last bookmark.",
        )
    return found


async def _generated(app: Connection, request: ReadRequest) -> AsyncGenerator[Packet, None]:
    """A connector's packets as a generator, whatever iterator the connector gives."""
    packets: Any = app.read(request)
    try:
        async for packet in packets:
            yield packet
    finally:
        if (close := getattr(packets, "aclose", None)) is not None:
            await close()
