"""Writes batches, record by record, and finds out what became of a write that was not answered.

What is there already is looked for first, for the whole batch; each record is then one call, so that a bad one fails
alone and a good one is there wholly or not at all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, Protocol

from agent.connectors.contract import LookUp, Present, WriteTarget
from agent.connectors.tryton import parties, sales
from agent.connectors.tryton.clauses import offered
from agent.connectors.tryton.client import Client
from agent.connectors.tryton.parties import PartyWriter
from agent.connectors.tryton.rows import Record, must_be_known, record_of, row_of
from agent.connectors.tryton.sales import SaleWriter
from agent.connectors.tryton.schema import PARTIES
from agent.domain.app import ActionKind
from agent.domain.errors import RecordError
from agent.domain.packet import Batch, Row, WriteReport

BATCH_RECORDS: Final = 50
"""So many records take Tryton a few seconds; more would only make a batch in doubt larger."""
LATE_SECONDS: Final = 10.0
"""How long a sale may be on its way to Tryton after whoever sent it gave up or died."""
_LOOK_SECONDS: Final = 1.0
_NEW: Final = "new"


class _RecordWriter(Protocol):
    async def held(self, records: Sequence[Record]) -> list[Record | None]: ...

    async def prepare(self, records: Sequence[Record]) -> None: ...

    def intended(self, wanted: Record, held: Record) -> bool: ...

    def refusal(self, wanted: Record, held: Record | None) -> RecordError | None: ...

    async def write(self, wanted: Record, held: Record | None) -> str: ...


class Writer:
    """Writes batches.

    Args:
        client: The client.
        late_seconds: How long a write without an answer is waited for.
        sleep: Waits for seconds.
    """

    def __init__(
        self,
        client: Client,
        *,
        late_seconds: float = LATE_SECONDS,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._client, self._late_seconds, self._sleep = client, late_seconds, sleep

    async def write(self, target: WriteTarget, batch: Batch) -> WriteReport:
        """Write the records that can be written, and say of the others why not.

        Raises:
            AmbiguousWriteError: One may have been written. The agent then looks the whole batch up.
        """
        writer = self._writer(target, batch)
        records = [record_of(batch, row) for row in range(len(batch))]
        ids, failures = [""] * len(records), dict[int, RecordError]()
        held = await writer.held(records)
        await writer.prepare(records)
        written: dict[str, int] = {}
        for row, record in enumerate(records):
            there = held[row]
            key = str(record.get("reference") or record.get("code") or "")
            if key in written:
                # The batch has it twice: the later one meets what the earlier one left.
                (there,) = await writer.held([record])
            refused = writer.refusal(record, there)
            if refused is not None:
                failures[row] = refused
                continue
            try:
                ids[row] = await writer.write(record, there)
                written[key] = row
            except RecordError as error:
                failures[row] = error
        return WriteReport(ids, failures)

    async def look_up(self, target: WriteTarget, batch: Batch) -> LookUp:
        """The records that are there as intended. One that would be refused is not: sent again, it says why.

        Records are written in their order, so that at most one is on its way: the first that is not there. It is
        waited for where Tryton would not notice that it is made twice.
        """
        writer = self._writer(target, batch)
        records = [record_of(batch, row) for row in range(len(batch))]
        waited = 0.0
        held = await writer.held(records)
        await writer.prepare(records)
        while True:
            late = isinstance(writer, SaleWriter) and None in held and waited < self._late_seconds
            if not late:
                return LookUp({
                    row: str(there["id"])
                    for row, (record, there) in enumerate(zip(records, held, strict=True))
                    if there is not None
                    and writer.intended(record, there)
                    and writer.refusal(record, there) is None
                })  # fmt: skip
            pause = min(_LOOK_SECONDS, self._late_seconds - waited)
            await self._sleep(pause)
            waited += pause
            held = await writer.held(records)

    async def present(self, target: WriteTarget, batch: Batch) -> Present:
        """What is there now of the records."""
        writer = self._writer(target, batch)
        records = [record_of(batch, row) for row in range(len(batch))]
        held = await writer.held(records)
        await writer.prepare(records)
        rows: list[Row | None] = [
            None if there is None else row_of(batch.attributes, there, batch.rows[row])
            for row, there in enumerate(held)
        ]
        failures = {
            row: refused
            for row, (record, there) in enumerate(zip(records, held, strict=True))
            if (refused := writer.refusal(record, there)) is not None
        }
        ids = [_NEW if there is None else str(there["id"]) for there in held]
        return Present(rows, ids, frozenset(row for row, one in enumerate(rows) if one is None), failures)

    def _writer(self, target: WriteTarget, batch: Batch) -> _RecordWriter:
        action = offered(target.schema, target.action, ActionKind.WRITE)
        writable: Mapping[str, frozenset[str]]
        writable = parties.WRITABLE if target.schema == PARTIES else sales.WRITABLE
        must_be_known(target.schema, batch.attributes, writable)
        return PartyWriter(self._client, action.name) if target.schema == PARTIES else SaleWriter(self._client)
