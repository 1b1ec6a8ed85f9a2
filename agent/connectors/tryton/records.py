"""Puts together what the agent calls a record out of what Tryton keeps in several models: one class for each schema.

Fields that this Tryton does not have, as a module is missing or its version is another, are left out.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Final

from agent.connectors.tryton.changes import changed_at
from agent.connectors.tryton.client import Client

Record = dict[str, Any]
ADDRESS_NAMES: Final = (
    "party_name", "street", "postal_code", "city", "country.code", "subdivision.code", "invoice", "delivery",
)  # fmt: skip
"""What is read of a party's address."""
_SALE_ADDRESSES: Final = ("shipment_address", "invoice_address")


class Source(ABC):
    """Where the records of a schema come from.

    `columns` leads from the filters to fields of Tryton, `names` are the fields to read of the model itself.
    """

    model: ClassVar[str]
    columns: ClassVar[Mapping[str, str]]
    names: ClassVar[tuple[str, ...]]

    def row_ids(self, ids: Sequence[str]) -> list[int]:
        """The ids of the rows that records with these ids come from; what is no such id belongs to none."""
        return [int(one) for one in ids if one.isdecimal()]

    @abstractmethod
    async def composed(self, client: Client, rows: Sequence[Mapping[str, Any]]) -> list[Record]:
        """The records for rows of the model, in their order."""


class Parties(Source):
    """Parties with addresses and contact mechanisms."""

    model = "party.party"
    columns: ClassVar[Mapping[str, str]] = {"code": "code", "name": "name", "active": "active"}
    names = ("code", "name", "active")

    async def composed(self, client: Client, rows: Sequence[Mapping[str, Any]]) -> list[Record]:
        """Two more calls for all of them."""
        ids = [row["id"] for row in rows]
        addresses = await _belonging(client, "party.address", "party", ids, ADDRESS_NAMES)
        contacts = await _belonging(client, "party.contact_mechanism", "party", ids, ("type", "value"))
        return [
            {
                **own_fields(row, self.names),
                "email": _first(contacts[row["id"]], "email"),
                "phone": _first(contacts[row["id"]], "phone", "mobile"),
                "addresses": [address_of(one) for one in addresses[row["id"]]],
                "contacts": [{name: one.get(name) for name in ("id", "type", "value")} for one in contacts[row["id"]]],
            }
            for row in rows
        ]


class Products(Source):
    """Variants of products."""

    model = "product.product"
    columns: ClassVar[Mapping[str, str]] = {
        "code": "code", "name": "template.name", "active": "active", "type": "template.type",
    }  # fmt: skip
    names = ("code", "name", "description", "type", "list_price", "cost_price", "default_uom.name", "active")

    async def composed(self, client: Client, rows: Sequence[Mapping[str, Any]]) -> list[Record]:
        """Nothing more is to be read."""
        plain_names = [name for name in self.names if "." not in name]
        return [{**own_fields(row, plain_names), "unit": field_of(row, "default_uom", "name")} for row in rows]


class Sales(Source):
    """Sales with their lines."""

    model = "sale.sale"
    columns: ClassVar[Mapping[str, str]] = {
        "reference": "reference", "number": "number", "state": "state", "party": "party.code",
    }  # fmt: skip
    names = (
        "reference", "number", "state", "party", "party.code", "party.name", "description", "comment", "sale_date",
        "currency.code", "warehouse.code", "untaxed_amount", "tax_amount", "total_amount", "shipment_address",
        "invoice_address",
    )  # fmt: skip

    async def composed(self, client: Client, rows: Sequence[Mapping[str, Any]]) -> list[Record]:
        """Two more calls, for the lines and the addresses."""
        numbers = {row[name] for row in rows for name in _SALE_ADDRESSES if row.get(name)}
        addresses = {one["id"]: address_of(one) for one in
                     await with_ids(client, "party.address", sorted(numbers), ADDRESS_NAMES)}  # fmt: skip
        lines = await _belonging(
            client, "sale.line", "sale", [row["id"] for row in rows],
            ("product", "product.code", "description", "quantity", "unit_price", "type"),
        )  # fmt: skip
        plain_names = [name for name in self.names if "." not in name and name not in _SALE_ADDRESSES]
        return [
            {
                **own_fields(row, plain_names),
                **{name: [addresses[row[name]]] if row.get(name) in addresses else [] for name in _SALE_ADDRESSES},
                "party_code": field_of(row, "party", "code"),
                "party_name": field_of(row, "party", "name"),
                "currency": field_of(row, "currency", "code"),
                "warehouse": field_of(row, "warehouse", "code"),
                "lines": [
                    {
                        "product": line.get("product"),
                        "product_code": field_of(line, "product", "code"),
                        **{name: line.get(name) for name in ("description", "quantity", "unit_price")},
                    }
                    for line in lines[row["id"]]
                    if line.get("type") == "line"
                ],
            }
            for row in rows
        ]


async def known(client: Client, model: str, names: Iterable[str]) -> list[str]:
    """Those of the fields that this Tryton has."""
    wanted = list(names)
    there = await client.fields(model, [name.partition(".")[0] for name in wanted])
    return [name for name in wanted if name.partition(".")[0] in there]


async def _belonging(
    client: Client, model: str, parent: str, ids: Sequence[int], names: Sequence[str]
) -> Mapping[int, list[Mapping[str, Any]]]:
    """The records of a model by the record that they belong to, in Tryton's own order."""
    found: dict[int, list[Mapping[str, Any]]] = defaultdict(list)
    if ids:
        wanted = await known(client, model, (parent, *names))
        for row in await client.search_read(model, [[parent, "in", list(ids)]], wanted):
            found[row[parent]].append(row)
    return found


async def with_ids(client: Client, model: str, ids: Sequence[int], names: Sequence[str]) -> list[Mapping[str, Any]]:
    """The records of a model with these ids, also those that are not active."""
    if not ids:
        return []
    wanted = await known(client, model, names)
    return list(await client.search_read(model, [["id", "in", list(ids)]], wanted, context={"active_test": False}))


def own_fields(row: Mapping[str, Any], names: Iterable[str]) -> Record:
    """Fields of a row that go into its record as they are, with its id and when it was changed."""
    return {"id": row["id"], **{name: row.get(name) for name in names}, "changed_at": changed_at(row)}


def field_of(row: Mapping[str, Any], name: str, part: str) -> Any:
    """A field of a record that is referred to; None where there is none."""
    other = row.get(f"{name}.")
    return other.get(part) if isinstance(other, Mapping) else None


def address_of(one: Mapping[str, Any]) -> Record:
    """The record of a party's address."""
    names = ("street", "postal_code", "city", "invoice", "delivery")
    return {
        "id": one["id"], "name": one.get("party_name"), **{name: one.get(name) for name in names},
        "country": field_of(one, "country", "code"), "subdivision": field_of(one, "subdivision", "code"),
    }  # fmt: skip


def _first(contacts: Sequence[Mapping[str, Any]], *types: str) -> Any:
    return next((one.get("value") for one in contacts if one.get("type") in types), None)
