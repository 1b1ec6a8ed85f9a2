"""Received events, each record of them a row: put in once, read in order, kept for a while after they were processed.

Numbers are dense for each processflow and committed in order, so a number says how far the queue has been read. What is
committed here may be acknowledged to its sender.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

import sqlalchemy as sa

from agent.store.databases.database import Database
from agent.store.moments import to_milliseconds
from agent.store.tables.events import EVENT_INBOXES, EVENTS

SAME_BODY = timedelta(hours=24)
"""How long a body that was received already counts as repeated, where nothing else names the delivery."""

_MOST_BYTES = 4 << 20
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event as it arrived. `name` tells it from others; `by_body` says that only its content could name it.

    `records` are the source ids and the JSON objects of its records, at least one.
    """

    flow: str
    name: str
    by_body: bool
    records: Sequence[tuple[str, bytes]]
    at: datetime


class Taken(Enum):
    """What became of a delivery."""

    STORED = "stored"
    DUPLICATE = "duplicate"
    FULL = "full"
    """There is no room for it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a delivery; `ends` is the number of its last record where it was stored."""

    taken: Taken
    ends: int = 0


@dataclass(frozen=True, slots=True)
class EventRow:
    """One record of an event. `ends` is the number of the last record of that event."""

    number: int
    ends: int
    source_id: str
    document: bytes


class EventStore:
    """The events of this agent."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, deliveries: Sequence[Delivery], *, most_bytes: int) -> list[Outcome]:
        """Store deliveries, all in one transaction, and say of each what became of it.

        Args:
            deliveries: In the order in which they arrived. Their inboxes are there.
            most_bytes: How much all events together may take up.
        """
        flows = sorted({one.flow for one in deliveries})
        with self._database.write() as connection:
            locked = sa.select(EVENT_INBOXES.c.flow, EVENT_INBOXES.c.last_number)
            locked = locked.where(EVENT_INBOXES.c.flow.in_(flows)).order_by(EVENT_INBOXES.c.flow).with_for_update()
            numbers: dict[str, int] = {row.flow: row.last_number for row in connection.execute(locked)}
            room = most_bytes - int(connection.execute(sa.select(sa.func.sum(EVENT_INBOXES.c.bytes))).scalar() or 0)
            known = {flow: _known(connection, flow, deliveries) for flow in flows}
            outcomes, rows, sizes = [], list[dict[str, Any]](), Counter[str]()
            for one in deliveries:
                size = sum(len(document) for _, document in one.records)
                if one.name in known[one.flow]:
                    outcomes.append(Outcome(Taken.DUPLICATE))
                elif size > room:
                    outcomes.append(Outcome(Taken.FULL))
                else:
                    room -= size
                    sizes[one.flow] += size
                    known[one.flow].add(one.name)
                    rows += _rows(one, numbers[one.flow])
                    numbers[one.flow] += len(one.records)
                    outcomes.append(Outcome(Taken.STORED, numbers[one.flow]))
            if rows:
                connection.execute(EVENTS.insert(), rows)
            for flow in flows:
                _count(
                    connection, flow, last_number=numbers[flow], size=sizes[flow], deliveries=deliveries,
                    outcomes=outcomes,
                )  # fmt: skip
        return outcomes

    def upto(self, flow: str, *, after: int, most: int | None) -> int:
        """The number of the last record of the last event of the next `most` records, or of all; `after` without."""
        some = (
            sa.select(EVENTS.c.ends)
            .where(EVENTS.c.flow == flow, EVENTS.c.number > after)
            .order_by(EVENTS.c.number)
            .limit(most)
            .subquery()
        )
        with self._database.read() as connection:
            return int(connection.execute(sa.select(sa.func.max(some.c.ends))).scalar() or after)

    def page(
        self,
        flow: str,
        *,
        after: int,
        upto: int,
        most: int,
        one_event: bool = False,
        window: tuple[datetime, datetime] | None = None,
    ) -> list[EventRow]:
        """The next records in order: at most so many, of a few megabytes together, or those of one event.

        With `window` only those that were received from the first moment to the second, both included.
        """
        within = sa.and_(EVENTS.c.flow == flow, EVENTS.c.number > after, EVENTS.c.number <= upto)
        if window is not None:
            within = sa.and_(within, EVENTS.c.received_at.between(*window))
        sizes = sa.select(EVENTS.c.number, EVENTS.c.ends, sa.func.length(EVENTS.c.document))
        with self._database.read() as connection:
            found = connection.execute(sizes.where(within).order_by(EVENTS.c.number).limit(most)).all()
            if not found:
                return []
            last, total = found[0].number, 0
            for number, ends, size in found:
                total += size
                if number > found[0].number and (total > _MOST_BYTES or (one_event and ends != found[0].ends)):
                    break
                last = number
            wanted = sa.select(EVENTS.c.number, EVENTS.c.ends, EVENTS.c.source_id, EVENTS.c.document)
            wanted = wanted.where(within, EVENTS.c.number <= last).order_by(EVENTS.c.number)
            return [EventRow(*row) for row in connection.execute(wanted)]

    def newest(self, flow: str, source_ids: Sequence[str]) -> list[EventRow]:
        """The newest record with each of these source ids, of those that are kept, in order."""
        found: dict[str, EventRow] = {}
        with self._database.read() as connection:
            for start in range(0, len(source_ids), _AT_ONCE):
                some = source_ids[start : start + _AT_ONCE]
                query = sa.select(EVENTS.c.number, EVENTS.c.ends, EVENTS.c.source_id, EVENTS.c.document)
                query = query.where(EVENTS.c.flow == flow, EVENTS.c.source_id.in_(some)).order_by(EVENTS.c.number)
                found.update({row.source_id: EventRow(*row) for row in connection.execute(query)})
        return sorted(found.values(), key=lambda row: row.number)

    def processed(self, flow: str) -> int:
        """The number up to which every source had processed the events when somebody looked the last time."""
        query = sa.select(EVENT_INBOXES.c.processed).where(EVENT_INBOXES.c.flow == flow)
        with self._database.read() as connection:
            return int(connection.execute(query).scalar() or 0)

    def note_processed(self, flow: str, number: int) -> None:
        """Note up to which number every source has processed the events; it never goes back."""
        with self._database.write() as connection:
            connection.execute(
                EVENT_INBOXES.update()
                .where(EVENT_INBOXES.c.flow == flow, EVENT_INBOXES.c.processed < number)
                .values(processed=number)
            )

    def remove_processed(self, *, before: datetime, most_bytes: int) -> int:
        """Remove processed events for good: those from before a moment, and the oldest above a size.

        Returns how many records were removed.
        """
        removed = 0
        with self._database.write() as connection:
            inboxes = connection.execute(sa.select(EVENT_INBOXES.c.flow, EVENT_INBOXES.c.processed)).all()
            for flow, processed in inboxes:
                old = sa.and_(EVENTS.c.number <= processed, EVENTS.c.received_at < before)
                removed += _remove(connection, flow, old)
            total = int(connection.execute(sa.select(sa.func.sum(EVENT_INBOXES.c.bytes))).scalar() or 0)
            while total > most_bytes:
                oldest = connection.execute(_oldest_processed()).all()
                if not oldest:
                    break
                for flow in {row.flow for row in oldest}:
                    numbers = [row.number for row in oldest if row.flow == flow]
                    removed += _remove(connection, flow, EVENTS.c.number.in_(numbers))
                total -= sum(row.size for row in oldest)
        return removed


def _rows(one: Delivery, last: int) -> Iterable[dict[str, Any]]:
    for place, (source_id, document) in enumerate(one.records, start=1):
        yield {
            "flow": one.flow, "number": last + place, "ends": last + len(one.records), "delivery": one.name,
            "source_id": source_id, "document": document, "received_at": one.at,
        }  # fmt: skip


def _known(connection: sa.Connection, flow: str, deliveries: Sequence[Delivery]) -> set[str]:
    """The names of those deliveries that were received before."""
    since = {one.name: to_milliseconds(one.at - SAME_BODY) if one.by_body else None for one in deliveries}
    names = [one.name for one in deliveries if one.flow == flow]
    known = set()
    for start in range(0, len(names), _AT_ONCE):
        query = sa.select(EVENTS.c.delivery, sa.func.max(sa.type_coerce(EVENTS.c.received_at, sa.BigInteger)))
        query = query.where(EVENTS.c.flow == flow, EVENTS.c.delivery.in_(names[start : start + _AT_ONCE]))
        for name, received_at in connection.execute(query.group_by(EVENTS.c.delivery)):
            first = since[name]
            if first is None or received_at > first:
                known.add(name)
    return known


def _count(
    connection: sa.Connection,
    flow: str,
    *,
    last_number: int,
    size: int,
    deliveries: Sequence[Delivery],
    outcomes: Sequence[Outcome],
) -> None:
    own = [(one, found.taken) for one, found in zip(deliveries, outcomes, strict=True) if one.flow == flow]
    stored = [one.at for one, taken in own if taken is Taken.STORED]
    values: dict[str, Any] = {
        "last_number": last_number, "bytes": EVENT_INBOXES.c.bytes + size,
        "received_count": EVENT_INBOXES.c.received_count + len(stored),
        "duplicate_count": EVENT_INBOXES.c.duplicate_count + sum(taken is Taken.DUPLICATE for _, taken in own),
    }  # fmt: skip
    if stored:
        values["last_received_at"] = stored[-1]
    connection.execute(EVENT_INBOXES.update().where(EVENT_INBOXES.c.flow == flow).values(values))


def _oldest_processed() -> sa.Select[Any]:
    return (
        sa.select(EVENTS.c.flow, EVENTS.c.number, sa.func.length(EVENTS.c.document).label("size"))
        .join(EVENT_INBOXES, EVENT_INBOXES.c.flow == EVENTS.c.flow)
        .where(EVENTS.c.number <= EVENT_INBOXES.c.processed)
        .order_by(EVENTS.c.received_at, EVENTS.c.number)
        .limit(_AT_ONCE)
    )


def _remove(connection: sa.Connection, flow: str, which: sa.ColumnElement[bool]) -> int:
    which = sa.and_(EVENTS.c.flow == flow, which)
    size = connection.execute(sa.select(sa.func.sum(sa.func.length(EVENTS.c.document))).where(which)).scalar()
    if size is None:
        return 0
    gone = connection.execute(EVENTS.delete().where(which)).rowcount
    values = {"bytes": EVENT_INBOXES.c.bytes - int(size)}
    connection.execute(EVENT_INBOXES.update().where(EVENT_INBOXES.c.flow == flow).values(values))
    return gone
