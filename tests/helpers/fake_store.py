"""A small BigCommerce in memory, for `httpx.MockTransport`: what the connector's tests need, and hooks to disturb it.

Its clock is a VirtualClock. `disturb` sees each request first and may answer it, raise, or change the store. It takes
no notice of V2 parameters whose names are in `ignored`.
"""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Awaitable, Callable
from datetime import datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

import httpx

from agent.connectors.bigcommerce.connector import BigCommerceConnection, BigCommerceConnector, Surroundings
from agent.domain.secret import Secret
from agent.http.pacing import Gates
from agent.http.retry import RetryPolicy
from tests.helpers.virtual_clock import VirtualClock

TOKEN = "tok-5ecret-5ecret-5ecret"
HASH = "abc123"
API_PATH = f"https://api.bigcommerce.com/stores/{HASH}/v3/"
LEGACY_PATH = f"https://store-{HASH}.mybigcommerce.com/api/v2/"
Disturbance = Callable[[int, httpx.Request], "httpx.Response | Awaitable[httpx.Response | None] | None"]
Document = dict[str, Any]


def scope_missing() -> httpx.Response:
    """What a token without the permission gets."""
    return httpx.Response(
        403,
        json={
            "status": 403,
            "title": "You don't have a required scope to access the endpoint",
            "type": "https://developer.example/status-codes",
            "errors": {},
        },
    )


def invalid(title: str, errors: dict[str, Any] | None = None, status: int = 422) -> httpx.Response:
    """V3's error object."""
    return httpx.Response(
        status, json={"status": status, "title": title, "type": "about:blank", "errors": errors or {}}
    )


class FakeStore:
    """One store. `requests` are the requests it received, as (method, path without the store, parameters)."""

    def __init__(self, *, clock: VirtualClock | None = None, cursors: bool = True) -> None:
        self.clock = clock or VirtualClock()
        self.cursors = cursors
        self.orders: dict[int, Document] = {}
        self.lines: dict[int, list[Document]] = {}
        self.customers: dict[int, Document] = {}
        self.addresses: dict[int, list[Document]] = {}
        self.attributes: dict[int, list[Document]] = {}
        self.stock: dict[str, int] = {}
        self.pending: list[tuple[float, str, int]] = []
        self.application_delay = 0.0
        self.applied: list[list[Document]] = []
        self.products: dict[int, Document] = {}
        self.variants: dict[int, list[Document]] = {}
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.bodies: list[Any] = []
        self.seen: list[httpx.Request] = []
        self.disturb: Disturbance | None = None
        self.store: Document = {
            "id": HASH, "name": "Outdoor", "secure_url": "https://outdoor.example", "plan_name": "Pro",
            "status": "live", "currency": "EUR", "timezone": {"name": "Europe/Berlin"}, "logo": [],
        }  # fmt: skip
        self.dates = True
        self.ignored: frozenset[str] = frozenset()
        self.token = TOKEN
        self.username = "anna"

    # -- what tests do with it ---------------------------------------------------------------------------------

    def add_order(self, number: int, *, lines: int = 1, **fields: Any) -> None:
        self.lines[number] = [
            {"id": number * 1000 + index, "order_id": number, "order_address_id": number, "sku": f"S{index}",
             "name": "A line of a real order is far longer than this, so it has to be long here, too. " * 2,
             "quantity": 1, "base_price": "1.0000"}
            for index in range(lines)
        ]  # fmt: skip
        self.orders[number] = {"id": number, "total_inc_tax": "12.3400", "status_id": 11, **fields}
        self.touch_order(number)

    def touch_order(self, number: int, **fields: Any) -> None:
        self.orders[number] |= {"date_modified": format_datetime(self._now()), **fields}

    def add_customer(self, number: int, *, addresses: int = 1) -> None:
        self.addresses[number] = [
            {"id": number * 1000 + index, "customer_id": number, "city": "Berlin"} for index in range(addresses)
        ]
        self.customers[number] = {"id": number, "email": f"c{number}@example.com", "address_count": addresses}
        self.touch_customer(number)

    def touch_customer(self, number: int, **fields: Any) -> None:
        self.customers[number] |= {"date_modified": self._now().strftime("%Y-%m-%dT%H:%M:%SZ"), **fields}

    def connector(self, *, policy: RetryPolicy | None = None, gates: Gates | None = None) -> BigCommerceConnector:
        clock = self.clock
        return BigCommerceConnector(
            Surroundings(
                gates=gates or Gates(clock=clock.monotonic, sleep=clock.sleep),
                transport=httpx.MockTransport(self.answer),
                clock=clock.utc,
                monotonic=clock.monotonic,
                sleep=clock.sleep,
                random=lambda: 1.0,
                policy=policy or RetryPolicy(),
            )
        )

    def connection(self, api_path: str = API_PATH, *, token: str = TOKEN) -> BigCommerceConnection:
        connector = self.connector()
        values = {"api_path": api_path, "username": "anna"}
        prepared = connector.prepare(values, {"api_token": Secret(token)})
        return connector.open(prepared.values, prepared.secrets)

    def paths(self) -> list[str]:
        return [path for _, path, _ in self.requests]

    # -- the store ---------------------------------------------------------------------------------------------

    async def answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix(f"/stores/{HASH}").removeprefix("/api")
        self.seen.append(httpx.Request(request.method, request.url, headers=request.headers, content=request.content))
        self.requests.append((request.method, path, dict(request.url.params)))
        if request.content:
            self.bodies.append(json.loads(request.content))
        response: httpx.Response | None = None
        if self.disturb is not None:
            disturbed = self.disturb(len(self.requests), request)
            response = await disturbed if isinstance(disturbed, Awaitable) else disturbed
        if response is None:
            response = self._answer(request, path)
        if self.dates and "date" not in response.headers:
            response.headers["Date"] = format_datetime(self._now(), usegmt=True)
        return response

    def _answer(self, request: httpx.Request, path: str) -> httpx.Response:
        legacy = "/api/v2" in request.url.path
        pair = base64.b64encode(f"{self.username}:{self.token}".encode()).decode()
        proof = request.headers.get("authorization") if legacy else request.headers.get("x-auth-token")
        if proof != (f"Basic {pair}" if legacy else self.token):
            return invalid("Unauthorized", status=401)
        params = dict(request.url.params)
        routes: dict[str, Callable[[], httpx.Response]] = {
            "/v2/time": lambda: httpx.Response(200, json={"time": int(self._now().timestamp())}),
            "/v2/store": lambda: httpx.Response(200, json=self.store),
            "/v2/orders": lambda: self._v2(self.orders, params, self._with_consignments),
            "/v2/customers": lambda: self._v2(self.customers, params),
            "/v2/products": lambda: self._v2(
                {
                    key: one
                    for key, one in self.products.items()
                    if params.get("sku") in {None, one["sku"]} or "sku" in self.ignored
                },
                {},
            ),
            "/v3/customers": lambda: self._v3_customers(params),
            "/v3/customers/addresses": lambda: self._v3_owned(self.addresses, params),
            "/v3/customers/attribute-values": lambda: self._v3_owned(self.attributes, params),
            "/v3/catalog/products": lambda: httpx.Response(200, json={"data": []}),
            "/v3/inventory/items": lambda: self._items(params),
            "/v3/inventory/locations": lambda: httpx.Response(200, json={"data": [{"id": 1, "label": "Default"}]}),
            "/v3/inventory/adjustments/absolute": lambda: self._adjust(json.loads(request.content)),
        }
        if path in routes:
            return routes[path]()
        if "/skus" in path:
            return self._variants(path, request)
        if path.startswith("/v2/products/"):
            return self._product(int(path.rpartition("/")[2]), request)
        if path.endswith("/products"):
            lines = self.lines[int(path.split("/")[3])]
            limit, page = int(params["limit"]), int(params["page"])
            chosen = lines[(page - 1) * limit : page * limit]
            return httpx.Response(200, json=chosen) if chosen else httpx.Response(204)
        return httpx.Response(404, json=[{"status": 404, "message": "The requested resource was not found."}])

    def _with_consignments(self, order: Document) -> Document:
        number = order["id"]
        lines = self.lines[number]
        shipping: Document = {"id": number, "city": "Berlin", "line_items": lines[:50]}
        if len(lines) > 50:
            shipping["__warning__"] = {"message": "Use /products."}
        parts = {"shipping": [shipping], "pickups": [], "downloads": [], "email": {"gift_certificates": []}}
        return {**order, "consignments": parts}

    def _v2(
        self,
        records: dict[int, Document],
        asked: dict[str, str],
        shown: Callable[[Document], Document] = lambda record: record,
    ) -> httpx.Response:
        params = {name: value for name, value in asked.items() if name not in self.ignored}
        least, greatest = int(params.get("min_id", 0)), float(params.get("max_id", "inf"))
        since = params.get("min_date_modified")
        moment = None if since is None else _moment(since)
        matching = (
            shown(record)
            for number, record in sorted(records.items(), reverse=params.get("sort") == "id:desc")
            if least <= number <= greatest and (moment is None or _moment(record["date_modified"]) >= moment)
        )
        chosen = list(itertools.islice(matching, int(params.get("limit", 50))))
        return httpx.Response(200, json=chosen) if chosen else httpx.Response(204)

    def _v3_customers(self, params: dict[str, str]) -> httpx.Response:
        since = params.get("date_modified:min")
        chosen = [
            {**one, "addresses": self.addresses[number][:10], "attributes": self.attributes.get(number, [])[:10]}
            for number, one in sorted(self.customers.items())
            if since is None or _moment(one["date_modified"]) >= _moment(since)
        ]
        limit = int(params.get("limit", 50))
        meta: Document = {}
        if "after" in params:
            rest = [one for one in chosen if one["id"] > int(params["after"].removeprefix("c"))]
        else:
            page = int(params.get("page", 1))
            rest = chosen[(page - 1) * limit :]
            pages = max(1, -(-len(chosen) // limit))
            meta["pagination"] = {"total": len(chosen), "current_page": page, "total_pages": pages}
        data = rest[:limit]
        if self.cursors and "page" not in params:
            links = {"next": f"?after=c{data[-1]['id']}"} if len(rest) > limit else {}
            meta["cursor_pagination"] = {"end_cursor": f"c{data[-1]['id']}" if data else None, "links": links}
        return httpx.Response(200, json={"data": data, "meta": meta})

    def _v3_owned(self, records: dict[int, list[Document]], params: dict[str, str]) -> httpx.Response:
        owners = [int(number) for number in params["customer_id:in"].split(",")]
        every = [one for owner in owners for one in records[owner]]
        limit, page = int(params["limit"]), int(params["page"])
        data = every[(page - 1) * limit : page * limit]
        pages = max(1, -(-len(every) // limit))
        return httpx.Response(
            200,
            json={
                "data": data,
                "meta": {"pagination": {"total": len(every), "current_page": page, "total_pages": pages}},
            },
        )

    def _items(self, params: dict[str, str]) -> httpx.Response:
        self.settle()
        wanted = params.get("sku:in", "").split(",")
        data = [
            {"identity": {"sku": sku, "variant_id": 1, "product_id": 1},
             "locations": [{"location_id": 1, "total_inventory_onhand": self.stock[sku]}]}
            for sku in wanted if sku in self.stock
        ]  # fmt: skip
        return httpx.Response(200, json={"data": data, "meta": {}})

    def _adjust(self, body: Document) -> httpx.Response:
        items = body["items"]
        if not items:
            return invalid("items are missing")
        if len(items) > 2000:
            return invalid("Too many", status=413)
        unknown = [item["sku"] for item in items if item["sku"] not in self.stock]
        if unknown:
            return invalid("JSON data is missing or invalid")
        self.applied.append(items)
        for item in items:
            self.pending.append((self.clock.now + self.application_delay, item["sku"], item["quantity"]))
        return httpx.Response(200, json={"transaction_id": f"t{len(self.applied)}"})

    def settle(self) -> None:
        """Apply the updates whose time has come."""
        for _, sku, quantity in [one for one in self.pending if one[0] <= self.clock.now]:
            self.stock[sku] = quantity
        self.pending = [one for one in self.pending if one[0] > self.clock.now]

    def _variants(self, path: str, request: httpx.Request) -> httpx.Response:
        product, _, number = path.removeprefix("/v2/products/").partition("/skus")
        variants = self.variants[int(product)]
        if not number:
            return httpx.Response(200, json=variants)
        (variant,) = [one for one in variants if one["id"] == int(number[1:])]
        variant |= json.loads(request.content)
        return httpx.Response(200, json=variant)

    def _product(self, number: int, request: httpx.Request) -> httpx.Response:
        if number not in self.products:
            return httpx.Response(404, json=[{"status": 404, "message": "The requested resource was not found."}])
        if request.method == "PUT":
            self.products[number] |= json.loads(request.content)
            self.applied.append([{"id": number}])
        return httpx.Response(200, json=self.products[number])

    def _now(self) -> datetime:
        return self.clock.utc().replace(microsecond=0)


def _moment(text: str) -> datetime:
    return parsedate_to_datetime(text) if text[:1].isalpha() else datetime.fromisoformat(text)
