"""Writes sales, each with its lines in one call, and finds them again by reference.

Tryton does not keep references unique. So a sale is looked for before it is made, and one whose answer never came may
still be on its way: `look_up` waits a while for it, before it says that it is not there. One that was on its way for
longer leaves two drafts of the agent's user, which are told as soon as the order comes again; with Tryton's module
web_shop there cannot be two. What a sale needs besides
is there before it: its addresses, and the party of somebody whom Tryton does not know. Neither is made twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from agent.connectors.tryton.address_book import AddressBook
from agent.connectors.tryton.client import Client
from agent.connectors.tryton.failures import RefusedError, record_error
from agent.connectors.tryton.named import coded, key_of
from agent.connectors.tryton.places import Places, known_as
from agent.connectors.tryton.records import Sales, known
from agent.connectors.tryton.rows import Record, day_of, missing, not_there
from agent.connectors.tryton.sale_lines import SaleLines
from agent.connectors.tryton.sale_parties import SaleParties
from agent.connectors.tryton.sale_totals import Totals
from agent.domain.error_classes import ErrorClass
from agent.domain.errors import RecordError

_ADDRESS: Final = frozenset({"name", "street", "postal_code", "city", "country", "subdivision"})
WRITABLE: Final[Mapping[str, frozenset[str]]] = {
    "": frozenset(
        {"reference", "party", "party_code", "party_name", "party_email", "description", "comment",
         "sale_date", "currency", "warehouse", "shipment_address", "invoice_address", "lines",
         "untaxed_amount", "total_amount", "rounding"}
    ),
    "lines.": frozenset({"product", "product_code", "description", "quantity", "unit_price"}),
    "shipment_address.": _ADDRESS,
    "invoice_address.": _ADDRESS,
}  # fmt: skip
_MODEL: Final = "sale.sale"
_WEB_ID: Final = "web_id"
"""A field of the module web_shop that Tryton keeps unique: with it, no sale is made twice however late a request is."""
_ADDRESSES: Final[Mapping[str, str]] = {"shipment_address": "delivery", "invoice_address": "invoice"}
"""The addresses of a sale, and how a party's address is marked that serves where none is named."""


class SaleWriter:
    """Makes the sales of one batch.

    Args:
        client: The client.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._parties = SaleParties(client)
        self._currencies: dict[str, int] = {}
        self._warehouses: dict[str, int] = {}
        self._lines = SaleLines(client)
        self._totals = Totals(client)
        self._places = Places(client)
        self._book = AddressBook(client, self._places)
        self._made_twice: frozenset[str] = frozenset()
        self._unique = False

    async def held(self, records: Sequence[Record]) -> list[Record | None]:
        """The sales that Tryton has with the references of these records; the oldest of several."""
        references = sorted({str(one["reference"]) for one in records if one.get("reference")})
        if not references:
            return [None for _ in records]
        source = Sales()
        names = await known(self._client, _MODEL, (*source.names, "create_date", "write_date", "create_uid"))
        rows = await self._client.search_read(_MODEL, [["reference", "in", references]], names, order=[["id", "DESC"]])
        if len(rows) > len({row["reference"] for row in rows}):
            user_id = await self._client.user_id()
            drafts = Counter(
                row["reference"] for row in rows if row.get("state") == "draft" and row.get("create_uid") == user_id
            )
            self._made_twice = frozenset(reference for reference, count in drafts.items() if count > 1)
        composed = {one["reference"]: one for one in await source.composed(self._client, rows)}
        return [composed.get(str(one.get("reference"))) for one in records]

    def intended(self, wanted: Record, held: Record) -> bool:
        """A sale is made once, and then belongs to those who work with it."""
        return True

    async def prepare(self, records: Sequence[Record]) -> None:
        """Look up the parties, addresses, products, currencies and warehouses that the records name."""
        await self._parties.prepare(records)
        self._unique = _WEB_ID in await self._client.fields(_MODEL, (_WEB_ID,))
        await self._lines.prepare(line for record in records for line in record.get("lines", ()))
        self._currencies = await coded(self._client, "currency.currency", records, "currency")
        await self._totals.prepare(records, self._currencies.values())
        self._warehouses = await coded(self._client, "stock.location", records, "warehouse")
        await self._places.prepare(one for record in records for name in _ADDRESSES for one in record.get(name, ()))
        await self._book.read(self._parties.ids)

    def refusal(self, wanted: Record, held: Record | None) -> RecordError | None:
        """Why a sale can certainly not be made; None where it may be."""
        try:
            if held is None:
                self._values(wanted)
            else:
                self._must_be_the_same(wanted, held)
        except RecordError as error:
            return error
        return None

    async def write(self, wanted: Record, held: Record | None) -> str:
        """Make a sale, unless it is there; gives its id.

        Raises:
            RecordError: Tryton refuses it.
            AmbiguousWriteError: It may have been made.
        """
        if held is not None:
            self._must_be_the_same(wanted, held)
            return str(held["id"])
        values = self._values(wanted)
        party = await self._parties.party(wanted)
        number = int(party["id"])
        values = {**await self._parties.terms(number), **values, "party": number}
        values.update(await self._addresses(wanted, number))
        lines = [await self._lines.taxed(line, values, party.get("customer_tax_rule")) for line in values["lines"]]
        lines = await self._totals.settled(lines, wanted, values.get("currency"))
        values["lines"] = [["create", lines]] if lines else []
        if self._unique:
            values[_WEB_ID] = wanted["reference"]
        try:
            made = await self._client.call(f"{_MODEL}.create", [values], writing=True)
        except RefusedError as error:
            # It may have been made since we looked, perhaps by ourselves with a request that was slow to arrive.
            (there,) = await self.held([wanted]) if self._unique else (None,)
            if there is None:
                raise record_error(error) from error
            self._must_be_the_same(wanted, there)
            return str(there["id"])
        return str(made[0])

    def _values(self, wanted: Record) -> Record:
        """A sale without its party and addresses, of which it is seen that they can be had. Its lines are a list."""
        if not wanted.get("reference"):
            # Without a reference, nothing would keep an order from becoming two sales.
            raise missing("reference")
        self._parties.must_be_had(wanted)
        for name in _ADDRESSES:
            self._address(wanted, name)
        values: Record = {
            "reference": str(wanted["reference"]),
            **{name: wanted[name] for name in ("description", "comment") if name in wanted},
            "lines": [self._lines.values(line, number) for number, line in enumerate(wanted.get("lines", ()), 1)],
        }
        day = day_of(wanted, "sale_date")
        if day is not None:
            values["sale_date"] = day
        for name, found in (("currency", self._currencies), ("warehouse", self._warehouses)):
            code = wanted.get(name)
            if code:
                if str(code) not in found:
                    raise not_there(name, code, name)
                values[name] = found[str(code)]
        return values

    async def _addresses(self, wanted: Record, party: int) -> Record:
        """Where goods and invoice go. A sale that names nowhere for its goods gets no address for them."""
        await self._book.read({party} - self._book.known)
        values: Record = {}
        for name, mark in _ADDRESSES.items():
            address = self._address(wanted, name)
            if address is not None:
                values[name] = await self._book.entered(party, address)
            elif name != "shipment_address" or name not in wanted:
                values[name] = self._book.first(party, mark)
        return {name: number for name, number in values.items() if number is not None}

    def _address(self, wanted: Record, name: str) -> Record | None:
        """The address of that name, as Tryton can have it; None where there is none."""
        given: dict[tuple[str, ...], Record] = {}
        for one in wanted.get(name, ()):
            refused = self._places.refusal(one, name)
            if refused is not None:
                raise refused
            if any(_text(one, part) for part in ("street", "postal_code", "city")):
                address = self._places.resolved(one)
                given.setdefault(known_as(address), address)
        if len(given) > 1:
            raise RecordError(
                f"The order has {len(given)} different addresses for {name}; a sale of Tryton has one.",
                code="several-addresses",
                remedy="Enter a sale for each address in Tryton by hand; the first with this reference, "
                f"{wanted.get('reference')}. Then try the record again: it counts as done.",
                field=name,
                error_class=ErrorClass.VALIDATION_FAILED,
            )
        return next(iter(given.values()), None)

    def _must_be_the_same(self, wanted: Record, held: Record) -> None:
        """A reference that another customer has is another order's, and an order has one sale."""
        if wanted["reference"] in self._made_twice:
            raise RecordError(
                f"Tryton has several drafts with the reference {wanted['reference']} that the agent made.",
                code="made-twice",
                remedy="Delete all but one in Tryton. One was made again because Tryton had not finished it in time.",
                field="reference",
                error_class=ErrorClass.DUPLICATE,
            )
        key = key_of(wanted, "party", "party_code")
        if key is not None and key != held["party" if isinstance(key, int) else "party_code"]:
            raise RecordError(
                f"Tryton has a sale with the reference {wanted['reference']} for another party, {held['party_code']}.",
                code="reference-taken",
                remedy="Let the mapping make references that no other source makes, such as with a word before them. "
                "If it is this order's sale, give it the order's party in Tryton.",
                field="reference",
                error_class=ErrorClass.DUPLICATE,
            )


def _text(record: Mapping[str, Any], name: str) -> str:
    return str(record.get(name) or "").strip()
