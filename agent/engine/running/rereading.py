"""The records that a retry tries, read again at their source: by their ids, many at once where the app can.

A retry filter that was written into the processflow is used in any case; else the app reads by id without one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from dataclasses import replace

from agent.connectors.contract import ReadRequest, SentClause, SentPart
from agent.domain.errors import FatalError
from agent.domain.packet import Bookmark, Packet
from agent.domain.processflow import GetNode
from agent.engine.filters.record_ids import LISTED_AT_ONCE, sent_clauses, takes_lists, with_ids
from agent.engine.filters.rendering import render
from agent.engine.running.reading import Readable
from agent.engine.walking.variable_values import FilterTexts

_MOST_AT_ONCE = 500


def retry_clauses(get: GetNode, variables: FilterTexts) -> Sequence[SentPart]:
    """The retry filter of a GET node, rendered but for the ids.

    Raises:
        ConfigurationError: code `filter-function` or `unknown-variable`.
    """
    return render(
        get.retry_filters, moment=None, start_from=get.start_from, variables=variables.texts,
        secret_variables=variables.secret,
    ).clauses  # fmt: skip


async def read_again(
    source: Readable, clauses: Sequence[SentPart], request: ReadRequest, source_id: str
) -> bytes | None:
    """One record by its id; None where it is not there."""
    found = await Rereading(source, clauses, lambda _after, _limit: ()).documents(request, [source_id])
    return found.get(source_id)


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
            documents = await self.documents(request, ids)
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

    async def documents(self, request: ReadRequest, ids: Sequence[str]) -> dict[str, bytes]:
        """Some records, as far as they are there."""
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
            clauses = with_ids(self._retry_clauses, some)
            named = {clause.key for clause in sent_clauses(clauses)}
            kept = [clause for clause in request.clauses if isinstance(clause, SentClause) and clause.key not in named]
            yield replace(request, clauses=[*clauses, *kept])

    def _groups(self, ids: Sequence[str]) -> Iterator[Sequence[str]]:
        if not takes_lists(self._retry_clauses):
            yield from ([one] for one in ids)
            return
        alone = [one for one in ids if "," in one]
        together = [one for one in ids if "," not in one]
        for start in range(0, len(together), LISTED_AT_ONCE):
            yield together[start : start + LISTED_AT_ONCE]
        yield from ([one] for one in alone)


def _after(request: ReadRequest) -> str:
    after = request.position.get("after", "") if request.position is not None else ""
    if not isinstance(after, str):
        raise FatalError("The run's position is damaged.", code="ledger-broken", remedy="Execute it again.")
    return after
