"""Writes parties with their addresses and contact mechanisms, and finds them again by code.

Tryton keeps codes unique. Addresses and contacts are added and changed, never taken away: an address is known by its
id, or by its street, postal code, city and name, without a name by the place alone; a contact by its type and value,
in which blanks and case do not count. `email` and `phone` are the first contact of that type. Tryton does not keep
addresses and contacts unique, so it is told to change a party only while that is as it was when it was read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from agent.connectors.tryton.client import Client
from agent.connectors.tryton.contacts import changed_contacts
from agent.connectors.tryton.failures import ChangedMeanwhileError, RefusedError, changed_again_and_again, record_error
from agent.connectors.tryton.places import Places, place, words
from agent.connectors.tryton.records import Parties, known
from agent.connectors.tryton.rows import Record, missing, not_there, same
from agent.connectors.tryton.schema import POST, PUT
from agent.domain.errors import RecordError

WRITABLE: Final[Mapping[str, frozenset[str]]] = {
    "": frozenset({"id", "code", "name", "active", "email", "phone", "addresses", "contacts"}),
    "addresses.": frozenset(
        {"id", "name", "street", "postal_code", "city", "country", "subdivision", "invoice", "delivery"}
    ),
    "contacts.": frozenset({"id", "type", "value"}),
}
_MODEL: Final = "party.party"
_PLAIN: Final = ("name", "active")
_TRIES: Final = 5
_EMPTY: Final[Record] = {"addresses": [], "contacts": []}


class PartyWriter:
    """Writes the parties of one batch.

    Args:
        client: The client.
        action: POST makes, PUT changes, UPSERT does both.
    """

    def __init__(self, client: Client, action: str) -> None:
        self._client, self._action = client, action
        self._places = Places(client)
        self._stamps: dict[int, str] = {}

    async def held(self, records: Sequence[Record]) -> list[Record | None]:
        """What Tryton has of these records: by id where one is given, else by code."""
        codes = sorted({str(one["code"]) for one in records if one.get("code")})
        ids = sorted({number for one in records if (number := _number(one.get("id"))) is not None})
        if not codes and not ids:
            return [None for _ in records]
        source = Parties()
        names = await known(self._client, _MODEL, (*source.names, "create_date", "write_date"))
        rows = await self._client.search_read(
            _MODEL, ["OR", ["code", "in", codes], ["id", "in", ids]], [*names, "_timestamp"],
            context={"active_test": False},
        )  # fmt: skip
        self._stamps.update({row["id"]: row["_timestamp"] for row in rows if row.get("_timestamp")})
        composed = await source.composed(self._client, rows)
        by_id = {one["id"]: one for one in composed}
        by_code = {one["code"]: one for one in composed}
        return [by_id.get(_number(one.get("id"))) or by_code.get(str(one.get("code"))) for one in records]

    def intended(self, wanted: Record, held: Record) -> bool:
        """Whether a party is there as a write leaves it."""
        return self._action == POST or not self._changes(wanted, held)

    async def prepare(self, records: Sequence[Record]) -> None:
        """Look up what the records refer to."""
        await self._places.prepare(address for record in records for address in record.get("addresses", ()))

    def refusal(self, wanted: Record, held: Record | None) -> RecordError | None:
        """Why a record can certainly not be written; None where it may be."""
        if held is None and self._action == PUT:
            return not_there("party", wanted.get("code") or wanted.get("id") or "without a code", "code")
        if not wanted.get("code") and held is None:
            # Without a code of ours, nothing would keep a party from being made twice.
            return missing("code")
        for address in wanted.get("addresses", ()):
            refused = self._places.refusal(address, "addresses")
            if refused is not None:
                return refused
        return next((missing("contacts.value") for one in wanted.get("contacts", ()) if not one.get("value")), None)

    async def write(self, wanted: Record, held: Record | None) -> str:
        """Make or change a party; gives its id.

        Raises:
            RecordError: Tryton refuses it.
            AmbiguousWriteError: It may have been written.
        """
        if held is not None:
            return await self._change(wanted, held)
        values = self._values(self._changes(wanted, _EMPTY))
        try:
            made = await self._client.call(f"{_MODEL}.create", [{**values, "code": str(wanted["code"])}], writing=True)
        except RefusedError as error:
            # Somebody may have made it since we looked, perhaps we ourselves with a request that was slow to arrive.
            (there,) = await self.held([wanted])
            if there is None:
                raise record_error(error) from error
            return await self._change(wanted, there)
        return str(made[0])

    async def _change(self, wanted: Record, held: Record) -> str:
        for _ in range(_TRIES):
            changes = {} if self._action == POST else self._changes(wanted, held)
            number = held["id"]
            if not changes:
                return str(number)
            stamp = self._stamps.get(number)
            unchanged = {f"{_MODEL},{number}": stamp} if stamp else None
            try:
                await self._client.call(
                    f"{_MODEL}.write", [number], self._values(changes), writing=True, unchanged=unchanged
                )
            except ChangedMeanwhileError:
                (there,) = await self.held([wanted])
                held = there or held
            except RefusedError as error:
                raise record_error(error) from error
            else:
                return str(number)
        raise changed_again_and_again(self._client.host)

    def _changes(self, wanted: Record, held: Record) -> Record:
        """What a write has to change: plain values; addresses and contacts as pairs of an id (None: new) and values."""
        changes: Record = {name: wanted[name] for name in _PLAIN
                           if name in wanted and not same(wanted[name], held.get(name))}  # fmt: skip
        resolved = [self._places.resolved(one) for one in wanted.get("addresses", ())]
        addresses = [*_changed_addresses(resolved, held["addresses"], held.get("name"))]
        contacts = [*changed_contacts(wanted, held["contacts"])]
        return changes | ({"addresses": addresses} if addresses else {}) | ({"contacts": contacts} if contacts else {})

    def _values(self, changes: Record) -> Record:
        """Changes as Tryton takes them: what belongs to a party is made and changed along with it, in one go."""
        values: Record = {name: changes[name] for name in _PLAIN if name in changes}
        addresses = [(number, self._places.values(one)) for number, one in changes.get("addresses", ())]
        contacts = changes.get("contacts", ())
        for name, parts in (("addresses", addresses), ("contact_mechanisms", contacts)):
            new = [one for number, one in parts if number is None]
            actions: list[list[Any]] = [["write", [number], one] for number, one in parts if number is not None]
            if new:
                actions.append(["create", new])
            if actions:
                values[name] = actions
        return values


def _changed_addresses(
    wanted: Iterable[Record], held: Sequence[Record], party_name: object
) -> Iterable[tuple[int | None, Record]]:
    """Each held address is meant once: by its id, else by name and place, without a name by the place alone.

    A held address is given no other name unless its id is: goods that go to it would go to somebody else.
    """

    def known_as(address: Mapping[str, Any]) -> tuple[str, ...]:
        return (words(address.get("name") or party_name), *place(address))

    there = {one["id"]: one for one in held}
    chosen: dict[int, Record] = {}
    others: dict[tuple[str, ...], Record] = {}
    for address in wanted:
        number = _number(address.get("id"))
        values = {name: value for name, value in address.items() if name != "id"}
        if number is not None and number in there:
            chosen[number] = chosen.get(number, {}) | values
        else:
            # One that the record has twice is one.
            others[known_as(address)] = others.get(known_as(address), {}) | values
    for number, values in chosen.items():
        chosen[number] = values | others.pop(known_as(values), {})
    for by_name in (True, False):
        free = [number for number in there if number not in chosen]
        for key, values in list(others.items()):
            if not by_name and words(values.get("name")):
                continue
            key_of = known_as if by_name else place
            number = next((one for one in free if key_of(there[one]) == key_of(values)), None)
            if number is not None:
                free.remove(number)
                chosen[number] = values
                del others[key]
    for number, values in chosen.items():
        changed = {name: value for name, value in values.items() if not same(value, there[number].get(name))}
        if changed:
            yield number, changed
    for values in others.values():
        yield None, values


def _number(value: object) -> int | None:
    return int(str(value)) if value is not None and str(value).isdecimal() else None
