"""Does what a walk says, in order, and notes how far the run has come once everything is booked.

In a *plain* stage, with one POST and nothing that cuts, merges or holds packets, write and progress are booked in one
transaction. In all others each POST books for itself, and progress follows when the last one has. A crash in between
lets the packet be read again: what a POST has booked in this run it does not write again, so nothing is doubled.
The same holds for retries and for what is written again, in stages of either kind.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from agent.domain.app import Attribute
from agent.domain.packet import SyncState
from agent.domain.processflow import DelayNode, HaltNode, MapperNode, MergerNode, PostNode, Stage
from agent.engine.blame import blaming
from agent.engine.chosen import Chosen
from agent.engine.control import RunControl
from agent.engine.delays import Delays
from agent.engine.delivery import Delivery
from agent.engine.event_answers import Answering
from agent.engine.journal import RunJournal
from agent.engine.load import Load
from agent.engine.looping import loop_memory, next_pass
from agent.engine.preparation import Ready
from agent.engine.prepared import prepared
from agent.engine.walking import Action, Drop, Hold, Respond, Walker, Write
from agent.engine.watch import Count, Watch, work_of
from agent.store.acknowledgement import STATE_NUMBERS, Acknowledgement, Move, RecordEnd
from agent.store.ledger import Cursor, Ledger
from agent.store.moments import to_milliseconds
from agent.store.node_work import NodeWork
from agent.store.variables import StoredValue

DESTINATION_ID = "destination_id"
_NO_WAY = "It ends here: no way leads on."
_SHORT_SECONDS = 2.0
_LOGGED_DROPS = 20
_FAILED, _SKIPPED = STATE_NUMBERS[SyncState.FAILED], STATE_NUMBERS[SyncState.SKIPPED]
_FILTER_VALUES = "filter"
"""The name in a cursor's memory under which the values lie that the source's filter was rendered with."""


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


@dataclass(slots=True)
class _Tally:
    """What happened since the run's progress in this source was noted the last time."""

    packets: int = 0
    read: int = 0
    unchanged: int = 0
    source_ids: list[str] = field(default_factory=list)
    touched: set[str] = field(default_factory=set)
    """What a POST has booked in this run."""
    reached: set[str] = field(default_factory=set)
    """What has come to a POST at all."""
    ended: set[str] = field(default_factory=set)
    """What no way has led on."""
    failed: set[str] = field(default_factory=set)
    """What has failed where no POST books it."""
    answered: set[str] = field(default_factory=set)
    """What has become the answer to the sender of an event."""
    holds: Counter[str] = field(default_factory=Counter)
    ends: list[RecordEnd] = field(default_factory=list)
    """What ended where, and why: for the data log."""
    work: list[NodeWork] = field(default_factory=list)
    """What nodes did before the packets came here."""


class Carrier:
    """Carries the packets of one stage of one run, in order.

    Args:
        stage: The stage.
        walker: Its walker.
        sinks: A delivery for each POST, by node id, settled.
        streams: The stream of each POST, by node id.
        ledger: Where everything is booked.
        run: The run's id.
        source_stream: The stream of the source.
        cursor: Where the run stands in the source.
        clock: Gives the present, aware and in UTC.
        control: The wishes for the run, attached.
        journal: Hears of records that end nowhere.
        inner_done: Whether what is inside a Halt has run to its end.
        answering: Gathers what senders of events are answered with.
        watch: Sees what is written.
        filter_values: What the source's filter was rendered with when the read began, to be known until its end.
        moves_bookmark: Whether the source's bookmark follows; only in a normal run.
        again: Whether what is at a destination unchanged is written once more.
        chosen: The records that a retry tries.
    """

    def __init__(
        self,
        *,
        stage: Stage,
        walker: Walker,
        sinks: Mapping[str, Delivery],
        streams: Mapping[str, int],
        ledger: Ledger,
        run: str,
        source_stream: int,
        cursor: Cursor,
        clock: Callable[[], datetime],
        control: RunControl,
        journal: RunJournal,
        inner_done: Callable[[str], bool],
        answering: Answering,
        watch: Watch,
        filter_values: Mapping[str, StoredValue | None] | None = None,
        moves_bookmark: bool = True,
        again: bool = False,
        chosen: Chosen | None = None,
    ) -> None:
        self._stage, self._walker = stage, walker
        self._sinks, self._streams = sinks, streams
        self._ledger, self._run, self._source_stream = ledger, run, source_stream
        self._clock, self._control, self._journal = clock, control, journal
        self._inner_done, self._answering, self._watch = inner_done, answering, watch
        self._moves_bookmark, self._again, self._chosen = moves_bookmark, again, chosen
        self._delays = Delays(stage, walker.vocabulary)
        self._number = cursor.number
        loop = {name: value for name, value in cursor.memory.items() if name != _FILTER_VALUES}
        self._memory = loop or loop_memory(clock())
        self._filter_values = filter_values or {}
        self._tally = _Tally()
        self._waited_seconds = 0.0
        self._passed_over: dict[str, set[str]] = {}

    def waited(self, seconds: float) -> None:
        """The source was at work for so long."""
        self._waited_seconds += seconds

    def unbooked_work(self) -> list[NodeWork]:
        """How long POSTs were at work since the run's progress was noted the last time."""
        return [] if self._tally.packets else self._watch.taken()

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
        self._tally.packets += 1
        self._tally.read += ready.read
        self._tally.unchanged += ready.unchanged
        self._tally.source_ids += ready.load.source_ids
        self._tally.work += ready.work
        self._watch.next_packet()
        if ready.actions is not None:
            await self._carry_plainly(ready, ready.actions)
            return
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
            await self._note(self._move(ready))
            self._answering.carried(ready.position)

    async def _end_all(self, chosen: Chosen) -> None:
        """Book what a retry tries at a POST and what has not come there."""
        for post, rest in await chosen.left():
            self._tally.reached.update(rest.source_ids)
            self._tally.touched.update(rest.source_ids)
            self._tally.failed.difference_update(rest.source_ids)
            known = await asyncio.to_thread(self._ledger.known, self._streams[post.id], rest.source_ids)
            places = [
                place
                for place, (one, fingerprint) in enumerate(zip(rest.source_ids, rest.fingerprints, strict=True))
                if (found := known.get(one)) is None or (found.run, found.fingerprint) != (self._run, fingerprint)
            ]
            if places:
                await self._sinks[post.id].deliver(rest.only(places), None)

    async def _carry_plainly(self, ready: Ready, actions: Sequence[Action]) -> None:
        write = next((action for action in actions if isinstance(action, Write)), None)
        for action in actions:
            if isinstance(action, Drop):
                self._drop(action)
        if write is None:
            await self._note(self._move(ready))
            return
        self._tally.touched.update(write.load.source_ids)
        self._tally.reached.update(write.load.source_ids)
        move = self._move(ready)
        await self._deliver(write, write.load, move)
        self._begin_anew(move)

    async def _deliver(self, write: Write, load: Load, move: Move | None) -> Acknowledgement:
        post = write.post.id
        with self._watch.at_work(post):
            booked = await self._sinks[post].deliver(prepared(load), move)
        failed = [line.index for line in booked.troubled if line.state == _FAILED and line.index not in load.errors]
        self._watch.failed_elsewhere(post, load, failed)
        return booked

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
        self._tally.reached.update(load.source_ids)
        if self._chosen is not None:
            self._chosen.reached(post, load)
        known = await asyncio.to_thread(self._ledger.known, self._streams[post.id], load.source_ids)
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
                self._tally.touched.add(source_id)
            if found is None or not same or (found.run != self._run and (self._again or not found.succeeded)):
                waiting.append(index)
            elif found.succeeded:
                arrived[index] = found.destination_id
                if found.run != self._run:
                    self._watch.count(post.id).unchanged += 1
            else:
                stopped[source_id] = found.state
        if waiting:
            part = load.picked(waiting)
            self._tally.touched.update(part.source_ids)
            booked = await self._deliver(action, part, None)
            arrived.update(_arrived(booked, waiting))
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
        occurrence = self._tally.holds[node.id]
        self._tally.holds[node.id] += 1
        now = self._clock()
        until = await asyncio.to_thread(
            self._ledger.hold, run=self._run, node=node.id, packet=f"{self._number}.{occurrence}",
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
        self._tally.reached.update(load.source_ids)
        self._tally.answered.update(load.source_ids)
        self._answering.add(action.node, load)

    def _drop(self, action: Drop) -> None:
        """Records end here. Those that failed are told one by one: no Sync Info will."""
        load = action.load
        if self._chosen is not None:
            self._chosen.ended(load)
        self._tally.ended.update(load.source_ids)
        self._tally.failed.update(load.source_ids[index] for index in load.errors)
        for index, source_id in enumerate(load.source_ids):
            if (why := load.errors.get(index)) is not None:
                self._tally.ends.append(RecordEnd(action.node, source_id, _FAILED, why.message, why.remedy))
            else:
                self._tally.ends.append(RecordEnd(action.node, source_id, _SKIPPED, _NO_WAY, ""))
        for index, error in list(load.errors.items())[:_LOGGED_DROPS]:
            self._journal.write(
                "warning", error.message, node=action.node, record=load.source_ids[index], detail=error.remedy
            )
        if len(load) > len(load.errors):
            count = len(load) - len(load.errors)
            self._journal.write("debug", f"{count:,} records end at {action.node}: no way leads on.", node=action.node)

    def _move(self, ready: Ready) -> Move:
        """How far the run has come once everything until here is booked."""
        tally = self._tally
        over, memory = True, dict[str, object]()
        if self._stage.source.loop is not None:
            packets = sum(sink.number for sink in self._sinks.values())
            over, memory = next_pass(
                self._stage.source.loop, self._memory, booked=packets, last=ready.last, now=self._clock()
            )
        skipped = tally.ended - tally.reached - tally.failed
        changed = tally.touched | tally.failed | skipped | (tally.answered if not self._sinks else set())
        position = ready.position if not ready.last or over else None
        if position is not None and self._filter_values and not ready.last:
            memory = {**memory, _FILTER_VALUES: dict(self._filter_values)}
        booked = ready.variables if ready.actions is not None else self._walker.values.booked
        return Move(
            stream=self._source_stream,
            before=self._number,
            number=self._number + tally.packets,
            position=position,
            bookmark=ready.bookmark if self._moves_bookmark else None,
            finished=ready.last and over,
            read=tally.read,
            unchanged=tally.unchanged + sum(one not in changed for one in tally.source_ids),
            failed=len(tally.failed),
            skipped=len(skipped),
            memory=memory,
            variables=dict(booked.variables),
            # What only the next run is to know is as a bookmark: runs that do something else leave it alone.
            kept=list(booked.kept) if self._moves_bookmark else [],
            work=self._work(ready, finished=ready.last and over),
            ended=[one for one in tally.ends if one.source_id in (tally.failed if one.state == _FAILED else skipped)],
        )

    def _work(self, ready: Ready, *, finished: bool) -> list[NodeWork]:
        """What the nodes did since the run's progress was noted the last time. A POST says itself what it wrote."""
        tally, now = self._tally, to_milliseconds(self._clock())
        count = Count(
            now, self._waited_seconds, packets_out=tally.packets, records_out=tally.read, unchanged=tally.unchanged
        )
        self._waited_seconds = 0.0
        read = work_of(self._stage.source.id, count, now=now, entry=int(self._memory.get("pass", 1)), done=finished)
        walked = self._walker.watch.taken() if ready.actions is None else ()
        return [read, *tally.work, *walked, *self._watch.taken()]

    def _forget_older(self, source_ids: Sequence[str]) -> None:
        """Newer states of records replace those that still wait: these would arrive last and stay for ever."""
        for one in self._walker.let_go(frozenset(source_ids)):
            if one not in self._tally.touched:
                self._tally.source_ids.remove(one)
                self._tally.unchanged += 1

    async def _note(self, move: Move) -> None:
        await asyncio.to_thread(self._ledger.move, self._run, move, at=self._clock())
        self._begin_anew(move)

    def _begin_anew(self, move: Move) -> None:
        loop = {name: value for name, value in move.memory.items() if name != _FILTER_VALUES}
        self._number, self._memory = move.number, loop
        self._tally = _Tally()
        if self._chosen is not None:
            self._chosen.forget()


def filter_memory(cursor: Cursor) -> Mapping[str, StoredValue | None]:
    """What the filter of a read was rendered with that goes on."""
    found: Mapping[str, StoredValue | None] = cursor.memory.get(_FILTER_VALUES, {})
    return found


def _arrived(booked: Acknowledgement, places: Sequence[int]) -> dict[int, str]:
    """The destination ids of the records that succeeded, by their index in the load."""
    troubled = {line.index for line in booked.troubled}
    return {place: booked.destination_ids[index] for index, place in enumerate(places) if index not in troubled}


def with_ids(load: Load, arrived: Mapping[int, str]) -> Load:
    """What was written, with the ids that it has there."""
    indices = sorted(arrived)
    part = load.picked(indices)
    rows = [
        None if row is None else (*row, arrived[index]) for index, row in zip(indices, part.rows or (), strict=True)
    ]
    attributes = (*part.attributes, Attribute(DESTINATION_ID))
    return Load(part.source_ids, part.fingerprints, (), attributes, rows, part.errors, part.tracked)


def is_plain(stage: Stage) -> bool:
    """Whether every packet goes straight to the only POST, in one piece, and is read once."""
    if stage.source.loop is not None:
        return False
    straight = all(isinstance(node, MapperNode | PostNode) for node in stage.nodes.values())
    return straight and len(stage.posts) == 1 and all(len(ways) == 1 for ways in stage.ways.values())
