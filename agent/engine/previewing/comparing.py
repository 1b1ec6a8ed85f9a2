"""The packets of one stage in a preview: they walk as in a run, and where a run would write, records are compared."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Protocol

from agent.connectors.contract import Connection, Present, WriteTarget
from agent.domain.errors import FatalError, RecordError
from agent.domain.packet import Packet
from agent.domain.preview import Outcome, PreviewedRecord
from agent.domain.processflow import HaltNode, PostNode, Processflow, Stage
from agent.engine.previewing.differences import differences
from agent.engine.running.plain_carrying import is_plain
from agent.engine.running.preparation import fingerprint_of
from agent.engine.running.prepared import Prepared, prepared
from agent.engine.walking.arrivals import with_ids
from agent.engine.walking.delays import Delays
from agent.engine.walking.load import Load
from agent.engine.walking.verdict import FailureLimit
from agent.engine.walking.walking import Action, Drop, Hold, Respond, Walker, Write
from agent.store.records.sync_rows import Known
from agent.store.runs.past import Past

ALREADY_WRITTEN = "An earlier run has written the record in this state."
PASSED_OVER = "An operator skipped the record in this state."
SAME_VALUES = "The destination holds the same values."
STAND_IN = "The destination makes the ids of new records. What follows was previewed with a stand-in for them."
TOO_MANY_FAIL = "So many records fail that a run would be stopped here."


class Audience(Protocol):
    """Who is told, as it comes."""

    def begins(self, node: str, text: str) -> None:
        """A GET begins to read; `text` is its filter as it is sent, without secrets."""
        ...

    def read(self, count: int, *, more: bool) -> None:
        """So many more records were read. `more` means that there are others, which the limit keeps from being read."""
        ...

    def take(self, records: Sequence[PreviewedRecord]) -> None:
        """What would become of records."""
        ...

    def note(self, node: str, text: str) -> None:
        """Something else that would happen at a node. The same may be said again and again."""
        ...


class Comparing:
    """Carries the packets of one stage.

    Args:
        walker: Walks the stage's packets.
        stage: The stage.
        flow: Its processflow.
        destinations: An entered connection for each POST.
        version: The deployed version whose earlier writes count; None where there are none.
        past: What earlier runs left.
        audience: Who is told.
        limit: When a run would be stopped because too many records fail.
        halted: Lets what is inside a Halt go first.
        again: Whether what is at a destination unchanged would be written once more.
    """

    def __init__(
        self,
        walker: Walker,
        stage: Stage,
        flow: Processflow,
        *,
        destinations: Mapping[str, Connection],
        version: int | None,
        past: Past,
        audience: Audience,
        limit: FailureLimit,
        halted: Callable[[Stage, str], Awaitable[None]],
        again: bool = False,
    ) -> None:
        self._again = again
        self._stage, self._flow, self._destinations = stage, flow, destinations
        self._version, self._past, self._audience = version, past, audience
        self._limit, self._halted = limit, halted
        self._walker, self._delays, self._plain = walker, Delays(stage, walker.vocabulary), is_plain(stage)
        self._ended: dict[str, str] = {}
        self._reached: set[str] = set()
        self._passed_over: dict[str, set[str]] = {}

    async def carry(self, packet: Packet) -> None:
        """Let a packet walk."""
        version = self._version or 0
        fingerprints = [fingerprint_of(document, version) for document in packet.documents]
        load = Load(packet.source_ids, fingerprints, packet.documents).newest()
        read = load.documents
        if self._walker.holds:
            # Newer states of records replace those that still wait, as in a run.
            self._walker.let_go(frozenset(load.source_ids))
        await self._note_passed_over(load)
        if self._plain:
            # What is unchanged is not even mapped.
            (post,) = self._stage.posts
            load, _, _ = await self._to_be_written(post, load)
        await self._do_all(self._walker.walk(load, read=read))
        self._tell_of_skipped()

    async def end(self) -> None:
        """The read has ended: what Mergers wait with goes on."""
        while self._walker.holds:
            await self._do_all(self._walker.flush())
        self._tell_of_skipped()

    async def _do_all(self, actions: Iterator[Action]) -> None:
        # Mapping is work for a processor: in a thread, requests go on meanwhile.
        while (action := await asyncio.to_thread(next, actions, None)) is not None:
            match action:
                case Write():
                    await self._write(action)
                case Hold():
                    await self._hold(action)
                case Drop():
                    self._drop(action)
                case Respond():
                    # What becomes an answer to the sender of an event got where it was going, unless it failed.
                    self._drop(Drop(action.node.id, action.load))
                    self._reached.update(action.load.source_ids)

    async def _hold(self, action: Hold) -> None:
        if isinstance(action.node, HaltNode):
            await self._halted(self._stage, action.node.id)
        else:
            # Not waited for, but what it would do with the packet could be at fault.
            self._delays.seconds(action.node, action.load)

    async def _write(self, action: Write) -> None:
        post, load = action.post, action.load
        self._reached.update(load.source_ids)
        arrived: dict[int, str] = {}
        rest, places = load, list(range(len(load)))
        if not self._plain:
            rest, places, arrived = await self._to_be_written(post, load)
        ready = prepared(rest)
        records = [_failed(post.id, rest.source_ids[index], error) for index, error in sorted(rest.errors.items())]
        if ready.batch.rows:
            target = WriteTarget(post.schema, post.action, post.options, f"{self._flow.name}/{post.id}")
            present = await self._destinations[post.id].present(target, ready.batch)
            for sentence in present.changes:
                self._audience.note(post.id, sentence)
            if present.stand_ins:
                self._audience.note(post.id, STAND_IN)
            compared = await asyncio.to_thread(_compared, post.id, ready, present)
            records += compared
            arrived.update(
                (places[ready.places[row]], present.destination_ids[row])
                for row, record in enumerate(compared)
                if record.outcome not in (Outcome.FAILED, Outcome.SKIPPED)
            )
        self._audience.take(records)
        self._judge(post.id, records)
        if action.onward and arrived:
            await self._do_all(self._walker.onward(post, with_ids(load, arrived)))

    async def _note_passed_over(self, load: Load) -> None:
        """Find out which records an operator skipped in exactly this state, whichever version it was met by."""
        for post in self._stage.posts:
            skipped = await asyncio.to_thread(self._past.skipped, post.id, load.source_ids)
            passed_over = self._passed_over.setdefault(post.id, set())
            passed_over.difference_update(load.source_ids)
            if skipped:
                passed_over.update(
                    source_id
                    for source_id, document in zip(load.source_ids, load.documents, strict=True)
                    if (one := skipped.get(source_id)) is not None
                    and one.fingerprint == fingerprint_of(document, one.version or self._version or 0)
                )

    async def _to_be_written(self, post: PostNode, load: Load) -> tuple[Load, list[int], dict[int, str]]:
        """Those records that a run would write, and where they are in the load; and of those that an earlier run has
        written in this state, the ids that they have at the destination, by index."""
        passed_over = self._passed_over[post.id]
        known: Mapping[str, Known] = {}
        if self._version is not None and not self._again:
            known = await asyncio.to_thread(self._past.known, post.id, load.source_ids)
        records: list[PreviewedRecord] = []
        places: list[int] = []
        written: dict[int, str] = {}
        for index, (source_id, fingerprint) in enumerate(zip(load.source_ids, load.fingerprints, strict=True)):
            found = known.get(source_id)
            if source_id in passed_over:
                records.append(PreviewedRecord(post.id, source_id, "", Outcome.SKIPPED, message=PASSED_OVER))
            elif found is not None and found.succeeded and found.fingerprint == fingerprint:
                written[index] = found.destination_id
                records.append(
                    PreviewedRecord(post.id, source_id, found.destination_id, Outcome.LEFT, message=ALREADY_WRITTEN)
                )
            else:
                places.append(index)
        self._audience.take(records)
        return load.picked(places), places, written

    def _drop(self, action: Drop) -> None:
        """Records end here. Those that failed say so at once; of the others, another way may lead on."""
        load = action.load
        self._audience.take([
            _failed(action.node, load.source_ids[index], error) for index, error in sorted(load.errors.items())
        ])  # fmt: skip
        self._reached.update(load.source_ids[index] for index in load.errors)
        for source_id in load.source_ids:
            self._ended.setdefault(source_id, action.node)

    def _tell_of_skipped(self) -> None:
        """Tell of records that no way has led on, once no packet is on its way any more."""
        if self._walker.holds:
            return
        self._audience.take([
            PreviewedRecord(node, source_id, "", Outcome.SKIPPED, message=f"No way leads on from {node}.")
            for source_id, node in self._ended.items()
            if source_id not in self._reached
        ])  # fmt: skip
        self._ended, self._reached = {}, set()

    def _judge(self, node: str, records: Sequence[PreviewedRecord]) -> None:
        """Find out whether a run would go on."""
        failed = sum(record.outcome is Outcome.FAILED for record in records)
        skipped = sum(record.outcome is Outcome.SKIPPED for record in records)
        try:
            self._limit.add(written=len(records) - failed - skipped, failed=failed)
        except FatalError:
            self._audience.note(node, TOO_MANY_FAIL)


def _compared(node: str, ready: Prepared, present: Present) -> list[PreviewedRecord]:
    """What would become of each row of a batch, in its order."""
    batch = ready.batch
    records = []
    for row, (source_id, given) in enumerate(zip(batch.source_ids, batch.rows, strict=True)):
        destination_id = present.destination_ids[row]
        if (error := present.failures.get(row)) is not None:
            records.append(_failed(node, source_id, error))
        elif (reason := present.skipped.get(row)) is not None:
            records.append(PreviewedRecord(node, source_id, destination_id, Outcome.SKIPPED, message=reason))
        else:
            held = present.rows[row]
            changes = differences(batch.attributes, held, given)
            outcome = Outcome.CREATED if held is None else Outcome.CHANGED if changes else Outcome.LEFT
            message = SAME_VALUES if outcome is Outcome.LEFT else ""
            records.append(
                PreviewedRecord(
                    node, source_id, destination_id, outcome, changes, message, stand_in=row in present.stand_ins
                )
            )
    return records


def _failed(node: str, source_id: str, error: RecordError) -> PreviewedRecord:
    return PreviewedRecord(node, source_id, "", Outcome.FAILED, message=error.message, remedy=error.remedy)
