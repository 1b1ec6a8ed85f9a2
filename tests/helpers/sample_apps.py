"""Two small apps for tests of processflows: a store with fixed schemas, and a database whose tables are open."""

from __future__ import annotations

from agent.domain.app import Action, ActionKind, App, Attribute, Combining, DataType, Schema

_ADDRESS = (
    Attribute("first_name"),
    Attribute("last_name"),
    Attribute("email"),
    Attribute("city"),
    Attribute("country_iso2"),
)
_LINES = Attribute(
    "line_items",
    DataType.COLLECTION,
    members=(
        Attribute("id", DataType.INTEGER, primary=True),
        Attribute("sku"),
        Attribute("quantity", DataType.INTEGER),
        Attribute("total_inc_tax", DataType.DECIMAL),
    ),
)

ORDERS = Schema(
    "orders",
    attributes=(
        Attribute("id", DataType.INTEGER, primary=True),
        Attribute("status"),
        Attribute("total_inc_tax", DataType.DECIMAL),
        Attribute("date_modified", DataType.DATETIME),
        Attribute("billing_address", DataType.JSON, members=_ADDRESS),
        Attribute("form_fields", DataType.JSON),
        Attribute(
            "consignments",
            DataType.JSON,
            members=(Attribute("shipping", DataType.COLLECTION, members=(_LINES, Attribute("city"))),),
        ),
    ),
    actions=(
        Action(
            "GET", ActionKind.READ, filters=frozenset({"min_date_modified", "status_id"}), options={"sort": "Order"}
        ),
    ),
)
CUSTOMERS = Schema(
    "customers",
    attributes=(Attribute("id", DataType.INTEGER, primary=True), Attribute("email")),
    actions=(
        Action(
            "GET",
            ActionKind.READ,
            filters=frozenset({"date_created:min", "date_modified:min"}),
            renamed_filters={"min_date_created": "date_created:min"},
        ),
    ),
)
PRODUCTS = Schema(
    "products",
    attributes=(
        Attribute("sku", primary=True),
        Attribute("inventory_level", DataType.INTEGER, required=True),
    ),
    actions=(Action("PUT", ActionKind.WRITE), Action("GET", ActionKind.READ)),
)
STORE = App("bigcommerce", "BigCommerce", "v3", "A store", (), (ORDERS, CUSTOMERS, PRODUCTS))

DATABASE = App(
    "sql",
    "SQL database",
    "1",
    "Tables",
    (),
    open_schemas=True,
    template=Schema(
        "",
        actions=(
            Action(
                "GET",
                ActionKind.READ,
                any_filter=True,
                combining=Combining.TREE,
                options={"key": "Key", "query": "Query"},
            ),
            Action("UPSERT", ActionKind.WRITE),
        ),
        open_attributes=True,
    ),
)

APPS = {"bigcommerce": STORE, "sql": DATABASE}
