"""Writes records, one request each or several in one, and finds them again before one whose answer was lost is sent a
second time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from agent.connectors.contract import LookUp, Present
from agent.connectors.rest.bodies import Body, bodies_of
from agent.connectors.rest.bundles import Bundles, Single
from agent.connectors.rest.client import NOT_THERE, RECORD_STATUSES, Answer, Client
from agent.connectors.rest.description import SchemaPart, Sending, Writing
from agent.connectors.rest.filling import filled_path, filled_query
from agent.connectors.rest.finding import Finder, Held, value_in
from agent.connectors.rest.places import records_at
from agent.connectors.rest.several import Outcome, Several, Step
from agent.connectors.rest.verdicts import UntoldError, Verdicts
from agent.domain.error_classes import ErrorClass
from agent.domain.errors import ConfigurationError, RecordError
from agent.domain.packet import Batch, Row, WriteReport
from agent.http.json_values import held_value


class Writer:
    """Writes with one action of a schema.

    Args:
        client: The service.
        schema: The schema.
        action: The action.
        bundles: Sends whole requests together, where the service takes that.
    """

    def __init__(self, client: Client, schema: SchemaPart, action: Writing, bundles: Bundles | None = None) -> None:
        self._client, self._schema, self._action, self._bundles = client, schema, action, bundles
        self._finder = Finder(client, schema, action, bundles)
        self._several = Several(client, schema, action)
        self._verdicts = Verdicts(client.host, action)
        self._sendings = [one for one in (action.create, action.update, action.delete) if one is not None]

    async def write(self, batch: Batch) -> WriteReport:
        """Write a batch.

        Raises:
            AmbiguousWriteError: one may have been written; the agent then looks the whole batch up.
        """
        bodies, failures = bodies_of(batch, self._schema.attributes)
        outcome = Outcome({}, failures)
        shares = self._shares(bodies)
        again: set[int] = set()
        while shares:
            share = shares.pop(0)
            await self._finder.ahead([body for body in share if self._is_looked_for(body, body.row in again)])
            steps = [step for body in share if (step := await self._step(body, outcome, body.row in again)) is not None]
            left = await self._send(steps, outcome)
            again.update(body.row for part in left for body in part)
            shares = [*left, *shares]
        await self._settle(outcome)
        ids = ["" if row in failures else outcome.ids[row] or id_ for row, id_ in enumerate(batch.source_ids)]
        return WriteReport(ids, failures)

    async def look_up(self, batch: Batch) -> LookUp:
        """The records that are there as they were to be."""
        written: dict[int, str] = {}
        bodies = bodies_of(batch, self._schema.attributes)[0]
        await self._finder.ahead(bodies)
        for body in bodies:
            try:
                held = await self._finder.found(body)
            except RecordError:
                continue
            if self._action.delete is not None:
                if held is None and self._action.find is not None:
                    written[body.row] = self._id_of(body) or batch.source_ids[body.row]
            elif held is not None and self._finder.as_intended(body, held):
                written[body.row] = held.id
        return LookUp(written)

    async def present(self, batch: Batch) -> Present:
        """What is there now of a batch."""
        bodies, failures = bodies_of(batch, self._schema.attributes)
        rows: list[Row | None] = [None] * len(batch)
        ids = [""] * len(batch)
        new: set[int] = set()
        await self._finder.ahead(bodies)
        for body in bodies:
            try:
                held = await self._finder.found(body)
                self._needs(body, held)
            except RecordError as error:
                failures[body.row] = error
                continue
            if held is None:
                ids[body.row] = self._id_of(body) or batch.source_ids[body.row]
                if self._action.create is not None:
                    new.add(body.row)
                continue
            ids[body.row] = held.id
            rows[body.row] = tuple(
                held_value(
                    attribute, given, value_in(body.fields, attribute.name), value_in(held.record, attribute.name)
                )
                for attribute, given in zip(batch.attributes, batch.rows[body.row], strict=True)
            )
        return Present(rows, ids, frozenset(new), failures)

    # -- one record ----------------------------------------------------------------------------------------------

    async def _step(self, body: Body, outcome: Outcome, again: bool) -> Step | None:
        """How a record goes on its way; None where nothing has to be sent, or it cannot be.

        Args:
            body: The record.
            outcome: Is told of it where nothing is to be sent.
            again: Whether it was sent already, so that it may be there.
        """
        action = self._action
        try:
            if action.create is None:
                sending = action.delete or action.update
                assert sending is not None
                known = await self._known(body)
                if known is None and action.delete is None:
                    raise self._not_there()
                if known is None:
                    outcome.ids[body.row] = ""
                    return None
                return Step(sending, body, known)
            held = await self._finder.found(body) if self._is_looked_for(body, again) else None
        except RecordError as error:
            outcome.failures[body.row] = error
            return None
        if held is None:
            return Step(action.create, body, "")
        if action.update is None:
            outcome.ids[body.row] = held.id
            return None
        return Step(action.update, body, held.id)

    def _is_looked_for(self, body: Body, again: bool) -> bool:
        """Whether a record has to be looked for before it is sent."""
        if self._action.create is None:
            return self._action.find is not None and not self._id_of(body)
        return self._action.update is not None or self._action.asks_first or again

    async def _known(self, body: Body) -> str | None:
        """The id of a record that is to be there; None where it is not."""
        known = self._id_of(body)
        if known or self._action.find is None:
            return known
        held = await self._finder.found(body)
        return held.id if held is not None else None

    async def _send(self, steps: Sequence[Step], outcome: Outcome) -> list[list[Body]]:
        """Send records on their way. Gives back what is to be looked for, and sent again."""
        left: list[list[Body]] = []
        for sending in self._sendings:
            those = [step for step in steps if step.sending is sending]
            if sending.batch is None and self._bundles is not None and len(those) > 1:
                left += await self._send_bundle(self._bundles, those, outcome)
                continue
            if sending.batch is None:
                for step in those:
                    await self._send_one(step, outcome)
                continue
            for first in range(0, len(those), sending.batch.size):
                left += await self._several.send(those[first : first + sending.batch.size], outcome)
        return left

    async def _send_one(self, step: Step, outcome: Outcome) -> None:
        try:
            one = self._single(step)
            answer = await self._client.send(one.method, one.path, one.query, one.content, one.headers)
            outcome.ids[step.body.row] = self._written(step, answer)
        except RecordError as error:
            outcome.failures[step.body.row] = error

    async def _send_bundle(self, bundles: Bundles, steps: Sequence[Step], outcome: Outcome) -> list[list[Body]]:
        """Send whole requests together. Gives back what was not answered, and where the whole was refused, each by
        itself."""
        requests: list[tuple[Step, Single]] = []
        for step in steps:
            try:
                requests.append((step, self._single(step)))
            except RecordError as error:
                outcome.failures[step.body.row] = error
        if not requests:
            return []
        answers = await bundles.write([request for _, request in requests])
        if answers is None:
            return [[step.body] for step, _ in requests]
        left: list[Body] = []
        for (step, _), answer in zip(requests, answers, strict=True):
            if answer is None:
                left.append(step.body)
                continue
            try:
                outcome.ids[step.body.row] = self._written(step, answer)
            except RecordError as error:
                outcome.failures[step.body.row] = error
        if len(left) < len(requests):
            return [left] if left else []
        return [[body] for body in left]

    def _single(self, step: Step) -> Single:
        """The request of one record. Raises RecordError where a value is missing that it needs."""
        sending, body = step.sending, step.body
        values = {**body.values, "id": step.known or body.values.get("id", "")}
        if step.known:
            values.setdefault(self._schema.key, step.known)
        content = None if sending.method == "DELETE" else body.content(sending.wrap, as_xml=self._client.speaks_xml)
        return Single(
            sending.method, filled_path(sending, values), filled_query(sending, values), content, sending.headers
        )

    def _written(self, step: Step, answer: Answer) -> str:
        """The id of the record that an answer says was written. Raises RecordError where it was refused."""
        sending, known = step.sending, step.known
        if sending.method == "DELETE" and answer.status in NOT_THERE:
            return known  # it was to be gone
        if answer.status in RECORD_STATUSES:
            raise self._verdicts.refused(answer)
        try:
            if not answer.was_xml:
                self._refuse_nonsense(answer, sending)
            if not answer.content.strip():
                return known
            return self._verdicts.written(answer.content, sending, known=known, status=answer.status)
        except (msgspec.MsgspecError, UntoldError):
            raise self._client.nonsense(writing=True) from None

    def _refuse_nonsense(self, answer: Answer, sending: Sending) -> None:
        """A page of something that stands between us and the service, such as a sign-in page, is no answer to a write.
        Raises msgspec.MsgspecError."""
        content = answer.content.strip()
        if content[:1] == b"<" or (content and (sending.id or self._action.refused or self._action.success)):
            records_at(content, "")  # all of it has to be JSON

    async def _settle(self, outcome: Outcome) -> None:
        """Find out about those that were sent alone, and of which nothing was said."""
        for row, body in outcome.untold.items():
            try:
                held = await self._finder.found(body)
            except RecordError as error:
                outcome.failures[row] = error
                continue
            if self._action.delete is not None and self._action.find is not None and held is None:
                outcome.ids[row] = self._id_of(body)
            elif self._action.delete is None and held is not None and self._finder.as_intended(body, held):
                outcome.ids[row] = held.id
            else:
                outcome.failures[row] = self._untold()

    def _untold(self) -> RecordError:
        return RecordError(
            f"{self._client.host} took the record and does not say what became of it.", code="untold",
            remedy="Look for it there, and compare the service's answer with “results” in the service description.",
            error_class=ErrorClass.REMOTE_ERROR,
        )  # fmt: skip

    # -- several -------------------------------------------------------------------------------------------------

    def _shares(self, bodies: Iterable[Body]) -> list[list[Body]]:
        """The records in shares that may go together, in their order. None is twice in one, as the second is looked for
        only once the first is there."""
        most = max(self._action.together, self._bundles.size if self._bundles is not None else 1)
        shares: list[list[Body]] = []
        taken: set[object] = set()
        for body in bodies:
            name = self._name_of(body)
            if not shares or len(shares[-1]) >= most or name in taken:
                shares.append([])
                taken = set()
            shares[-1].append(body)
            taken.add(name)
        return shares

    def _name_of(self, body: Body) -> object:
        names = sorted(self._action.find.names) if self._action.find is not None else []
        values = tuple(body.values.get(name, "").strip().casefold() for name in names)
        return values if values and all(values) else self._id_of(body) or object()

    def _needs(self, body: Body, held: Held | None) -> None:
        for sending in (self._action.create, self._action.update, self._action.delete):
            if sending is not None:
                filled_path(sending, {**dict.fromkeys(sending.names, "x"), **body.values})
        if held is None and self._action.create is None and self._action.find is not None:
            raise self._not_there()

    def _not_there(self) -> RecordError:
        return RecordError(
            f"{self._client.host} has no such record.", code="not-there", remedy="Make it there first.",
            error_class=ErrorClass.DEPENDENT_MISSING,
        )  # fmt: skip

    def _id_of(self, body: Body) -> str:
        return body.values.get(self._schema.key, "") or body.values.get("id", "")


def unknown_action(schema: str, action: str, known: list[str]) -> ConfigurationError:
    """The error for an action that the description does not have."""
    return ConfigurationError(
        f"The service description has no {schema} {action}.", code="unknown-action",
        remedy=f"It has: {', '.join(known) or 'nothing'}.", field="action",
    )  # fmt: skip
