"""Goes through a processflow as a run does, and says of each record what a run would make of it. Writes nothing.

Records are read, mapped, decided on, cut and merged by the same parts as in a run. Where a run would write, the
destination is asked what it holds, and the two are compared. What earlier runs left is read and stays as it is: no
bookmark moves, nothing is booked. A Delay is not waited for, a Halt lets what is inside it go first, and a GET that
loops reads once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass

from agent.connectors.contract import Connection, ReadRequest
from agent.domain.packet import Packet
from agent.domain.processflow import GetNode, Processflow, Stage
from agent.domain.run import Counts
from agent.domain.run_plan import NORMAL, Normal, RunPlan
from agent.engine.expressions.vocabulary import PLAIN, Vocabulary
from agent.engine.filters.plans import ask, stages_of, takes_part, writes_again
from agent.engine.previewing.comparing import Audience, Comparing
from agent.engine.running.bindings import Bindings
from agent.engine.running.reading import Readable, next_packet, opened
from agent.engine.walking.variable_values import NO_VALUES, VariableValues
from agent.engine.walking.verdict import FailureLimit
from agent.engine.walking.walking import Walker
from agent.store.library.variables import VariableStore
from agent.store.runs.past import Past

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
        vocabulary: What its expressions may name.
        plan: What the run is to do: a normal one, a runtime filter, or a replay.
    """

    flow: Processflow
    bindings: Mapping[str, str]
    version: int | None
    limit: int | None = None
    vocabulary: Vocabulary = PLAIN
    plan: RunPlan = NORMAL


class Previewing:
    """One preview.

    Args:
        what: What is to be previewed.
        connections: Opens the apps.
        past: What earlier runs left.
        audience: Who is told.
        variables: What is stored for variables. What the preview makes of them is told to nobody.
    """

    def __init__(
        self,
        what: Previewed,
        *,
        connections: Bindings,
        past: Past,
        audience: Audience,
        variables: VariableStore | None = None,
    ) -> None:
        self._what, self._connections, self._past, self._audience = what, connections, past, audience
        self._variables, self._values = variables, NO_VALUES
        self._limit = FailureLimit(Counts())
        self._begun: set[str] = set()

    async def run(self) -> None:
        """Go through all stages.

        Raises:
            AgentError: what would end a run as well: an app that cannot be reached, a table that does not fit.
        """
        what = self._what
        self._values = VariableValues(
            what.flow.variables, flow=what.flow.name, store=self._variables, vocabulary=what.vocabulary
        )
        await self._stages(stages_of(what.plan, what.flow))

    async def _stages(self, stages: Sequence[Stage]) -> None:
        """Those of the stages that take part and had no turn yet."""
        for stage in stages:
            if takes_part(self._what.plan, stage) and stage.source.id not in self._begun:
                self._begun.add(stage.source.id)
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
                Walker(stage, what.vocabulary, self._values), stage, what.flow, destinations=destinations,
                version=what.version, past=self._past, audience=self._audience, limit=self._limit,
                halted=self._halted_at, again=writes_again(what.plan),
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
            stage, flow=self._past.flow, normal=isinstance(what.plan, Normal), events=self._past.events, stack=stack,
            missing=lambda _: None,
            connect=lambda get: self._connections.connection(get, what.flow, what.bindings),
        )  # fmt: skip

    async def _halted_at(self, stage: Stage, node: str) -> None:
        """What is inside a Halt goes first, once."""
        await self._stages(stage.inner.get(node, ()))

    async def _request(self, get: GetNode, packet_records: int) -> ReadRequest:
        """What a run would ask for, and no larger packets than the limit allows."""
        what = self._what
        bookmark = await asyncio.to_thread(self._past.bookmark, get.id)
        asked = ask(
            get, what.plan, self._values.texts(), bookmark=bookmark, position=None,
            packet_records=packet_records if what.limit is None else min(packet_records, what.limit),
        )  # fmt: skip
        self._audience.begins(get.id, asked.text)
        return asked.request

    async def _packets(self, source: Readable, request: ReadRequest) -> AsyncGenerator[Packet, None]:
        """Packets up to the limit; the next one is fetched while the one before is looked at."""
        left = self._what.limit
        stream = source.read(request)
        fetching = asyncio.create_task(next_packet(stream))
        try:
            while True:
                packet = await fetching
                last = packet.bookmark is not None
                enough = left is not None and len(packet) >= left
                if not last and not enough:
                    fetching = asyncio.create_task(next_packet(stream))
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
