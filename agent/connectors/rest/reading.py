"""Reads lists page by page, and chosen records one by one.

A position is the place of a page in its list, and how many of its records have been given already. The new bookmark is
the time at the service when the first page was asked for: what changes meanwhile is read again the next time.

Where pages are counted, a page that is short is not taken for the last one: a service may give fewer records than it
was asked for, or leave some out of a page. Only one without records ends the list, or a status that says so.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import httpx
import msgspec

from agent.connectors.contract import ReadRequest, SentClause
from agent.connectors.rest.client import NOT_THERE, Answer, Client
from agent.connectors.rest.description import Filter, Reading, SchemaPart
from agent.connectors.rest.filling import filled_path, filled_query
from agent.connectors.rest.places import at, records_at, word
from agent.connectors.rest.xml_bodies import typed
from agent.domain.clauses import FilterPlace
from agent.domain.errors import ConfigurationError, FatalError
from agent.domain.packet import Bookmark, Packet, Position

_SLACK = timedelta(seconds=2)
"""Header dates are in whole seconds, and the clock of a service's database may be a little behind its server's."""

_OUR_SLACK = timedelta(minutes=5)
"""Where a service does not say what time it is, ours may be that far before its own."""

_COUNTED = frozenset({"page", "offset"})


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a page is.

    Args:
        here: Its number, offset, cursor, or address below the origin; empty for the first one.
        given: How many of its records have been given.
        before: What tells the page before from others.
        short: Whether the page before had fewer records than were asked for: there may be nothing here.
        later: Whether the page before was not the first one.
    """

    here: str = ""
    given: int = 0
    before: str = ""
    short: bool = False
    later: bool = False

    @classmethod
    def of(cls, position: Position | None) -> _Place:
        try:
            return msgspec.convert({**(position or {})}, cls)
        except msgspec.ValidationError as error:
            raise FatalError(
                "The position that a read was to go on from is damaged.", code="position-damaged",
                remedy="Execute the processflow again from its start.", detail=str(error),
            ) from None  # fmt: skip


class Reader:
    """Reads with one action of a schema."""

    def __init__(self, client: Client, schema: SchemaPart, action: Reading, *, now: datetime) -> None:
        self._client, self._schema, self._action, self._now = client, schema, action, now

    async def packets(self, request: ReadRequest) -> AsyncGenerator[Packet, None]:
        """The records that a request asks for.

        Raises:
            ConfigurationError: a filter that the action does not have, or an answer that is not as described.
        """
        query, headers = sent_filters(request, self._action.filters)
        if request.ids:
            yield await self._chosen(request.ids, headers)
            return
        place: _Place | None = _Place.of(request.position)
        began = _moment((request.position or {}).get("began"))
        seen: set[str] = set()
        while place is not None:
            answer = await self._page(place, query, headers)
            began = began or self._time_of(answer)
            records = self._records(answer) if answer is not None else ()
            if self._is_the_page_before(place, records):
                records = ()
            following = self._following(answer, place, records) if answer is not None else None
            if following is not None and following.here in seen | {place.here}:
                raise self._endless()
            seen.add(place.here)
            for packet in self._cut(records, place, following, request.packet_records, began):
                yield packet
            place = following

    def _endless(self) -> FatalError:
        return FatalError(
            f"{self._client.host} gives the same page again and again.", code="same-page",
            remedy="Check how the service description says that pages follow each other.",
        )  # fmt: skip

    def _time_of(self, answer: Answer | None) -> datetime:
        """The time at the service, or a little before."""
        told = answer.date if answer is not None else None
        return self._now - _OUR_SLACK if told is None else told - _SLACK

    def _cut(
        self, records: Sequence[msgspec.Raw], place: _Place, following: _Place | None, size: int, began: datetime
    ) -> list[Packet]:
        """Packets of about that size: the last one of the last page has the bookmark."""
        packets: list[Packet] = []
        given = min(place.given, len(records))
        while True:
            piece = records[given : given + size]
            given += len(piece)
            over = given >= len(records)
            after = following if over and following is not None else replace(place, given=given)
            packets.append(
                Packet(
                    [self._id(one) for one in piece],
                    [bytes(one) for one in piece],
                    {**asdict(after), "began": began.isoformat()},
                    Bookmark(began) if over and following is None else None,
                )
            )
            if over:
                return packets

    async def _chosen(self, ids: Sequence[str], headers: Mapping[str, str]) -> Packet:
        by_id = self._action.by_id
        if by_id is None:
            raise ConfigurationError(
                "The service description does not say how one record is read by its id.", code="no-by-id",
                remedy="Add by_id to the action.", field="action",
            )  # fmt: skip
        found: list[msgspec.Raw] = []
        for one in ids:
            values = {"id": one}
            answer = await self._client.get(
                self._client.address(filled_path(by_id, values)), filled_query(by_id, values),
                headers={**by_id.headers, **headers}, missing=NOT_THERE,
            )  # fmt: skip
            if answer is not None:
                try:
                    record = at(answer.content, by_id.record)
                except msgspec.MsgspecError:
                    raise self._client.nonsense() from None
                if record is not None:
                    found.append(typed(record, self._schema.attributes) if answer.was_xml else record)
        return Packet([self._id(one) for one in found], [bytes(one) for one in found], {}, Bookmark())

    async def _page(self, place: _Place, query: Sequence[tuple[str, str]], headers: Mapping[str, str]) -> Answer | None:
        """A page; None where the service says that there are none so far."""
        action, paging, here = self._action, self._action.paging, place.here
        sent = {**action.headers, **headers}
        if here and paging.style in {"next-url", "link"}:
            return await self._client.get(self._client.following(self._client.address("/"), here), headers=sent)
        asked = [*action.query.items(), *query]
        if paging.size_parameter:
            asked.append((paging.size_parameter, str(paging.size)))
        if paging.parameter and (here or paging.style in _COUNTED):
            asked.append((paging.parameter, here or str(paging.first if paging.style == "page" else 0)))
        past_the_end: frozenset[int] = frozenset()
        if here and paging.style in _COUNTED:
            past_the_end = NOT_THERE | {paging.past_the_end} | ({400} if place.short else frozenset())
        return await self._client.get(self._client.address(action.path), asked, headers=sent, missing=past_the_end)

    def _records(self, answer: Answer) -> Sequence[msgspec.Raw]:
        try:
            found = records_at(answer.content, self._action.records, absent_if_empty=self._action.absent_if_empty,
                               elements=answer.was_xml)  # fmt: skip
        except msgspec.MsgspecError:
            raise self._client.nonsense() from None
        if found is None or any(bytes(one).lstrip()[:1] != b"{" for one in found):
            raise self._client.nonsense()
        return [typed(one, self._schema.attributes) for one in found] if answer.was_xml else found

    def _following(self, answer: Answer, place: _Place, records: Sequence[msgspec.Raw]) -> _Place | None:
        """The place of the next page; None after the last one."""
        paging = self._action.paging
        if paging.style in _COUNTED:
            return self._counted_on(place, records)
        if paging.style == "cursor":
            cursor = word(at(answer.content, paging.next))
            return _Place(cursor) if cursor else None
        named = _linked(answer) if paging.style == "link" else word(at(answer.content, paging.next))
        if paging.style == "none" or not named:
            return None
        address = self._client.following(self._client.address(self._action.path), named)
        parts = urlsplit(address)
        return _Place(f"{parts.path}?{parts.query}" if parts.query else parts.path)

    def _counted_on(self, place: _Place, records: Sequence[msgspec.Raw]) -> _Place | None:
        paging, count = self._action.paging, len(records)
        if not count:
            return None
        here = int(place.here or (paging.first if paging.style == "page" else 0))
        return _Place(
            str(here + (1 if paging.style == "page" else count)), before=self._told_apart(records),
            short=count < paging.size, later=bool(place.here),
        )  # fmt: skip

    def _is_the_page_before(self, place: _Place, records: Sequence[msgspec.Raw]) -> bool:
        """Whether it is the last page once more, as some services have it beyond their end; also the only page of one
        that knows no pages.

        Raises:
            FatalError: code `same-page`: the first page is full and comes again, so that nothing else can be had.
        """
        if not place.before or self._told_apart(records) != place.before:
            return False
        if place.short or place.later:
            return True
        raise self._endless()

    def _told_apart(self, records: Sequence[msgspec.Raw]) -> str:
        """The same for two pages of the same records, in whatever order."""
        return hashlib.sha256("\n".join(sorted(map(self._id, records))).encode()).hexdigest()[:16]

    def _id(self, record: msgspec.Raw) -> str:
        found = word(at(record, self._schema.key))
        if not found:
            raise ConfigurationError(
                f"A record has no “{self._schema.key}”, which the service description calls its key.", code="no-key",
                remedy="Correct “key” of the schema in the service description.", field="description",
            )  # fmt: skip
        return found


def sent_filters(request: ReadRequest, filters: Mapping[str, Filter]) -> tuple[list[tuple[str, str]], dict[str, str]]:
    """The clauses as query parameters and headers. Raises ConfigurationError for what the action does not have."""
    query: list[tuple[str, str]] = []
    headers: dict[str, str] = {}
    expressions: dict[str, list[str]] = {}
    for clause in request.clauses:
        if isinstance(clause, SentClause) and clause.place is FilterPlace.HEADER:
            headers[clause.key] = clause.value
            continue
        one = filters.get(clause.key) if isinstance(clause, SentClause) else None
        if one is None or not isinstance(clause, SentClause) or not one.takes(clause.operator):
            known = ", ".join(sorted(filters)) or "none"
            raise ConfigurationError(
                f"The service description has no such filter on {request.schema} {request.action}.",
                code="filter-unknown",
                remedy=f"It has: {known}.",
                field=clause.key if isinstance(clause, SentClause) else None,
            )
        value = _day_before(clause) if one.form == "day-before" else clause.value
        if one.expression:
            expressions.setdefault(one.parameter, []).append(one.expression.format(value=value.replace("'", "''")))
        else:
            query.append((one.parameter, value))
    query += [(parameter, " and ".join(parts)) for parameter, parts in expressions.items()]
    return query, headers


def _day_before(clause: SentClause) -> str:
    """The day before a moment: no time zone, whichever the service keeps its days in, is a day away from UTC."""
    try:
        moment = datetime.fromisoformat(clause.value.strip())
        moment = moment.astimezone(UTC) if moment.tzinfo is not None else moment
        return f"{moment - timedelta(days=1):%Y-%m-%d}"
    except (ValueError, OverflowError):
        raise ConfigurationError(
            f"“{clause.value[:40]}” is no day and no moment.", code="filter-value",
            remedy="Write it as 2026-11-27 or 2026-11-27T13:05:00Z.", field=clause.key,
        ) from None  # fmt: skip


def _linked(answer: Answer) -> str:
    """The address of the header `Link` with rel=next (RFC 8288), which httpx can read."""
    links = httpx.Response(200, headers={"Link": answer.headers.get("Link", "")}).links
    return links.get("next", {}).get("url", "")


def _moment(text: object) -> datetime | None:
    return datetime.fromisoformat(text) if isinstance(text, str) else None
