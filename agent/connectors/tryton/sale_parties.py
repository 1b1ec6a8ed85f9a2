"""The customers of sales: finds their parties, makes those of guests, and knows on what terms they buy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from agent.connectors.tryton.client import Client
from agent.connectors.tryton.failures import RefusedError, nonsense, record_error
from agent.connectors.tryton.named import key_of, named
from agent.connectors.tryton.rows import Record, missing, not_there

_PARTY: Final = "party.party"
_TERMS: Final = ("payment_term", "invoice_method", "shipment_method")
"""What of a sale depends on who buys, besides addresses and taxes."""


class SaleParties:
    """The customers of one batch.

    Args:
        client: The client.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._parties: dict[object, Mapping[str, Any]] = {}
        self._terms: dict[object, Record] = {}

    @property
    def ids(self) -> Iterable[int]:
        """The ids of the parties that are there."""
        return {int(party["id"]) for party in self._parties.values()}

    async def prepare(self, records: Sequence[Record]) -> None:
        """Look up the parties that sales name."""
        self._parties |= await self._found(records)

    def must_be_had(self, wanted: Record) -> None:
        """See that a sale's party is there, or can be made.

        Raises:
            RecordError: The sale names none, or one that Tryton does not have, and does not say how to make it.
        """
        key = key_of(wanted, "party", "party_code")
        if key is None:
            raise missing("party_code")
        if key not in self._parties and not (isinstance(key, str) and _text(wanted, "party_name")):
            raise not_there("party", wanted.get("party_code") or wanted.get("party"), "party_code")

    async def party(self, wanted: Record) -> Mapping[str, Any]:
        """The party of a sale, which is made where there is none. Its code keeps it from being made twice.

        Raises:
            RecordError: Tryton refuses it.
            AmbiguousWriteError: It may have been made. Asked again, it is found.
        """
        key = key_of(wanted, "party", "party_code")
        if key not in self._parties:
            email = _text(wanted, "party_email")
            contacts = [["create", [{"type": "email", "value": email}]]] if email else []
            values = {"code": key, "name": _text(wanted, "party_name"), "addresses": [], "contact_mechanisms": contacts}
            refused: RefusedError | None = None
            try:
                await self._client.call(f"{_PARTY}.create", [values], writing=True)
            except RefusedError as error:
                # Another order of the same customer may have made it since we looked.
                refused = error
            self._parties |= await self._found([wanted])
            if key not in self._parties:
                raise record_error(refused) if refused else not_there("party", key, "party_code")
        return self._parties[key]

    async def terms(self, party: int) -> Record:
        """On what terms a party buys, as Tryton would enter them by itself."""
        if party not in self._terms:
            asked: Record = {"company": (await self._client.context()).get("company"), "party": party, "lines": []}
            said = await self._client.call("sale.sale.on_change_party", asked)
            if not isinstance(said, Mapping):
                raise nonsense(host=self._client.host, writing=False)
            self._terms[party] = {name: said[name] for name in _TERMS if said.get(name) is not None}
        return self._terms[party]

    async def _found(self, records: Sequence[Record]) -> dict[object, Mapping[str, Any]]:
        names = ("code", "customer_tax_rule")
        return await named(self._client, _PARTY, names, records, by_id="party", by_code="party_code")


def _text(record: Mapping[str, Any], name: str) -> str:
    return str(record.get(name) or "").strip()
