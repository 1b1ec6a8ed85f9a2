"""What the sample *orders to database* has to bring: the store's orders as rows, told by the store itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any

from tests.helpers.shop import Shop

FLOW = "orders-to-database"
Row = tuple[Any, ...]


def _as_is(value: Any) -> Any:
    return value


def _money(value: Any) -> Decimal | None:
    return None if value is None else Decimal(str(value))


def _moment(text: Any) -> datetime | None:
    """The store writes RFC 2822, databases ISO 8601."""
    if text in (None, ""):
        return None
    if isinstance(text, datetime):
        return text.astimezone(UTC)
    moment = parsedate_to_datetime(text) if "," in text else datetime.fromisoformat(text)
    return moment.astimezone(UTC)


ORDER_COLUMNS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "id": ("id", _as_is),
    "customer_id": ("customer_id", _as_is),
    "status_id": ("status_id", _as_is),
    "status": ("status", _as_is),
    "payment_method": ("payment_method", _as_is),
    "currency": ("currency_code", _as_is),
    "subtotal": ("subtotal_inc_tax", _money),
    "tax": ("total_tax", _money),
    "total": ("total_inc_tax", _money),
    "items_total": ("items_total", _as_is),
    "date_created": ("date_created", _moment),
    "date_modified": ("date_modified", _moment),
}
LINE_COLUMNS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "id": ("id", _as_is),
    "sku": ("sku", _as_is),
    "name": ("name", _as_is),
    "quantity": ("quantity", _as_is),
    "price_inc_tax": ("price_inc_tax", _money),
    "total_inc_tax": ("total_inc_tax", _money),
}


def in_store(shop: Shop) -> tuple[dict[int, Row], dict[tuple[int, int], Row]]:
    """Every order, and every line of every order by order and line id; long orders are asked for their lines."""
    orders: dict[int, Row] = {}
    lines: dict[tuple[int, int], Row] = {}
    for order in shop.orders():
        orders[order["id"]] = tuple(convert(order[field]) for field, convert in ORDER_COLUMNS.values())
        for line in _lines(shop, order):
            lines[order["id"], line["id"]] = tuple(convert(line[field]) for field, convert in LINE_COLUMNS.values())
    return orders, lines


def arrived(
    rows: Callable[[str], Iterable[Row]], *, lines_table: str = "orders_lines"
) -> tuple[dict[int, Row], dict[tuple[int, int], Row]]:
    """The same, from a database that `rows` asks. Fails where two rows stand for one record."""
    orders: dict[int, Row] = {}
    for row in rows(f"SELECT {', '.join(ORDER_COLUMNS)} FROM orders"):
        assert row[0] not in orders
        orders[row[0]] = _converted(row, ORDER_COLUMNS)
    lines: dict[tuple[int, int], Row] = {}
    for order_id, *values in rows(f"SELECT order_id, {', '.join(LINE_COLUMNS)} FROM {lines_table}"):
        line = _converted(tuple(values), LINE_COLUMNS)
        assert (order_id, line[0]) not in lines
        lines[order_id, line[0]] = line
    return orders, lines


def _converted(row: Row, columns: dict[str, tuple[str, Callable[[Any], Any]]]) -> Row:
    return tuple(convert(value) for value, (_, convert) in zip(row, columns.values(), strict=True))


def _lines(shop: Shop, order: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The lines of all consignments; an order with a long one is asked for all its lines at once."""
    groups = order["consignments"]
    consignments = [
        *groups["shipping"], *groups["pickups"], *groups["downloads"], *groups["email"]["gift_certificates"]
    ]  # fmt: skip
    if all(len(consignment["line_items"]) < 50 for consignment in consignments):
        for consignment in consignments:
            yield from consignment["line_items"]
        return
    page = 1
    while found := shop.get(f"/v2/orders/{order['id']}/products?limit=250&page={page}"):
        yield from found
        page += 1
