"""The filters that actions take, by schema and kind of account, and what other generations of the API call them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from agent.connectors.bigcommerce.credentials import AccountKind

Key = tuple[str, AccountKind]
_TOKEN, _LEGACY = AccountKind.OAUTH, AccountKind.LEGACY


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ORDERS_V2 = _names(
    "min_id max_id min_total max_total customer_id email status_id cart_id payment_method channel_id external_order_id "
    "min_date_created max_date_created min_date_modified max_date_modified include"
)
_CUSTOMERS_V2 = _names(
    "first_name last_name company email phone store_credit customer_group_id min_id max_id min_date_created "
    "max_date_created min_date_modified max_date_modified tax_exempt_category"
)
_CUSTOMERS_V3 = _names(
    "id:in email:in name:in name:like company:in phone:in customer_group_id:in registration_ip_address:in date_created "
    "date_created:min date_created:max date_modified date_modified:min date_modified:max include"
)
_ADDRESSES_V3 = _names("id:in customer_id:in company:in name:in include")
_GROUPS = _names(
    "name name:like is_default is_group_for_guests date_created date_created:min date_created:max date_modified "
    "date_modified:min date_modified:max"
)
# The agent pages by `id:greater` itself.
_PRODUCTS_V3 = _names(
    "id id:in id:not_in id:min id:max id:less channel_id:in categories categories:in name mpn upc price weight "
    "condition brand_id date_modified date_modified:min date_modified:max date_last_imported date_last_imported:not "
    "date_last_imported:min date_last_imported:max is_visible is_featured is_free_shipping inventory_level "
    "inventory_level:in inventory_level:not_in inventory_level:min inventory_level:max inventory_level:greater "
    "inventory_level:less inventory_low out_of_stock total_sold type keyword keyword_context availability sku sku:in "
    "include include_fields exclude_fields"
)
_PRODUCTS_V2 = _names("sku min_id min_date_created min_date_modified max_date_modified")
_VARIANTS = _names("id sku upc product_id:in include_fields exclude_fields")
_INVENTORY = _names("sku:in variant_id:in product_id:in location_id:in location_code:in")
_LOCATIONS = _names(
    "location_id:in location_code:in is_default type_id:in managed_by_external_source is_active storefront_visibility"
)
_BRANDS = _names(
    "id id:in id:not_in id:min id:max id:greater id:less name name:like page_title include_fields exclude_fields"
)
_CATEGORIES = _names(
    "id id:in id:not_in id:min id:max id:greater id:less name name:like parent_id parent_id:in page_title keyword "
    "is_visible include_fields exclude_fields"
)
_HOOKS = _names("is_active scope destination")

_DATES_TO_V3 = {
    f"{bound}_date_{what}": f"date_{what}:{bound}" for what in ("created", "modified") for bound in ("min", "max")
}
_DATES_TO_V2 = {new: old for old, new in _DATES_TO_V3.items()}
_IDS_TO_V2 = {"id:min": "min_id", "id:max": "max_id"}
_IDS_TO_V3 = {old: new for new, old in _IDS_TO_V2.items()}


_CUSTOMERS_TO_V2 = {
    **_DATES_TO_V2,
    **_IDS_TO_V2,
    **{f"{name}:in": name for name in ("email", "company", "phone", "customer_group_id")},
}


def _listed(text: str) -> dict[str, str]:
    """Names that take a list of values, by the name without its ending."""
    return {name: f"{name}:in" for name in text.split()}


TAKEN: Mapping[Key, frozenset[str]] = MappingProxyType(
    {
        ("orders", _TOKEN): _ORDERS_V2,
        ("orders", _LEGACY): _ORDERS_V2,
        ("customers", _TOKEN): _CUSTOMERS_V3,
        ("customers", _LEGACY): _CUSTOMERS_V2,
        ("customer_addresses", _TOKEN): _ADDRESSES_V3,
        ("customer_addresses", _LEGACY): _CUSTOMERS_V2,
        ("customer_groups", _TOKEN): _GROUPS,
        ("customer_groups", _LEGACY): _GROUPS,
        ("products", _TOKEN): _PRODUCTS_V3,
        ("products", _LEGACY): _PRODUCTS_V2,
        ("variants", _TOKEN): _VARIANTS,
        ("inventory", _TOKEN): _INVENTORY,
        ("locations", _TOKEN): _LOCATIONS,
        ("brands", _TOKEN): _BRANDS,
        ("categories", _TOKEN): _CATEGORIES,
        ("webhooks", _TOKEN): _HOOKS,
    }
)
"""The filter names that an action takes, by schema and kind of account."""

SECOND_GENERATION: frozenset[Key] = frozenset(
    {("orders", _TOKEN)} | {(one, _LEGACY) for one in ("orders", "customers", "customer_addresses", "products")}
)
"""Where bounds are put before a name (`min_id`), not behind it (`id:min`)."""

SHAPING = _names("include include_fields exclude_fields")
"""The filters that say what comes with a record."""

UPPER_BOUNDS: Mapping[str, str] = MappingProxyType(
    {
        name: name.replace("min", "max")
        for what in ("created", "modified")
        for name in (f"min_date_{what}", f"date_{what}:min")
    }
)
"""From the filters that take an earliest moment to those that take a latest one, both included."""

RENAMED: Mapping[Key, Mapping[str, str]] = MappingProxyType(
    {
        ("orders", _TOKEN): {**_DATES_TO_V2, **_IDS_TO_V2, "status": "status_id"},
        ("orders", _LEGACY): {**_DATES_TO_V2, **_IDS_TO_V2, "status": "status_id"},
        ("customers", _TOKEN): {
            **_DATES_TO_V3,
            **_listed("id email company phone customer_group_id registration_ip_address name"),
        },
        ("customers", _LEGACY): _CUSTOMERS_TO_V2,
        ("customer_addresses", _LEGACY): _CUSTOMERS_TO_V2,
        ("customer_addresses", _TOKEN): _listed("id customer_id company name"),
        ("customer_groups", _TOKEN): _DATES_TO_V3,
        ("customer_groups", _LEGACY): _DATES_TO_V3,
        ("products", _TOKEN): {
            **{old: new for old, new in _DATES_TO_V3.items() if "modified" in old},
            **_IDS_TO_V3,
            "id:greater": "id:min",
        },
        ("products", _LEGACY): {
            **{new: old for new, old in _DATES_TO_V2.items() if old in _PRODUCTS_V2},
            "id:min": "min_id",
        },
        ("variants", _TOKEN): _listed("product_id"),
        ("inventory", _TOKEN): _listed("sku variant_id product_id location_id location_code"),
        ("locations", _TOKEN): {**_listed("location_id location_code type_id"), "id": "location_id:in"},
        ("brands", _TOKEN): _IDS_TO_V3,
        ("categories", _TOKEN): _IDS_TO_V3,
    }
)
"""The names that the other generation of the API has for filters, and what they are called here."""

INCLUDES: Mapping[Key, frozenset[str]] = MappingProxyType(
    {
        ("orders", _TOKEN): _names("consignments consignments.line_items fees"),
        ("orders", _LEGACY): _names("consignments consignments.line_items fees"),
        ("customers", _TOKEN): _names("addresses storecredit attributes formfields"),
        ("customer_addresses", _TOKEN): _names("formfields"),
        ("products", _TOKEN): _names(
            "variants images custom_fields bulk_pricing_rules primary_image modifiers options videos channels reviews "
            "parent_relations"
        ),
    }
)
"""What `include` may ask for. It may ask for more than the agent asks for itself; nothing else of it makes sense."""
