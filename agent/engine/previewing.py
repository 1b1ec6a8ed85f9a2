"""Goes through a processflow as a run does, and says of each record what a run would make of it. Writes nothing.

Records are read, mapped, decided on, cut and merged by the same parts as in a run. Where a run would write, the
destination is asked what it holds, and the two are compared. What earlier runs left is read and stays as it is: no
bookmark moves, nothing is booked. A Delay is not waited for, a Halt lets what is inside it go first, and a GET that
loops reads once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, field

from agent.connectors.contract import Connection, ReadRequest
from agent.domain.clauses import FilterPart
from agent.domain.errors import FatalError
from agent.domain.packet import Packet
from agent.domain.processflow import GetNode, Processflow, Stage
from agent.domain.run import Counts
from agent.engine.bindings import Bindings
from agent.engine.comparing import Audience, Comparing
from agent.engine.filters import render
from agent.engine.reading import Readable, opened
from agent.engine.verdict import FailureLimit
from agent.store.past import Past

_PACKET_RECORDS = 1_000


@dataclass(frozen=True, slots=True)
class Previewed:
    """What is to be previewed.

    Args:
        flow: The processflow, its mappings with types.
        bindings: From credential tokens to App Configurations.
        version: The deployed version that would run; None for a document that is not deployed, which has written
            nothing yet.
        limit: How many records each GET reads at most; None for all.
        filters: One-off filters by GET node, in the place of its action filter; other GET nodes then read nothing.
    """

    flow: Processflow
    bindings: Mapping[str, str]
    version: int | None
    limit: int | None = None
    filters: Mapping[str, tuple[FilterPart, ...]] = field(default_factory=dict)


class Previewing:
    """One preview.

    Args:
        what: What is to be previewed.
        connections: Opens the apps.
        past: What earlier runs left.
        audience: Who is told.
    """

    def __init__(self, what: Previewed, *, connections: Bindings, past: Past, audience: Audience) -> None:
        self._what, self._connections, self._past, self._audience = what, connections, past, audience
        self._limit = FailureLimit(Counts())
        self._halted: set[str] = set()

    async def run(self) -> None:
        """Go through all stages.

        Raises:
            AgentError: what would end a run as well: an app that cannot be reached, a table that does not fit.
        """
        await self._stages(self._what.flow.stages)

    async def _stages(self, stages: Sequence[Stage]) -> None:
        for stage in stages:
            if not self._what.filters or stage.source.id in self._what.filters:
                await self._stage(stage)

    async def _stage(self, stage: Stage) -> None:
        what = self._what
        async with AsyncExitStack() as stack:
            destinations: dict[str, Connection] = {}
            sizes: list[int] = []
            for post in stage.posts:
                opened = self._connections.connection(post, what.flow, what.bindings)
                destinations[post.id] = await stack.enter_async_context(opened)
                sizes.append(destinations[post.id].packet_records(post.schema, post.action))
            source = await self._source(stage, stack)
            comparing = Comparing(
                stage, what.flow, destinations=destinations, version=what.version, past=self._past,
                audience=self._audience, limit=self._limit, halted=self._halted_at,
            )  # fmt: skip
            request = await self._request(stage.source, min(sizes, default=_PACKET_RECORDS))
            async with aclosing(self._packets(source, request)) as packets:
                async for packet in packets:
                    await comparing.carry(packet)
            await comparing.end()

    async def _source(self, stage: Stage, stack: AsyncExitStack) -> Readable:
        """What the stage reads from; a one-off filter asks the app itself."""
        what = self._what
        return await opened(
            stage, flow=self._past.flow, normal=not what.filters, events=self._past.events, stack=stack,
            missing=lambda _: None,
            connect=lambda get: self._connections.connection(get, what.flow, what.bindings),
        )  # fmt: skip

    async def _halted_at(self, stage: Stage, node: str) -> None:
        """What is inside a Halt goes first, once."""
        if node not in self._halted:
            self._halted.add(node)
            await self._stages(stage.inner.get(node, ()))

    async def _request(self, get: GetNode, packet_records: int) -> ReadRequest:
        """What a run would ask for: from the bookmark on, or what a one-off filter selects."""
        chosen = self._what.filters.get(get.id)
        bookmark = await asyncio.to_thread(self._past.bookmark, get.id)
        rendered = render(
            get.filters if chosen is None else chosen,
            moment=bookmark.moment if bookmark is not None else None,
            start_from=get.start_from,
            variables=self._what.flow.variables,
        )
        self._audience.begins(get.id, rendered.text)
        limit = self._what.limit
        return ReadRequest(
            schema=get.schema, action=get.action, clauses=rendered.clauses, options=get.options,
            bookmark=bookmark if chosen is None else None, position=None,
            packet_records=packet_records if limit is None else min(packet_records, limit),
        )  # fmt: skip

    async def _packets(self, source: Readable, request: ReadRequest) -> AsyncGenerator[Packet, None]:
        """Packets up to the limit; the next one is fetched while the one before is looked at."""
        left = self._what.limit
        stream = source.read(request)
        fetching = asyncio.create_task(_next(stream))
        try:
            while True:
                packet = await fetching
                last = packet.bookmark is not None
                enough = left is not None and len(packet) >= left
                if not last and not enough:
                    fetching = asyncio.create_task(_next(stream))
                more = enough and (not last or len(packet) > (left or 0))
                if left is not None:
                    packet = Packet(packet.source_ids[:left], packet.documents[:left], packet.position)
                    left -= len(packet)
                self._audience.read(len(packet), more=more)
                yield packet
                if last or enough:
                    return
        finally:
            fetching.cancel()
            await asyncio.gather(fetching, return_exceptions=True)
            if (close := getattr(stream, "aclose", None)) is not None:
                await close()


async def _next(packets: AsyncIterator[Packet]) -> Packet:
    try:
        return await anext(packets)
    except StopAsyncIteration:
        raise FatalError(
            "The source ended without saying how far it was read.",
            code="read-unfinished",
            remedy="Send the log to your support: the connector has a fault.",
        ) from None
