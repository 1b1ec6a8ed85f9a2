"""Does what a walk says, in order, and notes how far the run has come once everything is booked.

Each POST books for itself, and progress follows when the last one has. A crash in between lets the packet be read
again: what a POST has booked in this run it does not write again, so nothing is doubled. The same holds for retries and
for what is written again, in stages of any kind; all others that are *plain* have `plain_carrying`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

from agent.domain.processflow import DelayNode, HaltNode, MergerNode, PostNode, Stage
from agent.engine.events.answers import Answering
from agent.engine.running.control import RunControl
from agent.engine.running.preparation import Ready
from agent.engine.running.progress import Progress
from agent.engine.running.sinks import Sinks
from agent.engine.walking.arrivals import arrived_ids, with_ids
from agent.engine.walking.blame import blaming
from agent.engine.walking.chosen import Chosen
from agent.engine.walking.delays import Delays
from agent.engine.walking.load import Load
from agent.engine.walking.walking import Action, Drop, Hold, Respond, Walker, Write
from agent.store.runs.ledger import Ledger

_SHORT_SECONDS = 2.0


class ParkedError(Exception):
    """The run has nothing to do before that moment."""

    def __init__(self, node: str, until: datetime) -> None:
        super().__init__(node)
        self.node, self.until = node, until


class HaltedError(Exception):
    """What is inside a Halt has to run first."""

    def __init__(self, node: str) -> None:
        super().__init__(node)
        self.node = node


class InterruptedHoldError(Exception):
    """A wish ended a short wait."""


class Carrier:
    """Carries the packets of one stage of one run, in order.

    Args:
        stage: The stage.
        walker: Its walker.
        sinks: Its POSTs.
        progress: How far the run has come in the source.
        ledger: Knows what was booked before.
        clock: Gives the present, aware and in UTC.
        control: The wishes for the run, attached.
        inner_done: Whether what is inside a Halt has run to its end.
        answering: Gathers what senders of events are answered with.
        again: Whether what is at a destination unchanged is written once more.
        chosen: The records that a retry tries.
    """

    def __init__(
        self,
        *,
        stage: Stage,
        walker: Walker,
        sinks: Sinks,
        progress: Progress,
        ledger: Ledger,
        clock: Callable[[], datetime],
        control: RunControl,
        inner_done: Callable[[str], bool],
        answering: Answering,
        again: bool = False,
        chosen: Chosen | None = None,
    ) -> None:
        self._stage, self._walker, self._sinks, self.progress = stage, walker, sinks, progress
        self._ledger, self._run, self._clock, self._control = ledger, progress.run, clock, control
        self._inner_done, self._answering = inner_done, answering
        self._again, self._chosen = again, chosen
        self._delays = Delays(stage, walker.vocabulary)
        self._passed_over: dict[str, set[str]] = {}

    @property
    def merges(self) -> bool:
        """Whether records may have to wait for others."""
        return any(isinstance(node, MergerNode) for node in self._stage.nodes.values())

    @property
    def holds(self) -> bool:
        """Whether records wait in a Merger: stopping now would mean to read them again."""
        return self._walker.holds

    async def carry(self, ready: Ready, *, straight_to: PostNode | None = None) -> None:
        """Do everything that is to be done with a packet, and note that it is done.

        Args:
            ready: The packet.
            straight_to: The POST that it begins at; None for the source's own way.

        Raises:
            ParkedError: a Delay holds it back for longer.
            HaltedError: what is inside a Halt has to run first.
            InterruptedHoldError: a wish ended a short wait.
            AgentError: whatever destinations and ledger raise.
        """
        if self._walker.holds:
            self._forget_older(ready.load.source_ids)
        self.progress.came(ready)
        for post_id, source_ids in ready.passed_over.items():
            # A Merger may bring them later; a newer state that nobody skipped takes the place of the older.
            passed_over = self._passed_over.setdefault(post_id, set())
            passed_over.difference_update(ready.load.source_ids)
            passed_over.update(source_ids)
        if self._chosen is not None:
            self._chosen.came(ready.load, ready.missing)
        load = ready.load
        self._walker.watch.next_packet()
        await self._do_all(self._walker.walk(load) if straight_to is None else self._walker.enter(straight_to, load))
        if ready.last:
            while self._walker.holds:
                await self._do_all(self._walker.flush())
        if not self._walker.holds:
            if self._chosen is not None:
                await self._end_all(self._chosen)
            await self._note(ready)
            self._answering.carried(ready.position)

    async def _end_all(self, chosen: Chosen) -> None:
        """Book what a retry tries at a POST and what has not come there."""
        for post, rest in await chosen.left():
            self.progress.tally.reached.update(rest.source_ids)
            self.progress.tally.touched.update(rest.source_ids)
            self.progress.tally.failed.difference_update(rest.source_ids)
            known = await asyncio.to_thread(self._ledger.known, self._sinks.streams[post.id], rest.source_ids)
            places = [
                place
                for place, (one, fingerprint) in enumerate(zip(rest.source_ids, rest.fingerprints, strict=True))
                if (found := known.get(one)) is None or (found.run, found.fingerprint) != (self._run, fingerprint)
            ]
            if places:
                await self._sinks.deliveries[post.id].deliver(rest.only(places), None)

    async def _do_all(self, actions: Iterator[Action]) -> None:
        for action in actions:
            match action:
                case Write():
                    await self._write(action)
                case Hold():
                    await self._hold(action)
                case Drop():
                    self._drop(action)
                case Respond():
                    self._respond(action)

    async def _write(self, action: Write) -> None:
        """Write what this POST has not booked in this run, nor with success in an earlier one."""
        post, load = action.post, action.load
        self.progress.tally.reached.update(load.source_ids)
        if self._chosen is not None:
            self._chosen.reached(post, load)
        known = await asyncio.to_thread(self._ledger.known, self._sinks.streams[post.id], load.source_ids)
        waiting: list[int] = []
        arrived: dict[int, str] = {}
        stopped: dict[str, int] = {}
        passed_over = self._passed_over.get(post.id, ())
        for index, (source_id, fingerprint) in enumerate(zip(load.source_ids, load.fingerprints, strict=True)):
            if source_id in passed_over:
                continue
            found = known.get(source_id)
            same = found is not None and found.fingerprint == fingerprint
            if found is not None and same and found.run == self._run:
                self.progress.tally.touched.add(source_id)
            if found is None or not same or (found.run != self._run and (self._again or not found.succeeded)):
                waiting.append(index)
            elif found.succeeded:
                arrived[index] = found.destination_id
                if found.run != self._run:
                    self._sinks.watch.count(post.id).unchanged += 1
            else:
                stopped[source_id] = found.state
        if waiting:
            part = load.picked(waiting)
            self.progress.tally.touched.update(part.source_ids)
            booked = await self._sinks.deliver(post.id, part, None)
            arrived.update(arrived_ids(booked, waiting))
            stopped.update((booked.source_ids[line.index], line.state) for line in booked.troubled)
        if self._chosen is not None:
            self._chosen.stopped(post, stopped)
        if action.onward and arrived:
            await self._do_all(self._walker.onward(post, with_ids(load, arrived)))

    async def _hold(self, action: Hold) -> None:
        node = action.node
        if isinstance(node, HaltNode):
            if not self._inner_done(node.id):
                raise HaltedError(node.id)
            return
        with blaming(node.id):
            await self._delay(node, action.load)

    async def _delay(self, node: DelayNode, load: Load) -> None:
        occurrence = self.progress.tally.holds[node.id]
        self.progress.tally.holds[node.id] += 1
        now = self._clock()
        until = await asyncio.to_thread(
            self._ledger.hold, run=self._run, node=node.id, packet=f"{self.progress.number}.{occurrence}",
            until=now + timedelta(seconds=self._delays.seconds(node, load)), at=now, records=len(load),
        )  # fmt: skip
        left = (until - now).total_seconds()
        if left > _SHORT_SECONDS:
            raise ParkedError(node.id, until)
        if left > 0 and not await self._control.sleep(left):
            raise InterruptedHoldError

    def _respond(self, action: Respond) -> None:
        """Records end as an answer, but for those that failed on the way."""
        load = action.load
        if load.errors:
            self._drop(Drop(action.node.id, load.picked(sorted(load.errors))))
            load = load.picked([index for index in range(len(load)) if index not in load.errors])
        self.progress.tally.reached.update(load.source_ids)
        self.progress.tally.answered.update(load.source_ids)
        self._answering.add(action.node, load)

    def _drop(self, action: Drop) -> None:
        if self._chosen is not None:
            self._chosen.ended(action.load)
        self.progress.dropped(action)

    def _forget_older(self, source_ids: Sequence[str]) -> None:
        """Newer states of records replace those that still wait: these would arrive last and stay for ever."""
        for one in self._walker.let_go(frozenset(source_ids)):
            if one not in self.progress.tally.touched:
                self.progress.tally.source_ids.remove(one)
                self.progress.tally.unchanged += 1

    async def _note(self, ready: Ready) -> None:
        walker = self._walker
        move = self.progress.move(ready, variables=walker.values.booked, walked=walker.watch.taken())
        await self.progress.note(move)
        if self._chosen is not None:
            self._chosen.forget()
