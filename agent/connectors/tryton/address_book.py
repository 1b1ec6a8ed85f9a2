"""The addresses of parties: finds the one that an order names, and adds it where there is none.

Tryton keeps addresses not unique. So one is added by a change of its party that Tryton carries out only while the party
is as it was when its addresses were read. Two orders that bring the same address at once, or a request that arrives
late, change nothing then: the addresses are read again, and the address is found.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from agent.connectors.tryton.client import Client
from agent.connectors.tryton.failures import ChangedMeanwhileError, RefusedError, changed_again_and_again, record_error
from agent.connectors.tryton.places import Places, known_as
from agent.connectors.tryton.records import ADDRESS_NAMES, address_of, known
from agent.connectors.tryton.rows import Record

_PARTY: Final = "party.party"
TRIES: Final = 5
"""So often a party may change between reading its addresses and adding one."""


class AddressBook:
    """The addresses in use of some parties.

    Args:
        client: The client.
        places: The countries and subdivisions of the addresses that are asked for.
    """

    def __init__(self, client: Client, places: Places) -> None:
        self._client, self._places = client, places
        self._names: dict[int, object] = {}
        self._stamps: dict[int, str | None] = {}
        self._addresses: dict[int, list[Record]] = {}

    @property
    def known(self) -> frozenset[int]:
        """The parties whose addresses were read."""
        return frozenset(self._addresses)

    async def read(self, party_ids: Iterable[int]) -> None:
        """Read the addresses of these parties. What moment a party is of is read first."""
        ids = sorted(set(party_ids))
        if not ids:
            return
        for row in await self._client.search_read(
            _PARTY, [["id", "in", ids]], ["name", "_timestamp"], context={"active_test": False}
        ):
            self._names[row["id"]], self._stamps[row["id"]] = row.get("name"), row.get("_timestamp")
        there = await known(self._client, "party.address", ("party", *ADDRESS_NAMES))
        self._addresses.update({number: [] for number in ids})
        for row in await self._client.search_read("party.address", [["party", "in", ids]], there):
            self._addresses[row["party"]].append(address_of(row))

    def first(self, party_id: int, mark: str) -> int | None:
        """The party's first address that is marked so (`invoice`, `delivery`), else its first."""
        own = self._addresses.get(party_id, ())
        ids = [one["id"] for one in own if one.get(mark)] or [one["id"] for one in own]
        return int(ids[0]) if ids else None

    async def entered(self, party_id: int, resolved: Mapping[str, Any]) -> int:
        """The id of this address of the party, which is added where it is not there.

        Raises:
            RecordError: Tryton refuses it.
            AmbiguousWriteError: It may have been added. Asked again, it is found.
        """
        for _ in range(TRIES):
            found = self._found(party_id, resolved)
            if found is not None:
                return found
            change = {"addresses": [["create", [self._places.values(resolved)]]]}
            unchanged = {f"{_PARTY},{party_id}": str(self._stamps[party_id])}
            try:
                await self._client.call(f"{_PARTY}.write", [party_id], change, writing=True, unchanged=unchanged)
            except ChangedMeanwhileError:
                pass
            except RefusedError as error:
                raise record_error(error) from error
            await self.read([party_id])
        raise changed_again_and_again(self._client.host)

    def _found(self, party_id: int, resolved: Mapping[str, Any]) -> int | None:
        name = self._names.get(party_id)
        key = known_as(resolved, name)
        return next((int(one["id"]) for one in self._addresses[party_id] if known_as(one, name) == key), None)
