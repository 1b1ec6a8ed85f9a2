"""What the app offers: its schemas, their attributes, and the actions with the filters that they take."""

from __future__ import annotations

from typing import Final

from agent.domain.app import Action, ActionKind, App, Attribute, DataType, Schema

from opagent_acme.credentials import FIELDS

CUSTOMERS: Final = "customers"
GET: Final = "GET"
UPSERT: Final = "UPSERT"
CHANGED_SINCE: Final = "changed_since"

_CUSTOMERS = Schema(
    CUSTOMERS,
    attributes=(
        Attribute("id", DataType.INTEGER, primary=True, description="Given by Acme."),
        Attribute("email", required=True, description="No two customers have the same."),
        Attribute("name"),
        Attribute("changed_at", DataType.DATETIME),
    ),
    actions=(
        Action(
            GET,
            ActionKind.READ,
            "Reads customers.",
            filters=frozenset({CHANGED_SINCE, "name"}),
            header_filters=False,
            by_id=True,
        ),
        Action(UPSERT, ActionKind.WRITE, "Makes customers, and changes those that are there, by email."),
    ),
    description="The people who buy.",
)

APP = App(
    id="acme",
    name="Acme",
    version="0.1.0",
    description="Customers of Acme.",
    fields=FIELDS,
    schemas=(_CUSTOMERS,),
)
