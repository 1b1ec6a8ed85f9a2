"""What somebody writes who needs the store's orders in SQLite by this evening: requests, json, sqlite3, a loop.

No bookmark, no log, no record of what failed, no recovery. It fills the same tables and columns as the sample *orders
to database*, so that both do the same work.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import requests

ORDER = (
    "id", "customer_id", "status_id", "status", "payment_method", "payment_status", "currency_code", "subtotal_inc_tax",
    "shipping_cost_inc_tax", "total_tax", "total_inc_tax", "items_total", "customer_message", "is_deleted",
    "date_created", "date_modified", "date_shipped",
)  # fmt: skip
BILLING = ("email", "city", "country_iso2")
LINE = ("id", "sku", "name", "quantity", "price_inc_tax", "total_inc_tax")
ADDRESS = (
    "id", "first_name", "last_name", "street_1", "street_2", "city", "state", "zip", "country_iso2", "shipping_method"
)  # fmt: skip
_PAGE = 250
_SCHEMA = """
CREATE TABLE IF NOT EXISTS orders (
    id INTEGER PRIMARY KEY, customer_id INTEGER, status_id INTEGER, status TEXT, payment_method TEXT,
    payment_status TEXT, currency TEXT, subtotal TEXT, shipping_cost TEXT, tax TEXT, total TEXT, items_total INTEGER,
    customer_message TEXT, is_deleted INTEGER, date_created TEXT, date_modified TEXT, date_shipped TEXT,
    billing_email TEXT, billing_city TEXT, billing_country TEXT, billing_name TEXT
);
CREATE TABLE IF NOT EXISTS order_lines (
    order_id INTEGER, id INTEGER, sku TEXT, name TEXT, quantity INTEGER, price_inc_tax TEXT, total_inc_tax TEXT,
    PRIMARY KEY (order_id, id)
);
CREATE TABLE IF NOT EXISTS order_shipping_addresses (
    order_id INTEGER, id INTEGER, first_name TEXT, last_name TEXT, street_1 TEXT, street_2 TEXT, city TEXT, state TEXT,
    zip TEXT, country TEXT, shipping_method TEXT, PRIMARY KEY (order_id, id)
);
"""


def load(api_path: str, token: str, database: Path) -> int:
    """Load every order; gives their number."""
    session = requests.Session()
    session.headers.update({"X-Auth-Token": token, "Accept": "application/json"})
    url = api_path.replace("/v3/", "/v2/") + "orders"
    loaded, after = 0, 0
    with closing(sqlite3.connect(database)) as connection:
        connection.executescript(_SCHEMA)
        while True:
            parameters: dict[str, str | int] = {
                "limit": _PAGE, "sort": "id:asc", "min_id": after + 1, "include": "consignments.line_items",
                "consignment_structure": "object",
            }  # fmt: skip
            answer = session.get(url, params=parameters, timeout=30)
            answer.raise_for_status()
            if answer.status_code == 204:
                return loaded
            page: list[dict[str, Any]] = answer.json()
            for order in page:
                _insert(connection, order)
            connection.commit()
            loaded, after = loaded + len(page), page[-1]["id"]


def _insert(connection: sqlite3.Connection, order: dict[str, Any]) -> None:
    billing = order["billing_address"]
    name = f"{billing['first_name']} {billing['last_name']}".strip()
    row = [order.get(field) for field in ORDER] + [billing[field] for field in BILLING] + [name]
    connection.execute(f"INSERT OR REPLACE INTO orders VALUES ({', '.join('?' * len(row))})", row)
    consignments = order["consignments"]
    for consignment in consignments["shipping"]:
        connection.execute(
            f"INSERT OR REPLACE INTO order_shipping_addresses VALUES ({', '.join('?' * (len(ADDRESS) + 1))})",
            [order["id"], *(consignment.get(field) for field in ADDRESS)],
        )
    certificates = consignments["email"]["gift_certificates"]
    for consignment in consignments["shipping"] + consignments["pickups"] + consignments["downloads"] + certificates:
        for line in consignment["line_items"]:
            connection.execute(
                f"INSERT OR REPLACE INTO order_lines VALUES ({', '.join('?' * (len(LINE) + 1))})",
                [order["id"], *(line[field] for field in LINE)],
            )
