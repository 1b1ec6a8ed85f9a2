"""The base catalogue: what product and which variants belong to an id, computed when asked for.

One product in five has three variants. Of these every second one keeps its stock per product, the others per variant.
The SKU `SKU-000042` always leads to one item that takes stock: product 42 itself, or its first variant.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from agent.sandbox.dice import pick, roll

VARIANTS = 3
_UNITS = 10  # ids that a product takes in the number range of variants
_ADJECTIVES = ("Plain", "Copper", "Linen", "Folding", "Pocket", "Outdoor", "Quiet", "Heavy", "Slim", "Recycled")
_THINGS = ("Lantern", "Notebook", "Kettle", "Backpack", "Blanket", "Toolbox", "Mug", "Desk Lamp", "Scarf", "Planter")
_SIZES = ("Small", "Medium", "Large")
_SKU = re.compile(r"(SKU|P)-(\d{6,7})(?:-([1-9]))?")


@dataclass(frozen=True, slots=True)
class Product:
    """A product as the store was made with it."""

    id: int
    name: str
    type: Literal["physical", "digital"]
    sku: str
    cents: int
    weight: float
    has_options: bool
    tracking: Literal["product", "variant"]

    @property
    def base_variant_id(self) -> int:
        """The variant that stands for the product itself, if it has no options; its stock item in any case."""
        return self.id * _UNITS

    @property
    def variant_ids(self) -> tuple[int, ...]:
        """The variants that a shopper can choose."""
        if not self.has_options:
            return (self.base_variant_id,)
        return tuple(self.base_variant_id + place for place in range(1, VARIANTS + 1))

    @property
    def stock_items(self) -> tuple[int, ...]:
        """The variant ids whose stock is counted."""
        return self.variant_ids if self.tracking == "variant" else (self.base_variant_id,)

    def variant_sku(self, variant_id: int) -> str:
        """The SKU of one of its variants."""
        place = variant_id - self.base_variant_id
        if place == 0:
            return self.sku
        if self.tracking == "variant":
            return f"SKU-{self.id:06}" if place == 1 else f"SKU-{self.id:06}-{place}"
        return f"SKU-{self.id:06}-{place}"

    def size(self, variant_id: int) -> str:
        """What the shopper chooses a variant by."""
        return pick(_SIZES, variant_id - self.base_variant_id - 1)


def product(seed: int, number: int) -> Product:
    """The base product of an id."""
    chance = roll(seed, "product", number)
    has_options = number % 5 == 0
    by_variant = has_options and number % 10 != 0
    digital = number % 8 == 7 and not has_options
    return Product(
        id=number,
        name=f"{pick(_ADJECTIVES, chance)} {pick(_THINGS, chance >> 6)} {number}",
        type="digital" if digital else "physical",
        sku=f"P-{number:06}" if by_variant else f"SKU-{number:06}",
        cents=(chance >> 8) % 20_000 + 199,
        weight=0.0 if digital else (chance % 5_000) / 1_000 + 0.05,
        has_options=has_options,
        tracking="variant" if by_variant else "product",
    )


def product_id_of(variant_id: int) -> int:
    """Whose variant it is."""
    return variant_id // _UNITS


def variant_by_base_sku(seed: int, sku: str, count: int) -> int | None:
    """The variant (or the product's own stand-in) that had this SKU when the store was made."""
    match = _SKU.fullmatch(sku)
    if match is None or not 1 <= int(match[2]) <= count:
        return None
    one = product(seed, int(match[2]))
    if sku == one.sku:
        return one.base_variant_id
    return next((variant for variant in one.variant_ids if one.variant_sku(variant) == sku), None)


def base_stock(seed: int, variant_id: int) -> int:
    """How many lay there when the store was made."""
    return roll(seed, "stock", variant_id) % 200
