"""OData `$batch`: several whole requests in one, as `multipart/mixed` (OData version 3, Batch Processing, 2 and 3).

Each request that writes has a change set of its own, so that its refusal undoes nothing else. Answers come in the order
of the requests. A service may stop at the first failure, and leave the rest undone and unanswered.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from email.message import Message
from email.parser import BytesParser
from uuid import uuid4

import httpx

from agent.connectors.rest.client import RECORD_STATUSES, Answer, Client, Query
from agent.connectors.rest.description import Bundle

_PARSER = BytesParser()
_STATUS = re.compile(rb"HTTP/\d(?:\.\d)? (\d{3})(?: [^\r\n]*)?\r?\n")
_END_OF_HEADERS = re.compile(rb"\r?\n\r?\n")


@dataclass(frozen=True, slots=True)
class Single:
    """One request, as it would be sent by itself."""

    method: str
    path: str
    query: Query = ()
    content: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


class Bundles:
    """Sends requests together.

    Args:
        client: Sends the one request that they make.
        bundle: Where it goes.
        headers: Those of every request of the service.
    """

    def __init__(self, client: Client, bundle: Bundle, headers: Mapping[str, str]) -> None:
        self._client, self._bundle, self._headers = client, bundle, headers

    @property
    def size(self) -> int:
        """How many go together at most."""
        return self._bundle.size

    async def read(self, requests: Sequence[Single]) -> list[Answer | None]:
        """The answers to requests that only read; None where there is none, for whatever reason."""
        body, boundary = self._body(requests)
        answer = await self._client.ask(self._bundle.path, body, _headers(boundary))
        found = None if answer.status in RECORD_STATUSES else _answers(answer, len(requests))
        return found or [None] * len(requests)

    async def write(self, requests: Sequence[Single]) -> list[Answer | None] | None:
        """The answers to requests that write. None for one that was not answered, and may have been carried out; None
        for all where the whole was refused.

        Raises:
            AmbiguousWriteError: the answer cannot be understood.
        """
        body, boundary = self._body(requests)
        answer = await self._client.send("POST", self._bundle.path, (), body, _headers(boundary))
        if answer.status in RECORD_STATUSES:
            return None
        found = _answers(answer, len(requests))
        if found is None:
            raise self._client.nonsense(writing=True)
        for one in found:
            if one is not None and one.status not in RECORD_STATUSES:
                self._client.raise_failure(one, writing=True)
        return found

    def _body(self, requests: Sequence[Single]) -> tuple[bytes, str]:
        boundary = f"batch_{uuid4()}"
        pieces: list[bytes] = []
        for number, request in enumerate(requests, 1):
            pieces.append(f"--{boundary}\r\n".encode())
            if request.method == "GET":
                pieces += [self._part(request, None)]
            else:
                inner = f"changeset_{uuid4()}"
                pieces += [
                    f"Content-Type: multipart/mixed; boundary={inner}\r\n\r\n--{inner}\r\n".encode(),
                    self._part(request, number),
                    f"--{inner}--\r\n".encode(),
                ]
        pieces.append(f"--{boundary}--\r\n".encode())
        return b"".join(pieces), boundary

    def _part(self, request: Single, number: int | None) -> bytes:
        content = request.content or b""
        headers = {"Accept": "application/json", **self._headers, **request.headers}
        if request.content is not None:
            headers |= {"Content-Type": "application/json", "Content-Length": str(len(content))}
        lines = ["Content-Type: application/http", "Content-Transfer-Encoding: binary"]
        lines += [f"Content-ID: {number}"] if number is not None else []
        lines += ["", f"{request.method} {self._client.target(request.path, request.query)} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join([*lines, "", ""]).encode() + content + b"\r\n"


def _headers(boundary: str) -> dict[str, str]:
    return {"Content-Type": f"multipart/mixed;boundary={boundary}", "Accept": "multipart/mixed"}


def _answers(answer: Answer, count: int) -> list[Answer | None] | None:
    """The single answers, in the order of `count` requests; None where this is no answer to them."""
    kind = answer.headers.get("Content-Type", "").replace("\r", "").replace("\n", "")
    whole = _PARSER.parsebytes(b"Content-Type: " + kind.encode("latin-1", "replace") + b"\r\n\r\n" + answer.content)
    if not whole.is_multipart() or whole.defects:
        return None
    parts = [part for part in whole.get_payload() if isinstance(part, Message)]
    if len(parts) > count:
        return None
    found = [_single(part, number) for number, part in enumerate(parts, 1)]
    return [*found, *[None] * (count - len(parts))]


def _single(part: Message, number: int) -> Answer | None:
    """The answer in a part, or in the change set of one that it is; None where that is something else."""
    if part.is_multipart():
        inside = [one for one in part.get_payload() if isinstance(one, Message)]
        if len(inside) != 1 or part.defects:
            return None
        part = inside[0]
    content = part.get_payload(decode=True)
    if not isinstance(content, bytes) or part.get_content_type() != "application/http":
        return None
    status = _STATUS.match(content)
    if status is None:
        return None
    head, body = _split(content[status.end() :])
    headers = httpx.Headers([(name, str(value)) for name, value in _PARSER.parsebytes(head, headersonly=True).items()])
    told = part.get("Content-ID") or headers.get("Content-ID")
    if told is not None and told.strip() != str(number):
        return None
    return Answer(int(status[1]), headers, body.strip())


def _split(content: bytes) -> tuple[bytes, bytes]:
    """Headers and body."""
    end = _END_OF_HEADERS.search(content)
    if content[:1] in {b"\r", b"\n"}:  # no headers
        return b"", content
    return (content, b"") if end is None else (content[: end.start()], content[end.end() :])
