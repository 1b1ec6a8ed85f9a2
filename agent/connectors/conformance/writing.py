"""Cases about writing: one result for each record, nothing twice, and no write in doubt is repeated unseen."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

from agent.connectors.conformance.bench import RECEIPT, Bench, part, refusal, soon
from agent.connectors.conformance.cases import Cases, case
from agent.connectors.conformance.expectations import hold, offered
from agent.connectors.conformance.faults import Fault, Trouble
from agent.connectors.conformance.reading import cancelled
from agent.connectors.conformance.stand import Medium, Writing
from agent.domain.errors import AgentError, AmbiguousWriteError, ConfigurationError, RecordError, TransientError
from agent.domain.packet import Batch


class WritingCases(Cases):
    """Writing, in good times and bad ones."""

    @case
    async def test_each_record_is_written_and_gets_its_id(self, bench: Bench) -> None:
        """The app holds each record of the batch once; a write knows receipts, or is found again by looking it up."""
        for writing in await writings_of(bench):
            report = await bench.write(writing)
            hold(not report.failures, f"{writing}: a good record was refused: {_reasons(report.failures)}")
            await hold_once(writing, "A write")
            async with bench.opened() as connection:
                receipt = await connection.receipt(writing.target)
                if connection.keeps_receipts:
                    hold(receipt == RECEIPT, f"{writing}: the receipt was not committed with the rows.")
                    continue
                hold(receipt is None, f"{writing}: there is a receipt though keeps_receipts is False.")
                written = (await connection.look_up(writing.target, writing.batch)).written
            hold(
                dict(written) == dict(enumerate(report.destination_ids)),
                f"{writing}: look_up gives {dict(written)} for a batch whose ids are {list(report.destination_ids)}.",
            )

    @case
    async def test_a_batch_that_was_not_written_is_not_found(self, bench: Bench) -> None:
        """look_up finds nothing, and receipt neither, before there is something."""
        for writing in await writings_of(bench):
            async with bench.opened() as connection:
                found = await connection.look_up(writing.target, writing.batch)
                hold(not found.written, f"{writing}: look_up found records that were never written.")
                hold(await connection.receipt(writing.target) is None, f"{writing}: there is a receipt already.")

    @case
    async def test_what_is_written_twice_is_there_once(self, bench: Bench) -> None:
        """The same batch again makes no second record. Where every write adds records, there are receipts."""
        for writing in await writings_of(bench):
            if writing.adds:
                async with bench.opened() as connection:
                    hold(connection.keeps_receipts, f"{writing}: what adds records has to keep receipts.")
                continue
            await bench.write(writing)
            await bench.write(writing)
            await hold_once(writing, "A batch that was written twice")

    @case
    async def test_a_bad_record_fails_alone(self, bench: Bench) -> None:
        """The report names the refused record, with its class; the others are written."""
        refusing = [writing for writing in await writings_of(bench) if writing.refused is not None]
        offered(refusing, "the app takes any record")
        for writing in refusing:
            assert writing.refused is not None
            good = writing.batch
            mixed = Batch(
                good.attributes,
                [*good.source_ids[:1], "bad", *good.source_ids[1:]],
                [*good.rows[:1], writing.refused, *good.rows[1:]],
            )
            report = await bench.write(writing, mixed)
            hold(
                set(report.failures) == {1},
                f"{writing}: of a batch with one bad record, {sorted(report.failures)} failed instead of [1].",
            )
            error = report.failures[1]
            hold(error.message and error.code, f"{writing}: the failure of a record does not say why.")
            hold(
                error.error_class,
                f"{writing}: the failure {error.code!r} has no error_class; choose one of ErrorClass.",
            )
            hold(not report.destination_ids[1], f"{writing}: a refused record has a destination id.")
            await hold_once(writing, "A batch with a bad record")

    @case
    async def test_an_empty_batch_is_no_trouble(self, bench: Bench) -> None:
        """A batch of which nothing is left, as after a Decision, is written without a complaint."""
        for writing in await writings_of(bench):
            report = await bench.write(writing, part(writing.batch, []))
            hold(not report.failures, f"{writing}: an empty batch has failures.")

    @case
    async def test_a_write_that_the_app_never_heard(self, bench: Bench) -> None:
        """The connection is lost before the write: nothing was written, and then everything, once."""
        await self._in_doubt(bench, Trouble.REFUSE)

    @case
    async def test_a_write_whose_answer_is_lost(self, bench: Bench) -> None:
        """The app has done it and nobody knows: it is looked up, or its receipt is, and not written again."""
        await self._in_doubt(bench, Trouble.LOSE)

    @case
    async def test_a_write_that_is_not_answered(self, bench: Bench) -> None:
        """The app has done it and says nothing: the connector gives up by itself, and it is not written again."""
        offered(not bench.stand.patient, "the app may take any time for an answer")
        await self._in_doubt(bench, Trouble.HOLD)

    @case
    async def test_a_write_that_comes_too_often(self, bench: Bench) -> None:
        """The app says that it was asked too often: nothing was written; later it is, once."""
        offered(bench.stand.medium is Medium.HTTP, "the app is not talked to over HTTP")
        for writing in await writings_of(bench):
            fault = Fault(Trouble.ANSWER, writing.word, times=None, answer=bench.stand.rate_limited)
            bench.faulty(fault)
            error = await refusal(bench.write(writing), f"{writing}: writing to an app that was asked too often")
            hold(
                isinstance(error, TransientError) and not isinstance(error, AmbiguousWriteError),
                f"{writing}: a write that was not even looked at gave a {type(error).__name__}.",
            )
            bench.lift()
            await bench.settle(writing)

    @case
    async def test_a_write_can_be_cancelled_before_it_is_heard(self, bench: Bench) -> None:
        """Cancelling ends a write at once; then it is settled like any other interrupted one."""
        await self._cancelled(bench, Trouble.SILENCE)

    @case
    async def test_a_write_can_be_cancelled_after_it_is_done(self, bench: Bench) -> None:
        """The same, where the app has done it and the answer is under way."""
        await self._cancelled(bench, Trouble.HOLD)

    @case
    async def test_an_action_that_there_is_not_writes_nothing(self, bench: Bench) -> None:
        """A processflow may name an action that the app does not offer: a person has to act."""
        for writing in await writings_of(bench):
            unknown = replace(writing, target=replace(writing.target, action="NO-SUCH-ACTION"))
            error = await refusal(bench.write(unknown), f"{writing}: an action that there is not")
            hold(
                isinstance(error, ConfigurationError),
                f"An unknown action gave a {type(error).__name__}; a person has to act: ConfigurationError.",
            )
            hold(not await writing.held(), f"{writing}: an unknown action has written.")

    async def _in_doubt(self, bench: Bench, trouble: Trouble) -> None:
        offered(bench.stand.address, "the app is not reached over a network")
        for writing in await writings_of(bench):
            proxy = bench.faulty(Fault(trouble, writing.word))
            try:
                report = await bench.write(writing)
                hold(
                    not report.failures,
                    f"{writing}: a write in doubt was repeated without looking it up first, and then refused: "
                    f"{_reasons(report.failures)}",
                )
            except AgentError as error:
                hold(
                    isinstance(error, TransientError),
                    f"{writing}: a lost connection gave a {type(error).__name__}; raise a TransientError, or an "
                    "AmbiguousWriteError where something may have been written.",
                )
                if trouble is not Trouble.REFUSE:
                    hold(
                        isinstance(error, AmbiguousWriteError),
                        f"{writing}: a write that was done, and not answered, gave a {type(error).__name__}. "
                        "Raise AmbiguousWriteError: otherwise it is simply repeated.",
                    )
            hold(proxy.strikes, f"{writing}: the client never says {writing.word!r}; correct the stand.")
            bench.lift()
            await bench.settle(writing)

    async def _cancelled(self, bench: Bench, trouble: Trouble) -> None:
        for writing in await writings_of(bench):
            proxy = bench.faulty(Fault(trouble, writing.word, times=None))
            work = asyncio.create_task(bench.write(writing))
            hold(await soon(proxy.struck, work), f"{writing}: the client never says {writing.word!r}.")
            await cancelled(work, f"{writing}: a write")
            bench.lift()
            await bench.settle(writing)


async def writings_of(bench: Bench) -> Sequence[Writing]:
    """What the stand writes, of which nothing is there yet."""
    offered(bench.stand.writings, "the connector does not write")
    for writing in bench.stand.writings:
        held = await writing.held()
        hold(not held, f"{writing}: the stand says that {held} of the records are there already.")
    return bench.stand.writings


def _reasons(failures: Mapping[int, RecordError]) -> str:
    return ", ".join(error.message for error in failures.values())


async def hold_once(writing: Writing, what: str) -> None:
    """Expect each record of the batch in the app, once."""
    held, wanted = await writing.held(), len(writing.batch)
    hold(held == wanted, f"{writing}: {what} left {held} records in the app instead of {wanted}.")
