"""Finds a record at the service by the values that name it, and says whether it is the one that was looked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import msgspec

from agent.connectors.rest.bodies import Body
from agent.connectors.rest.bundles import Bundles, Single
from agent.connectors.rest.client import NOT_THERE, Answer, Client
from agent.connectors.rest.description import DESCRIPTION, Find, SchemaPart, Writing
from agent.connectors.rest.filling import filled_path, filled_query
from agent.connectors.rest.places import at, records_at, word
from agent.connectors.rest.xml_bodies import typed
from agent.domain.error_classes import ErrorClass
from agent.domain.errors import ConfigurationError, RecordError
from agent.http.json_values import agrees, amount, decoded_record


class _Likeness(IntEnum):
    """How far a record is the one that was looked for, least first."""

    OTHER = 0
    UNTOLD = 1
    BUT_FOR_CASE = 2
    SAME = 3


@dataclass(frozen=True, slots=True)
class Held:
    """A record as the service has it."""

    id: str
    record: dict[str, Any]


class Finder:
    """Finds the records of one schema in the way of one action."""

    def __init__(self, client: Client, schema: SchemaPart, action: Writing, bundles: Bundles | None) -> None:
        self._client, self._schema, self._action, self._bundles = client, schema, action, bundles
        self._ahead: dict[int, Answer] = {}

    async def ahead(self, bodies: Sequence[Body]) -> None:
        """Ask for records together, where the service has a way to; `found` then takes those answers."""
        find = self._action.find
        self._ahead.clear()
        if self._bundles is None or find is None:
            return
        asked: list[tuple[int, Single]] = []
        for body in bodies:
            with suppress(RecordError):  # that is told by `found`
                query = filled_query(find, body.values)
                asked.append((body.row, Single("GET", filled_path(find, body.values), query, headers=find.headers)))
        for first in range(0, len(asked), self._bundles.size):
            some = asked[first : first + self._bundles.size]
            if len(some) > 1:
                answers = await self._bundles.read([request for _, request in some])
                self._ahead |= {row: one for (row, _), one in zip(some, answers, strict=True) if one is not None}

    async def found(self, body: Body) -> Held | None:
        """The record at the service; None where there is none, or no way to find it.

        Raises:
            RecordError: it has no value that names it, or there are several.
            ConfigurationError: code `find-unclear`, or what is answered is not what the description says.
        """
        find = self._action.find
        if find is None:
            return None
        answer = self._ahead.pop(body.row, None)
        if answer is not None and answer.status in NOT_THERE:
            return None
        if answer is None or not 200 <= answer.status < 300:
            answer = await self._client.get(
                self._client.address(filled_path(find, body.values)), filled_query(find, body.values),
                headers=find.headers, missing=NOT_THERE,
            )  # fmt: skip
        return None if answer is None else self._held(find, body, answer)

    def as_intended(self, body: Body, held: Held) -> bool:
        """Whether it is there as it was to be. What was made has the values that name it: a service may put the others
        into forms of its own."""
        if self._action.update is None:
            return True
        return all(agrees(value, held.record[name]) for name, value in body.fields.items() if name in held.record)

    def _held(self, find: Find, body: Body, answer: Answer) -> Held | None:
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
            return Held(known, decoded_record(raw))
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


def value_in(fields: dict[str, Any], name: str) -> Any:
    """What stands in a record under a name with dots; None where there is nothing."""
    found: Any = fields
    for one in name.split("."):
        found = found.get(one) if isinstance(found, dict) else None
    return found


def _likeness(record: dict[str, Any], wanted: Mapping[str, str]) -> _Likeness:
    return min((_alike(value_in(record, name), text.strip()) for name, text in wanted.items()), default=_Likeness.OTHER)


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
