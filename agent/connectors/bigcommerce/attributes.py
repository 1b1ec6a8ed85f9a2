"""The attributes of the schemas: names and types are those of the API, one set for each of its generations where these
differ. Some can only be read and some only be written; what an action writes is in `write_actions`.
"""

from __future__ import annotations

from agent.domain.app import Attribute, DataType

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

CUSTOMERS_V3 = (
    *_ID,
    *_attributes(_T, "email first_name last_name company phone notes tax_exempt_category registration_ip_address"),
    *_attributes(_I, "customer_group_id address_count attribute_count origin_channel_id"),
    *_attributes(_W, "date_created date_modified"),
    *_attributes(_B, "accepts_product_review_abandoned_cart_emails"),
    *_attributes(_B, "trigger_account_created_notification"),
    *_attributes(_J, "channel_ids authentication attributes"),
    _collection("store_credit_amounts", _attributes(_D, "amount")),
    *_FORM_FIELDS,
    _collection(
        "addresses",
        _attributes(_I, "id customer_id"),
        _PERSON,
        _attributes(_T, "address1 address2 city state_or_province postal_code country country_code phone address_type"),
    ),
)
CUSTOMERS_V2 = (
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
ORDERS = (
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
    *_attributes(_J, "products shipping_addresses coupons fees transactions refunds messages shipments taxes"),
)
_VARIANT_FIELDS = (
    *_attributes(_T, "upc mpn gtin bin_picking_number image_url purchasing_disabled_message"),
    *_attributes(_D, "price sale_price retail_price cost_price calculated_price"),
    *_attributes(_D, "weight width height depth fixed_cost_shipping_price"),
    *_attributes(_I, "inventory_level inventory_warning_level sku_id"),
    *_attributes(_B, "is_free_shipping purchasing_disabled"),
    *_attributes(_J, "option_values"),
)
PRODUCTS_V3 = (
    Attribute("id", _I, primary=True, description="The product's id; the same as product_id."),
    Attribute("product_id", _I, description="The product that is changed; the same as id."),
    Attribute("sku", _T, description="The SKU of the product; where stock is set, of the product or variant."),
    Attribute("variant_id", _I, description="The variant whose stock is set."),
    Attribute("inventory_level", _I, description="The stock on hand, from 0."),
    *_attributes(_T, "name type description product_tax_code brand_name inventory_tracking warranty"),
    *_attributes(_T, "bin_picking_number upc gtin mpn search_keywords availability availability_description condition"),
    *_attributes(_T, "page_title meta_description layout_file preorder_message price_hidden_label"),
    *_attributes(_D, "price cost_price retail_price sale_price map_price calculated_price"),
    *_attributes(_D, "weight width depth height fixed_cost_shipping_price"),
    *_attributes(_I, "tax_class_id brand_id inventory_warning_level sort_order order_quantity_minimum"),
    *_attributes(_I, "order_quantity_maximum view_count total_sold base_variant_id option_set_id"),
    *_attributes(_I, "reviews_rating_sum reviews_count"),
    *_attributes(_B, "is_free_shipping is_visible is_featured is_condition_shown is_preorder_only is_price_hidden"),
    *_attributes(_W, "date_created date_modified preorder_release_date"),
    *_attributes(_T, "date_last_imported"),
    *_attributes(_J, "categories related_products custom_url meta_keywords images videos options modifiers"),
    *_attributes(_J, "primary_image channels reviews parent_relations"),
    _collection("custom_fields", _attributes(_I, "id"), _attributes(_T, "name value")),
    _collection(
        "bulk_pricing_rules",
        _attributes(_I, "id quantity_min quantity_max"),
        _attributes(_T, "type"),
        _attributes(_D, "amount"),
    ),
    _collection("variants", _attributes(_I, "id product_id"), _attributes(_T, "sku"), _VARIANT_FIELDS),
)
PRODUCTS_V2 = (
    *PRODUCTS_V3[:5],
    *_attributes(_T, "name inventory_tracking"),
    *_attributes(_D, "price"),
    *_attributes(_I, "inventory_warning_level"),
    *_attributes(_B, "is_visible"),
    *_attributes(_W, "date_created date_modified"),
)
VARIANTS = (
    Attribute("id", _I, primary=True, description="Identifies the variant."),
    Attribute("sku", _T, description="The variant's SKU. Without an id, the variant is found by it."),
    *_attributes(_I, "product_id"),
    *_VARIANT_FIELDS,
)
INVENTORY = (
    Attribute("id", _I, primary=True, description="The id of the variant, or of the product where there is none."),
    Attribute("sku", _T, description="The SKU of the item whose stock is set."),
    *_attributes(_I, "variant_id product_id"),
    Attribute("location_id", _I, description="The stock location. Without it, that of the option, or the default one."),
    Attribute("inventory_level", _I, description="The stock on hand that is set, from 0."),
    _object("identity", _attributes(_T, "sku"), _attributes(_I, "variant_id product_id sku_id")),
    _collection(
        "locations",
        _attributes(_I, "location_id available_to_sell total_inventory_onhand"),
        _attributes(_T, "location_code location_name"),
        _attributes(_B, "location_enabled"),
        (
            _object(
                "settings",
                _attributes(_I, "safety_stock warning_level"),
                _attributes(_B, "is_in_stock"),
                _attributes(_T, "bin_picking_number"),
            ),
        ),
        description="The stock at each location.",
    ),
)
LOCATIONS = (
    *_ID,
    *_attributes(_T, "code label description type_id time_zone"),
    *_attributes(_B, "enabled managed_by_external_source storefront_visibility"),
    *_attributes(_W, "created_at updated_at"),
    *_attributes(_J, "address operating_hours special_hours"),
)
ADDRESSES_V3 = (
    *_ID,
    *_attributes(_I, "customer_id"),
    *_PERSON,
    *_attributes(_T, "address1 address2 city state_or_province postal_code country country_code phone address_type"),
    *_FORM_FIELDS,
)
ADDRESSES_V2 = (
    *_ID,
    *_attributes(_I, "customer_id"),
    *_PERSON,
    *_attributes(_T, "street_1 street_2 city state zip country country_iso2 phone address_type"),
)
GROUPS = (
    *_ID,
    *_attributes(_T, "name"),
    *_attributes(_B, "is_default is_group_for_guests"),
    *_attributes(_W, "date_created date_modified"),
    *_attributes(_J, "category_access discount_rules"),
)
_PAGE_TEXTS = _attributes(_T, "name page_title meta_description search_keywords image_url")
BRANDS = (*_ID, *_PAGE_TEXTS, *_attributes(_J, "meta_keywords custom_url"))
CATEGORIES = (
    *_ID,
    *_attributes(_I, "parent_id sort_order views"),
    *_PAGE_TEXTS,
    *_attributes(_T, "description layout_file default_product_sort"),
    *_attributes(_B, "is_visible"),
    *_attributes(_J, "meta_keywords custom_url"),
)
SHIPMENTS = (
    *_ID,
    Attribute("order_id", _I, description="The order that is shipped."),
    Attribute("order_address_id", _I, description="The shipping address of the order; without it, its only one."),
    *_attributes(_T, "tracking_number tracking_link tracking_carrier shipping_method shipping_provider comments"),
    *_attributes(_D, "merchant_shipping_cost"),
    _collection(
        "items",
        _attributes(_I, "order_product_id"),
        _attributes(_T, "sku"),
        _attributes(_I, "quantity"),
        description="The order's lines, by order_product_id or sku, and how many of each; without it, what is left.",
    ),
    Attribute(
        "reference",
        description="The shipment's number elsewhere, such as in an ERP. It is kept at the beginning of the comments, "
        "and a shipment of the order that has it is left as it is.",
    ),
)
WEBHOOKS = (
    *_ID,
    *_attributes(_T, "scope destination client_id store_hash"),
    *_attributes(_B, "is_active"),
    *_attributes(_I, "created_at updated_at"),
    Attribute("headers", _J, description="Headers that the store sends along, one of which should hold a secret."),
)
