"""The lines of sales as Tryton takes them: with the product, its unit, and its taxes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from agent.connectors.tryton.client import Client
from agent.connectors.tryton.named import key_of, named
from agent.connectors.tryton.rows import Record, decimal_of, missing, not_there


class SaleLines:
    """The lines of one batch.

    Args:
        client: The client.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._products: dict[object, Mapping[str, Any]] = {}

    async def prepare(self, lines: Iterable[Record]) -> None:
        """Look up the products that the lines name."""
        self._products = await named(
            self._client, "product.product",
            ("code", "sale_uom", "default_uom", "salable", "customer_taxes_used"),
            [*lines], by_id="product", by_code="product_code",
        )  # fmt: skip

    def values(self, line: Record, number: int) -> Record:
        """A line. `number` is its place in the sale.

        Raises:
            RecordError: It lacks something, or names a product that Tryton does not have.
        """
        values: Record = {
            "type": "line",
            "sequence": number,
            "quantity": float(decimal_of(line, "quantity")),
            "unit_price": decimal_of(line, "unit_price"),
            **({"description": line["description"]} if line.get("description") else {}),
        }
        key = key_of(line, "product", "product_code")
        if key is None:
            if not line.get("description"):
                raise missing("lines.product_code")
            return values
        product = self._products.get(key)
        if product is None:
            raise not_there("product", line.get("product_code") or line.get("product"), "lines.product_code")
        values |= {"product": product["id"], "unit": product.get("sale_uom") or product.get("default_uom")}
        taxes = product.get("customer_taxes_used") or ()
        return values | ({"taxes": [["add", list(taxes)]]} if taxes else {})
