"""A small real REST service for the tests: orders and customers, in every style of paging and of signing in."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, quote, unquote, urlencode, urlsplit
from xml.sax.saxutils import escape

from defusedxml.ElementTree import fromstring

SECRET = "a-secret-that-nobody-guesses"
USER, CLIENT = "op-agent", "client-7"
_PAST = datetime.now(UTC) - timedelta(days=2)


class Service(ThreadingHTTPServer):
    """Ten orders, whose totals have digits that a float would lose.

    `tokens` counts the access tokens that were given out; `revoked` makes them invalid; `asked` are the targets of all
    requests; `answer` answers in the place of everything else, where it is set. No page has more than `most_page`
    records, whatever is asked for; beyond the last one is the status `past_the_end`, where it is set. With
    `echoes_key`, the address of the next page repeats the key of the query; without `tells_date`, no answer says when
    it was made. `ignores_filters` and `ignores_case` say how customers are searched, `tells_reference` what is told of
    them. With `speaks_xml`, all of it is XML.
    Orders that it `hides` are left out of their pages; who `clamps` gives the last page beyond the end, too.
    `refresh` is the newest refresh token, the only one that counts; who `denies` lets nobody sign in, who `forgets`
    gives no refresh token. `before_token` is called before one is given to a person.
    """

    daemon_threads = True

    def __init__(self, *, orders: int = 10, page: int = 3) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.lock = threading.RLock()
        self.page = page
        self.tokens, self.revoked = 0, 0
        self.asked: list[str] = []
        self.elsewhere = ""
        self.most_page = 1_000
        self.past_the_end: int | None = None
        self.echoes_key = False
        self.tells_date = self.tells_reference = True
        self.ignores_filters = self.ignores_case = False
        self.speaks_xml = False
        self.before_token: Callable[[], None] | None = None
        self.hides: set[int] = set()
        self.clamps = False
        self.code: dict[str, str] = {}
        self.refresh = ""
        self.denies = self.forgets = False
        self.nonces: set[str] = set()
        self.answer: tuple[int, dict[str, str], bytes] | None = None
        self.orders: dict[int, dict[str, Any]] = {}
        self.customers: dict[int, dict[str, Any]] = {}
        for number in range(1, orders + 1):
            self.orders[number] = {"id": number, "total": f"{number}.10", "changed": _PAST.isoformat()}

    @property
    def base(self) -> str:
        """Its base URL."""
        return f"http://127.0.0.1:{self.server_port}/api"

    def change(self, number: int) -> None:
        """Change an order now."""
        with self.lock:
            self.orders[number]["changed"] = datetime.now(UTC).isoformat()

    def named(self, reference: str) -> list[dict[str, Any]]:
        """The customers with that reference."""
        with self.lock:
            return [one for one in self.customers.values() if one["reference"] == reference]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Service

    def do_GET(self) -> None:
        """Read."""
        self._do()

    def do_POST(self) -> None:
        """Write, or give a token."""
        self._do()

    def do_PUT(self) -> None:
        """Write."""
        self._do()

    def do_DELETE(self) -> None:
        """Delete."""
        self._do()

    def _do(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = urlsplit(self.path)
        query = {name: texts[-1] for name, texts in parse_qs(url.query).items()}
        with self.server.lock:
            self.server.asked.append(f"{self.command} {self.path}")
            if self.server.answer is not None:
                status, headers, content = self.server.answer
                self._say(status, content, headers)
            elif url.path == "/authorize":
                self._authorize(query)
            elif url.path == "/token":
                self._token(body)
            elif not self._may(query):
                self._json(401, {"error": "who are you?"})
            elif url.path == "/api/redirect":
                self._say(302, b"", {"Location": "http://127.0.0.1:1/elsewhere"})
            elif url.path.startswith("/api/orders"):
                self._orders(url.path, query)
            elif url.path.startswith("/api/customers"):
                self._customers(url.path, query, self._taken(body) if body else {})
            else:
                self._json(404, {})

    def _taken(self, body: bytes) -> Any:
        if not self.server.speaks_xml:
            return json.loads(body)
        assert self.headers["Content-Type"] == "application/xml"
        root = fromstring(body)
        return {root.tag: {one.tag: one.text or "" for one in root}}

    def _authorize(self, query: dict[str, str]) -> None:
        """The page at which a person signs in, and at once goes back."""
        self.server.code = {"code": f"code-{len(self.server.asked)}", **query}
        answer = {"error": "access_denied"} if self.server.denies else {"code": self.server.code["code"]}
        self._say(302, b"", {"Location": f"{query['redirect_uri']}?{urlencode({**answer, 'state': query['state']})}"})

    def _granted(self, form: dict[str, str]) -> bool:
        """Whether a code was given for this verifier, or a refresh token is the newest one."""
        given, self.server.code = (self.server.code, {}) if "code" in form else ({}, self.server.code)
        if form["grant_type"] == "refresh_token":
            return form["refresh_token"] == self.server.refresh
        challenge = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        right = base64.urlsafe_b64encode(challenge).decode().rstrip("=") == given.get("code_challenge")
        same = (form["code"], form["redirect_uri"]) == (given.get("code"), given.get("redirect_uri"))
        return right and same and given.get("code_challenge_method") == "S256"

    def _token(self, body: bytes) -> None:
        form = {name: texts[-1] for name, texts in parse_qs(body.decode()).items()}
        if form.get("grant_type") in {"authorization_code", "refresh_token"}:
            identity = form.get("client_id"), form.get("client_secret")
            if self._basic() != f"{CLIENT}:{SECRET}" and identity != (CLIENT, SECRET):
                self._json(401, {"error": "invalid_client"})
            elif not self._granted(form):
                self._json(400, {"error": "invalid_grant"})
            else:
                if self.server.before_token is not None:
                    self.server.before_token()
                self.server.tokens += 1
                self.server.refresh = f"{SECRET}-refresh-{self.server.tokens}"
                lasting = {} if self.server.forgets else {"refresh_token": self.server.refresh}
                self._json(200, {"access_token": f"{SECRET}-{self.server.tokens}", "token_type": "Bearer",
                                 "expires_in": 3600, "scope": "less than was asked for", **lasting})  # fmt: skip
            return
        if form.get("grant_type") != "client_credentials" or self._basic() != f"{CLIENT}:{SECRET}":
            self._json(401, {"error": "invalid_client"})
            return
        self.server.tokens += 1
        token = f"{SECRET}-{self.server.tokens}"
        answer = {"access_token": token, "token_type": "Bearer", "expires_in": 3600, "scope": "less"}
        self._json(200, answer)

    def _may(self, query: dict[str, str]) -> bool:
        given = self.headers.get("Authorization", "")
        bearer = given.removeprefix("Bearer ")
        number = bearer.removeprefix(f"{SECRET}-")
        fetched = number.isdecimal() and self.server.revoked < int(number) <= self.server.tokens
        return (
            self._basic() == f"{USER}:{SECRET}"
            or self.headers.get("X-API-Key") == SECRET
            or query.get("key") == SECRET
            or bearer == SECRET
            or fetched
            or (given.startswith("OAuth ") and self._is_signed(given))
        )

    def _is_signed(self, header: str) -> bool:
        """Whether a header holds the right signature by RFC 5849, section 3.4, and nobody has sent it before."""
        given = {name: unquote(text) for name, text in re.findall(r'([a-z_]+)="([^"]*)"', header)}
        url = urlsplit(f"http://{self.headers['Host']}{self.path}")
        sent = [(name, text) for name, text in given.items() if name not in {"realm", "oauth_signature"}]
        pairs = sorted((quote(name, "~"), quote(text, "~")) for name, text in sent + parse_qsl(url.query, True))
        parts = (self.command, f"http://{url.netloc}{url.path}", "&".join(f"{one}={other}" for one, other in pairs))
        how = {"HMAC-SHA1": "sha1", "HMAC-SHA256": "sha256"}[given["oauth_signature_method"]]
        text = "&".join(quote(part, "~") for part in parts)
        made = hmac.new(f"{SECRET}&{SECRET}".encode(), text.encode(), how).digest()
        fresh = given["oauth_nonce"] not in self.server.nonces
        self.server.nonces.add(given["oauth_nonce"])
        known = (given["oauth_consumer_key"], given["oauth_token"]) == (CLIENT, USER)
        return known and fresh and base64.b64encode(made).decode() == given["oauth_signature"]

    def _basic(self) -> str:
        given = self.headers.get("Authorization", "")
        return base64.b64decode(given[6:]).decode() if given.startswith("Basic ") else ""

    def _orders(self, path: str, query: dict[str, str]) -> None:
        *_, style = path.split("/")
        if style.isdecimal():
            found = self.server.orders.get(int(style))
            self._json(200 if found else 404, {"data": found} if found else {})
            return
        records = [one for _, one in sorted(self.server.orders.items())]
        if since := query.get("since"):
            records = [one for one in records if one["changed"] >= since]
        size = min(int(query.get("size", self.server.page)), self.server.most_page)
        first = {
            "paged": (int(query.get("page", "1")) - 1) * size,
            "offset": int(query.get("offset", "0")),
            "cursor": int(query.get("cursor", "0")),
            "linked": int(query.get("from", "0")),
            "named": int(query.get("from", "0")),
        }.get(style, 0)
        if first >= len(records) and first and self.server.past_the_end:
            self._json(self.server.past_the_end, {"error": "no such page"})
            return
        if self.server.clamps:
            first = min(first, (len(records) - 1) // size * size)
        piece = records if style == "all" else records[first : first + size]
        if self.server.hides:
            piece = [one for one in piece if one["id"] not in self.server.hides]
        more = style != "all" and first + size < len(records)
        hidden = {"from"} if self.server.echoes_key else {"from", "key"}
        following = {name: value for name, value in query.items() if name not in hidden} | {"from": first + size}
        named = f"{self.server.elsewhere}{path}?{urlencode(following)}"
        headers = {"Link": f'<{named}>; rel="next", <{path}>; rel="first"'} if style == "linked" and more else {}
        answer = {"data": {"orders": _exact(piece)}, "cursor": str(first + size) if more else None,
                  "next": named if more else None}  # fmt: skip
        self._say(200, _encoded(answer), {"Content-Type": "application/json", **headers})

    def _customers(self, path: str, query: dict[str, str], body: Any) -> None:
        number = path.removeprefix("/api/customers").strip("/")
        customers = self.server.customers
        if self.command == "GET":
            wanted = query.get("reference", "")
            found = [one for one in customers.values() if self.server.ignores_filters or one["reference"] == wanted
                     or (self.server.ignores_case and one["reference"].casefold() == wanted.casefold())]  # fmt: skip
            hidden = set() if self.server.tells_reference else {"reference"}
            self._json(200, [{name: one[name] for name in one if name not in hidden} for one in found])
            return
        if number and not number.isdecimal():
            self._json(404, {})
            return
        if self.command == "DELETE":
            self._json(204 if customers.pop(int(number), None) else 404, {})
            return
        record = body.get("customer", body)
        if record.get("name") == "silently refused":
            self._json(200, {"errors": [{"message": "no such name"}]})
        elif not record.get("name") and self.command == "POST":
            self._json(422, {"errors": [{"message": "a customer needs a name"}]})
        elif self.command == "PUT" and int(number) not in customers:
            self._json(404, {})
        else:
            one = int(number) if number else len(customers) + 1
            customers[one] = {**customers.get(one, {}), **record, "id": one}
            self._json(201, {"customer": {"id": one}})

    def _json(self, status: int, body: object) -> None:
        self._say(status, b"" if status == 204 else json.dumps(body).encode(), {"Content-Type": "application/json"})

    def _say(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        if self.server.speaks_xml and headers.get("Content-Type") == "application/json" and self.path != "/token":
            answer = json.loads(content, parse_float=str)
            inside = answer if isinstance(answer, dict) else {"customer": answer}
            content = f'<?xml version="1.0"?>\n{_elements("answer", inside)}'.encode()
            headers = {**headers, "Content-Type": "application/xml; charset=utf-8"}
        self.send_response_only(status)
        dated = {"Date": self.date_time_string()} if self.server.tells_date else {}
        for name, value in {**dated, **headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
        """Say nothing."""


def _exact(orders: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**one, "total": f"‹{one['total']}›"} for one in orders]


def _encoded(answer: object) -> bytes:
    """Totals as numbers with all their digits."""
    return json.dumps(answer, ensure_ascii=False).replace('"‹', "").replace('›"', "").encode()


def _elements(name: str, value: object) -> str:
    if isinstance(value, list):
        return "".join(_elements(name, one) for one in value)
    inside = (
        "".join(_elements(one, inner) for one, inner in value.items())
        if isinstance(value, dict)
        else escape("" if value is None else str(value))
    )
    return f"<{name}>{inside}</{name}>"


@contextmanager
def running_service(**options: Any) -> Iterator[Service]:
    """The service, for the length of a block."""
    service = Service(**options)
    thread = threading.Thread(target=service.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield service
    finally:
        service.shutdown()
        service.server_close()
        thread.join()


DESCRIPTION = """
service: 1
title: The shop of the tests
schemas:
  orders:
    key: id
    attributes: {id: integer, total: decimal, changed: datetime}
    actions:
      GET: &paged
        path: /orders/paged
        records: data.orders
        filters: {since: {parameter: since, operator: ">="}}
        paging: {style: page, parameter: page, size_parameter: size, size: 3}
        by_id: {path: "/orders/{id}", record: data}
      OFFSET:
        path: /orders/offset
        records: data.orders
        filters: [since]
        paging: {style: offset, parameter: offset, size_parameter: size, size: 3}
      CURSOR:
        path: /orders/cursor
        records: data.orders
        filters: [since]
        paging: {style: cursor, parameter: cursor, next: cursor, size_parameter: size, size: 3}
      LINK:
        path: /orders/linked
        records: data.orders
        filters: [since]
        paging: {style: link, size_parameter: size, size: 3}
      NEXT:
        path: /orders/named
        records: data.orders
        filters: [since]
        paging: {style: next-url, next: next, size_parameter: size, size: 3}
      ALL:
        path: /orders/all
        records: data.orders
        filters: [since]
  customers:
    key: id
    attributes: {reference: text, name: text, credit: decimal}
    actions:
      POST:
        create: {method: POST, path: /customers, wrap: customer, id: customer.id}
        find: {path: /customers, query: {reference: "{reference}"}}
        reason: errors.0.message
        refused: errors
      UPSERT:
        create: {method: POST, path: /customers, id: customer.id}
        update: {method: PUT, path: "/customers/{id}"}
        find: {path: /customers, query: {reference: "{reference}"}}
        reason: errors.0.message
      PUT:
        update: {method: PUT, path: "/customers/{id}"}
        find: {path: /customers, query: {reference: "{reference}"}}
      DELETE:
        delete: {method: DELETE, path: "/customers/{id}"}
""".replace("GET: &paged", "GET:")

IN_XML = (
    DESCRIPTION.replace("service: 1", "service: 1\nformat: xml")
    .replace("records: data.orders", "records: answer.data.orders")
    .replace("record: data}", "record: answer.data}")
    .replace("next: cursor", "next: answer.cursor")
    .replace("next: next", "next: answer.next")
    .replace("path: /customers, id", "path: /customers, wrap: customer, id")
    .replace("id: customer.id", "id: answer.customer.id")
    .replace('path: "/customers/{id}"}\n        find', 'path: "/customers/{id}", wrap: customer}\n        find')
    .replace('reference: "{reference}"}}', 'reference: "{reference}"}, records: answer.customer}')
    .replace("errors.0.message", "answer.errors.message")
    .replace("refused: errors", "refused: answer.errors")
)
"""The same where the service speaks XML."""
