"""A small real REST service that takes several products in one request, in the manners that services have."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

_UNSET = object()


class BulkShop(ThreadingHTTPServer):
    """Products by SKU. One without a name is refused.

    `manner` says how it answers a request with several:
        each: a result for each, in their order, with status 207;
        shuffled: likewise, in another order;
        whole: one that is bad lets it refuse all, with status 422 and no results;
        careless: likewise, though it has made those before the bad one;
        failures: status 422 with results of the bad ones alone, by their number; nothing is made;
        forgetful: it makes all, and tells of the first alone;
        limited: it makes the first two, and tells of those;
        mute: it makes none of those called Ghost, and tells nothing of them.
    Where `answer` is set, it is what the service says, and it makes nothing.
    `sizes` are those of the requests with several.
    """

    daemon_threads = True

    def __init__(self, manner: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.manner = manner
        self.products: dict[str, dict[str, Any]] = {}
        self.made: list[str] = []
        self.sizes: list[int] = []
        self.bodies: list[Any] = []
        self.loses_answer = False
        self.answer: Any = _UNSET

    @property
    def base(self) -> str:
        """Its base URL."""
        return f"http://127.0.0.1:{self.server_port}"

    def make(self, product: dict[str, Any]) -> dict[str, Any]:
        """Make one, or change it by its id or SKU."""
        known = next((one for one in self.products.values() if one["id"] == product.get("id")), None)
        sku = known["sku"] if known is not None else product["sku"]
        held = self.products.get(sku, {"id": len(self.products) + 1})
        if sku not in self.products:
            self.made.append(sku)
        self.products[sku] = {**held, **product, "id": held["id"]}
        return self.products[sku]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: BulkShop

    def do_GET(self) -> None:
        """Find by SKU."""
        sku = parse_qs(urlsplit(self.path).query).get("sku", [""])[0]
        self._say(200, [one for one in self.server.products.values() if one["sku"] == sku])

    def do_POST(self) -> None:
        """Make several."""
        self._several()

    def do_PUT(self) -> None:
        """Change several."""
        self._several()

    def _several(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])), parse_float=str)
        self.server.bodies.append(body)
        products = body["products"]
        self.server.sizes.append(len(products))
        status, answer = self._answered(products)
        if self.server.loses_answer:
            self.server.loses_answer = False
            self.close_connection = True
            return
        self._say(status, answer)

    def _answered(self, products: list[dict[str, Any]]) -> tuple[int, Any]:
        shop = self.server
        if shop.answer is not _UNSET:
            return 200, shop.answer
        bad = [number for number, one in enumerate(products) if one.get("name") == "" or not _named(one)]
        if bad and shop.manner in {"whole", "careless"}:
            for one in products[: bad[0]] if shop.manner == "careless" else ():
                shop.make(one)
            return 422, {"message": "something is wrong with a product"}
        if bad and shop.manner == "failures":
            return 422, {"results": [{"number": one, "message": "a product needs a name"} for one in bad]}
        results = []
        for number, one in enumerate(products):
            if shop.manner == "limited" and number > 1:
                break
            if shop.manner == "mute" and one.get("name") == "Ghost":
                continue
            if number in bad:
                refused = {"sku": one.get("sku"), "status": "failed", "errors": [{"message": "a product needs a name"}]}
                results.append({"number": number, **refused})
            else:
                made = shop.make(one)
                results.append({"number": number, "sku": made["sku"], "status": "ok", "id": made["id"]})
        if shop.manner == "shuffled":
            results.reverse()
        return 207, {"results": results[:1] if shop.manner == "forgetful" else results}

    def _say(self, status: int, body: object) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
        """Say nothing."""


def _named(product: dict[str, Any]) -> bool:
    return bool(product.get("name")) or "id" in product


@contextmanager
def running_bulk_shop(manner: str) -> Iterator[BulkShop]:
    """The service, for the length of a block."""
    shop = BulkShop(manner)
    thread = threading.Thread(target=shop.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield shop
    finally:
        shop.shutdown()
        shop.server_close()
        thread.join()


BULK = """
service: 1
schemas:
  products:
    key: id
    attributes: {id: integer, sku: text, name: text, price: decimal}
    actions:
      POST:
        create: {method: POST, path: /products/batch, wrap: products, id: id, batch: &batch {
          size: 4, results: results, match: {sku: sku}, besides: {dry_run: false}}}
        find: {path: /products, query: {sku: "{sku}"}}
        success: "status == 'ok'"
        reason: "errors[0].message || message"
      UPSERT:
        create: {method: POST, path: /products/batch, wrap: products, id: id, batch: &batch {
          size: 4, results: results, match: {sku: sku}, besides: {dry_run: false}}}
        update: {method: PUT, path: /products/batch, wrap: products, batch: &batch {
          size: 4, results: results, match: {sku: sku}, besides: {dry_run: false}, identity: id}}
        find: {path: /products, query: {sku: "{sku}"}}
        success: "status == 'ok'"
        reason: "errors[0].message || message"
""".replace("&batch ", "")
