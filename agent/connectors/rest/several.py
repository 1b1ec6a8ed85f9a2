"""Sends several records in one request, and tells its answer apart: which result is of which record.

A service may refuse a whole request because of one record without saying which. Then halves are sent, until the one at
fault is alone. A record of which an answer says nothing may have been written: it is looked for before it is sent
again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from agent.connectors.rest.bodies import Body, joined
from agent.connectors.rest.client import RECORD_STATUSES, Answer, Client
from agent.connectors.rest.description import SchemaPart, Sending, Together, Writing
from agent.connectors.rest.expressions import said
from agent.connectors.rest.filling import filled_path, filled_query
from agent.connectors.rest.places import word
from agent.connectors.rest.verdicts import UntoldError, Verdicts
from agent.connectors.rest.xml_bodies import xml_of
from agent.domain.app import DataType
from agent.domain.errors import RecordError

_RESULTS = msgspec.json.Decoder(list[msgspec.Raw])


@dataclass(frozen=True, slots=True)
class Step:
    """One record on its way: the request that it goes with, and its id at the service, empty where it is to be made."""

    sending: Sending
    body: Body
    known: str


@dataclass(slots=True)
class Outcome:
    """What became of the rows so far: the ids of those that were written, and why others were not."""

    ids: dict[int, str]
    failures: dict[int, RecordError]
    untold: dict[int, Body] = field(default_factory=dict)
    """Those that were sent alone, and of which nothing was said."""


class Several:
    """Sends the records of one action together."""

    def __init__(self, client: Client, schema: SchemaPart, action: Writing) -> None:
        self._client, self._schema = client, schema
        self._verdicts = Verdicts(client.host, action)

    async def send(self, steps: Sequence[Step], outcome: Outcome) -> list[list[Body]]:
        """Send records of one `sending` in one request. Gives back what is to be looked for, and sent again where it is
        not there, in shares: the whole was refused, or nothing is said of it.

        Raises:
            AmbiguousWriteError: some may have been written, and the answer cannot be understood at all.
        """
        sending = steps[0].sending
        together = sending.batch
        assert together is not None
        steps = self._fitting(steps, outcome)
        if not steps:
            return []
        answer = await self._client.send(
            sending.method, filled_path(sending, {}), filled_query(sending, {}),
            self._content(steps, sending, together), sending.headers,
        )  # fmt: skip
        left = self._unsettled(steps, self._results(answer, steps, together), answer, outcome)
        if len(steps) > 1 or not left:
            middle = len(left) // 2 if len(left) == len(steps) else 0
            return [part for part in (left[:middle], left[middle:]) if part]
        if answer.status in RECORD_STATUSES:
            outcome.failures[left[0].row] = self._verdicts.refused(answer)
        else:
            outcome.untold[left[0].row] = left[0]
        return []

    def _unsettled(
        self, steps: Sequence[Step], results: Sequence[msgspec.Raw | None], answer: Answer, outcome: Outcome
    ) -> list[Body]:
        """Take down what the results say. Gives back the records of which nothing is known."""
        left: list[Body] = []
        for step, result in zip(steps, results, strict=True):
            if result is None:
                left.append(step.body)
                continue
            try:
                known = self._verdicts.written(result, step.sending, known=step.known, status=answer.status)
            except RecordError as error:
                outcome.failures[step.body.row] = error
            except UntoldError:
                left.append(step.body)
            else:
                if answer.status in RECORD_STATUSES:  # with such a status, only refusals are believed
                    left.append(step.body)
                else:
                    outcome.ids[step.body.row] = known
        return left

    def _fitting(self, steps: Sequence[Step], outcome: Outcome) -> Sequence[Step]:
        """The records without those that XML cannot have: one must not sink the others."""
        if not self._client.speaks_xml:
            return steps
        fitting: list[Step] = []
        for step in steps:
            try:
                xml_of(["record"], step.body.fields)
            except RecordError as error:
                outcome.failures[step.body.row] = error
            else:
                fitting.append(step)
        return fitting

    def _content(self, steps: Sequence[Step], sending: Sending, together: Together) -> bytes:
        records = [self._record(step, together.identity) for step in steps]
        return joined(records, wrap=sending.wrap, each=together.each, besides=together.besides,
                      as_xml=self._client.speaks_xml)  # fmt: skip

    def _record(self, step: Step, identity: str) -> dict[str, Any]:
        if not identity or not step.known:
            return step.body.fields
        types = self._schema.attributes
        is_number = types.get(identity, types.get(self._schema.key)) is DataType.INTEGER and step.known.isdecimal()
        return {**step.body.fields, identity: int(step.known) if is_number else step.known}

    def _results(self, answer: Answer, steps: Sequence[Step], together: Together) -> list[msgspec.Raw | None]:
        """The result of each record; None where there is none, or more than one.

        Raises:
            AmbiguousWriteError: an answer of success has no list of results.
        """
        nothing: list[msgspec.Raw | None] = [None] * len(steps)
        refused = answer.status in RECORD_STATUSES
        try:
            if not together.results:
                if refused:
                    return nothing
                whole = msgspec.Raw(answer.content.strip() or b"{}")
                msgspec.json.decode(whole)  # a page of something in between is no answer
                return [whole] * len(steps)
            found = said(answer.content, together.results) if answer.content.strip() else None
            listed = [found] if answer.was_xml and found is not None and bytes(found)[:1] == b"{" else None
            if listed is None and (found is None or bytes(found).lstrip()[:1] != b"["):
                if refused:
                    return nothing
                raise self._client.nonsense(writing=True)
            assert found is not None
            results = listed or _RESULTS.decode(found)
        except msgspec.MsgspecError:
            if refused:
                return nothing
            raise self._client.nonsense(writing=True) from None
        return self._matched(results, steps, together)

    def _matched(
        self, results: Sequence[msgspec.Raw], steps: Sequence[Step], together: Together
    ) -> list[msgspec.Raw | None]:
        matched: list[msgspec.Raw | None] = [None] * len(steps)
        alone = len(results) == len(steps) == 1 and not self._names_another(results[0], steps[0], together)
        if alone or not (together.index or together.match):
            if len(results) != len(steps):
                return matched
            return [None if _is_empty(one) else one for one in results]
        places = {place: number for number, step in enumerate(steps) for place in self._names_of(step, together)}
        twice: set[int] = set()
        for result in results:
            number = self._place_of(result, places, len(steps), together)
            if number is None:
                continue
            if matched[number] is not None:
                twice.add(number)
            matched[number] = result
        return [None if number in twice else one for number, one in enumerate(matched)]

    def _names_another(self, result: msgspec.Raw, step: Step, together: Together) -> bool:
        """Whether the result of a record that was sent alone tells the values of some other one."""
        told = tuple(_same(word(said(result, one))) for one in together.match.values())
        return bool(told) and all(told) and told not in self._names_of(step, together)

    def _names_of(self, step: Step, together: Together) -> list[tuple[str, ...]]:
        """The values that name a record in its result. None of them is empty."""
        values: Mapping[str, str] = {**step.body.values, **({self._schema.key: step.known} if step.known else {})}
        named = tuple(_same(values.get(name, "")) for name in together.match)
        return [named] if named and all(named) else []

    def _place_of(
        self, result: msgspec.Raw, places: Mapping[tuple[str, ...], int], count: int, together: Together
    ) -> int | None:
        if together.index:
            text = word(said(result, together.index))
            number = int(text) - together.first if text.isdecimal() and len(text) < 7 else -1
            return number if 0 <= number < count else None
        return places.get(tuple(_same(word(said(result, one))) for one in together.match.values()))


def _is_empty(result: msgspec.Raw) -> bool:
    return bytes(result).strip() in {b"null", b"{}", b"[]", b""}


def _same(text: str) -> str:
    return text.strip().casefold()
