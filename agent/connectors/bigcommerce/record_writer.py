"""Writes records by the table of `write_actions`: in batches where the API has them, each record with its own answer.

A store refuses a whole request because of one record and often does not say which. Records that it names are sent by
themselves, the others together; where it names none, halves are sent until the one at fault is found.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from agent.connectors.bigcommerce.client import Answer, StoreClient
from agent.connectors.bigcommerce.failures import complaint, unproven
from agent.connectors.bigcommerce.held_records import HeldRecords, Record, filled, matched
from agent.connectors.bigcommerce.record_bodies import ID, Bodies, Body, is_held
from agent.connectors.bigcommerce.record_refusals import (
    exists_already,
    not_taken,
    not_there,
    partly_written,
    refused,
    several_there,
)
from agent.connectors.bigcommerce.shipments import REFERENCE, Shipments, repeated, take_references
from agent.connectors.bigcommerce.write_actions import DELETE, POST, PUT, WriteAction
from agent.connectors.contract import LookUp, Present, WriteTarget
from agent.domain.app import Schema
from agent.domain.errors import RecordError
from agent.domain.packet import Batch, Row, WriteReport
from agent.http.json_values import encoded, held_value, parsed

_PARTLY = 207
_TOO_MANY = 413
_TELLING = frozenset({_PARTLY, 400, 404, 409, _TOO_MANY, 422})
_PLACE = re.compile(r"\[?(?P<index>\d+)\]?(?:\..*)?")


@dataclass(slots=True)
class _Written:
    """What became of the rows so far."""

    ids: dict[int, str]
    failures: dict[int, RecordError]

    def report(self, batch: Batch) -> WriteReport:
        return WriteReport([self.ids.get(row, "") for row in range(len(batch))], self.failures)


class RecordWriter:
    """Writes the records of one schema by one action.

    Args:
        client: The store.
        schema: The schema.
        action: The action.
        ignored: Attributes that something else writes. A record of which nothing else is mapped is not sent.
    """

    def __init__(
        self, *, client: StoreClient, schema: Schema, action: WriteAction, ignored: frozenset[str] = frozenset()
    ) -> None:
        self._client = client
        self._schema = schema
        self._action = action
        self._ignored = ignored
        self._held = HeldRecords(client, action)

    async def write(self, target: WriteTarget, batch: Batch) -> WriteReport:
        """Write the rows; each gets an answer of its own."""
        bodies = self._bodies(batch)
        written = _Written({}, dict(bodies.failures))
        waiting = bodies.bodies
        if self._action.completes:
            waiting = await self._completed(waiting, written)
        naming = {body.row: self._naming(body) for body in waiting}
        waiting = await self._identified(waiting, written)
        if self._ignored:
            idle = [body for body in waiting if body.fields.keys() <= naming[body.row]]
            written.ids.update((body.row, str(body.id)) for body in idle)
            waiting = [body for body in waiting if body.row not in written.ids]
        shares = _shares(waiting, self._action.most)
        while shares:
            share = shares.pop(0)
            shares = [*await self._send(share, written), *shares]
        return written.report(batch)

    async def look_up(self, target: WriteTarget, batch: Batch) -> LookUp:
        """Find the rows whose record is at the store as intended."""
        bodies = self._bodies(batch).bodies
        held = await self._held_of(bodies)
        if self._action.method == DELETE:
            return LookUp({body.row: str(body.id) for body in bodies if body.row not in held})
        # A record of that name may have been there before, and this one been refused because of it. So it has to be
        # the same in all that the store tells. Of shipments, what they are told by is enough.
        found = (body for body in bodies if body.row in held and self._is_there(body, held[body.row]))
        return LookUp({body.row: str(held[body.row].get(ID, "")) for body in found})

    async def present(self, target: WriteTarget, batch: Batch) -> Present:
        """Find out what the rows would meet."""
        bodies = self._bodies(batch)
        failures = dict(bodies.failures)
        held = await self._held_of(bodies.bodies)
        rows: list[Row | None] = [None] * len(batch)
        ids = [""] * len(batch)
        stand_ins: set[int] = set()
        for body in bodies.bodies:
            record = held.get(body.row)
            if self._action.method == POST:
                if record is not None and self._action.asks_first:
                    failures[body.row] = exists_already(body, self._schema, record)
                    continue
                if record is not None and REFERENCE in body.named:
                    # It is there already, and is left as it is.
                    ids[body.row], rows[body.row] = str(record.get(ID, "")), batch.rows[body.row]
                    continue
                ids[body.row] = str(record[ID]) if record is not None and ID in record else str(body.row + 1)
                stand_ins.add(body.row)
            elif record is None:
                failures[body.row] = self._none_for(body)
            else:
                ids[body.row] = str(record.get(ID, ""))
                rows[body.row] = self._as_held(batch, body, record)
        return Present(rows, ids, stand_ins=frozenset(stand_ins), failures=failures)

    def _as_held(self, batch: Batch, body: Body, record: Record) -> Row:
        return tuple(
            held_value(attribute, given, body.fields[attribute.name], record.get(attribute.name))
            if attribute.name in body.fields and attribute.name in record
            else given
            for attribute, given in zip(batch.attributes, batch.rows[body.row], strict=True)
        )

    def _bodies(self, batch: Batch) -> Bodies:
        bodies = Bodies(batch, schema=self._schema, action=self._action, ignored=self._ignored)
        if self._action.completes:
            take_references(bodies.bodies)
        return bodies

    async def _held_of(self, bodies: Sequence[Body]) -> dict[int, Record]:
        if self._action.completes:
            return await Shipments(self._client).held(bodies)
        return await self._held.of(bodies)

    async def _completed(self, bodies: Sequence[Body], written: _Written) -> list[Body]:
        """The shipments that can be made, whole. One whose reference the store has is left as it is."""
        shipments = Shipments(self._client)
        written.failures.update(repeated(bodies))
        bodies = [body for body in bodies if body.row not in written.failures]
        held = await shipments.held(body for body in bodies if REFERENCE in body.named)
        others = await shipments.others(bodies, held)
        written.failures.update(others)
        written.ids.update((row, str(record.get(ID, ""))) for row, record in held.items() if row not in others)
        new = [body for body in bodies if body.row not in held]
        failures = await shipments.complete(new)
        written.failures.update(failures)
        return [body for body in new if body.row not in failures]

    async def _identified(self, bodies: Sequence[Body], written: _Written) -> list[Body]:
        """The bodies that can be sent: those to be changed with the id of their record, and of those to be made the
        ones that are not there yet."""
        if self._action.method == POST:
            if not self._action.asks_first:
                return list(bodies)
            held = await self._held.of(bodies)
            written.failures.update(
                (body.row, exists_already(body, self._schema, held[body.row])) for body in bodies if body.row in held
            )
            return [body for body in bodies if body.row not in held]
        unknown = [body for body in bodies if body.id is None]
        held = await self._held.of(unknown)
        for body in unknown:
            if (record := held.get(body.row)) is not None:
                body.named[ID] = record[ID]
            else:
                written.failures[body.row] = self._none_for(body)
        return [body for body in bodies if body.id is not None]

    def _naming(self, body: Body) -> frozenset[str]:
        """The field that says which record is meant, if it is one that could be written."""
        search = self._held.search_of(body) if body.id is None else None
        return frozenset({search.attribute}) if search is not None else frozenset()

    def _none_for(self, body: Body) -> RecordError:
        if ids := self._held.several.get(body.row):
            return several_there(body, self._schema, ids)
        return not_there(body, self._schema, self._held.search_of(body))

    async def _send(self, share: Sequence[Body], written: _Written) -> list[list[Body]]:
        """Send bodies together. Gives back what is to be sent next."""
        answer = await self._client.send(
            self._action.method, self._address(share[0]), self._content(share), accept=_TELLING
        )
        if answer.status not in _TELLING:
            await self._took(share, answer, written)
            return []
        said = complaint(answer.content)
        if len(share) == 1:
            (body,) = share
            if answer.status == _PARTLY:
                written.failures[body.row] = partly_written(body, self._schema, said, self._action)
            elif answer.status == 404 and self._action.method == DELETE:
                written.ids[body.row] = str(body.id)
            else:
                written.failures[body.row] = refused(body, self._schema, said, self._action, status=answer.status)
            return []
        if answer.status == _PARTLY and self._action.method == POST:
            raise unproven(self._client.account.host)
        places = {int(found["index"]) for key in said.errors if (found := _PLACE.fullmatch(key))}
        named = [body for place, body in enumerate(share) if place in places]
        if named and answer.status not in (_PARTLY, _TOO_MANY):
            rest = [body for body in share if body not in named]
            return [*([rest] if rest else []), *([body] for body in named)]
        middle = len(share) // 2
        return [list(share[:middle]), list(share[middle:])]

    def _address(self, body: Body) -> str:
        path = filled(self._action.path, body)
        return self._client.v2(path) if self._action.version == 2 else self._client.v3(path)

    def _content(self, share: Sequence[Body]) -> object:
        if not self._action.listed:
            return encoded(share[0].fields)
        if self._action.method == PUT:
            return [{ID: body.id, **encoded(body.fields)} for body in share]
        return [encoded(body.fields) for body in share]

    async def _took(self, share: Sequence[Body], answer: Answer, written: _Written) -> None:
        """Put down what an answer shows. A record that it does not show is looked up: the store leaves out what was
        there already.

        Raises:
            AmbiguousWriteError: Nothing shows that a record was written.
        """
        if self._action.method == DELETE:
            written.ids.update((body.row, str(body.id)) for body in share)
            return
        told = _records(answer, self._action)
        shown = self._shown(share, told or ())
        written.ids.update((row, str(record[ID])) for row, record in shown.items())
        if not (missing := [body for body in share if body.row not in shown]):
            return
        held = await self._held_of(missing)
        for body in missing:
            record = held.get(body.row)
            if record is not None and self._is_there(body, record):
                written.ids[body.row] = str(record.get(ID, ""))
            elif told is not None and self._action.listed and self._action.method == PUT:
                written.failures[body.row] = not_taken(body, self._schema)
            else:
                raise unproven(self._client.account.host)

    def _shown(self, share: Sequence[Body], told: Sequence[Record]) -> dict[int, Record]:
        """The records of an answer by the row they belong to."""
        made = [record for record in told if record.get(ID) is not None]
        if self._action.method != POST:
            by_id = {record[ID]: record for record in made}
            return {body.row: by_id[body.id] for body in share if body.id in by_id}
        if len(share) == 1 and len(made) == 1:
            return {share[0].row: made[0]}
        found: dict[int, Record] = {}
        for search in self._action.searches:
            left = [body for body in share if body.row not in found and self._held.search_of(body) == search]
            found.update(matched(left, made, search, distinct=True))
        return found

    def _is_there(self, body: Body, record: Record) -> bool:
        """Whether a record of the store is the one that was to be written. What was found by all that it has, is."""
        search = self._held.search_of(body)
        by_all = self._action.completes or (search is not None and "*" in search.match)
        return by_all or is_held(body, record)


def _records(answer: Answer, action: WriteAction) -> list[Record] | None:
    """The records that an answer holds; None where it does not have the form of one that holds any."""
    body = parsed(answer.content) if answer.content else None
    if action.version == 3:
        body = body.get("data") if isinstance(body, dict) else None
    if isinstance(body, list):
        return [record for record in body if isinstance(record, dict)]
    return [body] if isinstance(body, dict) and ID in body else None


def _shares(bodies: Sequence[Body], most: int) -> list[list[Body]]:
    """The bodies in requests, in their order. No record is twice in one: which one would count is not said."""
    shares: list[list[Body]] = []
    taken: set[object] = set()
    for body in bodies:
        name = body.id if body.id is not None else body.named.get("email", object())
        if not shares or len(shares[-1]) >= most or name in taken:
            shares.append([])
            taken = set()
        shares[-1].append(body)
        taken.add(name)
    return shares
