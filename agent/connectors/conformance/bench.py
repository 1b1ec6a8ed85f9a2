"""A stand with a proxy in front of its app, and short ways to validate, read and write as the engine does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, cast

from agent.connectors.conformance.expectations import NotConformingError, hold, offered
from agent.connectors.conformance.faults import Fault
from agent.connectors.conformance.proxy import FaultProxy, fault_proxy
from agent.connectors.conformance.stand import Address, Credentials, Reading, Stand, Writing
from agent.connectors.contract import CheckReport, Connection, ReadRequest, Telling
from agent.domain.errors import AgentError, RecordError, TransientError
from agent.domain.packet import Batch, Bookmark, Packet, Position, WriteReport
from agent.domain.sent import Sent

_MOST_INTERRUPTIONS = 10
RECEIPT = b"receipt"


@dataclass(slots=True)
class Bench:
    """One stand with its proxy. `told` are the sentences of validations, `sent` is what connections said they sent."""

    stand: Stand
    proxy: FaultProxy | None
    told: list[str] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)

    @property
    def address(self) -> Address:
        """Where the connector goes: the proxy, where there is one."""
        return ("", 0) if self.proxy is None else self.proxy.address

    def faulty(self, fault: Fault) -> FaultProxy:
        """The proxy, with a fault.

        Raises:
            NotOfferedError: The app is files.
        """
        offered(self.proxy, "the app is not reached over a network")
        assert self.proxy is not None
        self.proxy.put(fault)
        return self.proxy

    def lift(self) -> None:
        """Nothing goes wrong any more."""
        if self.proxy is not None:
            self.proxy.lift()

    def opened(self, credentials: Credentials | None = None) -> Connection:
        """A connection, as the engine gets it."""
        entered = credentials or self.stand.credentials(self.address)
        prepared = self.stand.connector.prepare(entered.values, entered.secrets)
        connection = self.stand.connector.open(prepared.values, prepared.secrets)
        if isinstance(connection, Telling):
            connection.tell(self.sent.append)
        return connection

    async def check(self, credentials: Credentials | None = None) -> CheckReport:
        """Validate."""
        async with self.opened(credentials) as connection:
            return await connection.check(self.told.append)

    async def packets(
        self, reading: Reading, *, position: Position | None = None, bookmark: Bookmark | None = None
    ) -> AsyncIterator[Packet]:
        """Read over a connection of its own. Positions and bookmarks arrive as the agent's database gives them back."""
        request = self.request(reading, position=position, bookmark=bookmark)
        async with self.opened() as connection:
            stream = connection.read(request)
            try:
                async for packet in stream:
                    yield _as_kept(packet, f"{reading}")
            finally:
                if hasattr(stream, "aclose"):
                    await stream.aclose()

    def request(
        self, reading: Reading, *, position: Position | None = None, bookmark: Bookmark | None = None
    ) -> ReadRequest:
        """What the engine would ask for."""
        clauses = list(reading.clauses)
        if reading.since is not None and bookmark is not None and bookmark.moment is not None:
            clauses.append(reading.since(bookmark.moment))
        return ReadRequest(
            schema=reading.schema, action=reading.action, clauses=clauses, options=reading.options,
            bookmark=bookmark, position=position, packet_records=reading.packet_records,
        )  # fmt: skip

    async def read(
        self, reading: Reading, *, position: Position | None = None, bookmark: Bookmark | None = None
    ) -> list[Packet]:
        """All packets, going on from the last position after each interruption as the engine does."""
        packets: list[Packet] = []
        for _ in range(_MOST_INTERRUPTIONS):
            stream = cast("Any", self.packets(reading, position=position, bookmark=bookmark))
            try:
                async for packet in stream:
                    packets.append(packet)
                    position = packet.position
            except TransientError as error:
                hold_error(error)
            else:
                return packets
            finally:
                await stream.aclose()
        hold(condition=False, otherwise="A read of everything does not come to an end: it is interrupted each time.")
        return packets

    async def write(self, writing: Writing, batch: Batch | None = None) -> WriteReport:
        """Write a batch once, and look at the report's form."""
        batch = batch if batch is not None else writing.batch
        async with self.opened() as connection:
            try:
                report = await connection.write(writing.target, batch, lambda _: RECEIPT)
            except RecordError as error:
                raise NotConformingError(
                    f"{writing}: write raised a RecordError ({error.message}). It belongs into the report, by the "
                    "index of its row: the other records of the batch go on."
                ) from error
        hold_report(report, batch, f"{writing}")
        return report

    async def settle(self, writing: Writing) -> None:
        """Find out about a write that was interrupted and write what is missing, as the engine does after a crash."""
        rows = range(len(writing.batch))
        async with self.opened() as connection:
            if connection.keeps_receipts:
                done = set(rows) if await connection.receipt(writing.target) == RECEIPT else set()
            else:
                held = await writing.held()
                done = set((await connection.look_up(writing.target, writing.batch)).written)
                hold(
                    len(done) == held,
                    f"{writing}: look_up found {len(done)} of the records of a batch that was interrupted; the app has "
                    f"{held}.",
                )
        missing = part(writing.batch, [row for row in rows if row not in done])
        if len(missing):
            report = await self.write(writing, missing)
            hold(not report.failures, f"{writing}: what was missing of the batch was refused: {_first(report)}")
        held = await writing.held()
        hold(
            held == len(rows),
            f"{writing}: after an interrupted write was settled, the app has {held} of {len(rows)} records: "
            "something was lost or written twice.",
        )


def part(batch: Batch, rows: Sequence[int]) -> Batch:
    """Some rows of a batch."""
    return Batch(batch.attributes, [batch.source_ids[row] for row in rows], [batch.rows[row] for row in rows])


async def refusal(work: Awaitable[object], what: str) -> AgentError:
    """The error that something ends with, which is to be one of ours and fit for people."""
    try:
        await work
    except AgentError as error:
        hold_error(error)
        return error
    except NotConformingError:
        raise
    except Exception as error:
        hold(condition=False, otherwise=f"{what}: {type(error).__name__} came out. Raise one of agent.domain.errors.")
        raise
    hold(condition=False, otherwise=f"{what}: no error was raised.")
    raise AssertionError


def hold_error(error: AgentError) -> None:
    """Expect that an error is fit for people and for programs."""
    kind = f"{type(error).__name__} {error.code!r}"
    hold(not isinstance(error, RecordError), f"{kind}: a RecordError belongs into a report, it is not raised.")
    hold(error.message.rstrip().endswith((".", "!", "?")), f"{kind}: the message is no sentence: {error.message!r}.")
    hold(error.remedy, f"{kind}: there is no remedy. Say what the operator can do.")
    hold(
        error.code and error.code == error.code.lower() and " " not in error.code and "_" not in error.code,
        f"{kind}: the code is not in kebab-case.",
    )


def hold_report(report: WriteReport, batch: Batch, what: str) -> None:
    """Expect one result for each record."""
    hold(
        len(report.destination_ids) == len(batch),
        f"{what}: a report on {len(batch)} records has {len(report.destination_ids)} destination ids: it has to have "
        "one each.",
    )
    for row, error in report.failures.items():
        hold(0 <= row < len(batch), f"{what}: a report on {len(batch)} records has a failure at {row}.")
        hold(
            isinstance(error, RecordError),
            f"{what}: a failure of a record is a {type(error).__name__}, not a RecordError.",
        )
    for row, given in enumerate(report.destination_ids):
        hold(isinstance(given, str), f"{what}: the destination id {given!r} is a {type(given).__name__}, not a text.")
        hold(
            given or row in report.failures or row in report.skipped,
            f"{what}: a record that was written has no destination id.",
        )


def ids(packets: Iterable[Packet]) -> list[str]:
    """The ids of all records of packets."""
    return [one for packet in packets for one in packet.source_ids]


def _first(report: WriteReport) -> str:
    return next((error.message for error in report.failures.values()), "")


def _as_kept(packet: Packet, what: str) -> Packet:
    """A packet whose position and bookmark have been in the agent's database, where they are JSON."""
    bookmark = packet.bookmark
    if bookmark is not None:
        moment = bookmark.moment
        hold(
            moment is None or moment.tzinfo is not None,
            f"{what}: the bookmark's moment {moment} has no time zone. Give it one, such as UTC.",
        )
        bookmark = replace(bookmark, detail=_as_json(bookmark.detail, f"{what}: the detail of a bookmark"))
    return replace(packet, position=_as_json(packet.position, f"{what}: the position of a packet"), bookmark=bookmark)


def _as_json(values: Position, what: str) -> Position:
    try:
        kept: Position = json.loads(json.dumps(values))
    except (TypeError, ValueError) as error:
        raise NotConformingError(
            f"{what} is kept in a database as JSON, which takes texts, numbers, lists and the like: {error}. "
            f"It is {values!r}."
        ) from error
    return kept


@asynccontextmanager
async def bench(stand: Stand) -> AsyncIterator[Bench]:
    """A bench for a stand."""
    if stand.address is None:
        yield Bench(stand, None)
    else:
        async with fault_proxy(*stand.address) as proxy:
            yield Bench(stand, proxy)


async def soon(event: asyncio.Event, work: asyncio.Task[Any]) -> bool:
    """Whether an event comes before some work ends."""
    waiting = asyncio.create_task(event.wait())
    await asyncio.wait({waiting, work}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    return event.is_set()
