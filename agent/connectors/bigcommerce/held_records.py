"""Finds the records of a store that rows of a batch are about: by their ids, or by another value that names them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote

import msgspec

from agent.connectors.bigcommerce.client import Query, StoreClient
from agent.connectors.bigcommerce.record_bodies import ID, Body
from agent.connectors.bigcommerce.records import MOST_RECORDS, decoded, split, split_v3
from agent.connectors.bigcommerce.write_actions import POST, Search, WriteAction
from agent.domain.errors import NotFoundError
from agent.http.json_values import agrees, decoded_record

_LISTED = 40
_MOST_PAGES = 1_000

Record = dict[str, Any]


class _Data(msgspec.Struct, frozen=True):
    data: msgspec.Raw


_DATA = msgspec.json.Decoder(_Data)


class HeldRecords:
    """What a store holds of the records that an action writes.

    Args:
        client: The store.
        action: The action.
    """

    def __init__(self, client: StoreClient, action: WriteAction) -> None:
        self._client = client
        self._action = action
        self.several: dict[int, Sequence[int]] = {}
        """The ids of the records that fit, by row, where several do: none of them is changed by guess."""

    async def of(self, bodies: Iterable[Body]) -> dict[int, Record]:
        """The records by the row they belong to; rows that the store has nothing for are not in it."""
        groups: dict[Search, list[Body]] = {}
        for body in bodies:
            if (search := self.search_of(body)) is not None:
                groups.setdefault(search, []).append(body)
        found: dict[int, Record] = {}
        for search, some in groups.items():
            values = list(dict.fromkeys(str(_value(body, search.attribute)) for body in some))
            by_value = await self._listed(search, values) if search.many else await self._one_by_one(search, some)
            if self._action.method != POST and search.attribute != ID:
                self.several.update(_several(some, by_value, search))
            sure = [body for body in some if body.row not in self.several]
            found.update(matched(sure, by_value, search, distinct=self._action.method == POST))
        return found

    def search_of(self, body: Body) -> Search | None:
        """How a body's record is found."""
        searches = self._action.searches
        return next((one for one in searches if _value(body, one.attribute) not in (None, "")), None)

    async def _listed(self, search: Search, values: Sequence[str]) -> list[Record]:
        # A comma would be taken as the end of a value.
        askable = [value for value in values if "," not in value]
        found: list[Record] = []
        for start in range(0, len(askable), _LISTED):
            chosen = (search.filter, ",".join(askable[start : start + _LISTED]))
            found += await self._pages(search.path, [chosen])
        for value in values:
            if "," in value and search.one:
                found += await self._pages(search.path, [(search.one, value)])
        return found

    async def _one_by_one(self, search: Search, bodies: Sequence[Body]) -> list[Record]:
        found: list[Record] = []
        asked: set[tuple[str, str]] = set()
        for body in bodies:
            value = str(_value(body, search.attribute))
            path = filled(search.path, body)
            if (path, value) in asked:
                continue
            asked.add((path, value))
            try:
                if search.single:
                    found.append(await self._single(path))
                else:
                    found += await self._pages(path, [(search.filter, value)] if search.filter else [])
            except NotFoundError:
                continue
        return [record for record in found if record]

    async def _single(self, path: str) -> Record:
        answer = await self._client.get(self._address(path))
        if not answer.content:
            return {}
        if self._action.version == 2:
            return decoded_record(answer.content)
        return decoded_record(decoded(_DATA, answer.content).data)

    async def _pages(self, path: str, query: Query) -> list[Record]:
        found: list[Record] = []
        for number in range(1, _MOST_PAGES):
            answer = await self._client.get(
                self._address(path), [*query, ("page", str(number)), ("limit", str(MOST_RECORDS))]
            )
            page = split(answer.content) if self._action.version == 2 else split_v3(answer.content).data
            found += (decoded_record(record) for record in page)
            if len(page) < MOST_RECORDS:
                break
        return found

    def _address(self, path: str) -> str:
        return self._client.v2(path) if self._action.version == 2 else self._client.v3(path)


def matched(bodies: Sequence[Body], records: Sequence[Record], search: Search, *, distinct: bool) -> dict[int, Record]:
    """The records by the row they belong to. With `distinct`, no record belongs to two rows."""
    by_key = _by_key(records, search)
    # Lists that belong to one record, such as the shipments of an order, need not name it.
    belongs = "{" in search.path
    nameless = [record for record in records if belongs and record.get(search.attribute) is None]
    found: dict[int, Record] = {}
    for body in bodies:
        candidates = by_key.get(_key(_value(body, search.attribute)), []) or nameless
        fitting = next((record for record in candidates if _fits(body, record, search)), None)
        if fitting is not None:
            found[body.row] = fitting
            if distinct:
                candidates.remove(fitting)
    return found


def _several(bodies: Sequence[Body], records: Sequence[Record], search: Search) -> dict[int, Sequence[int]]:
    """The ids of the records that fit, by row, where several do."""
    by_key = _by_key(records, search)
    found: dict[int, Sequence[int]] = {}
    for body in bodies:
        fitting = [one for one in by_key.get(_key(_value(body, search.attribute)), ()) if _fits(body, one, search)]
        ids = sorted({record[ID] for record in fitting if isinstance(record.get(ID), int)})
        if len(ids) > 1:
            found[body.row] = ids
    return found


def _by_key(records: Sequence[Record], search: Search) -> dict[str, list[Record]]:
    by_key: dict[str, list[Record]] = {}
    for record in records:
        if record.get(search.attribute) is not None:
            by_key.setdefault(_key(record[search.attribute]), []).append(record)
    return by_key


def filled(path: str, body: Body) -> str:
    """A path with the values that it names."""
    return path.format(**{name: quote(str(value), safe="") for name, value in body.named.items()})


def _fits(body: Body, record: Record, search: Search) -> bool:
    names = body.fields if "*" in search.match else search.match
    for name in names:
        value, held = _value(body, name), record.get(name)
        if isinstance(value, str) and isinstance(held, str) and _key(value) == _key(held):
            continue
        if name in record and not agrees(value, held):
            return False
    return True


def _value(body: Body, name: str) -> Any:
    return body.fields.get(name, body.named.get(name))


def _key(value: object) -> str:
    return str(value).strip().casefold()
