"""The stock of the store: how many of each item lie at the one location, and how often each was written.

The counts of writes are what a test proves "nothing twice" with.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from agent.sandbox.catalogue import base_stock, product_id_of
from agent.sandbox.products import Products

LOCATION_ID = 1
MOST_ITEMS = 2_000
MOST_QUANTITY = 2_147_483_647


class Refused(Exception):  # noqa: N818 - it is the store's answer, not a fault of the program
    """The store does not carry out an adjustment, and nothing of it was done."""


@dataclass(frozen=True, slots=True)
class Adjustment:
    """One item of an adjustment request: exactly one of sku, variant_id and product_id says what is meant."""

    location_id: int
    quantity: int
    sku: str | None = None
    variant_id: int | None = None
    product_id: int | None = None


class Inventory:
    """Quantities by variant id. Items tracked by product are kept under the product's base variant."""

    def __init__(self, products: Products, *, seed: int) -> None:
        self._products = products
        self._seed = seed
        self._quantities: dict[int, int] = {}
        self.version = 0
        self.writes: Counter[str] = Counter()
        self.applied_adjustments = 0
        self.most_items_per_request = 0

    def quantity(self, item: int) -> int:
        """How many of an item there are."""
        changed = self._quantities.get(item)
        return base_stock(self._seed, item) if changed is None else changed

    def quantity_of_sku(self, sku: str) -> int:
        """How many of an item there are, by its SKU. Raises KeyError for an unknown one."""
        return self.quantity(self._item_of_sku(sku))

    def correct(self, sku: str, quantity: int) -> None:
        """Set the quantity without counting it as a write. Raises KeyError for an unknown SKU."""
        self._quantities[self._item_of_sku(sku)] = quantity
        self.version += 1

    def product_quantity(self, product_id: int) -> int:
        """How many of a product there are, over its variants."""
        return sum(self.quantity(item) for item in self._products.base(product_id).stock_items)

    def write(self, item: int, quantity: int) -> None:
        """Set the quantity of one item."""
        self._quantities[item] = quantity
        self.writes[self._products.sku_of_variant(item)] += 1
        self.version += 1

    def adjust(self, adjustments: Sequence[Adjustment], *, relative: bool) -> None:
        """Carry out a request as a whole. Raises Refused, with the reason, before anything is written."""
        self.most_items_per_request = max(self.most_items_per_request, len(adjustments))
        unknown = sorted({one.location_id for one in adjustments if one.location_id != LOCATION_ID})
        if unknown:
            raise Refused(f"Location not found, identities: [{','.join(map(str, unknown))}]")
        items = [(self._item(one), one.quantity) for one in adjustments]
        if relative:
            left: dict[int, int] = {}
            for item, change in items:
                left[item] = left.get(item, self.quantity(item)) + change
                if left[item] < 0:
                    raise Refused(f"[Item with variant_id {item} would fall below its safety stock]")
        for item, quantity in items:
            final = self.quantity(item) + quantity if relative else quantity
            if final <= MOST_QUANTITY:  # more is accepted and not saved
                self.write(item, final)
        self.applied_adjustments += 1

    def _item_of_sku(self, sku: str) -> int:
        item = self._products.variant_of_sku(sku)
        if item is None:
            raise KeyError(sku)
        return item

    def _item(self, wanted: Adjustment) -> int:
        """The item that takes the stock. Raises Refused when there is none."""
        products = self._products
        if wanted.product_id is not None:
            if not products.exists(wanted.product_id):
                raise Refused(f"[Item with product_id {wanted.product_id} was not found]")
            product = products.base(wanted.product_id)
            if product.tracking == "variant":
                raise Refused(
                    f"[Item with product_id {wanted.product_id} is tracked by variant,"
                    " please update stock by variant id]"
                )
            return product.base_variant_id
        if wanted.sku is not None:
            found = products.variant_of_sku(wanted.sku)
            if found is None:
                raise Refused(f"[Item with sku {wanted.sku} was not found]")
            product = products.base(product_id_of(found))
            if found not in product.stock_items:
                raise Refused(
                    f"[Item with sku {wanted.sku} is tracked by {product.tracking},"
                    f" please update stock by {product.tracking} id]"
                )
            return found
        assert wanted.variant_id is not None
        if not products.has_variant(wanted.variant_id):
            raise Refused(f"[Item with variant_id {wanted.variant_id} was not found]")
        product = products.base(product_id_of(wanted.variant_id))
        if product.tracking == "product":
            raise Refused(
                f"[Item with variant_id {wanted.variant_id} is tracked by product, please update stock by product id]"
            )
        return wanted.variant_id
