"""What BigCommerce offers: its schemas and their actions.

The attributes are in `attributes`, the filters in `filter_names`, what writes in `write_actions`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from agent.connectors.bigcommerce import attributes as fields
from agent.connectors.bigcommerce.credentials import FIELDS, AccountKind
from agent.connectors.bigcommerce.filter_names import RENAMED, SHAPING, TAKEN, UPPER_BOUNDS
from agent.connectors.bigcommerce.order_parts import PARTS_HELP, PARTS_OPTION
from agent.connectors.bigcommerce.resources import read_by_ids
from agent.connectors.bigcommerce.write_actions import WRITE_ACTIONS
from agent.domain.app import Action, ActionKind, App, Attribute, Schema

CUSTOMERS, ORDERS, PRODUCTS, VARIANTS, INVENTORY = "customers", "orders", "products", "variants", "inventory"
ADDRESSES = "customer_addresses"
GET, PUT = "GET", "PUT"
LOCATION_OPTION = "location_id"

_LOCATION_HELP = {LOCATION_OPTION: "The id of the stock location. Without it, the store's default location is used."}
_OPTIONS: Mapping[tuple[str, str], Mapping[str, str]] = MappingProxyType(
    {
        (ORDERS, GET): {PARTS_OPTION: PARTS_HELP},
        (PRODUCTS, PUT): _LOCATION_HELP,
        (VARIANTS, PUT): _LOCATION_HELP,
        (INVENTORY, PUT): _LOCATION_HELP,
    }
)
_SINGULARS = {"customer": CUSTOMERS, "order": ORDERS, "product": PRODUCTS, "variant": VARIANTS}
_STOCK_ACTION = Action(
    PUT,
    ActionKind.WRITE,
    description="Sets the stock of items, named by sku, variant_id or product_id, to inventory_level, at the location "
    "that location_id names.",
    options=_LOCATION_HELP,
)
# Name, attributes with a store-level account, attributes with a legacy one, what a record is, what reading it gives.
_SCHEMAS: tuple[tuple[str, tuple[Attribute, ...], tuple[Attribute, ...], str, str], ...] = (
    (
        CUSTOMERS, fields.CUSTOMERS_V3, fields.CUSTOMERS_V2,
        "People who have an account in the store. Guests are found in their orders alone.",
        "Fetches customers, with their addresses where the account allows it.",
    ),
    (
        ADDRESSES, fields.ADDRESSES_V3, fields.ADDRESSES_V2, "The addresses that customers have saved.",
        "Fetches addresses, all of them each time: the store does not say when one was changed.",
    ),
    (
        "customer_groups", fields.GROUPS, fields.GROUPS, "Groups of customers, with their discounts.",
        "Fetches customer groups.",
    ),
    (
        ORDERS, fields.ORDERS, fields.ORDERS, "Orders, in every status.",
        "Fetches orders with their line items and shipping addresses.",
    ),
    ("shipments", fields.SHIPMENTS, fields.SHIPMENTS, "Shipments of orders. They are read with the orders.", ""),
    (
        PRODUCTS, fields.PRODUCTS_V3, fields.PRODUCTS_V2, "Products, their prices and their stock.",
        "Fetches products.",
    ),
    (
        VARIANTS, fields.VARIANTS, (), "What of a product can be bought, at least one of each.",
        "Fetches variants, all of them each time: the store does not say when one was changed.",
    ),
    (
        INVENTORY, fields.INVENTORY, (), "The stock of products and variants at each location.",
        "Fetches the stock at each location, of everything each time: the store does not say when it was changed.",
    ),
    ("locations", fields.LOCATIONS, (), "The places where stock is kept.", "Fetches stock locations."),
    ("brands", fields.BRANDS, (), "Brands of products.", "Fetches brands."),
    ("categories", fields.CATEGORIES, (), "Categories of products.", "Fetches categories."),
    (
        "webhooks", fields.WEBHOOKS, (), "The addresses that the store tells of what happens, as made with this token.",
        "Fetches webhooks.",
    ),
)  # fmt: skip


def known_name(schema: str) -> str:
    """A schema's name; documents that were made elsewhere say `product` for `products`."""
    return _SINGULARS.get(schema, schema)


def schemas(kind: AccountKind) -> tuple[Schema, ...]:
    """The schemas as an account of that kind offers them."""
    found: list[Schema] = []
    for name, with_token, legacy, description, reads in _SCHEMAS:
        attributes = with_token if kind is AccountKind.OAUTH else legacy
        actions = _actions(name, kind, reads)
        if attributes and actions:
            found.append(Schema(name, attributes=attributes, actions=actions, description=description))
    return tuple(found)


def _actions(schema: str, kind: AccountKind, reads: str) -> tuple[Action, ...]:
    actions: list[Action] = []
    if (schema, kind) in TAKEN:
        actions.append(_read(schema, kind, reads))
    if schema == INVENTORY:
        actions.append(_STOCK_ACTION)
    actions += (
        Action(
            name, ActionKind.WRITE, description=action.description,
            options=_OPTIONS.get((schema, name), {}) if kind is AccountKind.OAUTH else {},
        )
        for name, action in WRITE_ACTIONS.get((schema, kind), {}).items()
    )  # fmt: skip
    return tuple(actions)


def _read(schema: str, kind: AccountKind, description: str) -> Action:
    taken = TAKEN[schema, kind]
    return Action(
        GET,
        ActionKind.READ,
        description=description,
        filters=taken,
        renamed_filters=RENAMED.get((schema, kind), {}),
        options=_OPTIONS.get((schema, GET), {}),
        by_id=read_by_ids(schema, kind),
        shaping=SHAPING & taken,
        upper_bounds={low: high for low, high in UPPER_BOUNDS.items() if low in taken and high in taken},
    )


APP = App(
    id="bigcommerce",
    name="BigCommerce",
    version="v3",
    description="Reads and writes the customers, orders, products and stock of a BigCommerce store.",
    fields=FIELDS,
    schemas=schemas(AccountKind.OAUTH),
)
