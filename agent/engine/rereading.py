"""The records that a retry tries, read again at their source: by their ids, many at once where the app can.

A retry filter that was written into the processflow is used in any case; else the app reads by id without one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Protocol

from agent.connectors.contract import ReadRequest, SentClause, SentGroup, SentPart
from agent.domain.clauses import RECORD_ID
from agent.domain.errors import FatalError
from agent.domain.packet import Bookmark, Packet

_MOST_AT_ONCE = 500
_LISTED_AT_ONCE = 50
"""How many ids a retry filter names in one list: with them, addresses stay short."""


class Readable(Protocol):
    """A connection, as far as reading goes."""

    def read(self, request: ReadRequest) -> AsyncIterator[Packet]: ...


class Rereading:
    """Reads the records of one stage.

    Args:
        source: The entered connection.
        retry_clauses: The retry filter, rendered but for the ids; empty where the app reads by id.
        chosen: The ids to be read behind an id, at most so many, in order.
    """

    def __init__(
        self,
        source: Readable,
        retry_clauses: Sequence[SentPart],
        chosen: Callable[[str, int], Sequence[str]],
    ) -> None:
        self._source, self._retry_clauses, self._chosen = source, retry_clauses, chosen

    async def read(self, request: ReadRequest) -> AsyncGenerator[Packet, None]:
        """Packets of what is there, each with the ids of what is not. The last one carries a bookmark of no meaning."""
        after = _after(request)
        size = min(request.packet_records, _MOST_AT_ONCE)
        while True:
            found = await asyncio.to_thread(self._chosen, after, size + 1)
            ids, more = found[:size], len(found) > size
            after = ids[-1] if ids else after
            documents = await self._documents(request, ids)
            there = [one for one in ids if one in documents]
            yield Packet(
                source_ids=there,
                documents=[documents[one] for one in there],
                position={"after": after},
                bookmark=None if more else Bookmark(),
                missing=[one for one in ids if one not in documents],
            )
            if not more:
                return

    async def _documents(self, request: ReadRequest, ids: Sequence[str]) -> dict[str, bytes]:
        wanted = frozenset(ids)
        documents: dict[str, bytes] = {}
        for one in self._requests(request, ids):
            async for packet in self._source.read(one):
                documents.update(
                    (source_id, document)
                    for source_id, document in zip(packet.source_ids, packet.documents, strict=True)
                    if source_id in wanted
                )
        return documents

    def _requests(self, request: ReadRequest, ids: Sequence[str]) -> Iterator[ReadRequest]:
        if not ids:
            return
        request = replace(request, position=None)
        if not self._retry_clauses:
            yield replace(request, ids=ids)
            return
        for some in self._groups(ids):
            clauses = [_with_ids(clause, some) for clause in self._retry_clauses]
            named = {clause.key for clause in _all(clauses)}
            kept = [clause for clause in request.clauses if isinstance(clause, SentClause) and clause.key not in named]
            yield replace(request, clauses=[*clauses, *kept])

    def _groups(self, ids: Sequence[str]) -> Iterator[Sequence[str]]:
        naming = [clause for clause in _all(self._retry_clauses) if RECORD_ID in clause.value]
        if not all(map(_takes_lists, naming)):
            yield from ([one] for one in ids)
            return
        alone = [one for one in ids if "," in one]
        together = [one for one in ids if "," not in one]
        for start in range(0, len(together), _LISTED_AT_ONCE):
            yield together[start : start + _LISTED_AT_ONCE]
        yield from ([one] for one in alone)


def _takes_lists(clause: SentClause) -> bool:
    return clause.value.strip() == RECORD_ID and (clause.operator == "in" or clause.key.endswith(":in"))


def _all(parts: Iterable[SentPart]) -> Iterator[SentClause]:
    for part in parts:
        if isinstance(part, SentGroup):
            yield from _all(part.members)
        else:
            yield part


def _with_ids(part: SentPart, ids: Sequence[str]) -> SentPart:
    """The clauses with the ids in them. They come last, so that nothing in an id is taken for a function."""
    if isinstance(part, SentGroup):
        return replace(part, members=tuple(_with_ids(member, ids) for member in part.members))
    return replace(part, value=part.value.replace(RECORD_ID, ",".join(ids)))


def _after(request: ReadRequest) -> str:
    after = request.position.get("after", "") if request.position is not None else ""
    if not isinstance(after, str):
        raise FatalError("The run's position is damaged.", code="ledger-broken", remedy="Execute it again.")
    return after
