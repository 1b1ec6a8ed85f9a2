"""The lines of sales as Tryton takes them: with the product, its unit, and its taxes.

Which taxes a line has is Tryton's to say: they depend on the product's account category, on the customer's tax rule,
with some modules on the countries. So Tryton is asked what it would enter by itself, once for all lines that are alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from agent.connectors.tryton.client import Client
from agent.connectors.tryton.failures import RefusedError, nonsense, record_error
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
        self._taxes: dict[tuple[object, ...], list[int]] = {}

    async def prepare(self, lines: Iterable[Record]) -> None:
        """Look up the products that the lines name."""
        names = ("code", "sale_uom", "default_uom")
        self._products = await named(
            self._client, "product.product", names, [*lines], by_id="product", by_code="product_code"
        )

    def values(self, line: Record, number: int) -> Record:
        """A line without its taxes. `number` is its place in the sale.

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
        return values | {"product": product["id"], "unit": product.get("sale_uom") or product.get("default_uom")}

    async def taxed(self, line: Record, sale: Record, tax_rule: object) -> Record:
        """A line with its taxes.

        Args:
            line: The line.
            sale: The sale that it belongs to, with its party and addresses.
            tax_rule: The rule by which the party's taxes are others than the products', if there is one.

        Raises:
            RecordError: Tryton says why there cannot be such a line.
        """
        whose = {name: sale[name] for name in ("party", "shipment_address", "warehouse", "currency") if name in sale}
        key = (line.get("product"), *((tax_rule, *whose.items()) if tax_rule is not None else ()))
        if key not in self._taxes:
            company = (await self._client.context()).get("company")
            asked = {
                "type": "line", "product": line.get("product"), "quantity": 1.0, "company": company,
                "_parent_sale.company": company, **{f"_parent_sale.{name}": value for name, value in whose.items()},
            }  # fmt: skip
            try:
                said = await self._client.call("sale.line.on_change_product", asked)
            except RefusedError as error:
                raise record_error(error) from error
            self._taxes[key] = self._read(said)
        taxes = self._taxes[key]
        return line | ({"taxes": [["add", taxes]]} if taxes else {})

    def _read(self, said: Any) -> list[int]:
        """The ids of the taxes that Tryton adds to a line that is not there yet."""
        try:
            changed = said.get("taxes") or []
            return [int(values["id"]) for _, values in changed["add"]] if isinstance(changed, Mapping) else [*changed]
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise nonsense(host=self._client.host, writing=False) from error
