"""Shipments to customers: what is in them, of which sales, and how they are tracked.

Of what a shipment holds there are two records to be had: one for the shipment, and one for each sale that it brings
something of. The second is what a store wants to know, as a shipment there belongs to one order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from agent.connectors.tryton.client import Client
from agent.connectors.tryton.records import Record, Source, field_of, own_fields, with_ids
from agent.domain.errors import ConfigurationError

_MISSING: Final = "module-missing"
_CANCELLED: Final = "cancelled"


class Shipments(Source):
    """Shipments to customers, with the sales that they belong to and the packages' tracking numbers."""

    model = "stock.shipment.out"
    columns: ClassVar[Mapping[str, str]] = {"number": "number", "reference": "reference", "state": "state"}
    names = ("number", "reference", "state", "customer.code", "customer.name", "effective_date", "outgoing_moves")

    async def composed(self, client: Client, rows: Sequence[Mapping[str, Any]]) -> list[Record]:
        """Two more calls: for the moves with the sales that these come from, and for packages."""
        parts = await _parts(client, rows)
        tracking = await self._tracking(client, rows)
        records = []
        for row in rows:
            own = parts[row["id"]]
            first = next((move for move in own if move.get("sale")), {})
            records.append({
                **self._shared(row, tracking),
                "sale_reference": field_of(first, "sale", "reference"),
                "sale_number": field_of(first, "sale", "number"),
                "lines": [{**_line(move), "sale_reference": field_of(move, "sale", "reference")} for move in own],
            })  # fmt: skip
        return records

    def _shared(self, row: Mapping[str, Any], tracking: Mapping[int, str]) -> Record:
        return {
            **own_fields(row, ("number", "reference", "state", "effective_date")),
            "customer_code": field_of(row, "customer", "code"),
            "customer_name": field_of(row, "customer", "name"),
            "tracking_number": tracking.get(row["id"]) or row.get("reference"),
        }

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


class SaleShipments(Shipments):
    """What a shipment brings of each sale. A shipment of no sale at all, such as one made by hand, has no record."""

    def row_ids(self, ids: Sequence[str]) -> list[int]:
        """The shipments of ids such as 12@34, which is what shipment 12 brings of sale 34."""
        pairs = [one.split("@") for one in ids]
        return [int(one[0]) for one in pairs if len(one) == 2 and all(part.isdecimal() for part in one)]

    async def composed(self, client: Client, rows: Sequence[Mapping[str, Any]]) -> list[Record]:
        """The same calls as for whole shipments."""
        parts = await _parts(client, rows)
        tracking = await self._tracking(client, rows)
        records = []
        for row in rows:
            sales: dict[int, list[Mapping[str, Any]]] = {}
            for move in parts[row["id"]]:
                if move.get("sale"):
                    sales.setdefault(move["sale"], []).append(move)
            for sale_id, own in sales.items():
                records.append({
                    **self._shared(row, tracking),
                    "id": f"{row['id']}@{sale_id}",
                    "shipment": row["id"],
                    "sale": sale_id,
                    "sale_reference": field_of(own[0], "sale", "reference"),
                    "sale_number": field_of(own[0], "sale", "number"),
                    "lines": [_line(move) for move in own],
                })  # fmt: skip
        return records


async def _parts(client: Client, rows: Sequence[Mapping[str, Any]]) -> Mapping[int, list[Mapping[str, Any]]]:
    """The moves of each shipment; cancelled ones bring nothing.

    The sale is what Tryton says of the move itself: a move may come from a line of the sale, or from a part of a kit.
    """
    move_ids = [one for row in rows for one in row.get("outgoing_moves") or ()]
    moves = {move["id"]: move for move in await with_ids(
        client, "stock.move", move_ids,
        ("product.code", "product.name", "quantity", "state", "sale", "sale.reference", "sale.number"),
    )}  # fmt: skip
    return {
        row["id"]: [
            moves[one]
            for one in row.get("outgoing_moves") or ()
            if one in moves and (moves[one].get("state") != _CANCELLED or row.get("state") == _CANCELLED)
        ]
        for row in rows
    }


def _line(move: Mapping[str, Any]) -> Record:
    return {
        "product_code": field_of(move, "product", "code"),
        "product_name": field_of(move, "product", "name"),
        "quantity": move.get("quantity"),
    }
