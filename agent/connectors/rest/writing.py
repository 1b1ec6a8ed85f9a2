"""Writes records one request each, and finds them again before one whose answer was lost is sent a second time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import msgspec

from agent.connectors.contract import LookUp, Present
from agent.connectors.rest.bodies import Body, bodies_of
from agent.connectors.rest.client import NOT_THERE, RECORD_STATUSES, Answer, Client
from agent.connectors.rest.description import DESCRIPTION, SchemaPart, Sending, Writing
from agent.connectors.rest.filling import filled_path, filled_query
from agent.connectors.rest.places import at, records_at, word
from agent.connectors.rest.xml_bodies import typed
from agent.domain.error_classes import ErrorClass
from agent.domain.errors import ConfigurationError, RecordError
from agent.domain.packet import Batch, Row, WriteReport
from agent.http.json_values import agrees, amount, decoded_record, held_value

_CLASSES = {404: ErrorClass.DEPENDENT_MISSING, 409: ErrorClass.DUPLICATE, 410: ErrorClass.DEPENDENT_MISSING}
_LONGEST_REASON = 300
_NOTHING = {b"false", b"[]", b"{}", b"", b"0"}
"""What lies at the place of a refusal where there is none."""


class _Likeness(IntEnum):
    """How far a record is the one that was looked for, least first."""

    OTHER = 0
    UNTOLD = 1
    BUT_FOR_CASE = 2
    SAME = 3


@dataclass(frozen=True, slots=True)
class _Held:
    """A record as the service has it."""

    id: str
    record: dict[str, Any]


class Writer:
    """Writes with one action of a schema."""

    def __init__(self, client: Client, schema: SchemaPart, action: Writing) -> None:
        self._client, self._schema, self._action = client, schema, action

    async def write(self, batch: Batch) -> WriteReport:
        """Write a batch.

        Raises:
            AmbiguousWriteError: one may have been written; the agent then looks the whole batch up.
        """
        bodies, failures = bodies_of(batch, self._schema.attributes)
        ids = [""] * len(batch)
        for body in bodies:
            try:
                ids[body.row] = await self._written(body) or batch.source_ids[body.row]
            except RecordError as error:
                failures[body.row] = error
        return WriteReport(ids, failures)

    async def look_up(self, batch: Batch) -> LookUp:
        """The records that are there as they were to be."""
        written: dict[int, str] = {}
        for body in bodies_of(batch, self._schema.attributes)[0]:
            try:
                held = await self._found(body)
            except RecordError:
                continue
            if self._action.delete is not None:
                if held is None and self._action.find is not None:
                    written[body.row] = self._id_of(body) or batch.source_ids[body.row]
            elif held is not None and self._as_intended(body, held):
                written[body.row] = held.id
        return LookUp(written)

    async def present(self, batch: Batch) -> Present:
        """What is there now of a batch."""
        bodies, failures = bodies_of(batch, self._schema.attributes)
        rows: list[Row | None] = [None] * len(batch)
        ids = [""] * len(batch)
        new: set[int] = set()
        for body in bodies:
            try:
                held = await self._found(body)
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
                held_value(attribute, given, _in(body.fields, attribute.name), _in(held.record, attribute.name))
                for attribute, given in zip(batch.attributes, batch.rows[body.row], strict=True)
            )
        return Present(rows, ids, frozenset(new), failures)

    # -- one record ----------------------------------------------------------------------------------------------

    async def _written(self, body: Body) -> str:
        action = self._action
        if action.delete is not None:
            known = await self._known(body)
            return "" if known is None else await self._sent(action.delete, body, known)
        if action.create is None:
            assert action.update is not None
            known = await self._known(body)
            if known is None:
                raise self._not_there()
            return await self._sent(action.update, body, known)
        if action.update is None:
            held = await self._found(body) if action.asks_first else None
            return held.id if held is not None else await self._sent(action.create, body, "")
        held = await self._found(body)
        if held is None:
            return await self._sent(action.create, body, "")
        return await self._sent(action.update, body, held.id)

    async def _known(self, body: Body) -> str | None:
        """The id of a record that is to be there; None where it is not."""
        known = self._id_of(body)
        if known or self._action.find is None:
            return known
        held = await self._found(body)
        return held.id if held is not None else None

    async def _sent(self, sending: Sending, body: Body, known: str) -> str:
        values = {**body.values, "id": known or body.values.get("id", "")}
        if known:
            values.setdefault(self._schema.key, known)
        content = None if sending.method == "DELETE" else body.content(sending.wrap, as_xml=self._client.speaks_xml)
        answer = await self._client.send(
            sending.method, filled_path(sending, values), filled_query(sending, values), content, sending.headers
        )
        if sending.method == "DELETE" and answer.status in NOT_THERE:
            return known  # it was to be gone
        try:
            if not answer.was_xml and answer.status not in RECORD_STATUSES:
                self._refuse_nonsense(answer, sending)
            self._raise(answer)
            made = word(at(answer.content, sending.id)) if sending.id and answer.content.strip() else known
        except msgspec.MsgspecError:
            raise self._client.nonsense(writing=True) from None
        if not made and not known and sending.id and answer.content.strip():
            raise self._client.nonsense(writing=True)
        return made or known

    def _refuse_nonsense(self, answer: Answer, sending: Sending) -> None:
        """A page of something that stands between us and the service, such as a sign-in page, is no answer to a write.
        Raises msgspec.MsgspecError."""
        content = answer.content.strip()
        if content[:1] == b"<" or (content and (sending.id or self._action.refused)):
            records_at(content, "")  # all of it has to be JSON

    def _raise(self, answer: Answer) -> None:
        """Raise where an answer refuses the record: by its status, or by what it says."""
        refused = answer.status in RECORD_STATUSES
        said = ""
        if refused:
            try:
                said = word(at(answer.content, self._action.reason)) if self._action.reason else ""
            except msgspec.MsgspecError:
                said = ""
        elif self._action.refused and answer.content.strip():
            found = at(answer.content, self._action.refused)
            refused = found is not None and bytes(found).strip().strip(b'"').lower() not in _NOTHING
            said = word(found) or (word(at(answer.content, self._action.reason)) if self._action.reason else "")
        if refused:
            why = said.strip()[:_LONGEST_REASON].rstrip(".") or f"status {answer.status}"
            raise RecordError(
                f"{self._client.host} refuses the record: {why}.", code="refused",
                remedy="Correct the record in the source app, or the mapping.",
                detail=f"{self._client.host} → {answer.status}",
                error_class=_CLASSES.get(answer.status, ErrorClass.VALIDATION_FAILED),
            )  # fmt: skip

    async def _found(self, body: Body) -> _Held | None:
        """The record at the service; None where there is none, or no way to find it."""
        find = self._action.find
        if find is None:
            return None
        answer = await self._client.get(
            self._client.address(filled_path(find, body.values)), filled_query(find, body.values),
            headers=find.headers, missing=NOT_THERE,
        )  # fmt: skip
        if answer is None:
            return None
        try:
            if find.single:
                one = at(answer.content, find.records)
                empty = one is None or bytes(one).strip() in {b"{}", b"[]"}
                listed: Sequence[msgspec.Raw] | None = [] if one is None or empty else [one]
            else:
                listed = records_at(answer.content, find.records, absent_if_empty=find.absent_if_empty,
                                    elements=answer.was_xml)  # fmt: skip
            if listed is None or any(bytes(one).lstrip()[:1] != b"{" for one in listed):
                raise self._client.nonsense()
            if answer.was_xml:
                listed = [typed(one, self._schema.attributes) for one in listed]
            raw = self._chosen(listed, {name: body.values.get(name, "") for name in find.names})
            if raw is None:
                return None
            known = word(at(raw, self._schema.key))
            if not known:
                raise self._unclear(f"what it finds has no “{self._schema.key}”")
            return _Held(known, decoded_record(raw))
        except msgspec.MsgspecError:
            raise self._client.nonsense() from None

    def _chosen(self, listed: Sequence[msgspec.Raw], wanted: Mapping[str, str]) -> msgspec.Raw | None:
        """The record among those listed that was looked for; None where it is none of them.

        A service that does not know the filter lists others as well, or all it has, of which this may be a part. So a
        record that does not tell the values that were searched for is believed where it is the only one, and others
        alone are no proof that the record is not there.

        Raises:
            ConfigurationError: code `find-unclear`.
            RecordError: there are several, and one of them would be changed.
        """
        find = self._action.find
        assert find is not None
        if not listed or find.single:
            return listed[0] if listed else None
        likenesses = [_likeness(decoded_record(raw), wanted) for raw in listed]
        names = " and ".join(sorted(wanted))
        for best in (_Likeness.SAME, _Likeness.BUT_FOR_CASE):
            if likenesses.count(best) > 1 and (self._action.update or self._action.delete):
                raise RecordError(
                    f"{self._client.host} has several records with this {names}.", code="several",
                    remedy="Make them different there, or let “find” name what tells them apart.",
                    error_class=ErrorClass.DUPLICATE,
                )  # fmt: skip
            if best in likenesses:
                return listed[likenesses.index(best)]
        if _Likeness.UNTOLD in likenesses and len(listed) == 1:
            return listed[0]
        if find.others and _Likeness.UNTOLD not in likenesses:
            return None
        raise self._unclear(f"it lists {len(listed)} records, and none of them with the {names} that was looked for")

    def _unclear(self, why: str) -> ConfigurationError:
        return ConfigurationError(
            f"{self._client.host} cannot be asked for a record in the way of the service description: {why}.",
            code="find-unclear", field=DESCRIPTION,
            remedy="Check the path and the query of “find”: its names have to be those that the service uses in its "
            "records. If the service finds similar ones as well, write “others: true” there.",
        )  # fmt: skip

    def _as_intended(self, body: Body, held: _Held) -> bool:
        """Whether it is there as it was to be. What was made has the values that name it: a service may put the others
        into forms of its own."""
        if self._action.update is None:
            return True
        return all(agrees(value, held.record[name]) for name, value in body.fields.items() if name in held.record)

    def _needs(self, body: Body, held: _Held | None) -> None:
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


def _likeness(record: dict[str, Any], wanted: Mapping[str, str]) -> _Likeness:
    return min((_alike(_in(record, name), text.strip()) for name, text in wanted.items()), default=_Likeness.OTHER)


def _alike(held: object, wanted: str) -> _Likeness:
    if held is None or isinstance(held, dict | list):
        return _Likeness.UNTOLD
    if isinstance(held, bool):
        held = str(held).lower()
    if not isinstance(held, str):
        return _Likeness.SAME if amount(held) == amount(wanted) else _Likeness.OTHER
    if held.strip() == wanted:
        return _Likeness.SAME
    return _Likeness.BUT_FOR_CASE if held.strip().casefold() == wanted.casefold() else _Likeness.OTHER


def _in(fields: dict[str, Any], name: str) -> Any:
    found: Any = fields
    for one in name.split("."):
        found = found.get(one) if isinstance(found, dict) else None
    return found


def unknown_action(schema: str, action: str, known: list[str]) -> ConfigurationError:
    """The error for an action that the description does not have."""
    return ConfigurationError(
        f"The service description has no {schema} {action}.", code="unknown-action",
        remedy=f"It has: {', '.join(known) or 'nothing'}.", field="action",
    )  # fmt: skip
