"""Reads lists page by page, and chosen records one by one.

A position is the place of a page in its list, and how many of its records have been given already. The new bookmark is
the time at the service when the first page was asked for: what changes meanwhile is read again the next time.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import httpx
import msgspec

from agent.connectors.contract import ReadRequest, SentClause
from agent.connectors.rest.client import Answer, Client
from agent.connectors.rest.description import Filter, Reading, SchemaPart
from agent.connectors.rest.filling import filled_path, filled_query
from agent.connectors.rest.places import at, records_at, word
from agent.domain.clauses import FilterPlace
from agent.domain.errors import ConfigurationError, FatalError
from agent.domain.packet import Bookmark, Packet, Position

_SLACK = timedelta(seconds=2)
"""Header dates are in whole seconds, and the clock of a service's database may be a little behind its server's."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a page is: its number, offset, cursor, or address below the origin; empty for the first one."""

    here: str = ""
    given: int = 0

    @classmethod
    def of(cls, position: Position | None) -> _Place:
        if not position:
            return cls()
        given = position.get("given")
        return cls(str(position.get("here", "")), given if isinstance(given, int) else 0)


class Reader:
    """Reads with one action of a schema."""

    def __init__(self, client: Client, schema: SchemaPart, action: Reading, *, now: datetime) -> None:
        self._client, self._key, self._action, self._now = client, schema.key, action, now

    async def packets(self, request: ReadRequest) -> AsyncGenerator[Packet, None]:
        """The records that a request asks for.

        Raises:
            ConfigurationError: a filter that the action does not have, or an answer that is not as described.
        """
        query, headers = sent_filters(request, self._action.filters)
        if request.ids:
            yield await self._chosen(request.ids, headers)
            return
        place = _Place.of(request.position)
        began = _moment((request.position or {}).get("began"))
        while True:
            answer = await self._page(place.here, query, headers)
            began = began or (answer.date or self._now) - _SLACK
            records = self._records(answer)
            following = self._following(answer, place.here, len(records))
            if following is not None and following == place.here:
                raise FatalError(
                    f"{self._client.host} names the same page again and again.", code="same-page",
                    remedy="Check how the service description says that pages follow each other.",
                )  # fmt: skip
            for packet in self._cut(records, place, following, request.packet_records, began):
                yield packet
            if following is None:
                return
            place = _Place(following)

    def _cut(
        self, records: Sequence[msgspec.Raw], place: _Place, following: str | None, size: int, began: datetime
    ) -> list[Packet]:
        """Packets of about that size: the last one of the last page has the bookmark."""
        packets: list[Packet] = []
        given = min(place.given, len(records))
        while True:
            piece = records[given : given + size]
            given += len(piece)
            over = given >= len(records)
            after = _Place(following) if over and following is not None else _Place(place.here, given)
            packets.append(
                Packet(
                    [self._id(one) for one in piece],
                    [bytes(one) for one in piece],
                    {"here": after.here, "given": after.given, "began": began.isoformat()},
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
                headers={**by_id.headers, **headers}, missing=True,
            )  # fmt: skip
            if answer is not None:
                try:
                    record = at(answer.content, by_id.record)
                except msgspec.MsgspecError:
                    raise self._client.nonsense() from None
                if record is not None:
                    found.append(record)
        return Packet([self._id(one) for one in found], [bytes(one) for one in found], {}, Bookmark())

    async def _page(self, here: str, query: Sequence[tuple[str, str]], headers: Mapping[str, str]) -> Answer:
        action, paging = self._action, self._action.paging
        sent = {**action.headers, **headers}
        if here and paging.style in {"next-url", "link"}:
            answer = await self._client.get(self._client.following(self._client.address("/"), here), headers=sent)
        else:
            asked = [*action.query.items(), *query]
            if paging.size_parameter:
                asked.append((paging.size_parameter, str(paging.size)))
            if paging.parameter and (here or paging.style in {"page", "offset"}):
                asked.append((paging.parameter, here or str(paging.first if paging.style == "page" else 0)))
            answer = await self._client.get(self._client.address(action.path), asked, headers=sent)
        assert answer is not None, "a missing list is an error"
        return answer

    def _records(self, answer: Answer) -> Sequence[msgspec.Raw]:
        try:
            found = records_at(answer.content, self._action.records)
        except msgspec.MsgspecError:
            raise self._client.nonsense() from None
        if found is None or any(bytes(one).lstrip()[:1] != b"{" for one in found):
            raise self._client.nonsense()
        return found

    def _following(self, answer: Answer, here: str, count: int) -> str | None:
        """The place of the next page; None after the last one."""
        paging = self._action.paging
        if paging.style == "page":
            return str(int(here or paging.first) + 1) if count >= paging.size else None
        if paging.style == "offset":
            return str(int(here or 0) + count) if count >= paging.size else None
        if paging.style == "cursor":
            return word(at(answer.content, paging.next)) or None
        named = _linked(answer) if paging.style == "link" else word(at(answer.content, paging.next))
        if paging.style == "none" or not named:
            return None
        address = self._client.following(self._client.address(self._action.path), named)
        parts = urlsplit(address)
        return f"{parts.path}?{parts.query}" if parts.query else parts.path

    def _id(self, record: msgspec.Raw) -> str:
        found = word(at(record, self._key))
        if not found:
            raise ConfigurationError(
                f"A record has no “{self._key}”, which the service description calls its key.", code="no-key",
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
