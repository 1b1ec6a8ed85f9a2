"""Cases about answers that are not the app's: they are taken neither for records nor for a write that was done."""

from __future__ import annotations

from agent.connectors.conformance.bench import Bench, refusal
from agent.connectors.conformance.cases import Cases, case
from agent.connectors.conformance.expectations import hold, offered
from agent.connectors.conformance.faults import Answer, Fault, Trouble
from agent.connectors.conformance.reading import hold_exact, read_all, readings_of
from agent.connectors.conformance.stand import Medium
from agent.connectors.conformance.writing import writings_of
from agent.domain.errors import AmbiguousWriteError


class NonsenseCases(Cases):
    """Answers that cannot be understood, and answers that can and are something else."""

    @case
    async def test_nonsense_is_not_taken_for_records(self, bench: Bench) -> None:
        """Such an answer stops or delays the read; afterwards each record is read once."""
        for answer, what in [_nonsense(bench), *_foreign(bench)]:
            for reading in readings_of(bench):
                proxy = bench.faulty(Fault(Trouble.ANSWER, reading.word, times=None, answer=answer))
                await refusal(read_all(bench, reading), f"{reading}: reading from an app that answers {what}")
                hold(proxy.strikes, f"{reading}: the client never says {reading.word!r}; correct the stand.")
                bench.lift()
                hold_exact(await bench.read(reading), reading, "A read after nonsense")

    @case
    async def test_nonsense_is_not_taken_for_a_write(self, bench: Bench) -> None:
        """After an answer that cannot be understood nobody knows whether it was written: it is looked up."""
        answer, what = _nonsense(bench)
        for writing in await writings_of(bench):
            proxy = bench.faulty(Fault(Trouble.ANSWER, writing.word, times=None, answer=answer))
            error = await refusal(bench.write(writing), f"{writing}: a write that the app answers with {what}")
            hold(proxy.strikes, f"{writing}: the client never says {writing.word!r}; correct the stand.")
            hold(
                isinstance(error, AmbiguousWriteError) or bench.stand.medium is not Medium.HTTP,
                f"{writing}: a write that the app answers with {what} gave a {type(error).__name__}; nobody knows "
                "whether it was done: AmbiguousWriteError.",
            )
            bench.lift()
            await bench.settle(writing)


def _nonsense(bench: Bench) -> tuple[Answer, str]:
    """What no client can understand, and what to call it."""
    offered(bench.stand.address, "the app is not reached over a network")
    if bench.stand.medium is Medium.HTTP:
        return bench.stand.malformed, "nonsense"
    return Answer(None, {}, b"\x00what?\r\n" * 9), "nonsense"


def _foreign(bench: Bench) -> list[tuple[Answer, str]]:
    """What can be understood, and is not what was asked for."""
    if bench.stand.medium is not Medium.HTTP:
        return []
    return [(one, f"nonsense ({one.body[:40].decode('utf-8', 'replace')})") for one in bench.stand.foreign]
