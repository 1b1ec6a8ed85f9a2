"""Writes sales, each with its lines in one call, and finds them again by reference.

Tryton does not keep references unique. So a sale is looked for before it is made, and one whose answer never came may
still be on its way: `look_up` waits a while for it, before it says that it is not there. One that was on its way for
longer leaves two drafts of the agent's user, which are told as soon as the order comes again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from agent.connectors.tryton.client import Client
from agent.connectors.tryton.failures import RefusedError, record_error
from agent.connectors.tryton.records import Sales, known
from agent.connectors.tryton.rows import Record, day_of, decimal_of, missing, not_there
from agent.domain.error_classes import ErrorClass
from agent.domain.errors import RecordError

WRITABLE: Final[Mapping[str, frozenset[str]]] = {
    "": frozenset(
        {"reference", "party", "party_code", "description", "comment", "sale_date", "currency", "warehouse", "lines"}
    ),
    "lines.": frozenset({"product", "product_code", "description", "quantity", "unit_price"}),
}
_MODEL: Final = "sale.sale"


class SaleWriter:
    """Makes the sales of one batch.

    Args:
        client: The client.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._parties: dict[object, Mapping[str, Any]] = {}
        self._products: dict[object, Mapping[str, Any]] = {}
        self._currencies: dict[str, int] = {}
        self._warehouses: dict[str, int] = {}
        self._made_twice: frozenset[str] = frozenset()

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
        """Look up the parties, products, currencies and warehouses that the records name."""
        lines = [line for record in records for line in record.get("lines", ())]
        self._parties = await self._named("party.party", ("code",), records, "party", "party_code")
        self._products = await self._named(
            "product.product", ("code", "sale_uom", "default_uom", "salable", "customer_taxes_used"),
            lines, "product", "product_code",
        )  # fmt: skip
        self._currencies = await self._coded("currency.currency", records, "currency")
        self._warehouses = await self._coded("stock.location", records, "warehouse")
        await self._addresses()

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
        try:
            made = await self._client.call(f"{_MODEL}.create", [values], writing=True)
        except RefusedError as error:
            raise record_error(error) from error
        return str(made[0])

    def _values(self, wanted: Record) -> Record:
        if not wanted.get("reference"):
            # Without a reference, nothing would keep an order from becoming two sales.
            raise missing("reference")
        party = self._party(wanted)
        lines = [self._line(line, number) for number, line in enumerate(wanted.get("lines", ()), 1)]
        values: Record = {
            "reference": str(wanted["reference"]),
            "party": party["id"],
            **{name: wanted[name] for name in ("description", "comment") if name in wanted},
            "lines": [["create", lines]] if lines else [],
        }
        for name in ("invoice_address", "shipment_address"):
            if party.get(name) is not None:
                values[name] = party[name]
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

    def _line(self, line: Record, number: int) -> Record:
        values: Record = {
            "type": "line",
            "sequence": number,
            "quantity": float(decimal_of(line, "quantity")),
            "unit_price": decimal_of(line, "unit_price"),
            **({"description": line["description"]} if line.get("description") else {}),
        }
        key = line.get("product") or line.get("product_code")
        if not key:
            if not line.get("description"):
                raise missing("lines.product_code")
            return values
        product = self._products.get(_key(line, "product", "product_code"))
        if product is None:
            raise not_there("product", key, "lines.product_code")
        values |= {"product": product["id"], "unit": product.get("sale_uom") or product.get("default_uom")}
        taxes = product.get("customer_taxes_used") or ()
        return values | ({"taxes": [["add", list(taxes)]]} if taxes else {})

    def _party(self, wanted: Record) -> Mapping[str, Any]:
        key = _key(wanted, "party", "party_code")
        if key is None:
            raise missing("party_code")
        party = self._parties.get(key)
        if party is None:
            raise not_there("party", wanted.get("party_code") or wanted.get("party"), "party_code")
        return party

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
        party = self._parties.get(_key(wanted, "party", "party_code"))
        if party is not None and party["id"] != held["party"]:
            raise RecordError(
                f"Tryton has a sale with the reference {wanted['reference']} for another party, {held['party_code']}.",
                code="reference-taken",
                remedy="Let the mapping make references that no other source makes, such as with a word before them.",
                field="reference",
                error_class=ErrorClass.DUPLICATE,
            )

    async def _named(
        self, model: str, names: Sequence[str], records: Sequence[Record], by_id: str, by_code: str
    ) -> dict[object, Mapping[str, Any]]:
        """The records of a model that others name by id or code, by what they are named by."""
        ids = sorted({key for one in records if isinstance(key := _key(one, by_id, by_code), int)})
        codes = sorted({key for one in records if isinstance(key := _key(one, by_id, by_code), str)})
        if not ids and not codes:
            return {}
        there = await known(self._client, model, names)
        rows = await self._client.search_read(model, ["OR", ["id", "in", ids], ["code", "in", codes]], there)
        return {key: dict(row) for row in rows for key in (row["id"], row.get("code")) if key is not None}

    async def _coded(self, model: str, records: Sequence[Record], name: str) -> dict[str, int]:
        codes = sorted({str(one[name]) for one in records if one.get(name)})
        if not codes:
            return {}
        rows = await self._client.search_read(model, [["code", "in", codes]], ["code"])
        return {str(row["code"]): int(row["id"]) for row in rows}

    async def _addresses(self) -> None:
        """Where invoices and goods go: the party's first address that is marked so, else its first."""
        parties = {party["id"] for party in self._parties.values()}
        if not parties:
            return
        there = await known(self._client, "party.address", ("party", "invoice", "delivery"))
        rows = await self._client.search_read("party.address", [["party", "in", sorted(parties)]], there)
        for party in self._parties.values():
            own = [row for row in rows if row["party"] == party["id"]]
            marked = {name: [row["id"] for row in own if row.get(mark)] or [row["id"] for row in own]
                      for name, mark in (("invoice_address", "invoice"), ("shipment_address", "delivery"))}  # fmt: skip
            assert isinstance(party, dict)
            party.update({name: ids[0] for name, ids in marked.items() if ids})


def _key(record: Record, by_id: str, by_code: str) -> int | str | None:
    """What a record names another by: a number is an id, a text a code."""
    number = record.get(by_id)
    if number is not None and str(number).isdecimal():
        return int(number)
    code = record.get(by_code)
    return str(code) if code not in (None, "") else None
