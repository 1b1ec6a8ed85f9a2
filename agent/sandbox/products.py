"""The products and variants of the store as they are now: the base catalogue and what was changed in it since."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from agent.sandbox import money
from agent.sandbox.catalogue import Product, product, product_id_of, variant_by_base_sku
from agent.sandbox.moments import iso8601, rfc2822
from agent.sandbox.options import SandboxOptions
from agent.sandbox.selection import Finder
from agent.sandbox.timeline import Timeline

_NEW: dict[str, object] = {
    "sku": "", "description": "", "categories": [], "brand_id": 0, "mpn": "", "is_featured": False, "is_visible": True,
    "total_sold": 0,
}  # fmt: skip


class Products:
    """All products of one store. Stock is not kept here, though both write it."""

    def __init__(self, options: SandboxOptions) -> None:
        self.timeline = Timeline(seed=options.seed, kind="product", base_count=options.products)
        self.finder = Finder(self.timeline)
        self._seed = options.seed
        self._count = options.products
        self._variant_values: dict[int, dict[str, object]] = {}
        self._new_skus: dict[str, int] = {}
        self.base = lru_cache(maxsize=4096)(self._base)

    def exists(self, number: int) -> bool:
        """Whether there is such a product."""
        return 1 <= number <= self.timeline.last_id

    def add(self, values: dict[str, object], *, now: int) -> int:
        """Make a product, and give its id. The caller has checked the values."""
        number = self.timeline.add(now=now, values={**_NEW, **values})
        if values.get("sku"):
            self._new_skus[str(values["sku"])] = self.base(number).base_variant_id
        return number

    def owner_of_name(self, name: str) -> int | None:
        """The product that has this name now."""
        wanted = name.casefold()
        candidates = list(self.timeline.changed)
        if (last := name.rpartition(" ")[2]).isdigit() and 1 <= int(last) <= self._count:
            candidates.append(int(last))
        return next(
            (one for one in candidates if str(self.record(one, inventory_level=0)["name"]).casefold() == wanted), None
        )

    def has_variant(self, variant_id: int) -> bool:
        """Whether there is such a variant."""
        number = product_id_of(variant_id)
        return self.exists(number) and variant_id in self.base(number).variant_ids

    def sku(self, number: int) -> str:
        """The main SKU of a product."""
        return str(self._values(number).get("sku", self.base(number).sku))

    def sku_of_variant(self, variant_id: int) -> str:
        """The SKU of a variant, or of the product that a base variant stands for."""
        one = self.base(product_id_of(variant_id))
        if variant_id == one.base_variant_id:
            return self.sku(one.id)
        return str(self._variant_values.get(variant_id, {}).get("sku", one.variant_sku(variant_id)))

    def variant_of_sku(self, sku: str) -> int | None:
        """The variant, or base variant of a product, that has a SKU now."""
        found = self._new_skus.get(sku)
        if found is None:
            found = variant_by_base_sku(self._seed, sku, self._count)
        return found if found is not None and self.sku_of_variant(found) == sku else None

    def change(self, number: int, values: dict[str, object], *, now: int) -> None:
        """Change fields of a product. The caller has checked them."""
        self.timeline.touch(number, now=now, values=values)
        if "sku" in values:
            self._new_skus[str(values["sku"])] = self.base(number).base_variant_id

    def change_variant(self, variant_id: int, values: dict[str, object], *, now: int) -> None:
        """Change fields of a variant; its product counts as changed, too."""
        one = self.base(product_id_of(variant_id))
        if variant_id == one.base_variant_id:
            self.change(one.id, values, now=now)
            return
        self.timeline.touch(one.id, now=now)
        self._variant_values.setdefault(variant_id, {}).update(values)
        if "sku" in values:
            self._new_skus[str(values["sku"])] = variant_id

    def record(self, number: int, *, inventory_level: int) -> dict[str, object]:
        """A product in the words of V3, without the parts that have to be asked for."""
        one = self.base(number)
        price = money.number(one.cents)
        record: dict[str, object] = {
            "id": number,
            "name": one.name,
            "type": one.type,
            "sku": one.sku,
            "description": f"<p>{one.name}, made for trying things out.</p>",
            "weight": one.weight,
            "width": 0,
            "depth": 0,
            "height": 0,
            "price": price,
            "cost_price": 0,
            "retail_price": 0,
            "sale_price": 0,
            "map_price": 0,
            "tax_class_id": 0,
            "product_tax_code": "",
            "calculated_price": price,
            "categories": [number % 6 + 20],
            "brand_id": number % 8,
            "option_set_id": number if one.has_options else None,
            "inventory_level": inventory_level,
            "inventory_warning_level": 0,
            "inventory_tracking": one.tracking,
            "reviews_rating_sum": 0,
            "reviews_count": 0,
            "total_sold": number % 70,
            "fixed_cost_shipping_price": 0,
            "is_free_shipping": False,
            "is_visible": number % 12 != 11,
            "is_featured": number % 30 == 1,
            "upc": "",
            "mpn": f"M{number:06}",
            "gtin": "",
            "date_last_imported": "",
            "bin_picking_number": "",
            "search_keywords": "",
            "availability": "available",
            "condition": "New",
            "view_count": 0,
            "custom_url": {"url": f"/product-{number}/", "is_customized": False},
            "date_created": iso8601(self.timeline.created(number)),
            "date_modified": iso8601(self.timeline.modified(number)),
            "base_variant_id": None if one.has_options else one.base_variant_id,
        }
        record.update(self._values(number))
        if one.has_options is False:
            del record["option_set_id"]
        record["calculated_price"] = record["price"]
        return record

    def variant_record(self, variant_id: int, *, inventory_level: int) -> dict[str, object]:
        """A variant in the words of V3."""
        one = self.base(product_id_of(variant_id))
        is_base = variant_id == one.base_variant_id
        values = self._values(one.id) if is_base else self._variant_values.get(variant_id, {})
        record: dict[str, object] = {
            "id": variant_id,
            "product_id": one.id,
            "sku": self.sku_of_variant(variant_id),
            "sku_id": None if is_base else variant_id,
            "price": None,
            "calculated_price": self._values(one.id).get("price", money.number(one.cents)),
            "sale_price": None,
            "retail_price": None,
            "cost_price": 0,
            "weight": None,
            "width": None,
            "height": None,
            "depth": None,
            "is_free_shipping": False,
            "fixed_cost_shipping_price": None,
            "purchasing_disabled": False,
            "purchasing_disabled_message": "",
            "upc": "",
            "mpn": "",
            "gtin": "",
            "inventory_level": inventory_level,
            "inventory_warning_level": 0,
            "bin_picking_number": "",
            "image_url": "",
            "option_values": [],
        }
        record.update({name: value for name, value in values.items() if name in record and name != "id"})
        if not is_base:
            label = {
                "option_display_name": "Size",
                "label": one.size(variant_id),
                "id": variant_id,
                "option_id": one.id,
            }
            record["option_values"] = [label]
        return record

    def options(self, number: int) -> list[dict[str, object]]:
        """What a shopper can choose."""
        one = self.base(number)
        if not one.has_options:
            return []
        values = [
            {
                "id": variant,
                "label": one.size(variant),
                "sort_order": place,
                "is_default": place == 0,
                "value_data": None,
            }
            for place, variant in enumerate(one.variant_ids)
        ]
        option = {"id": number, "product_id": number, "display_name": "Size", "type": "dropdown", "sort_order": 0}
        return [{**option, "config": {}, "option_values": values}]

    def legacy_record(self, number: int, *, inventory_level: int, link: str) -> dict[str, object]:
        """A product in the words of V2."""
        record = self.record(number, inventory_level=inventory_level)
        tracking = {"product": "simple", "variant": "sku"}.get(str(record["inventory_tracking"]), "none")
        resource = f"/products/{number}/skus"
        return {
            "id": number,
            "name": record["name"],
            "sku": record["sku"],
            "price": money.text(money.cents(record["price"])),
            "inventory_level": inventory_level,
            "inventory_warning_level": record["inventory_warning_level"],
            "inventory_tracking": tracking,
            "date_created": rfc2822(self.timeline.created(number)).decode(),
            "date_modified": rfc2822(self.timeline.modified(number)).decode(),
            "is_visible": record["is_visible"],
            "skus": {"url": link.format(resource), "resource": resource},
        }

    def _base(self, number: int) -> Product:
        base = product(self._seed, number)
        if number <= self._count:
            return base
        # Made by a client: without options, and its stock is kept by product.
        return replace(base, sku="", has_options=False, tracking="product")

    def _values(self, number: int) -> dict[str, object]:
        change = self.timeline.changes.get(number)
        return {} if change is None else change.values
