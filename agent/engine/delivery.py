"""Writing a packet and booking it, so that a crash at any instant neither loses nor doubles it.

Where the destination keeps receipts, rows and receipt commit together and the receipt is all that is needed to book the
packet later. Where it does not, the packet itself is written down as an intent before it is sent; an intent without an
answer is looked up at the destination, and only what is missing there is sent again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import cast

import msgspec

from agent.connectors.contract import Connection, WriteTarget
from agent.domain.app import Attribute
from agent.domain.errors import AmbiguousWriteError, RecordError
from agent.domain.packet import Batch, Row, SyncState, WriteReport
from agent.engine.journal import RunJournal
from agent.engine.preparation import Prepared
from agent.engine.verdict import FailureLimit
from agent.store.acknowledgement import STATE_NUMBERS, Acknowledgement, RecordLine, acknowledged_at
from agent.store.ledger import Ledger

_FAILED, _SKIPPED = STATE_NUMBERS[SyncState.FAILED], STATE_NUMBERS[SyncState.SKIPPED]
_AMBIGUOUS_TRIES = 3
_LOGGED_FAILURES = 50


class _Intended(msgspec.Struct, frozen=True, array_like=True):
    """An intent's payload: the acknowledgement so far, and the batch exactly as it was to be sent."""

    acknowledgement: Acknowledgement
    attributes: list[Attribute]
    rows: list[list[object]]
    places: list[int]


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Intended)


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
    ) -> None:
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

    async def settle(self) -> None:
        """Book what an earlier worker wrote but could not book any more. Call it before the run's cursor is read."""
        if self._destination.keeps_receipts:
            receipt = await self._destination.receipt(self._target)
            if receipt is not None:
                await self._book_receipt(Acknowledgement.unpack(receipt))
            return
        intent = await asyncio.to_thread(self._ledger.intent, self._stream)
        if intent is None:
            return
        intended = _DECODER.decode(intent.payload)
        self._journal.write(
            "info",
            "A write was not answered before the service stopped. Looking up what the destination holds.",
            node=self._node,
        )
        batch = _batch(intended)
        report = await self._look_up_and_write(batch)
        await self._book(_concluded(intended.acknowledgement, intended.places, report))

    async def _book_receipt(self, receipt: Acknowledgement) -> None:
        cursor = await asyncio.to_thread(self._ledger.cursor, run=receipt.run, stream=receipt.stream)
        if receipt.stream == self._stream and cursor.number == receipt.number - 1:
            self._journal.write("info", "Booked a packet that was written before the service stopped.", node=self._node)
            await self._book(receipt)

    def continue_from(self, number: int) -> None:
        """Say how many packets of this run are booked, after `settle`."""
        self._number = number

    async def deliver(self, prepared: Prepared) -> None:
        """Write a packet and book it."""
        begun = self._begun(prepared)
        if not prepared.batch.rows:
            await self._book(begun)
        elif self._destination.keeps_receipts:
            await self._book(await self._write_with_receipt(prepared, begun))
        else:
            await self._book(await self._write_with_intent(prepared, begun))
        self._number += 1

    def _begun(self, prepared: Prepared) -> Acknowledgement:
        return Acknowledgement(
            run=self._run,
            stream=self._stream,
            number=self._number + 1,
            position=prepared.position,
            bookmark=prepared.bookmark,
            finished=prepared.finished,
            unchanged=prepared.unchanged,
            source_ids=list(prepared.source_ids),
            destination_ids=[""] * len(prepared.source_ids),
            fingerprints=list(prepared.fingerprints),
            troubled=list(prepared.troubled),
            at=acknowledged_at(self._clock()),
        )

    async def _write_with_receipt(self, prepared: Prepared, begun: Acknowledgement) -> Acknowledgement:
        sealed = begun

        def seal(report: WriteReport) -> bytes:
            nonlocal sealed
            sealed = _concluded(begun, prepared.places, report)
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
        payload = _ENCODER.encode(
            _Intended(begun, list(batch.attributes), [list(row) for row in batch.rows], list(prepared.places))
        )
        await asyncio.to_thread(self._ledger.announce, begun, payload, at=self._clock())
        try:
            report = await self._destination.write(self._target, batch, _no_receipt)
        except AmbiguousWriteError as error:
            self._journal.write("warning", error.message, node=self._node, detail=error.detail)
            report = await self._look_up_and_write(batch)
        return _concluded(begun, prepared.places, report)

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

    async def _book(self, acknowledgement: Acknowledgement) -> None:
        await asyncio.to_thread(self._ledger.acknowledge, acknowledgement)
        failed = sum(line.state == _FAILED for line in acknowledgement.troubled)
        for line in acknowledgement.troubled[:_LOGGED_FAILURES]:
            self._journal.write(
                "warning",
                line.message,
                node=self._node,
                record=acknowledgement.source_ids[line.index],
                detail=line.remedy,
            )
        if len(acknowledgement.troubled) > _LOGGED_FAILURES:
            more = len(acknowledgement.troubled) - _LOGGED_FAILURES
            self._journal.write("warning", f"{more:,} more records of this packet: see Sync Info.", node=self._node)
        self._limit.add(written=len(acknowledgement.source_ids) - len(acknowledgement.troubled), failed=failed)


def _concluded(begun: Acknowledgement, places: Sequence[int], report: WriteReport) -> Acknowledgement:
    """The acknowledgement once the destination has spoken; `places` leads from rows to records."""
    destination_ids = list(begun.destination_ids)
    for row, place in enumerate(places):
        destination_ids[place] = report.destination_ids[row]
    lines = list(begun.troubled)
    lines += [RecordLine(places[row], _FAILED, error.message, error.remedy) for row, error in report.failures.items()]
    lines += [RecordLine(places[row], _SKIPPED, reason, "") for row, reason in report.skipped.items()]
    lines.sort(key=lambda line: line.index)
    return msgspec.structs.replace(begun, destination_ids=destination_ids, troubled=lines)


def _batch(intended: _Intended) -> Batch:
    source_ids = intended.acknowledgement.source_ids
    return Batch(
        attributes=tuple(intended.attributes),
        source_ids=[source_ids[place] for place in intended.places],
        rows=[_row(row) for row in intended.rows],
    )


def _row(values: list[object]) -> Row:
    """A row as it was: collections came back from the intent as lists of lists."""
    row = (
        [_row(member) for member in value if isinstance(member, list)] if isinstance(value, list) else value
        for value in values
    )
    return cast("Row", tuple(row))


def _no_receipt(_report: WriteReport) -> bytes:
    return b""


def _unanswered() -> AmbiguousWriteError:
    return AmbiguousWriteError(
        "The destination did not answer a write, and looking it up did not settle it.",
        code="write-unanswered",
        remedy="The run tries again by itself; nothing is written twice.",
    )
