"""Puts together what the agent calls a record out of what Tryton keeps in several models: one class for each schema.

Fields that this Tryton does not have, as a module is missing or its version is another, are left out.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from agent.connectors.tryton.changes import changed_at
from agent.connectors.tryton.client import Client
from agent.connectors.tryton.schema import PARTIES, PRODUCTS, SALES, SHIPMENTS
from agent.domain.errors import ConfigurationError

Record = dict[str, Any]
_MISSING = "module-missing"


class Source(ABC):
    """Where the records of a schema come from.

    `columns` leads from the filters to fields of Tryton, `names` are the fields to read of the model itself.
    """

    model: ClassVar[str]
    columns: ClassVar[Mapping[str, str]]
    names: ClassVar[tuple[str, ...]]

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
        addresses = await _belonging(
            client, "party.address", "party", ids,
            ("party_name", "street", "postal_code", "city", "country.code", "invoice", "delivery"),
        )  # fmt: skip
        contacts = await _belonging(client, "party.contact_mechanism", "party", ids, ("type", "value"))
        return [
            {
                **_own(row, self.names),
                "email": _first(contacts[row["id"]], "email"),
                "phone": _first(contacts[row["id"]], "phone", "mobile"),
                "addresses": [_address(one) for one in addresses[row["id"]]],
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
        return [{**_own(row, plain_names), "unit": _of(row, "default_uom", "name")} for row in rows]


class Sales(Source):
    """Sales with their lines."""

    model = "sale.sale"
    columns: ClassVar[Mapping[str, str]] = {
        "reference": "reference", "number": "number", "state": "state", "party": "party.code",
    }  # fmt: skip
    names = (
        "reference", "number", "state", "party", "party.code", "party.name", "description", "comment", "sale_date",
        "currency.code", "warehouse.code", "untaxed_amount", "tax_amount", "total_amount",
    )  # fmt: skip

    async def composed(self, client: Client, rows: Sequence[Mapping[str, Any]]) -> list[Record]:
        """One more call, for the lines."""
        lines = await _belonging(
            client, "sale.line", "sale", [row["id"] for row in rows],
            ("product", "product.code", "description", "quantity", "unit_price", "type"),
        )  # fmt: skip
        plain_names = [name for name in self.names if "." not in name]
        return [
            {
                **_own(row, plain_names),
                "party_code": _of(row, "party", "code"),
                "party_name": _of(row, "party", "name"),
                "currency": _of(row, "currency", "code"),
                "warehouse": _of(row, "warehouse", "code"),
                "lines": [
                    {
                        "product": line.get("product"),
                        "product_code": _of(line, "product", "code"),
                        **{name: line.get(name) for name in ("description", "quantity", "unit_price")},
                    }
                    for line in lines[row["id"]]
                    if line.get("type") == "line"
                ],
            }
            for row in rows
        ]


class Shipments(Source):
    """Shipments to customers, with the sales that they belong to and the packages' tracking numbers."""

    model = "stock.shipment.out"
    columns: ClassVar[Mapping[str, str]] = {"number": "number", "reference": "reference", "state": "state"}
    names = ("number", "reference", "state", "customer.code", "customer.name", "effective_date", "outgoing_moves")

    async def composed(self, client: Client, rows: Sequence[Mapping[str, Any]]) -> list[Record]:
        """Three more calls: for the moves, for the sales' lines that these come from, for packages."""
        move_ids = [one for row in rows for one in row.get("outgoing_moves") or ()]
        moves = {move["id"]: move for move in await _with_ids(
            client, "stock.move", move_ids, ("product.code", "product.name", "quantity", "origin")
        )}  # fmt: skip
        origins = {move["id"]: _line_id(move.get("origin")) for move in moves.values()}
        sold = {line["id"]: line for line in await _with_ids(
            client, "sale.line", sorted({one for one in origins.values() if one}), ("sale.reference", "sale.number")
        )}  # fmt: skip
        tracking = await self._tracking(client, rows)
        records = []
        for row in rows:
            own = [moves[one] for one in row.get("outgoing_moves") or () if one in moves]
            sales = [sold.get(origins[move["id"]] or 0, {}) for move in own]
            lines = [
                {
                    "product_code": _of(move, "product", "code"),
                    "product_name": _of(move, "product", "name"),
                    "quantity": move.get("quantity"),
                    "sale_reference": _of(sale, "sale", "reference"),
                }
                for move, sale in zip(own, sales, strict=True)
            ]
            first = next((sale for sale in sales if sale), {})
            records.append({
                **_own(row, ("number", "reference", "state", "effective_date")),
                "customer_code": _of(row, "customer", "code"),
                "customer_name": _of(row, "customer", "name"),
                "sale_reference": _of(first, "sale", "reference"),
                "sale_number": _of(first, "sale", "number"),
                "tracking_number": tracking.get(row["id"]) or row.get("reference"),
                "lines": lines,
            })  # fmt: skip
        return records

    async def _tracking(self, client: Client, rows: Sequence[Mapping[str, Any]]) -> Mapping[int, str]:
        """The first package's tracking number by shipment; nothing without Tryton's module for packages."""
        try:
            names = await client.fields("stock.package", ["shipment", "shipping_reference"])
        except ConfigurationError as error:
            if error.code != _MISSING:
                raise
            return {}
        if "shipping_reference" not in names:
            return {}
        packages = await client.search_read(
            "stock.package",
            [["shipment", "in", [f"{self.model},{row['id']}" for row in rows]]],
            ["shipment", "shipping_reference"],
            order=[["id", "ASC"]],
        )
        found: dict[int, str] = {}
        for package in packages:
            shipment = str(package.get("shipment") or "").rpartition(",")[2]
            if shipment.isdecimal() and package.get("shipping_reference"):
                found.setdefault(int(shipment), str(package["shipping_reference"]))
        return found


SOURCES: Mapping[str, Source] = {
    PARTIES: Parties(),
    PRODUCTS: Products(),
    SALES: Sales(),
    SHIPMENTS: Shipments(),
}
"""The sources by schema; stock is computed, not kept: see `stock`."""


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


async def _with_ids(client: Client, model: str, ids: Sequence[int], names: Sequence[str]) -> list[Mapping[str, Any]]:
    if not ids:
        return []
    wanted = await known(client, model, names)
    return list(await client.search_read(model, [["id", "in", list(ids)]], wanted, context={"active_test": False}))


def _own(row: Mapping[str, Any], names: Iterable[str]) -> Record:
    return {"id": row["id"], **{name: row.get(name) for name in names}, "changed_at": changed_at(row)}


def _of(row: Mapping[str, Any], name: str, part: str) -> Any:
    """A field of a record that is referred to; None where there is none."""
    other = row.get(f"{name}.")
    return other.get(part) if isinstance(other, Mapping) else None


def _address(one: Mapping[str, Any]) -> Record:
    names = ("street", "postal_code", "city", "invoice", "delivery")
    return {
        "id": one["id"], "name": one.get("party_name"), **{name: one.get(name) for name in names},
        "country": _of(one, "country", "code"),
    }  # fmt: skip


def _first(contacts: Sequence[Mapping[str, Any]], *types: str) -> Any:
    return next((one.get("value") for one in contacts if one.get("type") in types), None)


def _line_id(origin: Any) -> int | None:
    """The id of a sale's line in a reference such as `sale.line,12`."""
    model, _, number = str(origin or "").partition(",")
    return int(number) if model == "sale.line" and number.isdecimal() else None
