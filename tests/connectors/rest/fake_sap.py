"""A fake of SAP Business One's Service Layer, made by us from its documentation: it stands in for a server that cannot
be had, and proves nothing about a real one."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.message import Message
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

PASSWORD, USER, COMPANY = "a-password-that-nobody-guesses", "manager", "SBOTEST"
_ROOT = "/b1s/v1"
_ENTITY = re.compile(r"/(\w+)\((?:'((?:[^']|'')*)'|(\d+))\)")
_EITHER = re.compile(r"\(([^()]*)\)|(\w+ (?:eq|ge) '(?:[^']|'')*')")
_CLAUSE = re.compile(r"(\w+) (eq|ge) '((?:[^']|'')*)'")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_MADE = {"BusinessPartners": "CreateDate", "Items": "CreateDate", "Orders": "CreationDate",
         "DeliveryNotes": "CreationDate"}  # fmt: skip
_KEYS = {"BusinessPartners": "CardCode", "Items": "ItemCode", "Orders": "DocEntry", "DeliveryNotes": "DocEntry"}


class FakeSap(ThreadingHTTPServer):
    """Ten business partners, and what is written. `sessions` are open; `logins` counts how many were opened.

    `asked` are the requests without those to sign in, `inside` those in $batch. With `stops`, a $batch ends with its
    first failure, as users of real servers tell; without `takes_batches`, something before SAP keeps them away. What
    `spoils` gives is sent in the place of the answer to a $batch, after it was carried out.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.lock = threading.RLock()
        self.sessions: set[str] = set()
        self.logins = 0
        self.most_page = 3
        self.asked: list[str] = []
        self.inside: list[str] = []
        self.stops = self.takes_batches = True
        self.spoils: Callable[[bytes], bytes] | None = None
        self.tables: dict[str, dict[str, dict[str, Any]]] = {name: {} for name in _KEYS}
        for number in range(1, 11):
            self.put("BusinessPartners", {"CardCode": f"C{number:02}", "CardName": f"O'Brien {number}"}, "2026-01-01")

    def put(self, table: str, values: dict[str, Any], day: str = "") -> dict[str, Any]:
        """Make or change a record. SAP keeps days, and no day of a change for what was only made."""
        with self.lock:
            key = _KEYS[table]
            identity = str(values.get(key) or len(self.tables[table]) + 1)
            day = day or f"{datetime.now(UTC):%Y-%m-%d}"
            held = self.tables[table].get(identity)
            days = {_MADE[table]: day, "UpdateDate": None} if held is None else {"UpdateDate": day}
            record = {**(held or {}), **values, **days}
            record[key] = int(identity) if key == "DocEntry" else identity
            self.tables[table][identity] = record
            return record


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: FakeSap
    captured: list[tuple[int, bytes]] | None = None
    """The answers to what stands in a $batch, while one is carried out."""

    def do_GET(self) -> None:
        """Read."""
        self._do()

    def do_POST(self) -> None:
        """Sign in, or make."""
        self._do()

    def do_PATCH(self) -> None:
        """Change."""
        self._do()

    def _do(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with self.server.lock:
            if self.path == f"{_ROOT}/Login":
                self._login(json.loads(content))
                return
            self.server.asked.append(f"{self.command} {self.path}")
            if self._session() not in self.server.sessions:
                self._fail(401, 301, "Invalid session.")
            elif self.path == f"{_ROOT}/$batch" and self.command == "POST":
                if self.server.takes_batches:
                    self._batch(content)
                else:
                    self._fail(404, -1, "Unrecognized resource path.")
            else:
                self._single(content)

    def _single(self, content: bytes) -> None:
        body = json.loads(content) if content else {}
        url = urlsplit(self.path)
        path = unquote(url.path).removeprefix(_ROOT)
        query = {name: texts[-1] for name, texts in parse_qs(url.query).items()}
        if path == "/CompanyService_GetCompanyInfo":
            # A function of a service: those are called by POST.
            if self.command == "POST":
                self._say(200, {"CompanyName": "Test"})
            else:
                self._fail(405, -1, "Method not allowed.")
        elif (found := _ENTITY.fullmatch(path)) is not None:
            self._one(found[1], found[3] or found[2].replace("''", "'"), body)
        elif path[1:] in _KEYS:
            self._many(path[1:], query, body)
        else:
            self._fail(404, -1, "Unrecognized resource path.")

    def _batch(self, content: bytes) -> None:
        """OData version 3, Batch Processing: requests that read stand by themselves, those that write in change sets.

        A change set that fails is answered by that one failure, without a change set around it.
        """
        parts: list[bytes] = []
        for part in _parts(self.headers["Content-Type"], content):
            inner = list(_parts(part["Content-Type"], part.get_payload())) if part.is_multipart() else [part]
            (operation,) = inner
            assert operation.get_content_type() == "application/http"
            assert operation["Content-Transfer-Encoding"] == "binary"
            payload = operation.get_payload(decode=True)
            assert isinstance(payload, bytes)
            line, _, rest = payload.partition(b"\r\n")
            head, _, body = rest.partition(b"\r\n\r\n")
            self.command, self.path = line.decode().removesuffix(" HTTP/1.1").split(" ")
            assert part.is_multipart() == (self.command != "GET"), "a change set is for what writes"
            if self.command != "GET":
                length = re.search(rb"(?i)content-length: (\d+)", head)
                assert length is not None
                body = body[: int(length[1])]
            self.server.inside.append(f"{self.command} {unquote(self.path)}")
            self.captured = []
            self._single(body if self.command != "GET" else b"")
            ((status, answer),), self.captured = self.captured, None
            http = b"HTTP/1.1 %d %s\r\nContent-Type: application/json;charset=utf-8\r\nContent-Length: %d\r\n\r\n%s" % (
                status, b"OK" if status < 300 else b"Bad Request", len(answer), answer,
            )  # fmt: skip
            number = operation["Content-ID"]
            told = b"Content-ID: %s\r\n" % number.encode() if number else b""
            one = b"Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n" + told + b"\r\n" + http
            if number and status < 300:
                one = b"Content-Type: multipart/mixed; boundary=cs\r\n\r\n--cs\r\n" + one + b"\r\n--cs--"
            parts.append(one)
            if status >= 300 and self.server.stops:
                break
        whole = b"".join(b"--batchresponse\r\n%s\r\n" % one for one in parts) + b"--batchresponse--\r\n"
        if self.server.spoils is not None:
            whole = self.server.spoils(whole)
        self.send_response(202)
        self.send_header("Content-Type", "multipart/mixed;boundary=batchresponse")
        self.send_header("Content-Length", str(len(whole)))
        self.end_headers()
        self.wfile.write(whole)

    def _login(self, body: dict[str, str]) -> None:
        if body != {"CompanyDB": COMPANY, "UserName": USER, "Password": PASSWORD}:
            self._fail(401, -304, "Fail to get DB Credentials from SLD.")
            return
        self.server.logins += 1
        session = f"session-{self.server.logins}"
        self.server.sessions.add(session)
        cookies = [f"B1SESSION={session}; HttpOnly; Path={_ROOT}", "ROUTEID=.node1; Path=/"]
        self._say(200, {"SessionId": session, "SessionTimeout": 30}, cookies=cookies)

    def _session(self) -> str:
        pairs = (pair.strip().partition("=") for pair in self.headers.get("Cookie", "").split(";"))
        return {name: value for name, _, value in pairs}.get("B1SESSION", "")

    def _one(self, table: str, identity: str, body: dict[str, Any]) -> None:
        found = self.server.tables.get(table, {}).get(identity)
        if found is None:
            self._fail(404, -2028, "No matching records found (ODBC -2028)")
        elif self.command == "PATCH":
            self.server.put(table, {**body, _KEYS[table]: identity})
            self._say(204, None)
        else:
            self._say(200, found)

    def _many(self, table: str, query: dict[str, str], body: dict[str, Any]) -> None:
        if self.command == "POST":
            if table == "BusinessPartners" and not body.get("CardName"):
                self._fail(400, -10, "Enter the name")
            elif table == "BusinessPartners" and body.get("CardCode") in self.server.tables[table]:
                self._fail(400, -10, "This entry already exists")
            else:
                self._say(201, self.server.put(table, body))
            return
        records = [one for _, one in sorted(self.server.tables[table].items())]
        for several, single in _EITHER.findall(query.get("$filter", "")):
            clauses = _CLAUSE.findall(several or single)
            if any(operator == "ge" and not _DAY.fullmatch(value) for _, operator, value in clauses):
                self._fail(400, -1, "A day was expected.")  # stricter than SAP, which compares a moment with midnight
                return
            records = [one for one in records if any(_holds(one, *clause) for clause in clauses)]
        if "$top" in query:
            records = records[: int(query["$top"])]
        size = min(int(re.sub(r"\D", "", self.headers.get("Prefer", "")) or 20), self.server.most_page)
        skip = int(query.get("$skip", 0))
        answer: dict[str, Any] = {"value": records[skip : skip + size]}
        if skip + size < len(records):
            kept = "&".join(f"{name}={value}" for name, value in query.items() if name != "$skip")
            answer["odata.nextLink"] = f"{table}?{kept}{'&' if kept else ''}$skip={skip + size}".replace(" ", "%20")
        self._say(200, answer)

    def _fail(self, status: int, code: int, text: str) -> None:
        self._say(status, {"error": {"code": code, "message": {"lang": "en-us", "value": text}}})

    def _say(self, status: int, body: object, *, cookies: list[str] | None = None) -> None:
        content = b"" if body is None else json.dumps(body, ensure_ascii=False).encode()
        if self.captured is not None:
            self.captured.append((status, content))
            return
        self.send_response(status)
        for cookie in cookies or ():
            self.send_header("Set-Cookie", cookie)
        self.send_header("Content-Type", "application/json;odata=minimalmetadata;charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
        """Say nothing."""


def _parts(kind: str, content: object) -> Iterator[Message]:
    """The parts of a multipart body, or those that were found already."""
    if isinstance(content, bytes):
        whole = BytesParser().parsebytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + content)
        assert whole.get_content_type() == "multipart/mixed"
        assert not whole.defects
        content = whole.get_payload()
    assert isinstance(content, list)
    yield from content


def _holds(record: dict[str, Any], name: str, operator: str, quoted: str) -> bool:
    value, held = quoted.replace("''", "'"), record.get(name)
    return held is not None and (held == value if operator == "eq" else str(held) >= value)


@contextmanager
def running_sap() -> Iterator[FakeSap]:
    """The fake, for the length of a block."""
    sap = FakeSap()
    thread = threading.Thread(target=sap.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield sap
    finally:
        sap.shutdown()
        sap.server_close()
        thread.join()
