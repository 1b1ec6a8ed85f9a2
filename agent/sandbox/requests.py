"""What comes in and what goes out, free of sockets: a request, an answer, and the two error shapes of the API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

import msgspec

JSON = "application/json"
PROBLEM_JSON = "application/problem+json"
_STATUS_PAGE = "https://developer.bigcommerce.com/api-docs/getting-started/api-status-codes"


@dataclass(frozen=True, slots=True)
class Request:
    """One request. Header names are in lower case."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def parameters(self) -> list[tuple[str, str]]:
        """The query, decoded once, in its order."""
        return parse_qsl(self.query, keep_blank_values=True)


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer."""

    status: int
    body: bytes = b""
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()


class Refusal(Exception):  # noqa: N818 - an answer that is thrown, not a fault of the program
    """An error answer, raised where it is found and given where the request came in."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


def give(value: object) -> Answer:
    """200 with a JSON body."""
    return Answer(200, msgspec.json.encode(value))


def nothing() -> Answer:
    """204: what V2 gives for an empty list."""
    return Answer(204)


def v2_error(status: int, message: str, details: Mapping[str, object] | None = None) -> Answer:
    """The array that V2 and legacy accounts give."""
    error: dict[str, object] = {"status": status, "message": message}
    if details is not None:
        error["details"] = details
    return Answer(status, msgspec.json.encode([error]))


def v3_error(
    status: int, title: str, errors: Mapping[str, object] | None = None, *, content_type: str = JSON
) -> Answer:
    """The object that V3 and the gateway give."""
    body = {"status": status, "title": title, "type": _STATUS_PAGE, "errors": errors or {}}
    return Answer(status, msgspec.json.encode(body), content_type)


def v2_refusal(status: int, message: str, details: Mapping[str, object] | None = None) -> Refusal:
    """v2_error, to be raised."""
    return Refusal(v2_error(status, message, details))


def v3_refusal(
    status: int, title: str, errors: Mapping[str, object] | None = None, *, content_type: str = JSON
) -> Refusal:
    """v3_error, to be raised."""
    return Refusal(v3_error(status, title, errors, content_type=content_type))
