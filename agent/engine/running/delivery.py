"""Writing a packet and booking it, so that a crash at any instant neither loses nor doubles it.

Where the destination keeps receipts, rows and receipt commit together and the receipt is all that is needed to book the
packet later. Where it does not, the packet itself is written down as an intent before it is sent; an intent without an
answer is looked up at the destination, and only what is missing there is sent again. Of the intent of a run that has
ended meanwhile, what the destination holds is booked and nothing is sent: the next run reads those records again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec

from agent.connectors.contract import Connection, WriteTarget
from agent.domain.errors import AmbiguousWriteError, FatalError, RecordError
from agent.domain.packet import Batch, SyncState, WriteReport
from agent.engine.running.intended import Intended
from agent.engine.running.prepared import Prepared
from agent.engine.walking.journal import RunJournal
from agent.engine.walking.verdict import FailureLimit
from agent.store.runs.acknowledgement import STATE_NUMBERS, Acknowledgement, Move, RecordLine, acknowledged_at
from agent.store.runs.ledger import FENCED, Ledger

_FAILED, _SKIPPED = STATE_NUMBERS[SyncState.FAILED], STATE_NUMBERS[SyncState.SKIPPED]
_AMBIGUOUS_TRIES = 3
_LOGGED_FAILURES = 50


class Delivery:
    """Delivers the packets of one run to one stream, in order.

    Args:
        destination: The entered connection to write to.
        target: The schema, action and ledger key.
        ledger: Where packets are booked.
        run: The run's id.
        stream: The stream's number.
        number: How many packets of this run are booked already.
        journal: Hears of records that failed.
        node: The id of the POST node, for the journal.
        clock: Gives the present, aware and in UTC.
        limit: Stops a run in which most records fail.
        rivals: The streams of other POSTs that write to the same place.
        refused: Tells what became of a record that the destination refused.
    """

    def __init__(
        self,
        *,
        destination: Connection,
        target: WriteTarget,
        ledger: Ledger,
        run: str,
        stream: int,
        number: int,
        journal: RunJournal,
        node: str,
        clock: Callable[[], datetime],
        limit: FailureLimit,
        rivals: Sequence[int] = (),
        refused: Callable[[int, RecordError], RecordLine] = RecordLine.failed,
    ) -> None:
        self._refused = refused
        self._destination = destination
        self._target = target
        self._ledger = ledger
        self._run = run
        self._stream = stream
        self._number = number
        self._journal = journal
        self._node = node
        self._clock = clock
        self._limit = limit
        self._rivals = rivals

    async def settle(self) -> None:
        """Book what an earlier worker wrote but could not book any more. Call it before the run's cursor is read."""
        if self._destination.keeps_receipts:
            packed = await self._destination.receipt(self._target)
            if packed is not None:
                await self._book_receipt(packed)
            return
        intent = await asyncio.to_thread(self._ledger.intent, self._stream)
        if intent is None:
            return
        if not await self._is_next(intent.run, intent.number):
            await asyncio.to_thread(self._ledger.drop_intent, intent, stream=self._stream)
            return
        intended = Intended.unpack(intent.payload)
        if intent.run == self._run:
            self._say("A write was not answered before the service stopped. Looking up what the destination holds.")
            report = await self._look_up_and_write(intended.batch())
            await self._book_again(self._concluded(intended.acknowledgement, intended.places, report))
        elif intended.target == self._target:
            self._say("A write of an earlier run was not answered. Looking up what the destination holds.")
            await self._book_again(await self._found(intended))
        else:
            # It went elsewhere, where nobody looks any more. Its records are read again like those after it.
            await asyncio.to_thread(self._ledger.drop_intent, intent, stream=self._stream)

    async def _book_receipt(self, packed: bytes) -> None:
        """Book a packet that was written. A destination may hold the receipt of another installation: that is not ours
        to book, and its run is not known here."""
        try:
            receipt = Acknowledgement.unpack(packed)
        except msgspec.MsgspecError:
            self._say("The receipt at the destination is of another version of the agent and was left out of account.")
            return
        if receipt.stream == self._stream and await self._is_next(receipt.run, receipt.number):
            self._say("Booked a packet that had been written before.")
            await self._book_again(receipt)

    async def _is_next(self, run: str, number: int) -> bool:
        booked = await asyncio.to_thread(self._ledger.booked, run=run, stream=self._stream)
        return booked is not None and booked == number - 1

    async def _found(self, intended: Intended) -> Acknowledgement:
        """Those records of an intent that the destination holds; the bookmark stays, so the others are read again."""
        found = await self._destination.look_up(self._target, intended.batch())
        begun, places = intended.acknowledgement, {intended.places[row]: id_ for row, id_ in found.written.items()}
        return msgspec.structs.replace(
            begun,
            move=begun.move.only(read=len(places)) if begun.move is not None else None,
            source_ids=[begun.source_ids[place] for place in places],
            fingerprints=[begun.fingerprints[place] for place in places],
            destination_ids=list(places.values()),
            troubled=[],
            tracked=[begun.tracked[place] for place in places] if begun.tracked else [],
        )

    @property
    def number(self) -> int:
        """How many packets of this run are booked."""
        return self._number

    def continue_from(self, number: int) -> None:
        """Say how many packets of this run are booked, after `settle`."""
        self._number = number

    async def deliver(self, prepared: Prepared, move: Move | None) -> Acknowledgement:
        """Write a packet and book it, together with the move where nothing else is to be written first.

        Raises:
            FatalError: code `fenced`: another worker has gone on with this run; code `too-many-failures`.
            AgentError: whatever the destination raises.
        """
        begun = self._begun(prepared, move)
        if not prepared.batch.rows:
            done = self._held_back(begun)
        elif self._destination.keeps_receipts:
            done = await self._write_with_receipt(prepared, begun)
        else:
            done = await self._write_with_intent(prepared, begun)
        await self._book(done)
        self._number += 1
        return done

    def _begun(self, prepared: Prepared, move: Move | None) -> Acknowledgement:
        return Acknowledgement(
            run=self._run,
            stream=self._stream,
            number=self._number + 1,
            move=move,
            source_ids=list(prepared.source_ids),
            destination_ids=[""] * len(prepared.source_ids),
            fingerprints=list(prepared.fingerprints),
            troubled=list(prepared.troubled),
            at=acknowledged_at(self._clock()),
            tracked=list(prepared.tracked),
        )

    async def _write_with_receipt(self, prepared: Prepared, begun: Acknowledgement) -> Acknowledgement:
        sealed = begun

        def seal(report: WriteReport) -> bytes:
            nonlocal sealed
            sealed = self._concluded(begun, prepared.places, report)
            return sealed.pack()

        for _ in range(_AMBIGUOUS_TRIES):
            try:
                await self._destination.write(self._target, prepared.batch, seal)
            except AmbiguousWriteError:
                receipt = await self._destination.receipt(self._target)
                if receipt is not None and Acknowledgement.unpack(receipt) == sealed:
                    return sealed
                continue
            return sealed
        raise _unanswered()

    async def _write_with_intent(self, prepared: Prepared, begun: Acknowledgement) -> Acknowledgement:
        batch = prepared.batch
        payload = Intended.of(prepared, begun, self._target).pack()
        await asyncio.to_thread(self._ledger.announce, begun, payload, at=self._clock())
        try:
            report = await self._destination.write(self._target, batch, _no_receipt)
        except AmbiguousWriteError as error:
            self._journal.write("warning", error.message, node=self._node, detail=error.detail)
            report = await self._look_up_and_write(batch)
        return self._concluded(begun, prepared.places, report)

    async def _look_up_and_write(self, batch: Batch) -> WriteReport:
        """Send again what the destination does not hold yet, and report on the whole batch."""
        written: dict[int, str] = {}
        failures: dict[int, RecordError] = {}
        skipped: dict[int, str] = {}
        for _ in range(_AMBIGUOUS_TRIES):
            found = await self._destination.look_up(self._target, batch)
            written.update(found.written)
            missing = [index for index in range(len(batch)) if index not in written]
            if not missing:
                break
            rest = Batch(
                attributes=batch.attributes,
                source_ids=[batch.source_ids[index] for index in missing],
                rows=[batch.rows[index] for index in missing],
            )
            try:
                report = await self._destination.write(self._target, rest, _no_receipt)
            except AmbiguousWriteError as error:
                self._journal.write("warning", error.message, node=self._node, detail=error.detail)
                continue
            for place, index in enumerate(missing):
                written[index] = report.destination_ids[place]
            failures = {missing[place]: error for place, error in report.failures.items()}
            skipped = {missing[place]: reason for place, reason in report.skipped.items()}
            break
        else:
            raise _unanswered()
        return WriteReport([written.get(index, "") for index in range(len(batch))], failures, skipped)

    def _concluded(self, begun: Acknowledgement, places: Sequence[int], report: WriteReport) -> Acknowledgement:
        """The acknowledgement once the destination has spoken; `places` leads from rows to records."""
        destination_ids = list(begun.destination_ids)
        for row, place in enumerate(places):
            destination_ids[place] = report.destination_ids[row]
        lines = list(begun.troubled)
        failures, skipped = report.failures.items(), report.skipped.items()
        lines += [self._refused(places[row], error) for row, error in failures]
        lines += [RecordLine(places[row], _SKIPPED, reason, "") for row, reason in skipped]
        lines.sort(key=lambda line: line.index)
        return self._held_back(msgspec.structs.replace(begun, destination_ids=destination_ids, troubled=lines))

    def _held_back(self, concluded: Acknowledgement) -> Acknowledgement:
        """Without the bookmark where the run is about to be stopped: what failed is read again after the correction."""
        if concluded.move is not None and self._limit.is_reached_with(**_tally(concluded)):
            return msgspec.structs.replace(concluded, move=concluded.move.held_back())
        return concluded

    async def _book(self, acknowledgement: Acknowledgement) -> None:
        if not await asyncio.to_thread(self._ledger.acknowledge, acknowledgement, rivals=self._rivals):
            raise FatalError(
                "Another worker has booked this packet.", code=FENCED, remedy="Nothing: it finishes the run."
            )
        self._tell(acknowledgement)

    async def _book_again(self, acknowledgement: Acknowledgement) -> None:
        """Book what may have been booked meanwhile."""
        if await asyncio.to_thread(self._ledger.acknowledge, acknowledgement, rivals=self._rivals):
            self._tell(acknowledgement)

    def _tell(self, booked: Acknowledgement) -> None:
        for line in booked.troubled[:_LOGGED_FAILURES]:
            self._journal.write(
                "warning", line.message, node=self._node, record=booked.source_ids[line.index], detail=line.remedy
            )
        if len(booked.troubled) > _LOGGED_FAILURES:
            more = len(booked.troubled) - _LOGGED_FAILURES
            self._journal.write("warning", f"{more:,} more records of this packet: see Sync Info.", node=self._node)
        if booked.run == self._run:
            self._limit.add(**_tally(booked))

    def _say(self, message: str) -> None:
        self._journal.write("info", message, node=self._node)


def _tally(booked: Acknowledgement) -> dict[str, int]:
    failed = sum(line.state == _FAILED for line in booked.troubled)
    return {"written": len(booked.source_ids) - len(booked.troubled), "failed": failed}


def _no_receipt(_report: WriteReport) -> bytes:
    return b""


def _unanswered() -> AmbiguousWriteError:
    return AmbiguousWriteError(
        "The destination did not answer a write, and looking it up did not settle it.",
        code="write-unanswered",
        remedy="The run tries again by itself; nothing is written twice.",
    )
