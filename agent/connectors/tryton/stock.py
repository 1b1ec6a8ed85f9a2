"""Reads how many of each product there are. Tryton computes it for the locations that a call names, from all moves.

The products are walked through by id, so many at a time as fit into a packet with all locations. Which locations:
warehouses, unless some are named.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any, Final

import msgspec

from agent.connectors.contract import ReadRequest, SentClause
from agent.connectors.tryton.changes import OVERLAP, follows, last_change
from agent.connectors.tryton.clauses import asked
from agent.connectors.tryton.client import Client
from agent.connectors.tryton.wire import plain
from agent.domain.packet import Bookmark, Packet

_MODEL: Final = "product.product"
_MOVES: Final = "stock.move"
_MOVES_AT_ONCE: Final = 2_000
_COLUMNS: Final = {"code": "code", "location": "location", "location_id": "id"}


async def stock_packets(client: Client, request: ReadRequest, records: int) -> AsyncGenerator[Packet, None]:
    """The stock that a request asks for."""
    if request.ids:
        chosen = _pairs(request.ids)
        locations = await _locations(client, [["id", "in", sorted({one for _, one in chosen})]])
        rows = await _rows(client, [["id", "in", sorted({one for one, _ in chosen})]], None, locations)
        yield _packet([row for row in rows if (row["product"], row["location"]) in chosen], {}, Bookmark())
        return
    selecting = [one for one in request.clauses if isinstance(one, SentClause) and one.key.startswith("location")]
    asking = asked(request, _COLUMNS)
    locations = await _locations(client, _location_domain(asking.domain, selecting))
    began = await last_change(client, _MOVES) if request.position is None else None
    position: dict[str, Any] = dict(
        request.position or {"after": 0, "top": None if began is None else began.isoformat()}
    )
    domain = [one for one in asking.domain if not _is_location(one)]
    domain.append(["template.type", "=", "goods"])
    if asking.since is not None:
        since = asking.since - OVERLAP if follows(asking, request.bookmark) else asking.since
        domain.append(["id", "in", await _moved(client, since)])
    at_once = max(records // max(len(locations), 1), 1)
    while True:
        found = await client.search_read(
            _MODEL, [*domain, ["id", ">", position["after"]]], [], most=at_once, order=[["id", "ASC"]]
        )
        last = len(found) < at_once or not locations
        if found:
            position["after"] = found[-1]["id"]
        rows = await _rows(client, [["id", "in", [one["id"] for one in found]]], None, locations) if found else []
        yield _packet(rows, dict(position), _bookmark(position, request.bookmark) if last else None)
        if last:
            return


async def _rows(
    client: Client, domain: Sequence[object], most: int | None, locations: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """The stock of some products at each location, ordered by product."""
    today = (await client.call("ir.date.today")) if locations else None
    rows: list[dict[str, Any]] = []
    for location in locations:
        context = {
            "locations": [location["id"]], "with_childs": True, "stock_date_end": today, "active_test": False,
        }  # fmt: skip
        products = await client.search_read(_MODEL, domain, ["code", "name", "quantity"], most=most, context=context)
        later = await client.search_read(
            _MODEL, domain, ["forecast_quantity"], most=most, context={**context, "stock_date_end": None}
        )
        forecast = {one["id"]: one.get("forecast_quantity") for one in later}
        rows += [
            {
                "id": f"{one['id']}@{location['id']}",
                "product": one["id"],
                "code": one.get("code"),
                "name": one.get("name"),
                "location": location["id"],
                "location_code": location.get("code"),
                "location_name": location.get("name"),
                "quantity": one.get("quantity"),
                "forecast_quantity": forecast.get(one["id"]),
            }
            for one in products
        ]
    return sorted(rows, key=lambda row: (row["product"], row["location"]))


async def _locations(client: Client, domain: Sequence[object]) -> list[dict[str, Any]]:
    return await client.search_read("stock.location", domain, ["code", "name"], order=[["id", "ASC"]])


def _location_domain(domain: Sequence[Any], selecting: Sequence[SentClause]) -> list[object]:
    """Which locations: those that clauses name by id, code or name, else all warehouses."""
    if not selecting:
        return [["type", "=", "warehouse"]]
    wanted: list[object] = []
    for one in domain:
        if _is_location(one):
            column, operator, value = one
            negative = operator in {"!=", "not in"}
            wanted.append(
                [column, operator, value]
                if column == "id"
                else [*([] if negative else ["OR"]), ["code", operator, value], ["name", operator, value]]
            )
    return wanted


def _is_location(condition: Any) -> bool:
    return isinstance(condition, list) and condition[0] in {"location", "id"}


async def _moved(client: Client, since: Any) -> list[int]:
    """The products of moves that changed since a moment."""
    products: set[int] = set()
    changed = ["OR", ["write_date", ">=", since], [["write_date", "=", None], ["create_date", ">=", since]]]
    after = 0
    while True:
        moves = await client.search_read(
            _MOVES, [changed, ["id", ">", after]], ["product"], most=_MOVES_AT_ONCE, order=[["id", "ASC"]]
        )
        products |= {one["product"] for one in moves if isinstance(one.get("product"), int)}
        if len(moves) < _MOVES_AT_ONCE:
            return sorted(products)
        after = moves[-1]["id"]


def _pairs(ids: Sequence[str]) -> set[tuple[int, int]]:
    """The products and locations of ids such as 12@3; what is no such id belongs to no record."""
    parts = [one.split("@") for one in ids]
    return {(int(one[0]), int(one[1])) for one in parts if len(one) == 2 and all(part.isdecimal() for part in one)}


def _bookmark(position: Mapping[str, Any], before: Bookmark | None) -> Bookmark:
    from datetime import datetime

    top = position.get("top")
    return Bookmark(datetime.fromisoformat(top)) if isinstance(top, str) else before or Bookmark()


def _packet(rows: Sequence[Mapping[str, Any]], position: Mapping[str, Any], bookmark: Bookmark | None) -> Packet:
    return Packet(
        [str(row["id"]) for row in rows], [msgspec.json.encode(plain(dict(row))) for row in rows], position, bookmark
    )
