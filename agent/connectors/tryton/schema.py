"""What Tryton offers: its schemas, their attributes, and the actions with the filters that they take."""

from __future__ import annotations

from typing import Final

from agent.connectors.tryton.credentials import FIELDS
from agent.domain.app import Action, ActionKind, App, Attribute, DataType, Schema

PARTIES: Final = "parties"
PRODUCTS: Final = "products"
STOCK: Final = "stock"
SALES: Final = "sales"
SHIPMENTS: Final = "shipments"
SALE_SHIPMENTS: Final = "sale_shipments"

GET: Final = "GET"
POST: Final = "POST"
PUT: Final = "PUT"
UPSERT: Final = "UPSERT"

CHANGED_SINCE: Final = "changed_since"
CHANGED_UNTIL: Final = "changed_until"

_ID = Attribute("id", DataType.INTEGER, primary=True, description="Given by Tryton.")
_CHANGED = Attribute("changed_at", DataType.DATETIME, description="When it was last changed in Tryton.")


def _get(description: str, *filters: str) -> Action:
    return Action(
        GET,
        ActionKind.READ,
        description,
        filters=frozenset({CHANGED_SINCE, CHANGED_UNTIL, *filters}),
        header_filters=False,
        by_id=True,
        upper_bounds={CHANGED_SINCE: CHANGED_UNTIL},
    )


_ADDRESS_MEMBERS = (
    Attribute("id", DataType.INTEGER, description="Given by Tryton; with it, PUT and UPSERT change this address."),
    Attribute("name", description="Who is at this address, if not the party."),
    Attribute("street"),
    Attribute("postal_code"),
    Attribute("city"),
    Attribute("country", description="The country's code of two letters, such as GB."),
    Attribute("subdivision", description="The state or province: its code or its name, such as US-CA or California."),
    Attribute("invoice", DataType.BOOLEAN, description="Whether invoices go there."),
    Attribute("delivery", DataType.BOOLEAN, description="Whether goods go there."),
)
_SALE_ADDRESS_MEMBERS = tuple(
    one for one in _ADDRESS_MEMBERS if one.name in {"name", "street", "postal_code", "city", "country", "subdivision"}
)
_CONTACT_MEMBERS = (
    Attribute("id", DataType.INTEGER, description="Given by Tryton."),
    Attribute("type", description="email, phone, mobile, fax, website or other."),
    Attribute("value", required=True),
)
_PARTY_ATTRIBUTES = (
    _ID,
    Attribute(
        "code", required=True, description="Unique. Of what the agent makes: the key by which it finds it again."
    ),
    Attribute("name"),
    Attribute("active", DataType.BOOLEAN),
    Attribute("email", description="The first e-mail address among the contacts."),
    Attribute("phone", description="The first phone number among the contacts."),
    Attribute("addresses", DataType.COLLECTION, members=_ADDRESS_MEMBERS),
    Attribute("contacts", DataType.COLLECTION, members=_CONTACT_MEMBERS, description="Contact mechanisms."),
    _CHANGED,
)
_LINE_MEMBERS = (
    Attribute("product_code", description="The code of a product. Without it, the line has a description alone."),
    Attribute("product", DataType.INTEGER, description="The id of the product, instead of its code."),
    Attribute("description"),
    Attribute("quantity", DataType.DECIMAL, required=True),
    Attribute("unit_price", DataType.DECIMAL, required=True, description="For one, without tax."),
)

_PARTIES = Schema(
    PARTIES,
    attributes=_PARTY_ATTRIBUTES,
    actions=(
        _get("Reads parties with their addresses and contacts.", "code", "name", "active"),
        Action(POST, ActionKind.WRITE, "Makes parties. One whose code is there already is left as it is."),
        Action(PUT, ActionKind.WRITE, "Changes parties, found by their code or id. One that is not there fails."),
        Action(UPSERT, ActionKind.WRITE, "Makes parties, and changes those that are there, by code."),
    ),
    description="Customers, suppliers and whoever else one deals with.",
)
_PRODUCTS = Schema(
    PRODUCTS,
    attributes=(
        _ID,
        Attribute("code"),
        Attribute("name"),
        Attribute("description"),
        Attribute("type", description="goods, assets or service."),
        Attribute("list_price", DataType.DECIMAL),
        Attribute("cost_price", DataType.DECIMAL),
        Attribute("unit", description="The name of the unit."),
        Attribute("active", DataType.BOOLEAN),
        _CHANGED,
    ),
    actions=(_get("Reads products.", "code", "name", "active", "type"),),
    description="What is sold: the variants of products, each with a code of its own.",
)
_STOCK = Schema(
    STOCK,
    attributes=(
        Attribute("id", primary=True, description="The ids of product and location, as 12@3."),
        Attribute("product", DataType.INTEGER),
        Attribute("code", description="The product's code."),
        Attribute("name"),
        Attribute("location", DataType.INTEGER),
        Attribute("location_code"),
        Attribute("location_name"),
        Attribute("quantity", DataType.DECIMAL, description="On hand today, in the product's unit."),
        Attribute("forecast_quantity", DataType.DECIMAL, description="With all moves that are planned."),
    ),
    actions=(
        Action(
            GET,
            ActionKind.READ,
            "Reads the stock of every product at each warehouse, or at the locations that are named; all of it each "
            "time, or with changed_since that of products with moves that changed.",
            filters=frozenset({CHANGED_SINCE, "code", "location", "location_id"}),
            header_filters=False,
            by_id=True,
        ),
    ),
    description="How many of each product there are, by location.",
)
_SALES = Schema(
    SALES,
    attributes=(
        _ID,
        Attribute("reference", required=True, description="The order's number at the customer or store. The key."),
        Attribute("number", description="Given by Tryton once the sale is quoted."),
        Attribute("state"),
        Attribute("party", DataType.INTEGER, description="The id of the customer's party, instead of its code."),
        Attribute("party_code", description="The code of the customer's party."),
        Attribute(
            "party_name",
            description="With it, POST makes the customer's party, of this name, where no party has the code.",
        ),
        Attribute("party_email", description="The e-mail address of a party that POST makes."),
        Attribute(
            "shipment_address",
            DataType.COLLECTION,
            members=_SALE_ADDRESS_MEMBERS,
            description="Where the goods go: one address, which is added to the party's where it is not there. Where "
            "there is none, the sale has none; where it is not mapped, the party's first for deliveries.",
        ),
        Attribute(
            "invoice_address",
            DataType.COLLECTION,
            members=_SALE_ADDRESS_MEMBERS,
            description="Where the invoice goes: one address; where there is none, the party's first for invoices.",
        ),
        Attribute("description"),
        Attribute("comment"),
        Attribute("sale_date", description="A day, such as 2026-01-31."),
        Attribute("currency", description="The currency's code, such as USD; the company's where there is none."),
        Attribute("warehouse", description="The warehouse's code; the user's where there is none."),
        Attribute("untaxed_amount", DataType.DECIMAL, description="Without taxes; given to POST, like total_amount."),
        Attribute("tax_amount", DataType.DECIMAL),
        Attribute(
            "total_amount",
            DataType.DECIMAL,
            description="What the sale comes to. Given to POST, a sale that would come to another total is not made.",
        ),
        Attribute(
            "rounding",
            DataType.DECIMAL,
            description="How much a line “Rounding” may make up for, where the total would differ, such as 0.05.",
        ),
        Attribute("lines", DataType.COLLECTION, members=_LINE_MEMBERS),
        _CHANGED,
    ),
    actions=(
        _get("Reads sales with their lines.", "reference", "number", "state", "party"),
        Action(
            POST,
            ActionKind.WRITE,
            "Makes sales with their lines, as drafts, each whole or not at all. One whose reference is there already "
            "is left as it is.",
        ),
    ),
    description="Orders of customers.",
)
_SHIPMENT_ATTRIBUTES = (
    Attribute("number"),
    Attribute("reference"),
    Attribute("state", description="draft, waiting, assigned, picked, packed, shipped, done or cancelled."),
    Attribute("customer_code"),
    Attribute("customer_name"),
    Attribute("effective_date"),
    Attribute("tracking_number", description="Of the first package; without packages, the shipment's reference."),
)
_SHIPMENT_LINE_MEMBERS = (
    Attribute("product_code"),
    Attribute("product_name"),
    Attribute("quantity", DataType.DECIMAL),
)
_SHIPMENTS = Schema(
    SHIPMENTS,
    attributes=(
        _ID,
        *_SHIPMENT_ATTRIBUTES,
        Attribute("sale_reference", description="The reference of the first sale that it belongs to."),
        Attribute("sale_number"),
        Attribute("lines", DataType.COLLECTION, members=(*_SHIPMENT_LINE_MEMBERS, Attribute("sale_reference"))),
        _CHANGED,
    ),
    actions=(_get("Reads shipments to customers.", "number", "reference", "state"),),
    description="Shipments to customers.",
)
_SALE_SHIPMENTS = Schema(
    SALE_SHIPMENTS,
    attributes=(
        Attribute("id", primary=True, description="The ids of shipment and sale, as 12@34."),
        Attribute("shipment", DataType.INTEGER, description="The shipment's id."),
        Attribute("sale", DataType.INTEGER, description="The sale's id."),
        *_SHIPMENT_ATTRIBUTES,
        Attribute("sale_reference"),
        Attribute("sale_number"),
        Attribute(
            "lines", DataType.COLLECTION, members=_SHIPMENT_LINE_MEMBERS, description="What belongs to the sale."
        ),
        _CHANGED,
    ),
    actions=(
        _get("Reads shipments to customers, one record for each sale of a shipment.", "number", "reference", "state"),
    ),
    description="What shipments to customers bring of each sale.",
)

APP = App(
    id="tryton",
    name="Tryton",
    version="1",
    description="Parties, products, stock, sales and shipments of the ERP Tryton.",
    fields=FIELDS,
    schemas=(_PARTIES, _PRODUCTS, _STOCK, _SALES, _SHIPMENTS, _SALE_SHIPMENTS),
)
