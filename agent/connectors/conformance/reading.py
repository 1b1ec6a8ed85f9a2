"""Cases about reading: each record once, whatever comes in between, and from any position on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from agent.connectors.conformance.bench import Bench, ids, refusal, soon
from agent.connectors.conformance.cases import Cases, case
from agent.connectors.conformance.expectations import hold, offered
from agent.connectors.conformance.faults import Fault, Trouble
from agent.connectors.conformance.stand import Medium, Reading
from agent.connectors.contract import ReadRequest, SentClause
from agent.domain.errors import ConfigurationError
from agent.domain.packet import Packet

CANCEL_SECONDS = 10.0


class ReadingCases(Cases):
    """Reading, in good times and bad ones."""

    @case
    async def test_each_record_is_read_once(self, bench: Bench) -> None:
        """All records come, each once, as JSON objects; the last packet, and no other, has the bookmark."""
        for reading in readings_of(bench):
            packets = await bench.read(reading)
            hold_exact(packets, reading, "A read of everything")
            hold(
                all(packet.bookmark is None for packet in packets[:-1]) and packets[-1].bookmark is not None,
                f"{reading}: the last packet of a read, and no other, has to carry a bookmark.",
            )
            for packet in packets:
                hold(
                    len(packet.source_ids) == len(packet.documents),
                    f"{reading}: a packet has {len(packet.source_ids)} ids, {len(packet.documents)} records.",
                )
                objects = all(isinstance(json.loads(document), dict) for document in packet.documents)
                hold(objects, f"{reading}: a document is not a JSON object.")

    @case
    async def test_a_read_goes_on_from_any_position(self, bench: Bench) -> None:
        """After each packet in turn, another connection reads the rest, and nothing else."""
        for reading in readings_of(bench):
            packets = await bench.read(reading)
            hold(
                len(packets) > 1,
                f"{reading}: {len(reading.ids)} records came in one packet though {reading.packet_records} were "
                "asked for. Keep to packet_records about, or give the stand more records.",
            )
            for number, packet in enumerate(packets[:-1], 1):
                rest = await bench.read(reading, position=packet.position)
                hold_exact([*packets[:number], *rest], reading, f"A read that went on after packet {number}")

    @case
    async def test_chosen_records_are_read_by_their_ids(self, bench: Bench) -> None:
        """Actions that say by_id bring exactly the records that are asked for, as far as they are there."""
        choosing = [reading for reading in readings_of(bench) if _by_id(bench, reading)]
        offered(choosing, "no action says by_id")
        for reading in choosing:
            chosen = [reading.ids[0], reading.ids[-1]]
            request = replace(bench.request(reading), clauses=(), ids=[*chosen, reading.missing])
            async with bench.opened() as connection:
                packets = [packet async for packet in connection.read(request)]
            found = ids(packets)
            hold(
                sorted(found) == sorted(chosen),
                f"{reading}: of the ids {[*chosen, reading.missing]}, of which the last is not there, the "
                f"records {found} were read.",
            )

    @case
    async def test_a_read_survives_a_lost_connection(self, bench: Bench) -> None:
        """The connection ends in the middle of an answer, or before it: each record is read once all the same."""
        for trouble in (Trouble.BREAK, Trouble.REFUSE):
            for skip in (0, 1):
                await self._survives(bench, lambda word, t=trouble, s=skip: Fault(t, word, s), "lost its connection")

    @case
    async def test_a_read_survives_silence(self, bench: Bench) -> None:
        """One answer never comes."""
        offered(not bench.stand.patient, "the app may take any time for an answer")
        await self._survives(bench, lambda word: Fault(Trouble.SILENCE, word), "was not answered once")

    @case
    async def test_a_read_survives_a_used_up_quota(self, bench: Bench) -> None:
        """The app says once that it was asked too often, once that it is unable."""
        offered(bench.stand.medium is Medium.HTTP, "the app is not talked to over HTTP")
        for answer in (bench.stand.rate_limited, bench.stand.unable):
            await self._survives(
                bench, lambda word, a=answer: Fault(Trouble.ANSWER, word, answer=a), "was told to come back later"
            )

    @case
    async def test_a_read_can_be_cancelled(self, bench: Bench) -> None:
        """Cancelling ends a read that waits for an answer at once; the next read works."""
        for reading in readings_of(bench):
            proxy = bench.faulty(Fault(Trouble.HOLD, reading.word, times=None))
            work = asyncio.create_task(read_all(bench, reading))
            hold(await soon(proxy.struck, work), f"{reading}: the client never says {reading.word!r}.")
            await cancelled(work, f"{reading}: a read")
            bench.lift()
            hold_exact(await bench.read(reading), reading, "A read after a cancelled one")

    @case
    async def test_a_read_that_is_left_early_lets_go(self, bench: Bench) -> None:
        """Whoever stops after the first packet can close the connection; the next read works."""
        for reading in readings_of(bench):
            stream: Any = bench.packets(reading)
            await anext(stream)
            await stream.aclose()
            hold_exact(await bench.read(reading), reading, "A read after one that was left early")

    @case
    async def test_an_action_that_there_is_not(self, bench: Bench) -> None:
        """A processflow may name an action that the app does not offer: a person has to act."""
        reading = readings_of(bench)[0]
        request = bench.request(reading)
        unknown = replace(request, action="NO-SUCH-ACTION", clauses=(), options={})

        error = await refusal(_drained(bench, unknown), "Reading with an action that there is not")
        hold(
            isinstance(error, ConfigurationError),
            f"An unknown action gave a {type(error).__name__}; a person has to act: ConfigurationError.",
        )

    @case
    async def test_a_filter_that_there_is_not(self, bench: Bench) -> None:
        """A clause that the app does not know is refused: without it, far more would be read than was asked for."""
        for reading in readings_of(bench):
            request = bench.request(reading)
            filtered = replace(request, clauses=[*request.clauses, SentClause("no_such_filter_here", "=", "1")])
            error = await refusal(_drained(bench, filtered), f"{reading}: a filter that there is not")
            hold(
                isinstance(error, ConfigurationError),
                f"An unknown filter gave a {type(error).__name__}; a person has to act: ConfigurationError.",
            )

    @case
    async def test_batches_have_a_size(self, bench: Bench) -> None:
        """For each action that is read, the connector says how many records a packet has at best."""
        for reading in readings_of(bench):
            size = bench.opened().packet_records(reading.schema, reading.action)
            hold(size > 0, f"{reading}: packet_records is {size}.")

    async def _survives(self, bench: Bench, fault: Any, what: str) -> None:
        offered(bench.stand.address, "the app is not reached over a network")
        for reading in readings_of(bench):
            made: Fault = fault(reading.word)
            proxy = bench.faulty(made)
            packets = await bench.read(reading)
            hold(
                proxy.strikes or made.skip,
                f"{reading}: the client never says {reading.word!r}; correct the stand.",
            )
            hold_exact(packets, reading, f"A read that {what}")
            bench.lift()


async def cancelled(work: asyncio.Task[Any], what: str) -> None:
    """Cancel some work and expect that it ends so, and soon."""
    work.cancel()
    done, _ = await asyncio.wait({work}, timeout=CANCEL_SECONDS)
    hold(done, f"{what} goes on though it was cancelled. Let CancelledError through, and cancel what is in flight.")
    # Asked for in any case: Python complains of an error that nobody asked for.
    ended = "CancelledError" if work.cancelled() else type(work.exception()).__name__
    hold(work.cancelled(), f"{what} that was cancelled ended with {ended} instead of CancelledError. Let that through.")


async def read_all(bench: Bench, reading: Reading) -> None:
    async for _ in bench.packets(reading):
        pass


async def _drained(bench: Bench, request: ReadRequest) -> None:
    async with bench.opened() as connection:
        async for _ in connection.read(request):
            pass


def readings_of(bench: Bench) -> Sequence[Reading]:
    offered(bench.stand.readings, "the connector does not read")
    return bench.stand.readings


def _by_id(bench: Bench, reading: Reading) -> bool:
    entered = bench.stand.credentials(bench.address)
    values = bench.stand.connector.prepare(entered.values, entered.secrets).values
    schema = bench.stand.connector.schema(reading.schema, values)
    action = schema.action(reading.action) if schema is not None else None
    return action is not None and action.by_id


def hold_exact(packets: Sequence[Packet], reading: Reading, what: str) -> None:
    found = ids(packets)
    lost = [one for one in reading.ids if one not in found]
    twice = sorted({one for one in found if found.count(one) > 1})
    strange = [one for one in found if one not in reading.ids]
    wrong = ", ".join(
        f"{word} {some[:5]}" for word, some in (("lost", lost), ("read twice", twice), ("made up", strange)) if some
    )
    hold(not wrong, f"{reading}: {what} {wrong}.")
