"""The actions that write, one line of a table each: where to, how many at once, how a record is found again.

Stock is not among them: `inventory` and `legacy_stock` set it. What is done with the table is in `record_writer`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from agent.connectors.bigcommerce.credentials import AccountKind

POST, PUT, DELETE = "POST", "PUT", "DELETE"


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


@dataclass(frozen=True, slots=True)
class Search:
    """How records are found at the store by a value of theirs.

    Args:
        attribute: Whose value is looked for.
        path: The path behind the version; `{attribute}` is filled in with the value where there is no filter.
        filter: The filter that takes the value.
        many: Whether the filter takes a list of values.
        single: Whether the answer is one record, not a list.
        match: The attributes that have to be the same, besides; with `*`, all that are written.
        one: The filter that takes a single value, with commas in it, where `filter` takes a list.
    """

    attribute: str
    path: str
    filter: str = ""
    many: bool = False
    single: bool = False
    match: tuple[str, ...] = ()
    one: str = ""


@dataclass(frozen=True, slots=True)
class WriteAction:
    """An action.

    Args:
        method: POST makes records, PUT changes them, DELETE removes them.
        path: The path behind the version; names in braces are attributes, and are not part of the body.
        fields: The attributes that it writes.
        version: 2 or 3.
        most: How many records one request takes.
        listed: Whether the body is an array, even for one record.
        needs: The attributes that have to have a value.
        searches: How a record is found again. For PUT the first one goes by the id, the others find the id by another
            value where none is given; for POST the first whose attribute has a value is taken.
        asks_first: Whether records that are there already are looked for before the others are made, as the store would
            refuse all because of one.
        scope: The permission that it needs, as the API calls it.
        permission: The same, as the control panel does.
        completes: Whether it makes shipments, which are made whole and found again in a way of their own: see
            `shipments`.
        records: How many records a batch should have.
        description: One sentence for people.
    """

    method: str
    path: str
    fields: frozenset[str]
    scope: str
    permission: str
    description: str
    searches: tuple[Search, ...]
    version: int = 3
    most: int = 1
    listed: bool = False
    needs: tuple[str, ...] = ()
    asks_first: bool = False
    completes: bool = False
    records: int = 50


_CUSTOMER = _names(
    "email first_name last_name company phone notes tax_exempt_category customer_group_id authentication "
    "accepts_product_review_abandoned_cart_emails store_credit_amounts origin_channel_id channel_ids form_fields"
)
_CUSTOMER_V2 = _names(
    "company first_name last_name email phone store_credit registration_ip_address customer_group_id notes "
    "tax_exempt_category"
)
_ADDRESS = _names(
    "first_name last_name company address1 address2 city state_or_province postal_code country_code phone address_type "
    "form_fields"
)
_ADDRESS_V2 = _names("first_name last_name company street_1 street_2 city state zip country phone address_type")
_GROUP = _names("name is_default category_access discount_rules is_group_for_guests")
_ORDER = _names(
    "status_id staff_notes customer_message external_order_id external_merchant_id customer_id channel_id "
    "payment_method billing_address base_handling_cost base_shipping_cost base_wrapping_cost discount_amount "
    "shipping_cost_ex_tax shipping_cost_inc_tax handling_cost_ex_tax handling_cost_inc_tax wrapping_cost_ex_tax "
    "wrapping_cost_inc_tax subtotal_ex_tax subtotal_inc_tax total_ex_tax total_inc_tax"
)
_SHIPMENT = _names(
    "order_address_id tracking_number tracking_link merchant_shipping_cost shipping_method shipping_provider "
    "tracking_carrier comments items reference"
)
_PRODUCT = _names(
    "name type sku description weight width depth height price cost_price retail_price sale_price map_price "
    "tax_class_id product_tax_code categories brand_id brand_name inventory_warning_level inventory_tracking "
    "fixed_cost_shipping_price is_free_shipping is_visible is_featured related_products warranty bin_picking_number "
    "layout_file upc search_keywords availability_description availability sort_order condition is_condition_shown "
    "order_quantity_minimum order_quantity_maximum page_title meta_keywords meta_description preorder_release_date "
    "preorder_message is_preorder_only is_price_hidden price_hidden_label custom_url gtin mpn custom_fields "
    "bulk_pricing_rules images videos"
)
_VARIANT = _names(
    "sku price sale_price retail_price cost_price weight width height depth is_free_shipping fixed_cost_shipping_price "
    "purchasing_disabled purchasing_disabled_message upc mpn gtin inventory_warning_level bin_picking_number"
)
_BRAND = _names("name page_title meta_keywords meta_description search_keywords image_url custom_url")
_CATEGORY = _names(
    "parent_id name description sort_order page_title search_keywords meta_keywords meta_description layout_file "
    "is_visible image_url custom_url default_product_sort"
)
_HOOK = _names("scope destination is_active headers")
_TOKEN, _LEGACY = AccountKind.OAUTH, AccountKind.LEGACY
_CUSTOMERS = ("store_v2_customers", "Customers: modify")
_ORDERS = ("store_v2_orders", "Orders: modify")
_PRODUCTS = ("store_v2_products", "Products: modify")
_HOOKS = ("", "")

_ADDRESS_NEEDS = ("customer_id", "first_name", "last_name", "address1", "city", "country_code")
_ADDRESS_NEEDS_V2 = ("customer_id", "first_name", "last_name", "street_1", "city", "state", "zip", "country", "phone")


def _by_id(path: str, *, many: bool = True, single: bool = False) -> Search:
    if single:
        return Search("id", f"{path}/{{id}}", single=True)
    return Search("id", path, "id:in" if many else "id", many=many)


_GROUP_ACTIONS = {
    POST: WriteAction(
        POST, "customer_groups", _GROUP, *_CUSTOMERS, "Makes customer groups.",
        (Search("name", "customer_groups", "name", match=("name",)),), version=2, needs=("name",),
    ),
    PUT: WriteAction(
        PUT, "customer_groups/{id}", _GROUP, *_CUSTOMERS,
        "Changes customer groups, found by their id or, without one, by their name.",
        (_by_id("customer_groups", single=True), Search("name", "customer_groups", "name", match=("name",))), version=2,
    ),
}  # fmt: skip
_ORDER_ACTIONS = {
    PUT: WriteAction(
        PUT, "orders/{id}", _ORDER, *_ORDERS,
        "Changes orders: their status (status_id), notes, the number they have elsewhere, amounts.",
        (_by_id("orders", single=True),), version=2, needs=("id",),
    ),
}  # fmt: skip
_SHIPMENT_ACTIONS = {
    POST: WriteAction(
        POST, "orders/{order_id}/shipments", _SHIPMENT, *_ORDERS,
        "Makes shipments of orders, with tracking. The store moves the order's status on. One whose reference is there "
        "already is left as it is.",
        (Search("order_id", "orders/{order_id}/shipments", match=("tracking_number", "items")),),
        version=2, needs=("order_id",), completes=True,
    ),
}  # fmt: skip

WRITE_ACTIONS: Mapping[tuple[str, AccountKind], Mapping[str, WriteAction]] = MappingProxyType(
    {
        ("customers", _TOKEN): {
            POST: WriteAction(
                POST, "customers", _CUSTOMER | _names("addresses attributes trigger_account_created_notification"),
                *_CUSTOMERS, "Makes customers, with up to ten addresses each. Their e-mail addresses are unique.",
                (Search("email", "customers", "email:in", many=True, match=("email",)),),
                most=10, listed=True, needs=("email", "first_name", "last_name"), asks_first=True, records=200,
            ),
            PUT: WriteAction(
                PUT, "customers", _CUSTOMER, *_CUSTOMERS,
                "Changes customers, found by their id or, without one, by their e-mail address. Addresses are changed "
                "by customer_addresses.",
                (_by_id("customers"), Search("email", "customers", "email:in", many=True, match=("email",))),
                most=10, listed=True, records=200,
            ),
        },
        ("customers", _LEGACY): {
            POST: WriteAction(
                POST, "customers", _CUSTOMER_V2 - {"store_credit"}, *_CUSTOMERS,
                "Makes customers. Their e-mail addresses are unique.",
                (Search("email", "customers", "email", match=("email",)),),
                version=2, needs=("email", "first_name", "last_name"),
            ),
            PUT: WriteAction(
                PUT, "customers/{id}", _CUSTOMER_V2, *_CUSTOMERS,
                "Changes customers, found by their id or, without one, by their e-mail address.",
                (_by_id("customers", single=True), Search("email", "customers", "email", match=("email",))),
                version=2,
            ),
        },
        ("customer_addresses", _TOKEN): {
            POST: WriteAction(
                POST, "customers/addresses", _ADDRESS | {"customer_id"}, *_CUSTOMERS,
                "Adds addresses to customers. One that the customer has already is left as it is.",
                (Search("customer_id", "customers/addresses", "customer_id:in", many=True, match=("*",)),),
                most=10, listed=True, needs=_ADDRESS_NEEDS, records=200,
            ),
            PUT: WriteAction(
                PUT, "customers/addresses", _ADDRESS, *_CUSTOMERS, "Changes addresses of customers.",
                (_by_id("customers/addresses"),), most=10, listed=True, needs=("id",), records=200,
            ),
        },
        ("customer_addresses", _LEGACY): {
            POST: WriteAction(
                POST, "customers/{customer_id}/addresses", _ADDRESS_V2, *_CUSTOMERS, "Adds addresses to customers.",
                (Search("customer_id", "customers/{customer_id}/addresses", match=("*",)),),
                version=2, needs=_ADDRESS_NEEDS_V2,
            ),
            PUT: WriteAction(
                PUT, "customers/{customer_id}/addresses/{id}", _ADDRESS_V2, *_CUSTOMERS,
                "Changes addresses of customers.",
                (Search("id", "customers/{customer_id}/addresses/{id}", single=True),),
                version=2, needs=("customer_id", "id"),
            ),
        },
        ("customer_groups", _TOKEN): _GROUP_ACTIONS,
        ("customer_groups", _LEGACY): _GROUP_ACTIONS,
        ("orders", _TOKEN): _ORDER_ACTIONS,
        ("orders", _LEGACY): _ORDER_ACTIONS,
        ("shipments", _TOKEN): _SHIPMENT_ACTIONS,
        ("shipments", _LEGACY): _SHIPMENT_ACTIONS,
        ("products", _TOKEN): {
            POST: WriteAction(
                POST, "catalog/products", _PRODUCT | {"inventory_level"}, *_PRODUCTS,
                "Makes products. Their names and SKUs are unique.",
                (
                    Search("sku", "catalog/products", "sku", match=("sku",)),
                    Search("name", "catalog/products", "name", match=("name",)),
                ),
                needs=("name", "type", "weight", "price"),
            ),
            PUT: WriteAction(
                PUT, "catalog/products", _PRODUCT, *_PRODUCTS,
                "Changes products, found by id, product_id or sku. Where only inventory_level is mapped besides, "
                "it sets the stock of products and variants, named by sku, variant_id, product_id or id.",
                (
                    _by_id("catalog/products"),
                    Search("sku", "catalog/products", "sku:in", many=True, match=("sku",), one="sku"),
                ),
                most=10, listed=True, records=200,
            ),
        },
        ("products", _LEGACY): {
            PUT: WriteAction(
                PUT, "products/{id}", _names("sku price inventory_warning_level"), *_PRODUCTS,
                "Changes products, found by id, product_id or sku. Where only inventory_level is mapped besides, "
                "it sets the stock of products and variants.",
                (_by_id("products", single=True), Search("sku", "products", "sku", match=("sku",))), version=2,
            ),
        },
        ("variants", _TOKEN): {
            PUT: WriteAction(
                PUT, "catalog/variants", _VARIANT, *_PRODUCTS,
                "Changes variants, such as their prices and stock, found by their id or, without one, by their SKU.",
                (_by_id("catalog/variants", many=False), Search("sku", "catalog/variants", "sku", match=("sku",))),
                most=50, listed=True, records=500,
            ),
        },
        ("brands", _TOKEN): {
            POST: WriteAction(
                POST, "catalog/brands", _BRAND, *_PRODUCTS, "Makes brands. Their names are unique.",
                (Search("name", "catalog/brands", "name", match=("name",)),), needs=("name",),
            ),
            PUT: WriteAction(
                PUT, "catalog/brands/{id}", _BRAND, *_PRODUCTS,
                "Changes brands, found by their id or, without one, by their name.",
                (_by_id("catalog/brands"), Search("name", "catalog/brands", "name", match=("name",))),
            ),
        },
        ("categories", _TOKEN): {
            POST: WriteAction(
                POST, "catalog/categories", _CATEGORY, *_PRODUCTS,
                "Makes categories below another one; parent_id 0 is the top.",
                (Search("name", "catalog/categories", "name", match=("name", "parent_id")),),
                needs=("name", "parent_id"),
            ),
            PUT: WriteAction(
                PUT, "catalog/categories/{id}", _CATEGORY, *_PRODUCTS, "Changes categories.",
                (_by_id("catalog/categories"),), needs=("id",),
            ),
        },
        ("webhooks", _TOKEN): {
            POST: WriteAction(
                POST, "hooks", _HOOK, *_HOOKS, "Makes webhooks: the store tells the address of what happens.",
                (Search("scope", "hooks", "scope", match=("scope", "destination")),), needs=("scope", "destination"),
            ),
            PUT: WriteAction(
                PUT, "hooks/{id}", _HOOK, *_HOOKS, "Changes webhooks, e.g. to turn them on again.",
                (_by_id("hooks", single=True),), needs=("id",),
            ),
            DELETE: WriteAction(
                DELETE, "hooks/{id}", frozenset(), *_HOOKS, "Removes webhooks.", (_by_id("hooks", single=True),),
                needs=("id",),
            ),
        },
    }
)  # fmt: skip
"""The actions by schema and kind of account, and by name."""


def write_action(schema: str, action: str, kind: AccountKind) -> WriteAction | None:
    """The action of that name, compared without case; None where there is none."""
    return WRITE_ACTIONS.get((schema, kind), {}).get(action.upper())
