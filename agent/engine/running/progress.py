"""How far a run has come in one source: what happened since that was noted last, and the move that notes it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from agent.domain.packet import SyncState
from agent.domain.processflow import GetNode
from agent.engine.running.preparation import Ready
from agent.engine.running.sinks import Sinks
from agent.engine.walking.journal import RunJournal
from agent.engine.walking.looping import loop_memory, next_pass
from agent.engine.walking.variable_values import Booked
from agent.engine.walking.walking import Drop
from agent.engine.walking.watch import Count, work_of
from agent.store.library.variables import StoredValue
from agent.store.looks.node_work import NodeWork
from agent.store.moments import to_milliseconds
from agent.store.runs.acknowledgement import STATE_NUMBERS, Move, RecordEnd
from agent.store.runs.ledger import Cursor, Ledger

_NO_WAY = "It ends here: no way leads on."
_LOGGED_DROPS = 20
_FAILED, _SKIPPED = STATE_NUMBERS[SyncState.FAILED], STATE_NUMBERS[SyncState.SKIPPED]
_FILTER_VALUES = "filter"
"""The name in a cursor's memory under which the values lie that the source's filter was rendered with."""


@dataclass(slots=True)
class Tally:
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


class Progress:
    """The progress of one run in one source.

    Args:
        source: The GET.
        sinks: The POSTs of its stage.
        ledger: Where everything is booked.
        run: The run's id.
        stream: The stream of the source.
        cursor: Where the run stands in the source.
        clock: Gives the present, aware and in UTC.
        journal: Hears of records that end nowhere.
        filter_values: What the source's filter was rendered with when the read began, to be known until its end.
        moves_bookmark: Whether the source's bookmark follows; only in a normal run.
    """

    def __init__(
        self,
        *,
        source: GetNode,
        sinks: Sinks,
        ledger: Ledger,
        run: str,
        stream: int,
        cursor: Cursor,
        clock: Callable[[], datetime],
        journal: RunJournal,
        filter_values: Mapping[str, StoredValue | None] | None = None,
        moves_bookmark: bool = True,
    ) -> None:
        self._source, self._sinks, self._ledger, self._stream = source, sinks, ledger, stream
        self._clock, self._journal = clock, journal
        self._moves_bookmark = moves_bookmark
        self.run, self.number = run, cursor.number
        self._memory = _of_the_loop(cursor.memory) or loop_memory(clock())
        self._filter_values = filter_values or {}
        self.tally = Tally()
        self._waited_seconds = 0.0

    def waited(self, seconds: float) -> None:
        """The source was at work for so long."""
        self._waited_seconds += seconds

    def unbooked_work(self) -> list[NodeWork]:
        """How long POSTs were at work since the run's progress was noted the last time."""
        return [] if self.tally.packets else self._sinks.watch.taken()

    def came(self, ready: Ready) -> None:
        """Another packet comes from the source."""
        self.tally.packets += 1
        self.tally.read += ready.read
        self.tally.unchanged += ready.unchanged
        self.tally.source_ids += ready.load.source_ids
        self.tally.work += ready.work
        self._sinks.watch.next_packet()

    def dropped(self, action: Drop) -> None:
        """Records end here. Those that failed are told one by one: no Sync Info will."""
        load = action.load
        self.tally.ended.update(load.source_ids)
        self.tally.failed.update(load.source_ids[index] for index in load.errors)
        for index, source_id in enumerate(load.source_ids):
            if (why := load.errors.get(index)) is not None:
                self.tally.ends.append(RecordEnd(action.node, source_id, _FAILED, why.message, why.remedy))
            else:
                self.tally.ends.append(RecordEnd(action.node, source_id, _SKIPPED, _NO_WAY, ""))
        for index, error in list(load.errors.items())[:_LOGGED_DROPS]:
            self._journal.write(
                "warning", error.message, node=action.node, record=load.source_ids[index], detail=error.remedy
            )
        if len(load) > len(load.errors):
            count = len(load) - len(load.errors)
            self._journal.write("debug", f"{count:,} records end at {action.node}: no way leads on.", node=action.node)

    def move(self, ready: Ready, *, variables: Booked, walked: Sequence[NodeWork] = ()) -> Move:
        """How far the run has come once everything until here is booked.

        Args:
            ready: The packet that was the last to come.
            variables: What is to be booked of variables.
            walked: What nodes did between the source and the POSTs, beyond what the packets brought.
        """
        tally = self.tally
        over, memory = True, dict[str, object]()
        if self._source.loop is not None:
            over, memory = next_pass(
                self._source.loop, self._memory, booked=self._sinks.packets, last=ready.last, now=self._clock()
            )
        skipped = tally.ended - tally.reached - tally.failed
        changed = tally.touched | tally.failed | skipped | (tally.answered if not self._sinks.deliveries else set())
        position = ready.position if not ready.last or over else None
        if position is not None and self._filter_values and not ready.last:
            memory = {**memory, _FILTER_VALUES: dict(self._filter_values)}
        return Move(
            stream=self._stream,
            before=self.number,
            number=self.number + tally.packets,
            position=position,
            bookmark=ready.bookmark if self._moves_bookmark else None,
            finished=ready.last and over,
            read=tally.read,
            unchanged=tally.unchanged + sum(one not in changed for one in tally.source_ids),
            failed=len(tally.failed),
            skipped=len(skipped),
            memory=memory,
            variables=dict(variables.variables),
            # What only the next run is to know is as a bookmark: runs that do something else leave it alone.
            kept=list(variables.kept) if self._moves_bookmark else [],
            work=[self._read(finished=ready.last and over), *tally.work, *walked, *self._sinks.watch.taken()],
            ended=[one for one in tally.ends if one.source_id in (tally.failed if one.state == _FAILED else skipped)],
        )

    async def note(self, move: Move) -> None:
        """Book a move that no POST books together with what it writes."""
        await asyncio.to_thread(self._ledger.move, self.run, move, at=self._clock())
        self.begin_anew(move)

    def begin_anew(self, move: Move) -> None:
        """The move is booked: what follows counts for the next one."""
        self.number, self._memory = move.number, _of_the_loop(move.memory)
        self.tally = Tally()

    def _read(self, *, finished: bool) -> NodeWork:
        """What the source did since the run's progress was noted the last time. A POST says itself what it wrote."""
        tally, now = self.tally, to_milliseconds(self._clock())
        count = Count(
            now, self._waited_seconds, packets_out=tally.packets, records_out=tally.read, unchanged=tally.unchanged
        )
        self._waited_seconds = 0.0
        return work_of(self._source.id, count, now=now, entry=int(self._memory.get("pass", 1)), done=finished)


def filter_memory(cursor: Cursor) -> Mapping[str, StoredValue | None]:
    """What the filter of a read was rendered with that goes on."""
    found: Mapping[str, StoredValue | None] = cursor.memory.get(_FILTER_VALUES, {})
    return found


def _of_the_loop(memory: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in memory.items() if name != _FILTER_VALUES}
