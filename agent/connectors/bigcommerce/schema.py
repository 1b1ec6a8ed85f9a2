"""What BigCommerce offers: the schemas customers, orders and products, their attributes and their actions.

Attribute names and types are those of the API, one set for each of its generations where these differ. Which filters
an action takes is in `filters`.
"""

from __future__ import annotations

from dataclasses import replace

from agent.connectors.bigcommerce.credentials import FIELDS, AccountKind
from agent.connectors.bigcommerce.filters import RENAMED, SHAPING, TAKEN, UPPER_BOUNDS
from agent.domain.app import Action, ActionKind, App, Attribute, DataType, Schema

CUSTOMERS, ORDERS, PRODUCTS = "customers", "orders", "products"
GET, PUT = "GET", "PUT"
LOCATION_OPTION = "location_id"

_T, _I, _D, _B, _W, _J = (
    DataType.TEXT,
    DataType.INTEGER,
    DataType.DECIMAL,
    DataType.BOOLEAN,
    DataType.DATETIME,
    DataType.JSON,
)


def _attributes(kind: DataType, names: str) -> tuple[Attribute, ...]:
    return tuple(Attribute(name, kind) for name in names.split())


def _collection(name: str, *members: tuple[Attribute, ...], description: str = "") -> Attribute:
    return Attribute(
        name, DataType.COLLECTION, members=tuple(one for group in members for one in group), description=description
    )


def _object(name: str, *members: tuple[Attribute, ...]) -> Attribute:
    return Attribute(name, _J, members=tuple(one for group in members for one in group))


_ID = (Attribute("id", _I, primary=True, description="Identifies the record."),)
_FORM_FIELDS = (_collection("form_fields", _attributes(_T, "name value")),)
_PERSON = _attributes(_T, "first_name last_name company")

_CUSTOMERS_V3 = (
    *_ID,
    *_attributes(_T, "email first_name last_name company phone notes tax_exempt_category registration_ip_address"),
    *_attributes(_I, "customer_group_id address_count attribute_count origin_channel_id"),
    *_attributes(_W, "date_created date_modified"),
    *_attributes(_B, "accepts_product_review_abandoned_cart_emails"),
    *_attributes(_J, "channel_ids authentication"),
    _collection(
        "addresses",
        _attributes(_I, "id customer_id"),
        _PERSON,
        _attributes(_T, "address1 address2 city state_or_province postal_code country country_code phone address_type"),
    ),
)
_CUSTOMERS_V2 = (
    *_ID,
    *_attributes(_T, "company first_name last_name email phone notes tax_exempt_category registration_ip_address"),
    *_attributes(_I, "customer_group_id"),
    *_attributes(_D, "store_credit"),
    *_attributes(_W, "date_created date_modified"),
    *_attributes(_B, "accepts_marketing reset_pass_on_login"),
    *_FORM_FIELDS,
)
_ADDRESS_V2 = (
    *_PERSON,
    *_attributes(_T, "street_1 street_2 city state zip country country_iso2 phone email"),
    *_FORM_FIELDS,
)
_LINE_ITEMS = _collection(
    "line_items",
    _attributes(_I, "id order_id product_id variant_id order_address_id quantity quantity_shipped"),
    _attributes(_T, "name name_customer name_merchant sku upc type brand bin_picking_number external_id event_name"),
    _attributes(_D, "base_price price_ex_tax price_inc_tax price_tax base_total total_ex_tax total_inc_tax total_tax"),
    _attributes(
        _D, "base_cost_price cost_price_ex_tax cost_price_inc_tax fixed_shipping_cost weight quantity_refunded"
    ),
    _attributes(_D, "discounted_total_inc_tax"),
    _attributes(_B, "is_refunded is_bundled_product"),
    _attributes(_I, "parent_order_product_id option_set_id"),
    _attributes(_J, "applied_discounts product_options"),
    description="The order's lines. However many there are, all of them.",
)
_SHIPPING = _collection(
    "shipping",
    _attributes(_I, "id items_total items_shipped shipping_zone_id cost_tax_class_id"),
    _ADDRESS_V2,
    _attributes(_T, "shipping_method shipping_zone_name"),
    _attributes(_D, "base_cost cost_ex_tax cost_inc_tax cost_tax base_handling_cost handling_cost_ex_tax"),
    (_LINE_ITEMS,),
    description="The shipping addresses, each with its line items.",
)
_ORDERS = (
    *_ID,
    *_attributes(_I, "customer_id status_id currency_id default_currency_id channel_id shipping_address_count"),
    *_attributes(_W, "date_created date_modified date_shipped"),
    *_attributes(_T, "status custom_status payment_method payment_provider_id payment_status"),
    *_attributes(_T, "ip_address ip_address_v6 geoip_country geoip_country_iso2 currency_code default_currency_code"),
    *_attributes(_T, "store_default_currency_code staff_notes customer_message credit_card_type ebay_order_id cart_id"),
    *_attributes(_T, "order_source external_source external_id external_merchant_id external_order_id"),
    *_attributes(_T, "tax_provider_id customer_locale"),
    *_attributes(_D, "subtotal_ex_tax subtotal_inc_tax subtotal_tax base_shipping_cost shipping_cost_ex_tax"),
    *_attributes(_D, "shipping_cost_inc_tax shipping_cost_tax base_handling_cost handling_cost_ex_tax"),
    *_attributes(_D, "handling_cost_inc_tax handling_cost_tax base_wrapping_cost wrapping_cost_ex_tax"),
    *_attributes(_D, "wrapping_cost_inc_tax wrapping_cost_tax total_ex_tax total_inc_tax total_tax refunded_amount"),
    *_attributes(_D, "store_credit_amount gift_certificate_amount currency_exchange_rate discount_amount"),
    *_attributes(_D, "store_default_to_transactional_exchange_rate coupon_discount items_total items_shipped"),
    *_attributes(_B, "is_tax_inclusive_pricing order_is_digital is_deleted is_email_opt_in"),
    _object("billing_address", _ADDRESS_V2),
    _object(
        "consignments",
        (_SHIPPING,),
        tuple(_collection(name, (_LINE_ITEMS,)) for name in ("pickups", "downloads")),
        (_object("email", (_collection("gift_certificates", (_LINE_ITEMS,)),)),),
    ),
    *_attributes(_J, "products shipping_addresses coupons fees"),
)
_PRODUCTS = (
    Attribute("id", _I, primary=True, description="The product's id; the same as product_id."),
    Attribute("sku", _T, description="The SKU of the product or variant whose stock is set."),
    Attribute("variant_id", _I, description="The id of the variant whose stock is set."),
    Attribute("product_id", _I, description="The id of the product whose stock is set."),
    Attribute("inventory_level", _I, required=True, description="The stock on hand, from 0."),
)

_STOCK_ACTION = Action(
    PUT,
    ActionKind.WRITE,
    description="Sets the stock of products, named by sku, variant_id, product_id or id, to inventory_level.",
    options={LOCATION_OPTION: "The id of the stock location. Without it, the store's default location is used."},
)


def _read(schema: str, kind: AccountKind, description: str) -> Action:
    return Action(
        GET,
        ActionKind.READ,
        description=description,
        filters=TAKEN[schema, kind],
        renamed_filters=RENAMED[schema, kind],
        by_id=True,
        shaping=SHAPING,
        upper_bounds={low: high for low, high in UPPER_BOUNDS.items() if low in TAKEN[schema, kind]},
    )


def schemas(kind: AccountKind) -> tuple[Schema, ...]:
    """The schemas as an account of that kind offers them."""
    oauth = kind is AccountKind.OAUTH
    return (
        Schema(
            CUSTOMERS,
            attributes=_CUSTOMERS_V3 if oauth else _CUSTOMERS_V2,
            actions=(_read(CUSTOMERS, kind, "Fetches customers, with their addresses where the account allows it."),),
            description="People who have an account in the store. Guests are found in their orders alone.",
        ),
        Schema(
            ORDERS,
            attributes=_ORDERS,
            actions=(_read(ORDERS, kind, "Fetches orders with their line items and shipping addresses."),),
            description="Orders, in every status.",
        ),
        Schema(
            PRODUCTS,
            attributes=_PRODUCTS,
            actions=(_STOCK_ACTION if oauth else replace(_STOCK_ACTION, options={}),),
            description="Products and their variants; their stock can be set.",
        ),
    )


APP = App(
    id="bigcommerce",
    name="BigCommerce",
    version="v3",
    description="Reads customers and orders of a BigCommerce store, and sets the stock of its products.",
    fields=FIELDS,
    schemas=schemas(AccountKind.OAUTH),
)
