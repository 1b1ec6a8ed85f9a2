"""Cases about previews: they write nothing, and tell what a write would change in the forms that the agent compares."""

from __future__ import annotations

from agent.connectors.conformance.bench import Bench
from agent.connectors.conformance.cases import Cases, case
from agent.connectors.conformance.expectations import hold
from agent.connectors.conformance.stand import Writing
from agent.connectors.conformance.writing import hold_once, writings_of
from agent.connectors.contract import Present
from agent.domain.app import Attribute, DataType
from agent.domain.comparison import same
from agent.domain.packet import Value

_FORMS = {DataType.INTEGER: int, DataType.BOOLEAN: bool, DataType.COLLECTION: list}
"""What values of a type are inside the agent; of all other types they are texts."""


class PreviewingCases(Cases):
    """What `present` says."""

    @case
    async def test_a_preview_writes_nothing_and_shows_no_change_afterwards(self, bench: Bench) -> None:
        """present tells what is there, before and after a write, in the agent's forms, and leaves it as it is."""
        for writing in await writings_of(bench):
            for written in (False, True):
                async with bench.opened() as connection:
                    found = await connection.present(writing.target, writing.batch)
                hold(
                    len(found.rows) == len(found.destination_ids) == len(writing.batch),
                    f"{writing}: present has to give one row and one id for each row of the batch.",
                )
                for row in found.rows:
                    hold(
                        row is None or len(row) == len(writing.batch.attributes),
                        f"{writing}: present gives a row without a value for each attribute.",
                    )
                if not written:
                    hold(not await writing.held(), f"{writing}: present has written.")
                    await bench.write(writing)
                else:
                    # An action that only ever makes records may not look for them.
                    again = {row for row, one in enumerate(found.rows) if one is None}
                    hold(
                        again <= set(found.failures) | set(found.skipped) or found.stand_ins >= again,
                        f"{writing}: present does not find what was written.",
                    )
                    _hold_unchanged(writing, found)
            await hold_once(writing, "A write between previews")


def _hold_unchanged(writing: Writing, found: Present) -> None:
    """Expect that a preview of what was just written would show no change."""
    for row, held in zip(writing.batch.rows, found.rows, strict=True):
        for attribute, sent, there in zip(writing.batch.attributes, row, held or row, strict=True):
            _hold_form(attribute, there, f"{writing}: present gives {attribute.name}")
            hold(
                sent is None or same(attribute.type, sent, there),
                f"{writing}: after {attribute.name} was written as {sent!r}, present gives {there!r}; a preview would "
                "show a change for ever. Give the value of the batch where the app keeps it as it is.",
            )


def _hold_form(attribute: Attribute, value: Value, what: str) -> None:
    """Expect a value in the form that `agent.domain.packet` has for its type."""
    form = _FORMS.get(attribute.type, str)
    hold(
        value is None or type(value) is form,
        f"{what}, which is {attribute.type.value}, as {type(value).__name__} {value!r}; the agent's form is "
        f"{form.__name__}. All forms are in agent/domain/packet.py.",
    )
